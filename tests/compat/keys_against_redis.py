#!/usr/bin/python3
"""Does redwall see the same keys in a command as Redis does?

    keys_against_redis.py PATH/TO/extract_keys [--cases 20000] [--seed N] [--server redis-server]

Makes argument lists for every command of a private redis-server: from the argument trees of COMMAND
DOCS, then spoilt a little (keywords where values belong, words given twice, arguments lost, odd
numbers, words with a NUL behind them). Two judges:

  what it says    COMMAND GETKEYSANDFLAGS. Each kind of difference must have an explanation in ACCEPTED.
  what it does    the command is run on an empty and on a filled database, and keyspace notifications
                  (key misses included) tell which keys it touched. Where redwall was sure of the keys,
                  no other key may be among them. There are no exceptions to this.

Every head of every command is tried too (see extract_keys.cc). Exit status 1 on anything unexplained.
"""
import argparse
import collections
import os
import random
import subprocess
import sys
import tempfile
import time

import redis

KEYS = [b"k1", b"k2", b"k3", b"k4", b"", b"STORE", b"keys", b"Streams", b"get", b"k*", b"1"]
NUMBERS = [b"0", b"1", b"2", b"3", b"-1", b"02", b"+1", b" 1", b"1.5", b"99", b"2147483648",
           b"9223372036854775807", b"18446744073709551616", b"x"]
PATTERNS = [b"nosort", b"#", b"k*", b"w_*->f", b"*", b"k1", b"#->x"]

# Not run: they would end the server or the connection, change who may do what, or never answer. All of
# them are still compared by what GETKEYSANDFLAGS says.
NOT_RUN = {"shutdown", "debug", "monitor", "sync", "psync", "replicaof", "slaveof", "failover", "quit",
           "reset", "client", "config", "acl", "auth", "hello", "module", "replconf", "multi", "exec",
           "discard", "watch", "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe",
           "sunsubscribe", "select", "swapdb", "flushall", "flushdb", "save", "bgsave", "bgrewriteaof",
           "script", "function", "publish", "spublish", "keys", "scan", "randomkey", "cluster",
           "pfselftest", "latency"}

# Commands whose number of keys is an argument: 0 is an error of their own, or simply no keys.
COUNTED = {"eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro", "sintercard", "lmpop", "blmpop",
           "zmpop", "bzmpop", "zdiff", "zdiffstore", "zinter", "zintercard", "zinterstore", "zunion",
           "zunionstore"}


def times(case, word):
    return sum(argument.split(b"\0")[0].lower() == word for argument in case)


# Where redwall and GETKEYSANDFLAGS may differ, and why that is right. Each takes the arguments, the
# command's name, redwall's status and keys as (key, access), and Redis's keys or the text of its error.
ACCEPTED = [
    ("neither knows a command of this name",
     lambda case, name, status, ours, theirs: status == "unknown-command" and
     theirs == "Invalid command specified"),
    ("can't be told by redwall, so the policy takes it as touching any key",
     lambda case, name, status, ours, theirs: status == "unknown"),
    ("no keys for Redis, no keys for redwall",
     lambda case, name, status, ours, theirs: status == "complete" and not ours and
     theirs == "The command has no key arguments"),
    ("no arguments at all, which GETKEYSANDFLAGS doesn't take",
     lambda case, name, status, ours, theirs: len(case) == 1 and status == "complete" and not ours),
    ("too few or too many arguments for the command to be run",
     lambda case, name, status, ours, theirs: status == "complete" and
     theirs == "Invalid number of arguments specified for command"),
    ("GETKEYS wants a key in every specification; with 0 keys, and PFMERGE without a source, there is none",
     lambda case, name, status, ours, theirs: status == "complete" and
     theirs == "Invalid arguments specified for command" and
     (name == "pfmerge" and len(case) == 2 or name in COUNTED and b"0" in case[1:4])),
    ("MIGRATE with nothing after KEYS does nothing",
     lambda case, name, status, ours, theirs: name == "migrate" and not ours and
     theirs == "Invalid arguments specified for command"),
    ("GETKEYS has both STORE and STOREDIST of GEORADIUS, or the first of several; the command uses the last",
     lambda case, name, status, ours, theirs: name.startswith("georadius") and status == "complete" and
     times(case, b"store") + times(case, b"storedist") > 1),
    ("GETKEYS takes the value of SORT's STORE for another STORE, where it is called so",
     lambda case, name, status, ours, theirs: name == "sort" and status == "complete" and
     times(case, b"store") > 1),
    ("GETKEYS takes the first STREAMS, from argument 4 on for XREADGROUP, be it a consumer's name, a value of "
     "COUNT or BLOCK (an error of the command), or behind the real one",
     lambda case, name, status, ours, theirs: name in {"xread", "xreadgroup"} and status == "complete" and
     (times(case, b"streams") > 1 or times(case[:4], b"streams") > 0)),
]


