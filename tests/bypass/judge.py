"""Looks at one Redis directly and says what has reached it.

Three instruments, since none sees everything:

- MONITOR shows commands with their arguments, those in EXEC and in scripts too. It hides AUTH and
  HELLO's secrets, EXEC, all that Redis flags `admin` (CONFIG, DEBUG, ACL, REPLICAOF, SHUTDOWN,
  MONITOR, SYNC, MODULE ...) and what Redis refuses before it runs it.
- INFO commandstats counts every command that Redis has run *or* refused (no permission, wrong
  number of arguments), those too that MONITOR hides; INFO errorstats counts the errors, which is
  all that an unknown command leaves behind. Both are set back before each case.
- The state, as Redis tells it: the digest of all databases, the configuration, users, functions,
  cached scripts, replication role, whether it runs at all.

A case is over when its connections to Redis are gone: so nothing can come late.
"""

import re

from processes import check, wait_until
from wire import Closed, Wire, encode

TREASURE = b"treasure-7c1e"  # stands in every value that a client must not see
LINE = re.compile(rb"^\+[\d.]+ \[(\d+) ([^\]]*)\] (.*)\r\n$", re.S)
ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.S)
ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}
OWN = {"config|resetstat"}  # counted in every case, since it is what sets the counters back

# The same things under a name that rules keep out and under one that they let in.
KINDS = (
    "SET {0}:1 {1}",
    "SET {0}:2 {1}",
    "RPUSH {0}:list {1}1 {1}2 {1}3",
    "SADD {0}:set {1}1 {1}2",
    "ZADD {0}:zset 1 {1}1 2 {1}2",
    "HSET {0}:hash field {1}",
    "XADD {0}:stream 1-1 field {1}",
    "GEOADD {0}:geo 13.36 38.11 {1}1",
    "PFADD {0}:hll {1}",
    "XGROUP CREATE {0}:stream STREAMS 0",
)
MARKERS = [kind.format("app", "free") for kind in KINDS] + [
    kind.format("secret", TREASURE.decode()) for kind in KINDS
]
MARKERS += ["SELECT 1", f"SET other:1 {TREASURE.decode()}", "SET app:1 free1", "SELECT 0"]


def unescape(text):
    def one(found):
        code = found[1]
        return bytes([int(code[1:], 16)]) if code[:1] == b"x" else ESCAPES.get(code, code)

    return re.sub(rb"\\(x[0-9a-f]{2}|.)", one, text, flags=re.S)


class Line(list):
    """The arguments of a command that MONITOR has shown; `database`: where it was run."""

    database = b""


class Reached:
    """What has come to Redis in one conversation: `lines` of MONITOR as argument lists, `counts` of
    commands, `unknown` commands or other errors, and the `changes` of the state.
    """

    def __init__(self, lines, counts, unknown):
        self.lines, self.counts, self.unknown = lines, counts, unknown
        self.databases = {line.database for line in lines}
        self.changes = {}

    def has(self, mark):
        """Whether the command that `mark` names has come (see case.py)."""
        if mark == "?":
            return self.unknown > 0
        if mark.startswith("@"):
            return mark[1:].encode() in self.databases
        if mark.startswith("~"):
            text = mark[1:].encode()
            return any(text in argument for line in self.lines for argument in line[1:])
        name, *first = mark.split(" ")
        if first:
            wanted = [part.encode() for part in first]
            return any(
                line[0].lower() == name.encode() and line[1 : 1 + len(wanted)] == wanted
                for line in self.lines
            )
        return any(seen == name or seen.startswith(name + "|") for seen in self.counts) or any(
            line[0].lower() == name.encode() for line in self.lines
        )

    def __str__(self):
        lines = [b" ".join(line)[:200] for line in self.lines]
        return (
            f"MONITOR {lines}, counted {self.counts}, errors {self.unknown}, changed {self.changes}"
        )


