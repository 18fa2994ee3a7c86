"""Rules about Redis's users: every way to be another one than it looks."""

from case import WRITE, Case, Family, Other, Reply

LONG, LONGER = "u" * 127, "u" * 128  # the rule is for the first, and the second begins like it
SET = "SET app:9 x"
ANN, EVE, WRONG = "AUTH ann a-pw", "AUTH eve e-pw", "AUTH ann wrong"

ONLY_ANN = Family(
    "as somebody else",
    "for-ann",
    "set",
    [
        Case("not logged in", SET, [ANN, SET]),
        Case("as another", [EVE, SET], [ANN, SET]),
        Case("with a wrong password, in the same write", [WRONG, SET], [ANN, SET]),
        Case("with a wrong password, answered", [WRONG, Reply(), SET], [ANN, Reply(), SET]),
        Case(
            "with a wrong password, in silence",
            ["CLIENT REPLY OFF", WRONG, SET],
            [ANN, Reply(), "CLIENT REPLY OFF", SET],
            mute=True,
        ),
        Case(
            "with a wrong password, skipped",
            ["CLIENT REPLY SKIP", WRONG, SET],
            [ANN, "CLIENT REPLY SKIP", SET],
        ),
        Case(
            "with a wrong password and the end of sending",
            [WRONG, SET],
            [ANN, Reply(), SET],
            mute=True,
        ),
        Case("first Ann, then another", [ANN, EVE, SET], [EVE, ANN, SET]),
        Case(
            "first Ann, then another, answered",
            [ANN, Reply(), EVE, Reply(), SET],
            [EVE, Reply(), ANN, Reply(), SET],
        ),
        Case(
            "first Ann, then another in silence",
            [ANN, Reply(), "CLIENT REPLY OFF", EVE, SET],
            [ANN, Reply(), "CLIENT REPLY OFF", SET],
            mute=True,
        ),
        Case("first Ann, then RESET", [ANN, "RESET", SET], [ANN, "RESET", ANN, SET]),
        Case(
            "first Ann, then RESET, answered",
            [ANN, "RESET", Reply(2), SET],
            [ANN, "RESET", Reply(2), ANN, SET],
        ),
        Case(
            "first Ann, then RESET in silence",
            [ANN, "CLIENT REPLY OFF", "RESET", SET],
            [ANN, Reply(), "CLIENT REPLY OFF", SET],
            mute=True,
        ),
        Case("the default user by name", ["AUTH default x", SET], [ANN, SET]),
        Case("the old form of AUTH", ["AUTH a-pw", SET], [ANN, SET]),
        Case(
            "HELLO with AUTH as another",
            ["HELLO 3 AUTH eve e-pw", SET],
            ["HELLO 3 AUTH ann a-pw", SET],
        ),
        Case(
            "HELLO with a wrong password",
            ["HELLO 3 AUTH ann wrong", SET],
            ["HELLO 2 AUTH ann a-pw", SET],
        ),
        Case(
            "HELLO with AUTH twice, Ann last and wrong",
            ["HELLO 3 AUTH eve e-pw AUTH ann wrong", SET],
            ["HELLO 3 AUTH eve e-pw AUTH ann a-pw", SET],
        ),
        Case(
            "HELLO with AUTH twice, Ann first",
            ["HELLO 3 AUTH ann a-pw AUTH eve e-pw", SET],
            ["HELLO 3 AUTH ann a-pw AUTH ann a-pw", SET],
        ),
        Case(
            "as Ann, HELLO that logs in as another and fails behind it",
            [ANN, Reply(), "HELLO 3 AUTH eve e-pw NOSUCH", Reply(), SET],
            [ANN, Reply(), "HELLO 3 AUTH eve wrong NOSUCH", Reply(), SET],
        ),
        Case(
            "the same in one write",
            [ANN, "HELLO 3 AUTH eve e-pw NOSUCH", SET],
            [ANN, "HELLO 9 AUTH eve e-pw", SET],
        ),
        Case(
            "as Ann, HELLO that logs in as another with a name that fails",
            [ANN, Reply(), ("HELLO", 3, "AUTH", "eve", "e-pw", "SETNAME", "a b"), Reply(), SET],
            [ANN, Reply(), ("HELLO", 3, "SETNAME", "ab"), Reply(), SET],
        ),
        Case(
            "as Ann, HELLO that logs in as another and then with a wrong password",
            [ANN, Reply(), "HELLO 3 AUTH eve e-pw AUTH ann wrong", Reply(), SET],
            [ANN, Reply(), "HELLO 3 AUTH ann a-pw", Reply(), SET],
        ),
        Case(
            "as Ann, HELLO that ends amid AUTH",
            [ANN, Reply(), "HELLO 3 AUTH eve e-pw AUTH", Reply(), SET],
            [ANN, Reply(), "HELLO 3 AUTH", Reply(), SET],
        ),
        Case(
            "as Ann, HELLO inside MULTI as another",
            [ANN, Reply(), "MULTI", "HELLO 3 AUTH eve e-pw", "EXEC", SET],
            [ANN, Reply(), "MULTI", "HELLO 3", "EXEC", SET],
        ),
        Case(
            "as Ann, HELLO inside MULTI as another, failing behind the login",
            [ANN, Reply(), "MULTI", "HELLO 3 AUTH eve e-pw NOSUCH", "EXEC", Reply(3), SET],
            [ANN, Reply(), "MULTI", "HELLO 3 NOSUCH", "EXEC", Reply(3), SET],
        ),
        Case(
            "as Ann, another by HELLO that fails, in silence",
            [ANN, Reply(), "CLIENT REPLY OFF", "HELLO 3 AUTH eve e-pw NOSUCH", SET],
            [ANN, Reply(), "CLIENT REPLY OFF", "HELLO 3", SET],
            mute=True,
        ),
        Case(
            "as Ann, another skipped",
            [ANN, Reply(), "CLIENT REPLY SKIP", EVE, SET],
            [ANN, Reply(), "CLIENT REPLY SKIP", "PING", SET],
        ),
        Case(
            "as Ann, another in a transaction in silence",
            [ANN, Reply(), "CLIENT REPLY OFF", "MULTI", EVE, "EXEC", SET],
            [ANN, Reply(), "CLIENT REPLY OFF", "MULTI", "PING", "EXEC", SET],
            mute=True,
        ),
        Case(
            "as Ann, another in a MULTI that Redis refuses",
            [ANN, Reply(), "MULTI", EVE, "DISCARD", SET],
            [ANN, Reply(), "MULTI", "PING", "DISCARD", SET],
            prepare=["ACL SETUSER ann -multi"],
        ),
        Case(
            "as Ann, another in a MULTI that Redis refuses, answered",
            [ANN, Reply(), "MULTI", EVE, "DISCARD", Reply(3), SET],
            [ANN, Reply(), "MULTI", "PING", "DISCARD", Reply(3), SET],
            prepare=["ACL SETUSER ann -multi"],
        ),
        Case(
            "as Ann, another in a MULTI that Redis refuses, in silence",
            [ANN, Reply(), "CLIENT REPLY OFF", "MULTI", EVE, "DISCARD", SET],
            [ANN, Reply(), "CLIENT REPLY OFF", "PING", SET],
            prepare=["ACL SETUSER ann -multi"],
            mute=True,
        ),
        Case(
            "as Ann, another in a MULTI with a wrong number of arguments, in silence",
            [ANN, Reply(), "CLIENT REPLY OFF", "MULTI x", EVE, "DISCARD", SET],
            [ANN, Reply(), "CLIENT REPLY OFF", "MULTI", "DISCARD", SET],
            mute=True,
        ),
        Case(
            "as Ann, another that is heard of too late",
            [
                ANN,
                Reply(),
                "CLIENT REPLY OFF",
                EVE,
                "CLIENT REPLY ON",
                Reply(),
                WRONG,
                Reply(),
                SET,
            ],
            [
                ANN,
                Reply(),
                "CLIENT REPLY OFF",
                "PING",
                "CLIENT REPLY ON",
                Reply(),
                ANN,
                Reply(),
                SET,
            ],
        ),
        Case(
            "as Ann, EXEC that Redis refuses amid a change of users",
            [ANN, Reply(), "MULTI", ANN, "GET", "EXEC", EVE, SET],
            [ANN, Reply(), "MULTI", ANN, "EXEC", SET],
        ),
        Case(
            "as another, a transaction that Redis discards, in silence",
            [EVE, Reply(), "CLIENT REPLY OFF", "MULTI", ANN, "GET", "EXEC", SET],
            [ANN, Reply(), "CLIENT REPLY OFF", "MULTI", "PING", "EXEC", SET],
            mute=True,
        ),
        Case(
            "AUTH inside MULTI",
            ["MULTI", ANN, SET, "EXEC"],
            [ANN, "MULTI", SET, "EXEC"],
            passes="set",
        ),
        Case(
            "AUTH inside MULTI that is discarded",
            ["MULTI", ANN, "DISCARD", SET],
            [ANN, "MULTI", "DISCARD", SET],
        ),
        Case(
            "AUTH with a wrong password inside MULTI",
            ["MULTI", WRONG, "EXEC", SET],
            [ANN, "MULTI", "EXEC", SET],
        ),
        Case(
            "another inside MULTI, used behind it",
            [ANN, "MULTI", EVE, "EXEC", SET],
            [ANN, "MULTI", ANN, "EXEC", SET],
        ),
        Case("another's name in large letters", ["AUTH ANN a-pw", SET], ["auth ann a-pw", SET]),
        Case(
            "Ann's name with a NUL",
            [("AUTH", b"ann\x00", "a-pw"), SET],
            [("AUTH", b"ann", "a-pw"), SET],
        ),
        Case(
            "a name that begins like the rule's",
            [f"AUTH {LONGER} m-pw", SET],
            [f"AUTH {LONG} l-pw", SET],
        ),
        Case(
            "a name that begins like the rule's, answered",
            [f"AUTH {LONGER} m-pw", Reply(), SET],
            [f"AUTH {LONG} l-pw", Reply(), SET],
        ),
        Case(
            "the same by HELLO",
            [f"HELLO 3 AUTH {LONGER} m-pw", SET],
            [f"HELLO 3 AUTH {LONG} l-pw", SET],
        ),
        Case(
            "on a second connection of Ann's",
            [ANN, Reply(), Other([SET, Reply()])],
            [ANN, Reply(), Other([ANN, SET, Reply(2)])],
        ),
        Case(
            "a value that streams behind a wrong password",
            [WRONG, ("SET", "app:9", "x" * 100000)],
            [ANN, ("SET", "app:9", "x" * 100000)],
        ),
        Case(
            "AUTH cut in two around the command's beginning",
            [
                b"*3\r\n$4\r\nAUTH\r\n$3\r\nann\r\n$5\r\nwr",
                WRITE,
                b"ong\r\n*3\r\n$3\r\nSET\r\n$5\r\napp:9\r\n$1\r\nx\r\n",
            ],
            [
                b"*3\r\n$4\r\nAUTH\r\n$3\r\nann\r\n$4\r\na-",
                WRITE,
                b"pw\r\n*3\r\n$3\r\nSET\r\n$5\r\napp:9\r\n$1\r\nx\r\n",
            ],
            passes="set",
        ),
        Case("AUTH with too many arguments", [ANN + " more", SET], [ANN, SET]),
        Case(
            "many wrong passwords, then in silence",
            [*[WRONG] * 20, "CLIENT REPLY OFF", WRONG, SET],
            [ANN, Reply(), "CLIENT REPLY OFF", SET],
            mute=True,
        ),
    ],
)

