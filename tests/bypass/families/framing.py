"""The same denied command in every framing that Redis's protocol allows, and in some that it
doesn't: the gateway must see a command wherever Redis sees one, and nothing else."""

from case import WRITE, Case, Family, Reply, cut, one_by_one
from wire import encode

WIPE = encode("FLUSHALL")
GET = encode("GET", "app:1")
PING = encode("PING")
SIZE = encode("DBSIZE")
BIG = "x" * 100000  # more than is held: it streams

ARRAYS = Family(
    "framing of arrays",
    "no-wipes",
    ["flushall"],
    [
        Case("one write", WIPE, SIZE),
        Case("byte by byte", one_by_one(WIPE), one_by_one(SIZE)),
        Case("cut behind the star", cut(WIPE, 1), cut(SIZE, 1)),
        Case("cut between CR and LF", cut(WIPE, 3), cut(SIZE, 3)),
        Case("cut behind the dollar", cut(WIPE, 5), cut(SIZE, 5)),
        Case("cut amid the name", cut(WIPE, 12), cut(SIZE, 11)),
        Case("cut before the last LF", cut(WIPE, len(WIPE) - 1), cut(SIZE, len(SIZE) - 1)),
        Case("cut in three amid the name", cut(WIPE, 9, 11, 13), cut(SIZE, 9, 11, 13)),
        Case(
            "leading zeros in the count",
            b"*001\r\n$8\r\nFLUSHALL\r\n",
            b"*1\r\n$6\r\nDBSIZE\r\n",
            closed="Redis takes no leading zeros",
        ),
        Case(
            "leading zeros in the length",
            b"*1\r\n$08\r\nFLUSHALL\r\n",
            b"*1\r\n$6\r\nDBSIZE\r\n",
            closed="Redis takes no leading zeros",
        ),
        Case(
            "a plus in the count",
            b"*+1\r\n$8\r\nFLUSHALL\r\n",
            b"*1\r\n$6\r\nDBSIZE\r\n",
            closed="a protocol error",
        ),
        Case(
            "a plus in the length",
            b"*1\r\n$+8\r\nFLUSHALL\r\n",
            b"*1\r\n$6\r\nDBSIZE\r\n",
            closed="a protocol error",
        ),
        Case(
            "a space in the count",
            b"* 1\r\n$8\r\nFLUSHALL\r\n",
            b"*1\r\n$6\r\nDBSIZE\r\n",
            closed="a protocol error",
        ),
        Case("an empty array before", b"*0\r\n" + WIPE, b"*0\r\n" + SIZE),
        Case("a null array before", b"*-1\r\n" + WIPE, b"*-1\r\n" + SIZE),
        Case(
            "a very negative array before", b"*-2147483648\r\n" + WIPE, b"*-2147483648\r\n" + SIZE
        ),
        Case(
            "a count beyond 32 bits that wraps",
            b"*4294967297\r\n$8\r\nFLUSHALL\r\n",
            SIZE,
            closed="a protocol error",
        ),
        Case(
            "a count of 2^31", b"*2147483648\r\n$8\r\nFLUSHALL\r\n", SIZE, closed="a protocol error"
        ),
        Case(
            "a count larger than what comes",
            b"*3\r\n$8\r\nFLUSHALL\r\n$5\r\nASYNC\r\n",
            SIZE,
            mute=True,
            closed="the command never gets whole",
        ),
        Case("a count smaller than what comes", b"*1\r\n$8\r\nFLUSHALL\r\n$5\r\nASYNC\r\n", SIZE),
        Case("a bulk that is null", b"*1\r\n$-1\r\n" + WIPE, SIZE, closed="a protocol error"),
        Case(
            "a length of 2^32 that wraps",
            b"*1\r\n$4294967304\r\nFLUSHALL\r\n",
            SIZE,
            closed="a protocol error",
        ),
        Case("a negative length", b"*1\r\n$-8\r\nFLUSHALL\r\n", SIZE, closed="a protocol error"),
        Case(
            "an empty bulk as name, the command behind it",
            b"*2\r\n$0\r\n\r\n$8\r\nFLUSHALL\r\n" + WIPE,
            PING + SIZE,
        ),
        Case("other bytes than CR LF behind a bulk", b"*1\r\n$8\r\nFLUSHALLxx" + PING, SIZE),
        Case(
            "other bytes than CR LF behind an argument",
            b"*2\r\n$8\r\nFLUSHALL\n\r$5\r\nASYNC\n\r",
            SIZE,
        ),
        Case(
            "LF where CR LF belongs",
            b"*1\n$8\nFLUSHALL\n",
            SIZE,
            mute=True,
            closed="Redis looks for CR",
        ),
        Case("a byte between CR and LF", b"*1\rx$8\rxFLUSHALLxx", SIZE),
        Case("an inline line that begins with a dollar", b"$8\r\nFLUSHALL\r\n", b"PING\r\n" + SIZE),
        Case("an inline line that begins with a number", b"8\r\nFLUSHALL\r\n", b"PING\r\n" + SIZE),
        Case("a reply's form first", b"+OK\r\n" + WIPE, PING + SIZE),
        Case(
            "an array in an array",
            b"*1\r\n*1\r\n$8\r\nFLUSHALL\r\n",
            SIZE,
            closed="a protocol error",
        ),
        Case("RESP3's map", b"%1\r\n" + WIPE, PING + SIZE),
        Case("RESP3's push", b">1\r\n$8\r\nFLUSHALL\r\n", SIZE),
        Case(
            "a simple string in an array",
            b"*1\r\n+FLUSHALL\r\n" + WIPE,
            SIZE,
            closed="a protocol error",
        ),
        Case(
            "a protocol error before",
            b"*1\r\n$x\r\n" + WIPE,
            SIZE,
            closed="a protocol error ends the connection",
        ),
        Case(
            "a space behind the count",
            b"*1 \r\n$8\r\nFLUSHALL\r\n",
            SIZE,
            closed="a protocol error",
        ),
        Case("an empty length", b"*1\r\n$\r\nFLUSHALL\r\n", SIZE, closed="a protocol error"),
        Case("an empty count", b"*\r\n" + WIPE, SIZE, closed="a protocol error"),
        Case("1,000 arguments", ("FLUSHALL", *["a"] * 1000), ("EXISTS", *["app:1"] * 1000)),
        Case("1,000 empty arguments", ("FLUSHALL", *[""] * 1000), ("EXISTS", *[""] * 1000)),
    ],
    passes=["dbsize"],
)
for _case in ARRAYS.cases[-2:]:
    _case.passes = ["exists"]

