"""Rules that ask for more than the command: where a client is, what the arguments say, how many and
how large they are, whether keys are read or written, how often, at what time; and replication,
which must be named."""

from case import WRITE, Case, Family, Other, Reply, cut
from wire import encode

BIG = "x" * 100000
SET = "SET app:9 x"

FROM = Family(
    "from elsewhere",
    "from-there",
    "set",
    [
        Case("another address", "SET app:9 x", "SET app:9 x", twin_source="127.0.0.2"),
        Case(
            "the next address",
            "SET app:9 x",
            "SET app:9 x",
            source="127.0.0.3",
            twin_source="127.0.0.2",
        ),
        Case(
            "next to the network",
            "SET app:9 x",
            "SET app:9 x",
            source="127.8.0.1",
            twin_source="127.7.255.1",
        ),
        Case(
            "inside MULTI",
            ["MULTI", "SET app:9 x", "EXEC"],
            ["MULTI", "SET app:9 x", "EXEC"],
            source="127.6.1.1",
            twin_source="127.7.1.1",
            passes="set",
        ),
        Case(
            "with the right address as its name",
            ["CLIENT SETNAME 127.0.0.2", "SET app:9 x"],
            ["CLIENT SETNAME 127.0.0.1", "SET app:9 x"],
            twin_source="127.0.0.2",
        ),
        Case(
            "in RESP3",
            ["HELLO 3", "SET app:9 x"],
            ["HELLO 3", "SET app:9 x"],
            twin_source="127.0.0.2",
        ),
        Case(
            "from where it is denied",
            "SET app:9 x",
            "SET app:9 x",
            policy="not-from-there",
            source="127.0.0.2",
            twin_source="127.0.0.4",
        ),
        Case(
            "from where it is denied, the other half",
            "SET app:9 x",
            "SET app:9 x",
            policy="not-from-there",
            source="127.0.0.3",
            twin_source="127.0.0.1",
        ),
    ],
)

ARGUMENTS = Family(
    "what arguments say",
    "arguments",
    ["set", "config|set", "zadd", "rpush", "append"],
    [
        Case("letters where digits belong", "SET app:9 x", "SET app:9 1"),
        Case("digits, and more behind them", "SET app:9 1x", "SET app:9 11"),
        Case("more before them", "SET app:9 x1", "SET app:9 01"),
        Case("a line end behind them", ("SET", "app:9", "1\n"), ("SET", "app:9", "1")),
        Case("a line end between them", ("SET", "app:9", "1\n2"), ("SET", "app:9", "12")),
        Case("a NUL behind them", ("SET", "app:9", b"1\x00"), ("SET", "app:9", b"1")),
        Case("nothing at all", ("SET", "app:9", ""), ("SET", "app:9", "0")),
        Case("other digits", ("SET", "app:9", "١"), ("SET", "app:9", "1")),
        Case("the argument isn't there", "SET app:9", "SET app:9 9", stop=["set"]),
        Case("a value that streams", ("SET", "app:9", BIG), ("SET", "app:9", "1" * 20000)),
        Case(
            "digits that stream, with a letter at the end",
            ("SET", "app:9", "1" * 100000 + "x"),
            ("SET", "app:9", "1" * 100000),
        ),
        Case("inline, in hex", b'SET app:9 "\\x78"\r\n', b'SET app:9 "\\x31"\r\n', passes="set"),
        Case(
            "inside MULTI",
            ["MULTI", "SET app:9 x", "EXEC"],
            ["MULTI", "SET app:9 1", "EXEC"],
            passes="set",
        ),
        Case("behind an option called by digits", "SET app:9 x EX 100", "SET app:9 1 EX 100"),
        Case("a setting", "CONFIG SET maxmemory 1", "CONFIG GET hz"),
        Case("a setting in large letters", "config set MAXMEMORY 1", "config get hz"),
        Case(
            "a setting as the second of two",
            "CONFIG SET hz 11 maxmemory 1",
            "CONFIG GET hz timeout",
        ),
        Case(
            "a setting inline",
            b'CONFIG SET hz 11 "\\x6daxmemory" 1\r\n',
            b"CONFIG GET hz\r\n",
            passes="config|get",
        ),
        Case(
            "a setting that holds the word in its value",
            ("CONFIG", "SET", "proc-title-template", "{title} max"),
            "CONFIG GET hz",
        ),
        Case("the last argument", "ZADD app:9 1 evil", "ZADD app:9 1 good"),
        Case("the last of many", "ZADD app:9 1 good 2 evil", "ZADD app:9 1 evil 2 good"),
        Case(
            "a last argument that streams",
            ("ZADD", "app:9", 1, "evil" + BIG),
            ("ZADD", "app:9", 1, "good" + BIG),
        ),
        Case(
            "a last argument that comes in pieces",
            cut(encode("ZADD", "app:9", 1, "evil"), 37, 39),
            cut(encode("ZADD", "app:9", 1, "good"), 37, 39),
            passes="zadd",
        ),
        Case("a large letter among small ones", "RPUSH app:9 aB", "RPUSH app:9 ab"),
        Case("a line end among small letters", ("RPUSH", "app:9", "a\nb"), ("RPUSH", "app:9", "")),
        Case("a path", "APPEND app:9 /etc/passwd", "APPEND app:9 /opt"),
        Case(
            "a path amid other text",
            ("APPEND", "app:9", "a\n\x00b/etc"),
            ("APPEND", "app:9", "a\n\x00b/opt"),
        ),
        Case(
            "a path at the end of what streams",
            ("APPEND", "app:9", BIG + "/etc"),
            ("APPEND", "app:9", BIG),
        ),
        Case(
            "a path behind bytes that are no text",
            ("APPEND", "app:9", b"\xff\xfe/etc"),
            ("APPEND", "app:9", b"\xff\xfe"),
        ),
    ],
)