NOT_EVE = Family(
    "as somebody who is kept out",
    "not-for-eve",
    ["set", "get"],
    [
        Case("as Eve", [EVE, SET], [ANN, SET]),
        Case("as Eve, answered", [EVE, Reply(), SET], [ANN, Reply(), SET]),
        Case("as Eve by HELLO", ["HELLO 2 AUTH eve e-pw", SET], ["HELLO 2 AUTH ann a-pw", SET]),
        Case(
            "as Eve by HELLO that fails behind the login",
            [ANN, Reply(), "HELLO 3 AUTH eve e-pw NOSUCH", Reply(), SET],
            [ANN, Reply(), "HELLO 3 NOSUCH", Reply(), SET],
        ),
        Case(
            "as Eve by a HELLO whose name fails",
            [ANN, Reply(), ("HELLO", 3, "AUTH", "eve", "e-pw", "SETNAME", "a\nb"), Reply(), SET],
            [ANN, Reply(), ("HELLO", 3, "SETNAME", "ab"), Reply(), SET],
        ),
        Case(
            "as Eve by a HELLO whose second login fails",
            [ANN, Reply(), "HELLO 3 AUTH eve e-pw AUTH ann wrong", Reply(), SET],
            [ANN, Reply(), "HELLO 3 AUTH ann a-pw", Reply(), SET],
        ),
        Case(
            "Eve in silence",
            ["CLIENT REPLY OFF", EVE, SET],
            [ANN, Reply(), "CLIENT REPLY OFF", SET],
            mute=True,
        ),
        Case("Eve, then a wrong login as Ann", [EVE, WRONG, SET], [EVE, ANN, SET]),
        Case(
            "Eve, then a wrong login as Ann in silence",
            [EVE, Reply(), "CLIENT REPLY OFF", WRONG, SET],
            [ANN, Reply(), "CLIENT REPLY OFF", SET],
            mute=True,
        ),
        Case("Eve inside MULTI", ["MULTI", EVE, "EXEC", SET], [ANN, "MULTI", ANN, "EXEC", SET]),
        Case(
            "Eve, then a RESET inside MULTI that never comes",
            [EVE, "MULTI", SET, "EXEC"],
            [ANN, "MULTI", SET, "EXEC"],
            passes="set",
        ),
        Case(
            "Eve, then HELLO without a login",
            [EVE, "HELLO 3", "GET app:1"],
            [EVE, "HELLO 3 AUTH ann a-pw", "GET app:1"],
        ),
    ],
)

FAMILIES = [ONLY_ANN, NOT_EVE]
