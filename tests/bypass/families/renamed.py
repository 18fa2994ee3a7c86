"""A Redis whose commands bear other names: its FLUSHALL is `wipe`, CONFIG is `konf`, EVAL is
`run-it`, SWAPDB is `swap`, GET is `read`, and FLUSHDB is `get`. Rules name what a command is."""

from case import Case, Family, Reply
from wire import encode

RENAMED = Family(
    "renamed commands",
    "renamed",
    [],
    [
        Case("FLUSHALL's new name", "wipe", "dbsize", stop="flushall"),
        Case("FLUSHALL's new name, large", "WIPE", "DBSIZE", stop="flushall"),
        Case("FLUSHALL's new name, mixed, with an option", "WiPe ASYNC", "DbSiZe", stop="flushall"),
        Case(
            "FLUSHALL's new name inline",
            b"wipe\r\n",
            b"dbsize\r\n",
            stop="flushall",
            passes="dbsize",
        ),
        Case(
            "FLUSHALL's new name inline in hex",
            b'"\\x77ipe"\r\n',
            b'"\\x64bsize"\r\n',
            stop="flushall",
            passes="dbsize",
        ),
        Case(
            "FLUSHALL's new name in MULTI",
            ["MULTI", "wipe", "EXEC"],
            ["MULTI", "dbsize", "EXEC"],
            stop="flushall",
            passes="dbsize",
        ),
        Case(
            "FLUSHALL's new name in silence",
            ["CLIENT REPLY OFF", "wipe"],
            ["CLIENT REPLY OFF", "dbsize"],
            stop="flushall",
            mute=True,
        ),
        Case("a name that reads and is FLUSHDB", "GET", "read app:1", stop="flushdb"),
        Case("the same, small", "get", "READ app:1", stop="flushdb"),
        Case("the same with ASYNC", "get ASYNC", "read app:1", stop="flushdb"),
        Case("GET's new name, where GET is another", "read secret:1", "read app:1", stop="~secret"),
        Case("SWAPDB's new name", "swap 0 1", "read app:1", stop="swapdb"),
        Case("CONFIG's new name", "konf set hz 11", "konf get hz", stop="config|set"),
        Case("CONFIG's new name, large", "KONF SET hz 11", "KONF GET hz", stop="config|set"),
        Case(
            "CONFIG's new name with a sub-command in hex",
            b'KONF "\\x53et" hz 11\r\n',
            b'KONF "\\x47et" hz\r\n',
            stop="config|set",
            passes="config|get",
        ),
        Case(
            "EVAL's new name",
            ("run-it", "return redis.call('wipe')", 0),
            ("echo", "run-it"),
            stop=["flushall", "eval"],
        ),
        Case("EVAL's new name, large", ("RUN-IT", "return 1", 0), ("ECHO", "run-it"), stop="eval"),
        Case(
            "EVAL's new name behind an allowed command",
            ["read app:1", ("run-it", "return 1", 0)],
            ["read app:1", "dbsize"],
            stop="eval",
        ),
        Case(
            "EVALSHA, which kept its name", "EVALSHA " + "f" * 40 + " 0", "ECHO a", stop="evalsha"
        ),
        Case(
            "a command that kept its name", "CLIENT KILL ID 99999", "CLIENT ID", stop="client|kill"
        ),
        Case("a thousand times, in one write", ["wipe"] * 1000, ["dbsize"] * 1000, stop="flushall"),
        Case(
            "with 1,000 arguments",
            ("wipe", *["a"] * 1000),
            ("exists", *["a"] * 1000),
            stop="flushall",
        ),
        Case(
            "with an argument that streams",
            ("wipe", "x" * 100000),
            ("echo", "x" * 100000),
            stop="flushall",
        ),
    ],
)
UNKNOWN_PASS = Family(
    "renamed commands where unknown ones pass",
    "renamed-unknown",
    [],
    [
        Case("FLUSHALL's new name", "wipe", "dbsize", stop="flushall"),
        Case("CONFIG's new name", "konf set hz 11", "konf get hz", stop="config|set"),
        Case("EVAL's new name", ("run-it", "return 1", 0), ("echo", "a"), stop="eval"),
        Case("SWAPDB's new name", "swap 0 1", "read app:1", stop="swapdb"),
        Case("a name that reads and is FLUSHDB", "get", "read app:1", stop="flushdb"),
    ],
)
UNTOLD = Family(
    "renamed commands where Redis doesn't tell what they are",
    "renamed-untold",
    "flushall",
    [
        # The agent asks at most once a second, and then again: each wait is long enough for one.
        Case(
            "again and again, while the agent asks for the name",
            ["wipe", Reply(), *["BLPOP none 1.2", Reply(), "wipe", Reply()] * 3],
            ["BLPOP none 1.2", Reply(), "dbsize"],
        ),
        Case(
            "the same, and then in MULTI",
            [*["WIPE", Reply(), "BLPOP none 1.2", Reply()] * 3, "MULTI", "WIPE", "EXEC"],
            ["BLPOP none 1.2", Reply(), "MULTI", "dbsize", "EXEC"],
        ),
    ],
)
# Redis finds a command by a hash of the whole name, but compares names up to a NUL only: one in
# some hundreds of these is FLUSHALL.
_TRIES = 6000
FOREIGN = Family(
    "unknown commands that a rule names",
    "by-foreign-name",
    "flushall",
    [
        Case("by its name", "wipe", "dbsize"),
        Case(
            "with a NUL and more behind the name",
            b"".join(encode(b"wipe\0%d" % i) for i in range(_TRIES)),
            "dbsize",
        ),
        Case(
            "the same in large letters, with an argument",
            b"".join(encode(b"WIPE\0%d" % i, "ASYNC") for i in range(_TRIES)),
            "dbsize",
        ),
    ],
)

_PASSES = {"read": "get", "konf": "config|get"}
for _case in RENAMED.cases + UNKNOWN_PASS.cases:
    _case.passes = [_PASSES.get(name, name) for name in _case.passes]

FAMILIES = [RENAMED, UNKNOWN_PASS, UNTOLD, FOREIGN]