SIZES = Family(
    "how many and how large",
    "sizes",
    ["mget", "sadd", "del", "exists", "flushall", "set", "append", "rpush", "eval"],
    [
        Case("one argument too many", "MGET app:1 app:2 app:9", "MGET app:1 app:2"),
        Case("a thousand too many", ("MGET", *["a"] * 1000), ("MGET", "a")),
        Case("empty ones count", ("SADD", "app:9", "", ""), ("SADD", "app:9", "")),
        Case("inline", b'MGET a b ""\r\n', b'MGET a ""\r\n', passes="mget"),
        Case(
            "inside MULTI",
            ["MULTI", "MGET a b c", "EXEC"],
            ["MULTI", "MGET a b", "EXEC"],
            passes="mget",
        ),
        Case("a deny beyond a number", "DEL app:1 app:2", "DEL app:1"),
        Case("a deny beyond a number, in small letters", "exists app:1 app:2", "exists app:1"),
        Case(
            "a deny beyond a number, with a thousand", ("DEL", *["app:1"] * 1000), ("DEL", "app:1")
        ),
        Case("FLUSHALL with two options", "FLUSHALL SYNC ASYNC", "FLUSHALL SYNC"),
        Case("a byte too many", ("SET", "app:9", "x" * 43), ("SET", "app:9", "x" * 42)),
        Case("the name counts", ("APPEND", "app:9", "x" * 40), ("APPEND", "app:9", "x" * 39)),
        Case(
            "options count",
            ("SET", "app:9", "x" * 39, "NX", "GET"),
            ("SET", "app:9", "x" * 37, "NX", "GET"),
        ),
        Case("a value that streams", ("SET", "app:9", BIG), ("SET", "app:9", "x")),
        Case(
            "a value that streams, and options behind it",
            ("SET", "app:9", BIG, "EX", 100),
            ("SET", "app:9", "x", "EX", 100),
        ),
        Case("a key that streams", ("SET", BIG, "x"), ("SET", "app:9", "x")),
        Case(
            "in silence",
            ["CLIENT REPLY OFF", ("SET", "app:9", "x" * 100)],
            ["CLIENT REPLY OFF", "SET app:9 x"],
            mute=True,
        ),
        Case(
            "inline, where escapes are one byte",
            b'SET app:9 "' + b"\\x78" * 43 + b'"\r\n',
            b'SET app:9 "' + b"\\x78" * 42 + b'"\r\n',
            passes="set",
        ),
        Case("a deny beyond a size", ("RPUSH", "app:9", "x" * 31), ("RPUSH", "app:9", "x" * 30)),
        Case("a deny beyond a size, streamed", ("RPUSH", "app:9", BIG), ("RPUSH", "app:9", "x")),
        Case(
            "a deny beyond a size, the first of several streams",
            ("RPUSH", "app:9", BIG, "x"),
            ("RPUSH", "app:9", "x", "x"),
        ),
        Case("a long script", ("EVAL", "return 1 -- " + "x" * 40, 0), ("EVAL", "return 1", 0)),
        Case("many small ones", ("RPUSH", "app:9", *["x"] * 31), ("RPUSH", "app:9", *["x"] * 30)),
    ],
)