def plain(value):
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return [plain(item) for item in value] if isinstance(value, list) else value


def pairs(flat):
    return {flat[i]: flat[i + 1] for i in range(0, len(flat), 2)}


class Server:
    """A private redis-server on a Unix socket in a temporary folder."""

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory(prefix="redwall-keys-")
        self.socket = os.path.join(self.folder.name, "redis.sock")
        self.process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", self.socket, "--dir", self.folder.name, "--save",
             "", "--notify-keyspace-events", "EAmn", "--loglevel", "warning"], stdout=subprocess.DEVNULL)

    def connect(self):
        for _ in range(200):
            connection = redis.connection.UnixDomainSocketConnection(path=self.socket)
            try:
                connection.connect()
                return connection
            except redis.exceptions.ConnectionError:
                if self.process.poll() is not None:
                    raise SystemExit("redis-server ended by itself")
                time.sleep(0.02)
        raise SystemExit("redis-server doesn't answer")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def read(connection):
    try:
        return connection.read_response()
    except redis.exceptions.ResponseError as error:
        return error


def ask(connection, requests):
    """The replies to many requests, pipelined a few hundred at a time."""
    replies = []
    for start in range(0, len(requests), 400):
        part = requests[start:start + 400]
        connection.send_packed_command(connection.pack_commands(part))
        replies += [read(connection) for _ in part]
    return replies


class Maker:
    """Argument lists for one command, from its argument tree in COMMAND DOCS."""

    def __init__(self, rng, name, arity, tree):
        self.rng, self.name, self.arity, self.tree = rng, name, arity, tree
        self.words = sorted(set(self.tokens(tree))) or [b"STORE"]

    def tokens(self, tree):
        for node in tree:
            if node.get("token"):
                yield node["token"].encode()
            yield from self.tokens(node.get("arguments", []))

    def key(self):
        return self.rng.choice(KEYS if self.rng.random() < 0.7 else self.words)

    def word(self, word):
        """A keyword as people and attackers write it."""
        style = self.rng.random()
        if style < 0.6:
            return word
        if style < 0.95:
            return bytes(self.rng.choice((c, c ^ 0x20)) if chr(c).isalpha() else c for c in word)
        return word + b"\0" + self.rng.choice((b"", b"x"))

    def value(self, node):
        kind = node["type"]
        if kind == "key":
            return [self.key()]
        if kind == "pattern":
            return [self.rng.choice(PATTERNS)]
        if kind in ("integer", "double", "unix-time"):
            return [self.rng.choice(NUMBERS) if self.rng.random() < 0.2 else b"1"]
        if kind == "pure-token":
            return []
        if kind == "oneof":
            return self.one(self.rng.choice(node["arguments"]), required=True)
        if kind == "block":
            return self.several(node["arguments"])
        return [self.rng.choice(self.words) if self.rng.random() < 0.2 else
                self.rng.choice([b"v", b"0-1", b"$", b">", b"", b"1"])]

    def one(self, node, required=False):
        flags = node.get("flags", [])
        if "optional" in flags and not required and self.rng.random() < 0.55:
            return []
        token = [self.word(node["token"].encode())] if node.get("token") else []
        times = self.rng.choice((1, 1, 2, 3)) if "multiple" in flags else 1
        if "multiple_token" in flags:
            return [item for _ in range(times) for item in token + self.value(node)]
        return token + [item for _ in range(times) for item in self.value(node)]

    def several(self, nodes):
        """The nodes in order, where a numkeys usually counts the keys that follow it, and repeated
        keys and what goes with them (XREAD's ids) usually are as many."""
        out, number_at, times = [], None, None
        for node in nodes:
            made = self.one(node)
            if node["name"] == "numkeys":
                number_at = len(out)
            elif node["type"] == "key" and "multiple" in node.get("flags", []):
                times = len(made) - bool(node.get("token"))
                if number_at is not None and self.rng.random() < 0.8:
                    out[number_at] = str(times).encode()
            elif times and node["name"] == "id" and self.rng.random() < 0.8:
                made = [b"0-1"] * times
            out += made
        return out

    def spoil(self, arguments):
        """One small accident."""
        where = self.rng.randrange(len(arguments) + 1)
        what = self.rng.randrange(5)
        if what == 0:
            arguments.insert(where, self.word(self.rng.choice(self.words)))
        elif what == 1 and arguments:
            del arguments[min(where, len(arguments) - 1)]
        elif what == 2 and arguments:
            arguments[min(where, len(arguments) - 1)] = self.word(self.rng.choice(self.words))
        elif what == 3 and arguments:
            arguments[min(where, len(arguments) - 1)] = self.rng.choice(NUMBERS)
        else:
            arguments += [self.word(self.rng.choice(self.words)), self.key()]

    def make(self):
        arguments = self.several(self.tree)
        if len(arguments) > 3 and self.rng.random() < 0.25:  # options come in any order
            cut = self.rng.randrange(1, len(arguments))
            tail = [self.one(node) for node in self.tree if "optional" in node.get("flags", [])]
            self.rng.shuffle(tail)
            arguments = arguments[:cut] + [item for part in tail for item in part] + arguments[cut:]
        while self.rng.random() < 0.3:
            self.spoil(arguments)
        name = [part.encode() for part in self.name.split("|")]
        wanted = abs(self.arity) - len(name)
        while len(arguments) < wanted and self.rng.random() < 0.9:
            arguments.append(self.key())
        return [self.word(name[0]).split(b"\0")[0]] + name[1:] + arguments


