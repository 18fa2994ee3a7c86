"""The modes of a connection around denied commands: answers switched off or skipped, RESP3, no
touch, no eviction, tracking, subscribed, monitoring, blocked, reset, closed by half."""

from case import WRITE, Case, Family, Other, Reply

REPLY_MODES = Family(
    "answers switched off",
    "no-wipes",
    ["flushall", "config|set"],
    [
        Case(
            "CLIENT REPLY OFF before",
            ["CLIENT REPLY OFF", "FLUSHALL"],
            ["CLIENT REPLY OFF", "DBSIZE"],
            mute=True,
        ),
        Case(
            "CLIENT REPLY SKIP before",
            ["CLIENT REPLY SKIP", "FLUSHALL"],
            ["CLIENT REPLY SKIP", "DBSIZE"],
        ),
        Case(
            "SKIP of SKIP",
            ["CLIENT REPLY SKIP", "CLIENT REPLY SKIP", "FLUSHALL"],
            ["CLIENT REPLY SKIP", "CLIENT REPLY SKIP", "DBSIZE"],
        ),
        Case(
            "OFF, the command, ON",
            ["CLIENT REPLY OFF", "FLUSHALL", "CLIENT REPLY ON"],
            ["CLIENT REPLY OFF", "DBSIZE", "CLIENT REPLY ON"],
            passes="dbsize",
        ),
        Case(
            "ON behind OFF",
            ["CLIENT REPLY OFF", "CLIENT REPLY ON", Reply(), "FLUSHALL"],
            ["CLIENT REPLY OFF", "CLIENT REPLY ON", Reply(), "DBSIZE"],
        ),
        Case(
            "SKIP in small letters",
            ["client reply skip", "flushall"],
            ["client reply skip", "dbsize"],
        ),
        Case(
            "SKIP inline",
            b"CLIENT REPLY SKIP\r\nFLUSHALL\r\n",
            b"CLIENT REPLY SKIP\r\nDBSIZE\r\n",
            passes="dbsize",
        ),
        Case(
            "OFF with a wrong mode first",
            ["CLIENT REPLY NONE", "FLUSHALL"],
            ["CLIENT REPLY NONE", "DBSIZE"],
        ),
        Case(
            "SKIP and an empty request",
            ["CLIENT REPLY SKIP", b"*0\r\n", "FLUSHALL"],
            ["CLIENT REPLY SKIP", b"*0\r\n", "DBSIZE"],
        ),
        Case(
            "OFF, many of them",
            ["CLIENT REPLY OFF", *["FLUSHALL"] * 300],
            ["CLIENT REPLY OFF", *["DBSIZE"] * 300],
            mute=True,
        ),
        Case(
            "SKIP before CONFIG SET",
            ["CLIENT REPLY SKIP", "CONFIG SET hz 11"],
            ["CLIENT REPLY SKIP", "CONFIG GET hz"],
        ),
        Case(
            "OFF, RESET, the command",
            ["CLIENT REPLY OFF", "RESET", "FLUSHALL"],
            ["CLIENT REPLY OFF", "RESET", "DBSIZE"],
        ),
        Case(
            "OFF and a large value",
            ["CLIENT REPLY OFF", ("SET", "app:9", "x" * 100000), "FLUSHALL"],
            ["CLIENT REPLY OFF", ("SET", "app:9", "x" * 100000), "DBSIZE"],
            mute=True,
            allowed=[("SET", "app:9", "x" * 100000)],
        ),
    ],
)