WRITES = [
    ("SET", "SET {x}:1 y", "GET {x}:1"),
    ("SET with GET", "SET {x}:1 y GET", "GETRANGE {x}:1 0 1"),
    ("GETSET", "GETSET {x}:1 y", "STRLEN {x}:1"),
    ("GETDEL", "GETDEL {x}:1", "GET {x}:1"),
    ("GETEX", "GETEX {x}:1 EX 100", "TTL {x}:1"),
    ("EXPIRE", "EXPIRE {x}:1 100", "EXPIRETIME {x}:1"),
    ("DEL", "DEL {x}:1", "EXISTS {x}:1"),
    ("COPY to", "COPY {x}:1 {x}:9", "GET {x}:9"),
    ("RENAME", "RENAME {x}:1 {x}:9", "TYPE {x}:1"),
    ("BITFIELD SET", "BITFIELD {x}:1 SET u8 0 1", "BITFIELD_RO {x}:1 GET u8 0"),
    (
        "BITFIELD INCRBY behind GET",
        "BITFIELD {x}:1 GET u8 0 INCRBY u8 0 1",
        "BITFIELD {x}:1 GET u8 0",
    ),
    ("BITOP to", "BITOP NOT {x}:9 {x}:1", "BITCOUNT {x}:1"),
    ("SORT STORE", "SORT {x}:set ALPHA STORE {x}:9", "SORT {x}:set ALPHA"),
    (
        "GEORADIUS STORE",
        "GEORADIUS {x}:geo 13 38 200 km STORE {x}:9",
        "GEORADIUS {x}:geo 13 38 200 km",
    ),
    ("SUNIONSTORE", "SUNIONSTORE {x}:9 {x}:set", "SUNION {x}:set"),
    ("ZRANGESTORE", "ZRANGESTORE {x}:9 {x}:zset 0 -1", "ZRANGE {x}:zset 0 -1"),
    ("LMPOP", "LMPOP 1 {x}:list LEFT", "LRANGE {x}:list 0 -1"),
    ("LMOVE", "LMOVE {x}:list {x}:list LEFT RIGHT", "LLEN {x}:list"),
    ("SPOP", "SPOP {x}:set", "SRANDMEMBER {x}:set"),
    ("XADD", "XADD {x}:stream * a b", "XREAD STREAMS {x}:stream 0"),
    ("XGROUP DESTROY", "XGROUP DESTROY {x}:stream STREAMS", "XINFO GROUPS {x}:stream"),
    ("PFADD", "PFADD {x}:hll z", "HGET {x}:hash field"),
    ("PFMERGE", "PFMERGE {x}:9 {x}:hll", "HLEN {x}:hash"),
    ("RESTORE", "RESTORE {x}:9 0 x", "DUMP {x}:1"),
    ("MOVE", "MOVE {x}:1 2", "OBJECT ENCODING {x}:1"),
    ("inside MULTI", "MULTI|SET {x}:1 y|EXEC", "MULTI|GET {x}:1|EXEC"),
]


def writes(policy, text, key):
    cases = []
    for how, attempt, twin in WRITES:
        steps = [part.replace("{x}", key).split("|") for part in (attempt, twin)]
        cases.append(
            Case(
                f"{how} {text}",
                *steps,
                stop=name_of(steps[0][-2:][0]),
                passes=name_of(steps[1][-2:][0]),
            )
        )
    return Family(f"writing, {text}", policy, [], cases)


def name_of(command):
    words = command.lower().split()
    return "|".join(words[:2]) if words[0] in ("xgroup", "xinfo", "object") else words[0]


LOOKERS = writes("lookers", "where an allow lets read", "app")
KEEPERS = writes("keepers", "where a deny forbids to write", "secret")
for _case in KEEPERS.cases:
    _case.twin = [step.replace("secret:9", "app:9") for step in _case.twin]