def dict_tree(nodes):
    out = []
    for node in nodes:
        node = pairs(node)
        if "arguments" in node:
            node["arguments"] = dict_tree(node["arguments"])
        out.append(node)
    return out


def makers(connection, rng):
    """A Maker for each command and sub-command. Those that read their arguments in a way of their own
    come several times."""
    commands, docs = plain(ask(connection, [("COMMAND",), ("COMMAND", "DOCS")]))
    trees = {}
    for name, doc in pairs(docs).items():
        doc = pairs(doc)
        trees[name] = doc.get("arguments", [])
        trees.update({sub: pairs(subdoc).get("arguments", [])
                      for sub, subdoc in pairs(doc.get("subcommands", [])).items()})
    out = []
    for command in sorted(commands):  # the server's order is another each time
        for entry in [command] + sorted(command[9]):
            weight = 12 if "movablekeys" in entry[2] or entry[0] in ("set", "bitfield") else 1
            if entry[8] and weight == 1:
                weight = 3
            out += [Maker(rng, entry[0], entry[1], dict_tree(trees.get(entry[0], [])))] * weight
    return out


def ask_redwall(program, cases):
    request = b"".join(b"%d\n" % len(case) + b"".join(b"%d\n%s\n" % (len(arg), arg) for arg in case)
                       for case in cases)
    done = subprocess.run([program], input=request, stdout=subprocess.PIPE, check=True)
    lines = done.stdout.decode("latin-1").splitlines()
    if len(lines) != len(cases):
        raise SystemExit(f"{program} answered {len(lines)} of {len(cases)} commands")
    answers = []
    for line, case in zip(lines, cases):
        words = line.split(" ")
        found = [word.split(":") for word in words[2:]]
        keys = sorted((case[int(index)], access) for index, kind, access in found if kind == "k")
        answers.append((words[0], keys, words[1] if len(words) > 1 else ""))
    return answers


def redis_answer(reply):
    if isinstance(reply, redis.exceptions.ResponseError):
        return str(reply)
    access = {b"RO": "r", b"RW": "rw", b"OW": "w", b"RM": "w"}
    # No flags: the fall-back that reads "+1" and "02" with atoi, where the command itself gives an error.
    return sorted((key, next((access[flag] for flag in flags if flag in access), "?"))
                  for key, flags in reply)