class Judge:
    """`server` is a RedisServer of the tests; nobody else may use it but the agents."""

    def __init__(self, server):
        self.server = server
        self.direct = self.monitor = None
        self.names = {}  # the agents' and everybody's name of a command -> this Redis's own
        self.polls = 0
        self.connections = None  # that are there without a case; None: any number
        self.last = None  # the state at the last look; None: not known
        self.clean = self.prepared = False  # clean: nothing was done since the last reset
        self.read = None, None  # the last answer of CONFIG GET, and what it says
        self.connect()
        self.first = self.state()

    def connect(self):
        self.close()
        self.direct = wait_until(self.dial, "Redis to be there again")
        self.own = ("%s:%d" % self.direct.sock.getsockname()).encode()
        self.monitor = Wire(self.server.address)
        check(self.monitor.call("MONITOR") == b"+OK\r\n", "MONITOR is refused")

    def dial(self):
        """A connection, to a Redis that is started anew where a case has ended it."""
        if not self.server.process.running():
            self.server.start()
        try:
            return Wire(self.server.address)
        except ConnectionError:
            return None  # it is about to end

    def close(self):
        for wire in (self.direct, self.monitor):
            if wire is not None:
                wire.close()

    def name(self, command):
        """`command` with its first word as this Redis calls it."""
        first, *rest = command.split() if isinstance(command, str) else command
        return [self.names.get(first, first), *rest]

    def many(self, commands):
        """The raw replies to commands sent in one write."""
        self.direct.send(b"".join(encode(*self.name(command)) for command in commands))
        return self.direct.replies(len(commands))

    def alive(self):
        if not self.server.process.running():
            return False
        try:
            return self.direct.call("PING") == b"+PONG\r\n" and self.listen() is not None
        except (Closed, OSError):
            return False

    def reset(self, prepare=()):
        """Everything as it was at the beginning, with the markers, and the counters at nothing.
        Returns the state, for look().
        """
        if not self.alive():
            self.connect()
            self.clean = False
        self.many(["CLIENT UNPAUSE"])
        if not self.clean:
            self.many(["REPLICAOF NO ONE", "FUNCTION FLUSH", "SCRIPT FLUSH"])
            self.restore()
            self.many(["FLUSHALL", *MARKERS])
        for command, reply in zip(prepare, self.many(prepare)):
            check(not reply.startswith(b"-"), f"{command} in preparation: {reply!r}")
        if prepare or not self.clean:
            self.last = self.state()
        self.clean = False
        self.prepared = bool(prepare)
        self.listen()
        self.many(["CONFIG RESETSTAT"])
        self.polls = 0
        return self.last

    def restore(self):
        """Configuration and users, where they are not as they were."""
        now = self.last or self.state()
        for option in self.first["config"]:
            if option not in now["config"]:
                self.many([("CONFIG", "SET", *option)])
        if now["users"] != self.first["users"]:
            for user in bulks(now["users"]):
                self.many([("ACL", "DELUSER", user.split()[1])])
            for user in bulks(self.first["users"]):
                _, name, *rules = user.split(b" ")
                self.many([("ACL", "SETUSER", name, "reset", *rules)])

    def state(self):
        asked = {
            "config": "CONFIG GET *",
            "users": "ACL LIST",
            "functions": "FUNCTION LIST",
            "memory": "INFO memory",
            "role": "INFO replication",
            "data": "DEBUG DIGEST",
        }
        found = dict(zip(asked, self.many(list(asked.values()))))
        found["scripts"] = re.findall(rb"number_of_cached_scripts:(\d+)", found.pop("memory"))
        found["config"] = self.settings(found["config"])
        found["role"] = re.findall(rb"role:(\w+)", found["role"])
        return found

    def settings(self, reply):
        """CONFIG GET's answer in order; nearly always it is the one before."""
        if reply != self.read[0]:
            self.read = reply, sorted(pairs(reply).items())
        return self.read[1]

    def listen(self):
        """The lines of MONITOR so far that are not the judge's own; None where it was ended."""
        self.polls += 1
        mark = b"end-of-case-%d" % self.polls
        self.direct.call("ECHO", mark)
        lines = []
        try:
            while True:
                line = self.monitor.reply()
                found = LINE.match(line)
                check(found, f"a line of MONITOR that can't be read: {line[:200]!r}")
                if found[2] == self.own:
                    if mark in found[3]:
                        return lines
                    continue
                lines.append(Line(unescape(part) for part in ARGUMENT.findall(found[3])))
                lines[-1].database = found[1]
        except Closed:
            return None

    def settle(self):
        """Waits until all connections of the case are gone; returns (counts, errors)."""
        asked = 0

        def gone():
            nonlocal asked
            replies = self.many(["INFO commandstats", "INFO errorstats", "INFO clients"])
            asked += 3
            connections = int(re.search(rb"connected_clients:(\d+)", replies[2])[1])
            if self.connections is None or connections <= self.connections:
                return replies
            return None

        stats, errors, _ = wait_until(gone, "the connections of the case to end", 20)
        counts = {}
        for name, calls, refused in re.findall(
            rb"cmdstat_([^:\r\n]+):calls=(\d+).*?rejected_calls=(\d+)", stats
        ):
            count = int(calls) + int(refused) - (asked - 3 if name == b"info" else 0)
            if count > 0 and name.decode() not in OWN:
                counts[name.decode()] = count
        unknown = sum(int(n) for n in re.findall(rb"errorstat_ERR:count=(\d+)", errors))
        return counts, unknown

    def look(self, before):
        """A Reached: all since reset(), whose answer `before` is."""
        try:
            counts, unknown = self.settle()
            lines = self.listen()
            after = self.state()
        except (Closed, ConnectionError) as error:
            self.last = None
            reached = Reached([], {}, 0)
            what = "was cut off" if self.server.process.running() else "has ended"
            reached.changes["redis"] = f"the connection to it {what}: {error!r}"
            return reached
        reached = Reached(lines or [], counts, unknown)
        if lines is None:
            reached.changes["monitor"] = "was cut off"
        for part, value in before.items():
            if after[part] != value:
                reached.changes[part] = difference(value, after[part])
        self.last = after
        self.clean = not (self.prepared or reached.changes or set(counts) - {"ping"})
        return reached


def bulks(reply):
    """The bulk strings of a flat array without line ends in them."""
    return re.findall(rb"\$\d+\r\n([^\r]*)\r\n", reply)


def pairs(reply):
    items = bulks(reply)
    return dict(zip(items[::2], items[1::2]))


def difference(old, new):
    """A few of the lines or items that have come, or else of those that have gone."""
    if isinstance(old, bytes):
        old, new = old.split(b"\r\n"), new.split(b"\r\n")
    return [item for item in new if item not in old][:5] or [i for i in old if i not in new][:5]