# EXEC without MULTI is an error and changes nothing: it empties the bucket, in the same write as what
# must find it empty, so that no time passes between them.
RATE = Family(
    "faster than allowed",
    "pace",
    "set",
    [
        Case(
            how, attempt, twin, source=f"127.3.{number}.1", twin_source=f"127.4.{number}.1", **more
        )
        for number, (how, attempt, twin, more) in enumerate(
            [
                ("in one write", ["EXEC", SET], ["GET n", SET], {}),
                ("in two writes", ["EXEC", WRITE, "EXEC", SET], ["GET n", WRITE, "GET n", SET], {}),
                ("behind an answer", ["EXEC", Reply(), "EXEC", SET], ["PING", Reply(), SET], {}),
                ("many at once", [*["EXEC"] * 500, SET], [*["GET n"] * 500, SET], {}),
                (
                    "in silence",
                    ["CLIENT REPLY OFF", "EXEC", SET],
                    ["CLIENT REPLY OFF", "GET n", SET],
                    {"mute": True},
                ),
                (
                    "on a second connection of the same client",
                    ["EXEC", Reply(), Other(["EXEC", SET, Reply(2)])],
                    ["PING", Reply(), Other(["PING", SET, Reply(2)])],
                    {},
                ),
                (
                    "inside MULTI",
                    ["MULTI", "INCR n", SET, "EXEC"],
                    ["MULTI", "GET n", "DISCARD", SET],
                    {},
                ),
                (
                    "a value that streams",
                    ["EXEC", ("SET", "app:9", BIG)],
                    ["GET n", ("SET", "app:9", BIG)],
                    {},
                ),
                (
                    "under another name",
                    ["EXEC", "CLIENT SETNAME other", "RESET", SET],
                    ["CLIENT SETNAME other", "RESET", SET],
                    {},
                ),
            ]
        )
    ],
    passes="set",
)

HOURS = Family(
    "at another time",
    "by-day",
    ["set", "flushall"],
    [
        Case("before it is allowed", "SET app:9 x", "GET app:1"),
        Case(
            "inside MULTI",
            ["MULTI", "SET app:9 x", "EXEC"],
            ["MULTI", "GET app:1", "EXEC"],
            passes="get",
        ),
        Case("a wipe", "FLUSHALL", "DBSIZE"),
        Case("a value that streams", ("SET", "app:9", BIG), "GET app:1"),
        Case("while it is denied", "SET app:9 x", "GET app:1", policy="by-night"),
        Case(
            "while it is denied, inline",
            b"SET app:9 x\r\n",
            b"GET app:1\r\n",
            policy="by-night",
            passes="get",
        ),
    ],
)


def replication(policy):
    return Family(
        f"replication where nothing names it, {policy}",
        policy,
        ["sync", "psync"],
        [
            Case("SYNC", "SYNC", "PING"),
            Case("PSYNC", "PSYNC ? -1", "PING"),
            Case(
                "psync in small letters, behind a greeting",
                ["REPLCONF capa eof", "psync ? -1"],
                "REPLCONF capa eof",
            ),
            Case("SYNC inline", b'"\\x53YNC"\r\n', b'"\\x50ING"\r\n', passes="ping"),
            Case("SYNC in silence", ["CLIENT REPLY OFF", "SYNC"], ["CLIENT REPLY OFF", "PING"]),
            Case("PSYNC with arguments that are wrong", "PSYNC", "PING"),
        ],
        mute=True,
    )


PSYNC_ONLY = Family(
    "replication by a command that is not the one named",
    "psync-only",
    "sync",
    [
        Case("SYNC instead of PSYNC", "SYNC", "PSYNC ? -1", mute=True),
        Case(
            "SYNC behind what a replica says first",
            ["REPLCONF capa eof", "SYNC"],
            ["REPLCONF capa eof", "PSYNC ? -1"],
            mute=True,
        ),
    ],
)

FAMILIES = [FROM, ARGUMENTS, SIZES, LOOKERS, KEEPERS, RATE, HOURS, PSYNC_ONLY]
FAMILIES += [replication(policy) for policy in ("all", "by-category", "by-default")]
