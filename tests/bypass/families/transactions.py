"""MULTI and EXEC: what is denied outside is denied inside, and a denied EXEC executes nothing."""

from case import Case, Family, Other, Reply

MARK = "SET app:x 1"
INSIDE = Family(
    "denied inside MULTI",
    "no-wipes",
    ["flushall", "config|set", "set"],
    [
        Case(
            "between MULTI and EXEC",
            ["MULTI", "FLUSHALL", "EXEC"],
            ["MULTI", "DBSIZE", "EXEC"],
            passes=["dbsize", "exec"],
        ),
        Case(
            "behind an allowed one",
            ["MULTI", MARK, "FLUSHALL", "EXEC"],
            ["MULTI", MARK, "DBSIZE", "EXEC"],
        ),
        Case(
            "before an allowed one",
            ["MULTI", "FLUSHALL", MARK, "EXEC"],
            ["MULTI", "DBSIZE", MARK, "EXEC"],
        ),
        Case(
            "with answers in between",
            ["MULTI", Reply(), "FLUSHALL", Reply(), "EXEC"],
            ["MULTI", Reply(), MARK, Reply(), "EXEC"],
        ),
        Case("small letters", ["multi", "flushall", "exec"], ["multi", "dbsize", "exec"]),
        Case(
            "inline MULTI",
            [b"MULTI\r\nFLUSHALL\r\nEXEC\r\n"],
            [b"MULTI\r\nDBSIZE\r\nEXEC\r\n"],
            passes="dbsize",
        ),
        Case(
            "a nested MULTI before it",
            ["MULTI", "MULTI", "FLUSHALL", "EXEC"],
            ["MULTI", "DBSIZE", "EXEC"],
        ),
        Case(
            "a nested MULTI behind it",
            ["MULTI", "FLUSHALL", "MULTI", "EXEC"],
            ["MULTI", "DBSIZE", "EXEC"],
        ),
        Case(
            "WATCH before",
            ["WATCH app:1", "MULTI", "FLUSHALL", "EXEC"],
            ["WATCH app:1", "MULTI", MARK, "EXEC"],
        ),
        Case(
            "WATCH inside",
            ["MULTI", "WATCH app:1", "FLUSHALL", "EXEC"],
            ["MULTI", "DBSIZE", "EXEC"],
        ),
        Case(
            "DISCARD and then EXEC",
            ["MULTI", "FLUSHALL", "DISCARD", "EXEC", "FLUSHALL"],
            ["MULTI", MARK, "DISCARD", "DBSIZE"],
            passes="dbsize",
        ),
        Case(
            "a second transaction behind a spoiled one",
            ["MULTI", "FLUSHALL", "EXEC", "MULTI", "FLUSHALL", "EXEC"],
            ["MULTI", "DBSIZE", "EXEC", "MULTI", "DBSIZE", "EXEC"],
        ),
        Case(
            "EXEC with an argument",
            ["MULTI", "FLUSHALL", "EXEC now"],
            ["MULTI", "DBSIZE", "EXEC"],
            closed="such an EXEC discards the transaction",
        ),
        Case(
            "EXEC with an argument, then EXEC",
            ["MULTI", "FLUSHALL", "EXEC now", "EXEC"],
            ["MULTI", "DBSIZE", "EXEC"],
            closed="such an EXEC discards the transaction",
        ),
        Case(
            "EXEC with an argument, then the command outside",
            ["MULTI", "EXEC now", "FLUSHALL"],
            ["MULTI", "EXEC", "DBSIZE"],
        ),
        Case("EXEC twice", ["MULTI", "FLUSHALL", "EXEC", "EXEC"], ["MULTI", "DBSIZE", "EXEC"]),
        Case(
            "MULTI with an argument", ["MULTI x", "FLUSHALL", "EXEC"], ["MULTI", "DBSIZE", "EXEC"]
        ),
        Case(
            "DISCARD with an argument",
            ["MULTI", "DISCARD x", "FLUSHALL", "EXEC"],
            ["MULTI", "DISCARD", "DBSIZE"],
            passes="dbsize",
            closed="such a DISCARD spoils the transaction",
        ),
        Case(
            "RESET inside",
            ["MULTI", "RESET", "FLUSHALL"],
            ["MULTI", "RESET", "DBSIZE"],
            passes="dbsize",
        ),
        Case(
            "UNWATCH inside",
            ["MULTI", "UNWATCH", "FLUSHALL", "EXEC"],
            ["MULTI", "UNWATCH", "DBSIZE", "EXEC"],
        ),
        Case(
            "CONFIG SET inside",
            ["MULTI", "CONFIG SET hz 11", "EXEC"],
            ["MULTI", "CONFIG GET hz", "EXEC"],
            passes="config|get",
        ),
        Case(
            "without EXEC",
            ["MULTI", "FLUSHALL"],
            ["MULTI", "DBSIZE"],
            mute=True,
            closed="nothing is executed without EXEC",
            passes="multi",
        ),
        Case(
            "QUIT inside",
            ["MULTI", "FLUSHALL", "QUIT"],
            ["MULTI", "DBSIZE", "EXEC", "QUIT"],
            passes="dbsize",
            closed="nothing is executed without EXEC",
        ),
        Case(
            "an unknown command first",
            ["MULTI", "NOSUCH", "FLUSHALL", "EXEC"],
            ["MULTI", "DBSIZE", "EXEC"],
            closed="Redis discards the transaction",
        ),
        Case(
            "CLIENT REPLY OFF before",
            ["CLIENT REPLY OFF", "MULTI", "FLUSHALL", "EXEC"],
            ["CLIENT REPLY OFF", "MULTI", MARK, "EXEC"],
            passes="set",
            mute=True,
        ),
        Case(
            "CLIENT REPLY OFF inside",
            ["MULTI", "CLIENT REPLY OFF", "FLUSHALL", "EXEC"],
            ["MULTI", "CLIENT REPLY OFF", MARK, "EXEC"],
            passes="set",
            mute=True,
        ),
        Case(
            "CLIENT REPLY SKIP before the denied",
            ["MULTI", "CLIENT REPLY SKIP", "FLUSHALL", "EXEC"],
            ["MULTI", "CLIENT REPLY SKIP", MARK, "EXEC"],
            passes="set",
            mute=True,
        ),
        Case(
            "CLIENT REPLY SKIP before MULTI",
            ["CLIENT REPLY SKIP", "MULTI", "FLUSHALL", "EXEC"],
            ["CLIENT REPLY SKIP", "MULTI", MARK, "EXEC"],
            passes="set",
        ),
        Case(
            "queued on one connection, executed on another",
            ["MULTI", "FLUSHALL", Other(["EXEC", "FLUSHALL", Reply(2)]), "EXEC"],
            ["MULTI", "DBSIZE", Other(["PING", Reply()]), "EXEC"],
        ),
        Case(
            "EXEC split from its transaction by an empty request",
            ["MULTI", "FLUSHALL", b"*0\r\n\r\n", "EXEC"],
            ["MULTI", "DBSIZE", b"*0\r\n\r\n", "EXEC"],
        ),
        Case(
            "a hundred allowed ones around",
            ["MULTI", *["PING"] * 50, "FLUSHALL", *["PING"] * 50, "EXEC"],
            ["MULTI", *["PING"] * 50, "DBSIZE", *["PING"] * 50, "EXEC"],
        ),
        Case(
            "a script inside",
            ["MULTI", ("EVAL", "return redis.call('GET', KEYS[1])", 1, "app:1"), "EXEC"],
            ["MULTI", "GET app:1", "EXEC"],
            policy="no-scripts",
            stop=["eval", "get"],
        ),
        Case(
            "a secret key inside",
            ["MULTI", "GET secret:1", "EXEC"],
            ["MULTI", "GET app:1", "EXEC"],
            policy="no-secrets",
            stop="~secret",
        ),
        Case(
            "WATCH of a secret key",
            ["WATCH secret:1"],
            ["WATCH app:1"],
            policy="no-secrets",
            stop="~secret",
            passes="watch",
        ),
        Case(
            "WATCH of a secret key behind others",
            ["WATCH app:1 app:2 secret:1"],
            ["WATCH app:1 app:2"],
            policy="no-secrets",
            stop="~secret",
            passes="watch",
        ),
    ],
    passes="exec",
)