OTHER_MODES = Family(
    "other modes of a connection",
    "no-wipes",
    ["flushall", "flushdb", "swapdb"],
    [
        Case(
            "CLIENT NO-EVICT", ["CLIENT NO-EVICT ON", "FLUSHALL"], ["CLIENT NO-EVICT ON", "DBSIZE"]
        ),
        Case(
            "CLIENT NO-TOUCH, which Redis 7.0 lacks",
            ["CLIENT NO-TOUCH ON", "FLUSHALL"],
            ["CLIENT NO-EVICT OFF", "DBSIZE"],
        ),
        Case(
            "CLIENT TRACKING", ["CLIENT TRACKING ON", "FLUSHALL"], ["CLIENT TRACKING OFF", "DBSIZE"]
        ),
        Case(
            "CLIENT TRACKING and CACHING",
            ["CLIENT TRACKING ON OPTIN", "CLIENT CACHING YES", "FLUSHALL"],
            ["CLIENT TRACKING OFF", "DBSIZE"],
        ),
        Case(
            "CLIENT SETNAME with the name of a rule",
            ["CLIENT SETNAME no-wipes", "FLUSHALL"],
            ["CLIENT SETNAME no-wipes", "DBSIZE"],
        ),
        Case("RESP3", ["HELLO 3", "FLUSHALL"], ["HELLO 3", "DBSIZE"]),
        Case("RESP3, answered", ["HELLO 3", Reply(), "FLUSHALL"], ["HELLO 3", Reply(), "DBSIZE"]),
        Case("back to RESP2", ["HELLO 3", "HELLO 2", "FLUSHALL"], ["HELLO 3", "HELLO 2", "DBSIZE"]),
        Case("HELLO that is refused", ["HELLO 9", "FLUSHALL"], ["HELLO 2", "DBSIZE"]),
        Case(
            "while subscribed in RESP2",
            ["SUBSCRIBE a", Reply(), "FLUSHALL"],
            ["SUBSCRIBE a", Reply(), "UNSUBSCRIBE", Reply(), "DBSIZE"],
        ),
        Case(
            "while subscribed in RESP3",
            ["HELLO 3", "SUBSCRIBE a", Reply(2), "FLUSHALL"],
            ["HELLO 3", "SUBSCRIBE a", Reply(2), "DBSIZE"],
        ),
        Case(
            "behind UNSUBSCRIBE",
            ["SUBSCRIBE a", "UNSUBSCRIBE", "FLUSHALL"],
            ["SUBSCRIBE a", "UNSUBSCRIBE", "DBSIZE"],
        ),
        Case(
            "behind UNSUBSCRIBE of what was never subscribed",
            ["UNSUBSCRIBE", "PUNSUBSCRIBE", "FLUSHALL"],
            ["UNSUBSCRIBE", "PUNSUBSCRIBE", "DBSIZE"],
        ),
        Case("behind RESET", ["RESET", "FLUSHALL"], ["RESET", "DBSIZE"]),
        Case(
            "behind RESET while subscribed",
            ["SUBSCRIBE a", Reply(), "RESET", "FLUSHALL"],
            ["SUBSCRIBE a", Reply(), "RESET", "DBSIZE"],
        ),
        Case("while monitoring", ["MONITOR", Reply(), "FLUSHALL"], ["RESET", Reply(), "DBSIZE"]),
        Case(
            "behind RESET out of MONITOR",
            ["MONITOR", Reply(), "RESET", "FLUSHALL"],
            ["RESET", Reply(), "DBSIZE"],
        ),
        Case(
            "as a replica",
            ["REPLCONF capa eof", "SYNC", "FLUSHALL"],
            ["REPLCONF capa eof", "DBSIZE"],
            mute=True,
        ),
        Case(
            "while blocked", ["BLPOP app:none 0.02", "FLUSHALL"], ["BLPOP app:none 0.02", "DBSIZE"]
        ),
        Case(
            "with the sending side closed",
            [b"*1\r\n$8\r\nFLUSHALL\r\n"],
            [b"*1\r\n$6\r\nDBSIZE\r\n"],
            mute=True,
            passes="dbsize",
        ),
        Case("in another database", ["SELECT 1", "FLUSHDB"], ["SELECT 1", "DBSIZE"]),
        Case(
            "on a second connection while the first is in MULTI",
            ["MULTI", Other(["FLUSHALL", Reply()]), "EXEC"],
            ["MULTI", Other(["DBSIZE", Reply()]), "EXEC"],
            passes="dbsize",
        ),
        Case(
            "on a second connection, pieces of both in turn",
            [
                b"*1\r\n$8\r\nFLU",
                Other([b"*1\r\n$7\r\nFLUS", WRITE, b"HDB\r\n", Reply()]),
                b"SHALL\r\n",
            ],
            [
                b"*1\r\n$6\r\nDBS",
                Other([b"*1\r\n$6\r\nDBS", WRITE, b"IZE\r\n", Reply()]),
                b"IZE\r\n",
            ],
            passes="dbsize",
        ),
        Case("READONLY", ["READONLY", "FLUSHALL"], ["PING", "DBSIZE"]),
        Case("ASKING", ["ASKING", "FLUSHALL"], ["PING", "DBSIZE"]),
        Case("WAIT", ["WAIT 0 1", "FLUSHALL"], ["WAIT 0 1", "DBSIZE"]),
        Case(
            "by asking what the command's keys are",
            ["COMMAND GETKEYS FLUSHALL", "FLUSHALL"],
            ["COMMAND GETKEYS GET a", "DBSIZE"],
        ),
    ],
)