HIDDEN = Family(
    "hidden in a pipeline",
    "no-wipes",
    ["flushall"],
    [
        Case("between two allowed", GET + WIPE + GET, GET + SIZE + GET),
        Case("behind 1,000 allowed", GET * 1000 + WIPE, GET * 1000 + SIZE),
        Case("before 1,000 allowed", WIPE + GET * 1000, SIZE + GET * 1000),
        Case("cut at the border", [GET, WRITE, WIPE, WRITE, GET], [GET, WRITE, SIZE, WRITE, GET]),
        Case(
            "half of it with the command before",
            cut(GET + WIPE + GET, len(GET) + 10),
            cut(GET + SIZE + GET, len(GET) + 10),
        ),
        Case(
            "behind a value that streams",
            [("SET", "app:9", BIG), WIPE],
            [("SET", "app:9", BIG), SIZE],
            allowed=[("SET", "app:9", BIG)],
        ),
        Case(
            "behind a value that streams, in one write with its end",
            cut(encode("SET", "app:9", BIG) + WIPE, 90000),
            cut(encode("SET", "app:9", BIG) + SIZE, 90000),
            allowed=[("SET", "app:9", BIG)],
        ),
        Case(
            "cut at the end of a value that streams",
            cut(encode("SET", "app:9", BIG) + WIPE, 100000, 100028, 100029),
            cut(encode("SET", "app:9", BIG) + SIZE, 100000, 100028, 100029),
            allowed=[("SET", "app:9", BIG)],
        ),
        Case(
            "behind a value of 1.2 MB",
            [("SET", "app:9", "y" * 1200000), WIPE],
            [("SET", "app:9", "y" * 1200000), SIZE],
            allowed=[("SET", "app:9", "y" * 1200000)],
        ),
        Case(
            "behind a value that streams and an option",
            [("SET", "app:9", BIG, "EX", 100), WIPE],
            [("SET", "app:9", BIG, "EX", 100), SIZE],
            allowed=[("SET", "app:9", BIG, "EX", 100)],
        ),
        Case(
            "behind a streamed value with wrong line ends",
            [b"*3\r\n$3\r\nSET\r\n$5\r\napp:9\r\n$100000\r\n" + BIG.encode() + b"xx", WIPE],
            [("SET", "app:9", BIG), SIZE],
            allowed=[("SET", "app:9", BIG)],
        ),
        Case(
            "a value whose declared length is one short: its end is read as a command",
            [b"*3\r\n$3\r\nSET\r\n$5\r\napp:9\r\n$99998\r\n" + BIG.encode() + WIPE],
            [("SET", "app:9", BIG), SIZE],
            allowed=[("SET", "app:9", BIG[:99998])],
        ),
        Case(
            "a value that declares less than it has, a command in the rest",
            [b"*3\r\n$3\r\nSET\r\n$5\r\napp:9\r\n$4\r\nabcd\r\nFLUSHALL\r\n"],
            [("SET", "app:9", "abcd\r\nFLUSHALL\r\n"), SIZE],
            allowed=["SET app:9 abcd"],
        ),
        Case(
            "a refused command that streams, then another",
            [("FLUSHALL", BIG), WIPE],
            [("ECHO", BIG), SIZE],
        ),
        Case(
            "a refused command that streams and holds commands",
            ("CONFIG", "SET", "hz", "11\r\n" + WIPE.decode() * 9000),
            [("ECHO", WIPE.decode() * 9000), SIZE],
            stop=["config|set", "flushall"],
        ),
        Case(
            "a refused command whose end comes later",
            [*cut(encode("FLUSHALL", BIG), 50000, 99000), WIPE],
            [*cut(encode("ECHO", BIG), 50000, 99000), SIZE],
        ),
        Case(
            "behind an unknown command that streams",
            [("NOSUCH", BIG, BIG), WIPE],
            [("ECHO", BIG), SIZE],
        ),
        Case("behind a wrong number of arguments", ["GET", WIPE], [GET, SIZE]),
        Case("behind an error of Redis", ["LPUSH app:1 x", WIPE], [GET, SIZE]),
        Case(
            "behind a blocking command",
            ["BLPOP app:none 0.01", WIPE],
            ["BLPOP app:none 0.01", SIZE],
        ),
        Case(
            "behind QUIT", ["QUIT", WIPE], [SIZE, "QUIT"], closed="Redis hears nothing behind QUIT"
        ),
        Case(
            "behind QUIT with an argument",
            ["QUIT now", WIPE],
            [SIZE, "QUIT now"],
            closed="Redis hears nothing behind QUIT",
        ),
        Case(
            "behind a refused one",
            ["FLUSHALL", "CONFIG SET hz 11", WIPE],
            [GET, SIZE],
            stop=["flushall", "config|set"],
        ),
        Case("1,000 times", WIPE * 1000, SIZE * 1000),
        Case(
            "inside the value of SET",
            [("SET", "app:9", "\r\n" + WIPE.decode()), WIPE],
            ("SET", "app:9", "\r\n" + WIPE.decode()),
            allowed=[("SET", "app:9", "\r\n" + WIPE.decode())],
            passes="set",
        ),
        Case(
            "behind a SET whose value looks like the end of a bulk",
            [("SET", "app:9", "a\r\n*1\r\n$8\r\nFLUSHALL\r\n"), WIPE],
            ("SET", "app:9", "a\r\n*1\r\n$8\r\nFLUSHALL\r\n"),
            allowed=[("SET", "app:9", "a\r\n*1\r\n$8\r\nFLUSHALL\r\n")],
            passes="set",
        ),
    ],
    passes="dbsize",
)