class Report:
    """Counts differences by their explanation, and keeps those that have none."""

    def __init__(self):
        self.counts, self.bad = collections.Counter(), collections.defaultdict(list)

    def good(self, why):
        self.counts[why] += 1

    def unexplained(self, name, what, case, details):
        self.bad[(name, what)].append((case, details))

    def show(self):
        for why, count in self.counts.most_common():
            print(f"{count:7}  {why}")
        for (name, what), found in sorted(self.bad.items()):
            case, details = found[0]
            print(f"UNEXPLAINED {name}: {what}, {len(found)} times; the first: {case} {details}")
        return 1 if self.bad else 0


def compare_what_it_says(report, cases, ours, replies):
    for case, (status, keys, name), reply in zip(cases, ours, replies):
        theirs = redis_answer(reply)
        if status == "complete" and keys == theirs:
            report.good("the same keys and access")
            continue
        why = next((text for text, holds in ACCEPTED if holds(case, name, status, keys, theirs)), None)
        if why:
            report.good(why)
        else:
            report.unexplained(name or plain(case[0]).lower(), "other keys", case,
                               f"redwall {status} {keys}, Redis {theirs}")


FILL = [(b"RPUSH", b"k1", b"1", b"2"), (b"ZADD", b"k2", b"1", b"a"), (b"GEOADD", b"k3", b"1", b"1", b"v"),
        (b"SADD", b"k4", b"1", b"2"), (b"SET", b"STORE", b"7"), (b"HSET", b"get", b"f", b"1"),
        (b"XADD", b"Streams", b"0-1", b"f", b"v"), (b"XGROUP", b"CREATE", b"Streams", b"v", b"0"),
        (b"SET", b"k*", b"8"), (b"ZADD", b"keys", b"2", b"v"), (b"SADD", b"1", b"2", b"v")]


def run_and_listen(server, cases, filled):
    """For each case the set of keys that keyspace notifications named while it ran."""
    runner, listener = server.connect(), server.connect()
    ask(listener, [("PSUBSCRIBE", "__keyevent@*__:*")])
    ask(listener, [("SUBSCRIBE", "redwall-mark")])
    touched = []
    for start in range(0, len(cases), 100):
        part, requests = cases[start:start + 100], []
        for case in part:
            # Inside MULTI nothing blocks.
            requests += [(b"FLUSHALL",)] + (FILL if filled else [])
            requests += [(b"PUBLISH", b"redwall-mark", b"begin"), (b"MULTI",), tuple(case), (b"EXEC",),
                         (b"PUBLISH", b"redwall-mark", b"end")]
        ask(runner, requests)
        for _ in part:
            keys, inside = set(), False
            while True:
                message = listener.read_response()
                if message[0] == b"message":
                    if message[2] == b"end":
                        break
                    inside = True
                elif inside:
                    keys.add(message[3])
            touched.append(keys)
    runner.disconnect()
    listener.disconnect()
    return touched


def compare_what_it_does(report, server, cases, ours):
    for filled in (False, True):
        # MIGRATE asks for no connection as long as there is none of its keys.
        not_run = NOT_RUN | {"migrate"} if filled else NOT_RUN
        runnable = [(case, keys, name) for case, (status, keys, name) in zip(cases, ours)
                    if status == "complete" and name.split("|")[0] not in not_run]
        touched = run_and_listen(server, [case for case, _, _ in runnable], filled)
        for (case, keys, name), found in zip(runnable, touched):
            missing = found - {key for key, _ in keys}
            if missing:
                report.unexplained(name, "touches a key that redwall didn't see", case,
                                   f"redwall {keys}, touched {found}")
            elif found:
                report.good(f"run on {'a filled' if filled else 'an empty'} database, "
                            "and touched only what redwall saw")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("extract_keys", help="the program of tests/support")
    parser.add_argument("--cases", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--server", default="redis-server")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.cases} cases")
    rng = random.Random(arguments.seed)
    server = Server(arguments.server)
    try:
        connection = server.connect()
        choices = makers(connection, rng)
        # Each command is there at least once, whatever the seed.
        cases = [(choices[i] if i < len(choices) else rng.choice(choices)).make()
                 for i in range(max(arguments.cases, len(choices)))]
        ours = ask_redwall(arguments.extract_keys, cases)
        replies = ask(connection, [("COMMAND", "GETKEYSANDFLAGS", *case) for case in cases])
        report = Report()
        compare_what_it_says(report, cases, ours, replies)
        compare_what_it_does(report, server, cases, ours)
        return report.show()
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