REPLICATION = Family(
    "a stream that becomes raw",
    "no-secrets",
    ["sync", "psync", "monitor"],
    [
        Case("SYNC", "SYNC", "PING", mute=True),
        Case("PSYNC", "PSYNC ? -1", "PING", mute=True),
        Case("psync in small letters", "psync ? -1", "ping", mute=True),
        Case("SYNC inline", b"SYNC\r\n", b"PING\r\n", mute=True, passes="ping"),
        Case("SYNC inline in hex", b'"\\x53YNC"\r\n', b'"\\x50ING"\r\n', mute=True, passes="ping"),
        Case(
            "a replica's whole greeting",
            ["PING", "REPLCONF listening-port 1", "REPLCONF capa eof capa psync2", "PSYNC ? -1"],
            ["PING", "ECHO a"],
            mute=True,
        ),
        Case(
            "with an offset of its own",
            "PSYNC 0000000000000000000000000000000000000000 1",
            "ECHO a",
            mute=True,
        ),
        Case(
            "SYNC inside MULTI", ["MULTI", "SYNC", "EXEC"], ["MULTI", "PING", "EXEC"], passes="exec"
        ),
        Case(
            "SYNC behind CLIENT REPLY OFF",
            ["CLIENT REPLY OFF", "SYNC"],
            ["CLIENT REPLY OFF", "PING"],
            mute=True,
        ),
        Case("FAILOVER's PSYNC", "PSYNC ? -1 FAILOVER", "ECHO a", mute=True),
        Case("MONITOR", "MONITOR", "PING", mute=True),
        Case("MONITOR in RESP3", ["HELLO 3", "MONITOR"], ["HELLO 3", "PING"], mute=True),
        Case(
            "MONITOR inside MULTI",
            ["MULTI", "MONITOR", "EXEC"],
            ["MULTI", "PING", "EXEC"],
            passes="exec",
            mute=True,
        ),
    ],
)

LOGINS = Family(
    "logins",
    "no-logins",
    ["auth", "hello", "reset", "acl"],
    [
        Case("AUTH with a password", "AUTH x", "ECHO x"),
        Case(
            "AUTH with a user",
            "AUTH eve pw",
            "ECHO pw",
            prepare=["ACL SETUSER eve on >pw +@all ~*"],
        ),
        Case(
            "auth in small letters",
            "auth eve pw",
            "echo pw",
            prepare=["ACL SETUSER eve on >pw +@all ~*"],
        ),
        Case(
            "AUTH inline",
            b"AUTH eve pw\r\n",
            b"ECHO pw\r\n",
            passes="echo",
            prepare=["ACL SETUSER eve on >pw +@all ~*"],
        ),
        Case(
            "HELLO with AUTH",
            "HELLO 3 AUTH eve pw",
            "PING",
            prepare=["ACL SETUSER eve on >pw +@all ~*"],
        ),
        Case(
            "HELLO with SETNAME and AUTH",
            "HELLO 2 SETNAME a AUTH eve pw",
            "CLIENT SETNAME a",
            prepare=["ACL SETUSER eve on >pw +@all ~*"],
        ),
        Case(
            "HELLO with AUTH twice",
            "HELLO 3 AUTH eve no AUTH eve pw",
            "PING",
            prepare=["ACL SETUSER eve on >pw +@all ~*"],
        ),
        Case("HELLO without a version", "HELLO", "PING"),
        Case("RESET", "RESET", "PING"),
        Case("RESET in mixed case", "rEsEt", "PING"),
        Case(
            "AUTH in silence",
            ["CLIENT REPLY OFF", "AUTH eve pw"],
            ["CLIENT REPLY OFF", "PING"],
            mute=True,
            prepare=["ACL SETUSER eve on >pw +@all ~*"],
        ),
        Case("AUTH with too many arguments", "AUTH eve pw more", "ECHO pw"),
        Case("who one is", "ACL WHOAMI", "CLIENT INFO"),
        Case("a user of one's own", "ACL SETUSER eve on nopass +@all ~*", "CLIENT SETNAME eve"),
        Case("a password", "ACL GENPASS", "PING"),
        Case("a category", "ACL CAT", "COMMAND COUNT"),
    ],
)

FAMILIES = [REPLY_MODES, OTHER_MODES, REPLICATION, LOGINS]