EXEC = Family(
    "denied EXEC",
    "no-exec",
    "set",
    [
        Case("EXEC", ["MULTI", MARK, "EXEC"], ["MULTI", "PING", "DISCARD", MARK]),
        Case("exec in small letters", ["MULTI", MARK, "exec"], [MARK]),
        Case(
            "EXEC with an argument",
            ["MULTI", MARK, "EXEC x"],
            [MARK],
            closed="Redis refuses it, too",
        ),
        Case("EXEC twice", ["MULTI", MARK, "EXEC", "EXEC"], [MARK]),
        Case("EXEC inline", ["MULTI", MARK, b"EXEC\r\n"], ["MULTI", "DISCARD", MARK]),
        Case("EXEC inline in hex", ["MULTI", MARK, b'"\\x45XEC"\r\n'], ["UNWATCH", MARK]),
        Case("a nested MULTI before EXEC", ["MULTI", MARK, "MULTI", "EXEC"], ["WATCH app:1", MARK]),
        Case(
            "CLIENT REPLY OFF before EXEC",
            ["CLIENT REPLY OFF", "MULTI", MARK, "EXEC"],
            ["CLIENT REPLY OFF", MARK],
            mute=True,
        ),
        Case(
            "a new MULTI after the refused EXEC",
            ["MULTI", MARK, "EXEC", "MULTI", MARK, "EXEC"],
            ["MULTI", "DISCARD", MARK],
        ),
        Case(
            "half of EXEC, then the rest",
            ["MULTI", MARK, b"*1\r\n$4\r\nEX", Reply(2), b"EC\r\n"],
            [b"*1\r\n$4\r\nPI", b"NG\r\n", MARK],
        ),
    ],
    passes="set",
)

FAMILIES = [INSIDE, EXEC]