BEYOND = Family(
    "more than is inspected",
    "small",
    ["flushall", "config|set", "~secret"],
    [
        Case(
            "the last argument is larger than what is inspected",
            ("FLUSHALL", "x" * 70000),
            ("ECHO", "x" * 70000),
        ),
        Case(
            "a sub-command behind a container name that is too long",
            ("CONFIG" + "x" * 70000, "SET", "hz", "11"),
            "EXISTS app:1",
            closed="Redis has no command of such a name",
        ),
        Case(
            "the value of CONFIG SET is larger",
            ("CONFIG", "SET", "hz", "1" * 70000),
            ("SET", "app:9", "1" * 70000),
        ),
        Case(
            "a key beyond what is inspected",
            ("MGET", *["app:1"] * 20000, "secret:1"),
            ("MGET", *["app:1"] * 2000),
        ),
        Case(
            "a key behind a large value",
            ("MSET", "app:1", "x" * 70000, "secret:9", "y"),
            ("SET", "app:1", "x" * 70000),
        ),
        Case(
            "a key that is larger itself",
            ("SET", "secret:" + "x" * 70000, "y"),
            ("SET", "app:" + "x" * 7000, "y"),
        ),
        Case(
            "more arguments than are inspected",
            ("FLUSHALL", *["a"] * 30000),
            ("EXISTS", *["a"] * 2000),
        ),
        Case(
            "a line longer than that",
            b"FLUSHALL" + b" " * 70000 + b"ASYNC\r\n",
            b"EXISTS" + b" " * 7000 + b"app:1\r\n",
            passes="exists",
            closed="Redis takes no such line",
        ),
        Case(
            "behind what is too large",
            [("MGET", *["app:1"] * 20000), WIPE],
            [("MGET", *["app:1"] * 2000), GET],
        ),
        Case(
            "a container alone, its sub-command streams",
            [b"*4\r\n$6\r\nCONFIG\r\n$3\r\nSE", WRITE, b"T\r\n$2\r\nhz\r\n$2\r\n11\r\n"],
            [b"*2\r\n$6\r\nCLIENT\r\n$2\r\nI", WRITE, b"D\r\n"],
            passes="client|id",
        ),
    ],
)

