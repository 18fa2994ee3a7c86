"""Scripts and functions: denied as a category, and by the keys that they declare."""

import hashlib

from case import Case, Family, Reply

LIB = (
    "#!lua name=lib\n"
    "redis.register_function('f', function(keys) return redis.call('GET', keys[1]) end)"
)
LOAD = ("FUNCTION", "LOAD", LIB)
GET = "return redis.call('GET', KEYS[1])"
READ = "return redis.call('GET', 'secret:1')"
READ_SHA = hashlib.sha1(READ.encode()).hexdigest()
WIPE = "return redis.call('FLUSHALL')"

DENIED = Family(
    "scripting denied",
    "no-scripts",
    [
        "flushall",
        "eval",
        "evalsha",
        "eval_ro",
        "evalsha_ro",
        "fcall",
        "fcall_ro",
        "function",
        "script",
    ],
    [
        Case("EVAL", ("EVAL", WIPE, 0), ("ECHO", WIPE)),
        Case("eval", ("eval", WIPE, 0), ("echo", WIPE)),
        Case("EVAL with a key", ("EVAL", GET, 1, "app:1"), "GET app:1"),
        Case("EVAL with a shebang", ("EVAL", "#!lua flags=allow-oom\n" + WIPE, 0), ("ECHO", WIPE)),
        Case("EVAL_RO", ("EVAL_RO", GET, 1, "app:1"), "GET app:1"),
        Case(
            "EVALSHA of nothing",
            "EVALSHA ffffffffffffffffffffffffffffffffffffffff 0",
            "ECHO ffffffff",
        ),
        Case(
            "EVALSHA_RO of nothing",
            "EVALSHA_RO ffffffffffffffffffffffffffffffffffffffff 0",
            "ECHO ffffffff",
        ),
        Case(
            "EVALSHA of a script that is there",
            "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0",
            "GET app:1",
            prepare=[("SCRIPT", "LOAD", "return 1")],
        ),
        Case("SCRIPT LOAD", ("SCRIPT", "LOAD", WIPE), ("ECHO", WIPE)),
        Case("script load in mixed case", ("ScRiPt", "lOaD", WIPE), ("ECHO", WIPE)),
        Case("SCRIPT FLUSH", "SCRIPT FLUSH", "DEL app:1"),
        Case("SCRIPT EXISTS", "SCRIPT EXISTS a", "EXISTS a"),
        Case("SCRIPT KILL", "SCRIPT KILL", "TIME"),
        Case("SCRIPT DEBUG", "SCRIPT DEBUG YES", "TIME"),
        Case("SCRIPT DEBUG SYNC, then EVAL", ["SCRIPT DEBUG NO", ("EVAL", WIPE, 0)], "TIME"),
        Case("FUNCTION LOAD", LOAD, ("ECHO", LIB)),
        Case("FUNCTION LOAD REPLACE", ("FUNCTION", "LOAD", "REPLACE", LIB), ("ECHO", LIB)),
        Case("FUNCTION DELETE", "FUNCTION DELETE lib", "DEL app:1", prepare=[LOAD]),
        Case("FUNCTION FLUSH", "FUNCTION FLUSH ASYNC", "DEL app:1", prepare=[LOAD]),
        Case("FUNCTION DUMP", "FUNCTION DUMP", "DUMP app:1"),
        Case("FUNCTION RESTORE", ("FUNCTION", "RESTORE", b"\xf5\x00"), "GET app:1"),
        Case("FUNCTION LIST", "FUNCTION LIST WITHCODE", "COMMAND COUNT", prepare=[LOAD]),
        Case("FUNCTION STATS", "FUNCTION STATS", "COMMAND COUNT"),
        Case("FUNCTION KILL", "FUNCTION KILL", "COMMAND COUNT"),
        Case("FCALL", "FCALL f 1 app:1", "GET app:1", prepare=[LOAD]),
        Case("FCALL_RO", "FCALL_RO f 1 app:1", "GET app:1", prepare=[LOAD]),
        Case("fcall of a function that isn't there", "fcall g 0", "GET app:1"),
        Case(
            "EVAL inline",
            b"EVAL \"return redis.call('FLUSHALL')\" 0\r\n",
            b"ECHO \"return redis.call('FLUSHALL')\"\r\n",
            passes="echo",
        ),
        Case(
            "EVAL behind CLIENT REPLY SKIP",
            ["CLIENT REPLY SKIP", ("EVAL", WIPE, 0)],
            ["CLIENT REPLY SKIP", "GET app:1"],
        ),
        Case("EVAL with too few arguments", ("EVAL", WIPE), ("ECHO", WIPE)),
        Case(
            "a script that is larger than what streams",
            ("EVAL", WIPE + " -- " + "x" * 100000, 0),
            ("ECHO", "x" * 100000),
        ),
    ],
)

