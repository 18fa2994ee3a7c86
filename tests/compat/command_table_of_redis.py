#!/usr/bin/python3
"""Does redwall read a running Redis's own command table as what it is?

    command_table_of_redis.py PATH/TO/print_command_table

The table that redwall makes from COMMAND of a private redis-server (7.0, as the built-in table's)
must be the built-in table, line by line: over TCP, over a unix socket, behind a password. With
`rename-command` COMMAND still tells the names that Redis gave, so the table stays; and a new name
must be found as an alias of the command that Redis then runs, sub-commands included, even where the
name was another command's. What can't give a table must end with a sentence that says why.

Ends with `N passed, N failed`. Exit status 1 where something failed, 2 for bad usage.
"""

import argparse
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

# pylint: disable=wrong-import-position
from processes import Failure, RedisServer, check, check_equal, check_in

RENAMES = {
    # new name: the command's own
    "xyz": "FLUSHALL",
    "cfg": "CONFIG",
    "zz": "FLUSHDB",
    "FLUSHDB": "GET",  # the name of another command, which has itself been renamed
}
GONE = "debug"  # renamed to nothing


def run(program, *arguments):
    """(exit status, lines of stdout, stderr) of print_command_table."""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.splitlines(), done.stderr


def table_of(program, *arguments):
    """(the table's lines, {alias: what it finds}), of a server that must give one."""
    status, lines, said = run(program, *arguments)
    check(status == 0, f"print_command_table ended with {status}: {said}")
    check_in("left out 0", lines, "an entry of COMMAND wasn't understood")
    aliases = {}
    for line in lines:
        if match := re.fullmatch(r"alias (\S+) -> (.*)", line):
            aliases[match[1]] = match[2]
    return [line for line in lines if not line.startswith(("left out ", "alias "))], aliases


def builtin(program):
    status, lines, said = run(program, "--builtin")
    check(status == 0, f"print_command_table --builtin ended with {status}: {said}")
    check(len(lines) > 300, f"the built-in table has only {len(lines)} lines")
    return [line for line in lines if not line.startswith("sentinel")]  # a Sentinel's, not Redis's


def check_same(got, expected):
    missing, more = set(expected) - set(got), set(got) - set(expected)
    check(
        not missing and not more,
        f"{len(missing)} lines are missing, {len(more)} are different; the first of each:\n"
        f"  built-in   {min(missing, default='-')}\n  the server {min(more, default='-')}",
    )
    check_equal(got, expected, "the order or number of the lines")


def test_the_table_is_the_built_in_one(program, folder):
    expected = builtin(program)
    path = pathlib.Path(folder) / "socket"
    server = RedisServer(folder, options=["--unixsocket", path])
    try:
        server.start()
        check_same(table_of(program, server.address)[0], expected)
        check_same(table_of(program, f"unix:{path}")[0], expected)
    finally:
        server.stop()


def test_a_login_comes_first_and_must_succeed(program, folder):
    server = RedisServer(folder, options=["--requirepass", "open sesame"])
    try:
        server.start()
        lines, _ = table_of(program, "--password", "open sesame", server.address)
        check_same(lines, builtin(program))
        status, lines, said = run(program, "--password", "wrong", server.address)
        check_equal((status, lines), (1, []), "a wrong password")
        check_in(f"{server.address}: the login was refused: WRONGPASS ", said, "a wrong password")
        status, lines, said = run(program, server.address)
        check_equal((status, lines), (1, []), "no password")
        check_in("Redis answered COMMAND with an error: NOAUTH ", said, "no password")
    finally:
        server.stop()


def test_renamed_commands_are_found_as_aliases(program, folder):
    renames = [*RENAMES.items(), ("", GONE)]
    options = [part for new, old in renames for part in ("--rename-command", old, new)]
    server = RedisServer(folder, options=options)
    own_line = {line.split()[0]: line for line in builtin(program)}
    try:
        server.start()
        check_same(
            table_of(program, server.address)[0],
            [line for name, line in sorted(own_line.items()) if name != GONE],
        )
        _, found = table_of(program, server.address, *RENAMES, "cfg|set", "get", "nosuch", GONE)
        for new, old in RENAMES.items():
            check_equal(found[new], own_line[old.lower()], f"what {new} finds")
        check_equal(found["cfg|set"], own_line["config|set"], "the sub-command of an alias")
        check_equal(found["nosuch"], "(none)", "a name that Redis doesn't have")
        check_equal(found[GONE], "(none)", "a command that was renamed to nothing")
    finally:
        server.stop()


def test_what_gives_no_table_says_why(program, folder):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = "127.0.0.1:%d" % listener.getsockname()[1]
    status, _, said = run(program, address)
    check_equal(status, 1, "the exit status where nobody listens")
    check_in(f"{address}: connection refused", said, "nobody listens")
    server = RedisServer(folder, options="--user default on nopass ~* &* +@all -command".split())
    try:
        server.start()
        status, _, said = run(program, server.address)
        check_equal(status, 1, "the exit status where COMMAND isn't allowed")
        check_in("Redis answered COMMAND with an error: NOPERM ", said, "COMMAND isn't allowed")
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("print_command_table", help="the program of tests/support")
    program = str(pathlib.Path(parser.parse_args().print_command_table).resolve())
    if not pathlib.Path(program).exists():
        parser.error(f"{program} is missing: build it first")
    failed = 0
    tests = [test for name, test in globals().items() if name.startswith("test_")]
    for test in tests:
        with tempfile.TemporaryDirectory(prefix="redwall-table-") as folder:
            try:
                test(program, folder)
                print(f"ok      {test.__name__}")
            except (Failure, subprocess.TimeoutExpired) as failure:
                failed += 1
                print(f"FAILED  {test.__name__}: {failure}")
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
