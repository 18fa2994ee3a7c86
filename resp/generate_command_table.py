#!/usr/bin/python3
"""Writes command_table_data.inc from what a redis-server says in COMMAND.

    generate_command_table.py            starts a redis-server of its own and writes the file anew
    generate_command_table.py --check    compares instead; exit status 1 where the file is out of date

The server is private: a Unix socket in a temporary folder, no port, nothing saved. SENTINEL, which
only a Sentinel has, is taken from one that is started in the same way. The file holds Redis's facts
only. What redwall adds (verbs, @handshake, who can't touch the key space) is decided
by name in command_table.cc, so that it also holds for a table made from a running server.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time

import redis

OUTPUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "command_table_data.inc")

# CommandFlag in command_table.h. Those in IGNORED mean nothing to a gateway; any other is an error
# here, so that a newer server's flag is looked at before the table is taken over.
FLAGS = ["write", "readonly", "denyoom", "admin", "pubsub", "noscript", "blocking", "loading",
         "stale", "fast", "no_auth", "may_replicate", "movablekeys", "no_multi", "allow_busy"]
IGNORED = {"no_async_loading", "skip_monitor", "skip_slowlog", "no_mandatory_keys", "asking"}
ACCESS = ["RO", "RW", "OW", "RM"]
MARKS = {"not_key": "NotKey", "incomplete": "Incomplete"}

# Sub-commands that clients send by themselves although the server may be too old for them. They are
# let through to Redis, which answers as it always did.
LATER = [("client|setinfo", 4, ["noscript", "loading", "stale"], ["connection", "slow"], [], "7.2")]


def text(value):
    """Bytes to str, all the way down."""
    if isinstance(value, bytes):
        return value.decode("ascii")
    if isinstance(value, (list, tuple, set)):
        return [text(item) for item in value]
    return value


def pairs(flat):
    return {flat[i]: flat[i + 1] for i in range(0, len(flat), 2)}


def ask_server(program, requests, sentinel=False):
    """What a private redis-server, or a Sentinel, answers to these requests."""
    with tempfile.TemporaryDirectory(prefix="redwall-table-") as folder:
        socket = os.path.join(folder, "redis.sock")
        configuration = os.path.join(folder, "redis.conf")  # a Sentinel writes to it
        with open(configuration, "w", encoding="ascii") as file:
            file.write(f"port 0\nunixsocket {socket}\ndir {folder}\n")
            file.write("" if sentinel else 'save ""\n')
        server = subprocess.Popen([program, configuration, *["--sentinel"] * sentinel],
                                  stdout=subprocess.DEVNULL)
        try:
            connection = redis.connection.UnixDomainSocketConnection(path=socket)
            for _ in range(200):
                if server.poll() is not None:
                    raise SystemExit(f"{program} ended by itself, status {server.returncode}")
                try:
                    connection.connect()
                    break
                except redis.exceptions.ConnectionError:
                    time.sleep(0.02)
            replies = []
            for request in requests:
                connection.send_command(*request)
                replies.append(connection.read_response())
            connection.disconnect()
        finally:
            server.terminate()
            server.wait()
    return replies


def spec_text(spec):
    """One key specification as C++: Spec(access, where it begins, how its keys are found)."""
    flags = spec["flags"]
    marks = [name for name in ACCESS if name in flags]
    marks += [mark for flag, mark in MARKS.items() if flag in flags]
    begin, find = pairs(spec["begin_search"]), pairs(spec["find_keys"])
    where, how = pairs(begin["spec"]), pairs(find["spec"])
    begin_text = {"index": lambda: f"At({where['index']})",
                  "keyword": lambda: f"After(\"{where['keyword']}\", {where['startfrom']})",
                  "unknown": lambda: "Somewhere()"}[begin["type"]]()
    find_text = {"range": lambda: f"Range({how['lastkey']}, {how['keystep']}, {how['limit']})",
                 "keynum": lambda: f"Keynum({how['keynumidx']}, {how['firstkey']}, "
                                   f"{how['keystep']})",
                 "unknown": lambda: "Unknown()"}[find["type"]]()
    return f"{{{' | '.join(marks)}, {begin_text}, {find_text}}}"


def line(name, arity, flags, categories, specs, comment=""):
    unknown = set(flags) - set(FLAGS) - IGNORED
    if unknown:
        raise SystemExit(f"{name} has flags that this script doesn't know: {sorted(unknown)}")
    flag_text = " ".join(flag for flag in FLAGS if flag in flags)
    spec_list = ", ".join(spec_text(spec) for spec in specs)
    comment = f"  // {comment}" if comment else ""
    return (f"{{\"{name}\", {arity}, Flags(\"{flag_text}\"), "
            f"Cats(\"{' '.join(sorted(categories))}\"), {{{spec_list}}}}},{comment}")


def flatten(commands):
    """Commands and sub-commands in one list: (name, arity, flags, categories, specs, comment)."""
    for command in commands:
        name, arity, flags = command[0], command[1], command[2]
        categories = [category.lstrip("@") for category in command[6]]
        yield name, arity, flags, categories, [pairs(spec) for spec in command[8]], ""
        yield from flatten(command[9])


def generate(program):
    info, categories, commands = ask_server(program,
                                            [("INFO", "server"), ("ACL", "CAT"), ("COMMAND",)])
    version = next(line.split(":")[1] for line in info.decode().splitlines()
                   if "redis_version" in line)
    categories = text(categories)
    entries = list(flatten(text(commands)))
    of_sentinel = text(ask_server(program, [("COMMAND",)], sentinel=True)[0])
    entries += flatten(command for command in of_sentinel if command[0] == "sentinel")
    known = {entry[0] for entry in entries}
    entries += [entry[:5] + (f"since Redis {entry[5]}",) for entry in LATER if entry[0] not in known]
    lines = [f"// From COMMAND of redis-server {version}, written by generate_command_table.py. "
             "Not to be edited.",
             "// Categories, in the order of ACL CAT: " + " ".join(categories),
             "// clang-format off"]
    lines += [line(*entry) for entry in sorted(entries)]
    lines += ["// clang-format on"]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, don't write")
    parser.add_argument("--server", default="redis-server", help="the program to ask")
    arguments = parser.parse_args()
    wanted = generate(arguments.server)
    if not arguments.check:
        with open(OUTPUT, "w", encoding="ascii") as file:
            file.write(wanted)
        return 0
    with open(OUTPUT, encoding="ascii") as file:
        found = file.read()
    if found == wanted:
        return 0
    differing = set(found.splitlines()) ^ set(wanted.splitlines())
    print(f"{OUTPUT} is out of date, {len(differing)} lines differ:", *sorted(differing)[:20],
          sep="\n", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