KEYS = Family(
    "declared keys outside a rule",
    "tenant",
    ["eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro", "~secret"],
    [
        Case("EVAL of a key outside", ("EVAL", GET, 1, "secret:1"), ("EVAL", GET, 1, "app:1")),
        Case(
            "behind a key inside",
            ("EVAL", "return redis.call('GET', KEYS[2])", 2, "app:1", "secret:1"),
            ("EVAL", "return redis.call('GET', KEYS[2])", 2, "app:1", "app:2"),
        ),
        Case("no key declared", ("EVAL", READ, 0), ("EVAL", GET, 1, "app:1")),
        Case(
            "a key passed as an argument",
            ("EVAL", "return redis.call('GET', ARGV[1])", 0, "secret:1"),
            ("EVAL", GET, 1, "app:1"),
        ),
        Case(
            "numkeys with a leading zero",
            ("EVAL", GET, "01", "secret:1"),
            ("EVAL", GET, "1", "app:1"),
        ),
        Case(
            "numkeys with a leading zero, a key inside",
            ("EVAL", GET, "01", "app:1"),
            ("EVAL", GET, "1", "app:1"),
            stop="eval",
        ),
        Case("numkeys +1", ("EVAL", GET, "+1", "secret:1"), ("EVAL", GET, "1", "app:1")),
        Case(
            "numkeys with a space before",
            ("EVAL", GET, " 1", "secret:1"),
            ("EVAL", GET, "1", "app:1"),
        ),
        Case(
            "numkeys with a space behind",
            ("EVAL", GET, "1 ", "secret:1"),
            ("EVAL", GET, "1", "app:1"),
        ),
        Case("numkeys in hex", ("EVAL", GET, "0x1", "secret:1"), ("EVAL", GET, "1", "app:1")),
        Case("numkeys 1e0", ("EVAL", GET, "1e0", "secret:1"), ("EVAL", GET, "1", "app:1")),
        Case("numkeys 1.0", ("EVAL", GET, "1.0", "secret:1"), ("EVAL", GET, "1", "app:1")),
        Case("numkeys -1", ("EVAL", GET, "-1", "secret:1"), ("EVAL", GET, "1", "app:1")),
        Case("numkeys -0", ("EVAL", READ, "-0", "app:1"), ("EVAL", GET, "1", "app:1")),
        Case("numkeys 00", ("EVAL", READ, "00"), ("EVAL", GET, "1", "app:1")),
        Case("numkeys empty", ("EVAL", READ, ""), ("EVAL", GET, "1", "app:1")),
        Case(
            "numkeys larger than what follows", ("EVAL", GET, 2, "app:1"), ("EVAL", GET, 1, "app:1")
        ),
        Case(
            "numkeys over 32 bits", ("EVAL", GET, 4294967297, "secret:1"), ("EVAL", GET, 1, "app:1")
        ),
        Case(
            "numkeys over 64 bits",
            ("EVAL", GET, 18446744073709551617, "secret:1"),
            ("EVAL", GET, 1, "app:1"),
        ),
        Case("numkeys with a NUL", ("EVAL", GET, b"1\x00", "secret:1"), ("EVAL", GET, 1, "app:1")),
        Case(
            "EVAL_RO of a key outside",
            ("EVAL_RO", GET, 1, "secret:1"),
            ("EVAL_RO", GET, 1, "app:1"),
        ),
        Case(
            "EVALSHA of a key outside",
            ("EVALSHA", "f" * 40, 1, "secret:1"),
            ("EVAL", GET, 1, "app:1"),
        ),
        Case("FCALL of a key outside", "FCALL f 1 secret:1", "FCALL f 1 app:1", prepare=[LOAD]),
        Case("FCALL_RO without keys", "FCALL_RO f 0 secret:1", "FCALL f 1 app:1", prepare=[LOAD]),
        Case(
            "a key outside, a thousand inside",
            ("EVAL", "return 1", 1001, *["app:1"] * 1000, "secret:1"),
            ("EVAL", "return 1", 1001, *["app:1"] * 1001),
        ),
        Case(
            "EVAL of a secret",
            ("EVAL", GET, 1, "secret:1"),
            ("EVAL", GET, 1, "app:1"),
            policy="no-secrets",
        ),
        Case(
            "EVAL that names no key",
            ("EVAL", READ, 0),
            ("EVAL", GET, 1, "app:1"),
            policy="no-secrets",
        ),
        Case(
            "load it first, then call it by its sum",
            [("SCRIPT", "LOAD", READ), Reply(), f"EVALSHA {READ_SHA} 0"],
            "EXISTS app:1",
            policy="no-secrets",
            stop=["evalsha", "~secret"],
        ),
    ],
)

FAMILIES = [DENIED, KEYS]