CROSS = Family(
    "a web page's request",
    "no-wipes",
    ["flushall"],
    [
        Case(
            "POST, then a command in the body",
            b"POST / HTTP/1.1\r\nHost: redis\r\n\r\nFLUSHALL\r\n",
            SIZE,
            closed="Redis ends it, too",
        ),
        Case("Host: alone", b"Host: redis\r\nFLUSHALL\r\n", SIZE, closed="Redis ends it, too"),
        Case("post in small letters", b"post /\r\nFLUSHALL\r\n", SIZE, closed="Redis ends it, too"),
        Case("POST as an array", ["POST /", WIPE], SIZE, closed="Redis ends it, too"),
        Case(
            "host: in a pipeline", [PING, b"hOSt: a\r\n", WIPE], SIZE, closed="Redis ends it, too"
        ),
        Case(
            "HTTP's GET, whose lines are commands",
            b"GET / HTTP/1.1\r\nFLUSHALL\r\n\r\n",
            b"GET app:1\r\n\r\n" + SIZE,
        ),
        Case("OPTIONS", b"OPTIONS * HTTP/1.1\r\nFLUSHALL\r\n", b"PING\r\n" + SIZE),
    ],
    passes="dbsize",
)

OUT = Family(
    "behind a rule that disconnects",
    "throw-out",
    ["flushall", "config|set", "set"],
    [
        Case("the command itself", "FLUSHALL", "GET app:1"),
        Case("what stands behind it", ["FLUSHALL", "SET app:9 x"], "GET app:1"),
        Case(
            "what stands behind it in another write",
            ["FLUSHALL", WRITE, "SET app:9 x"],
            "GET app:1",
        ),
        Case(
            "inside MULTI",
            ["MULTI", "FLUSHALL", "SET app:9 x", "EXEC"],
            ["MULTI", "GET app:1", "EXEC"],
            passes="get",
        ),
        Case(
            "EXEC behind it",
            ["MULTI", "SET app:9 x", "FLUSHALL", "EXEC"],
            ["MULTI", "GET app:1", "EXEC"],
            passes="get",
        ),
        Case(
            "in silence",
            ["CLIENT REPLY OFF", "FLUSHALL", "SET app:9 x"],
            ["CLIENT REPLY OFF", "GET app:1"],
            mute=True,
        ),
        Case("with a long argument", [("FLUSHALL", BIG), "SET app:9 x"], ("ECHO", BIG)),
        Case(
            "behind a wait",
            ["PING", Reply(), "CONFIG SET hz 11", "SET app:9 x"],
            ["PING", Reply(), "CONFIG GET hz"],
        ),
    ],
)

FAMILIES = [ARRAYS, HIDDEN, BEYOND, CROSS, OUT]
