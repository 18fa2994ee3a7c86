"""Names in other spellings: case, quotes, escapes, unicode, NUL, control bytes, and the inline form
in which Redis takes a command from a line of text."""

from case import Case, Family, one_by_one, WRITE


def inline(how, attempt, twin, **options):
    return Case(how, attempt, twin, **options)


CASE_OF_LETTERS = Family(
    "case of letters",
    "no-wipes",
    "flushall",
    [
        Case("all small", "flushall", "get app:1"),
        Case("all large", "FLUSHALL", "GET app:1"),
        Case("mixed", "fLuShAlL", "gEt app:1"),
        Case("only the last letter large", "flushalL", "geT app:1"),
        Case("with an option in small letters", "FLUSHALL async", "DEL app:1"),
        Case("with SYNC", "Flushall SYNC", "UNLINK app:1"),
        Case("flushdb mixed", "FlushDB", "DbSize", stop="flushdb"),
        Case("flushdb with ASYNC", "flushdb ASYNC", "dbsize", stop="flushdb"),
        Case("swapdb mixed", "sWaPdB 0 1", "eXiStS app:1", stop="swapdb"),
        Case(
            "a sub-command mixed",
            "config SeT maxmemory 0",
            "config GeT maxmemory",
            stop="config|set",
            passes="config|get",
        ),
        Case(
            "container large, sub-command small",
            "CONFIG set hz 11",
            "CONFIG get hz",
            stop="config|set",
            passes="config|get",
        ),
        Case(
            "CLIENT KILL mixed",
            "cLIENT kILL ID 999999",
            "cLIENT iD",
            stop="client|kill",
            passes="client|id",
        ),
        Case(
            "CLIENT PAUSE small",
            "client pause 1",
            "client info",
            stop="client|pause",
            passes="client|info",
        ),
    ],
)

INLINE = Family(
    "inline form",
    "no-wipes",
    "flushall",
    [
        inline("a plain line", b"FLUSHALL\r\n", b"GET app:1\r\n"),
        inline("LF without CR", b"FLUSHALL\n", b"GET app:1\n"),
        inline("double quotes", b'"FLUSHALL"\r\n', b'"GET" app:1\r\n'),
        inline("single quotes", b"'FLUSHALL'\r\n", b"'GET' app:1\r\n"),
        inline("a hex escape for a letter", b'"\\x46LUSHALL"\r\n', b'"\\x47ET" app:1\r\n'),
        inline(
            "hex escapes for all letters",
            b'"\\x46\\x4c\\x55\\x53\\x48\\x41\\x4c\\x4c"\r\n',
            b'"\\x47\\x45\\x54" app:1\r\n',
        ),
        inline(
            "hex escapes with large digits",
            b'"\\x66\\x6C\\x75shall"\r\n',
            b'"\\x67e\\x74" app:1\r\n',
        ),
        inline("a needless backslash", b'"FLUSH\\ALL"\r\n', b'"G\\ET" app:1\r\n'),
        inline(
            "a backslash before a letter that stands for itself",
            b'"F\\LUSHALL"\r\n',
            b'"\\GET" app:1\r\n',
        ),
        inline("spaces before", b"   FLUSHALL\r\n", b"   GET app:1\r\n"),
        inline("a tab before", b"\tFLUSHALL\r\n", b"\tGET app:1\r\n"),
        inline(
            "vertical tab and form feed before", b"\x0b\x0cFLUSHALL\r\n", b"\x0b\x0cGET app:1\r\n"
        ),
        inline("spaces and tabs behind", b"FLUSHALL \t \r\n", b"GET app:1 \t \r\n"),
        inline("a tab before the option", b"FLUSHALL\tASYNC\r\n", b"GET\tapp:1\r\n"),
        inline(
            "a form feed, which ends no word",
            b"FLUSHALL\x0cASYNC\r\n",
            b"GET app:1\x0c\r\n",
            stop="?",
        ),
        inline(
            "a NUL before the end of the line",
            b"FLUSHALL\x00\r\n",
            b"GET app:1\r\n",
            mute=True,
            closed="Redis looks for the end of the line only up to the NUL",
        ),
        inline(
            "a NUL, and the line goes on",
            b"PING\x00\r\nFLUSHALL\r\n",
            b"PING\r\nGET app:1\r\n",
            mute=True,
            closed="Redis looks for the end of the line only up to the NUL",
        ),
        inline("a CR amid the line", b"FLUSHALL\rASYNC\r\n", b"GET\rapp:1\r\n"),
        inline("two CRs at the end", b"FLUSHALL\r\r\n", b"GET app:1\r\r\n"),
        inline("empty lines before", b"\r\n\r\n\r\nFLUSHALL\r\n", b"\r\n\r\n\r\nGET app:1\r\n"),
        inline("empty lines of LF before", b"\n\n\nFLUSHALL\n", b"\n\n\nGET app:1\n"),
        inline("a line of spaces before", b"    \r\nFLUSHALL\r\n", b"    \r\nGET app:1\r\n"),
        inline("an empty quoted word before", b'""\r\nFLUSHALL\r\n', b'PING ""\r\nGET app:1\r\n'),
        inline(
            "a quoted option with an escape", b'FLUSHALL "\\x41SYNC"\r\n', b'GET "\\x61pp:1"\r\n'
        ),
        inline("behind a line that is allowed", b"PING\r\nFLUSHALL\r\n", b"PING\r\nGET app:1\r\n"),
        inline(
            "between two arrays",
            b"*1\r\n$4\r\nPING\r\nFLUSHALL\r\n*1\r\n$4\r\nPING\r\n",
            b"*1\r\n$4\r\nPING\r\nGET app:1\r\n*1\r\n$4\r\nPING\r\n",
        ),
        inline(
            "an array behind a line",
            b"GET app:1\r\n*1\r\n$8\r\nFLUSHALL\r\n",
            b"GET app:1\r\n*1\r\n$6\r\nDBSIZE\r\n",
        ),
        inline("byte by byte", one_by_one(b"FLUSHALL\r\n"), one_by_one(b"GET app:1\r\n")),
        inline(
            "byte by byte with an escape",
            one_by_one(b'"\\x46LUSHALL"\r\n'),
            one_by_one(b'"\\x47ET" app:1\r\n'),
        ),
        inline(
            "CR and LF in two writes", [b"FLUSHALL\r", WRITE, b"\n"], [b"GET app:1\r", WRITE, b"\n"]
        ),
        inline(
            "a sub-command in quotes",
            b"CONFIG 'SET' hz 11\r\n",
            b"CONFIG 'GET' hz\r\n",
            stop="config|set",
            passes="config|get",
        ),
        inline(
            "a sub-command in hex",
            b'CONFIG "\\x53\\x45\\x54" hz 11\r\n',
            b'CONFIG "\\x47\\x45\\x54" hz\r\n',
            stop="config|set",
            passes="config|get",
        ),
        inline(
            "a line of 60 KB",
            b"FLUSHALL" + b" " * 60000 + b"ASYNC\r\n",
            b"GET" + b" " * 60000 + b"app:1\r\n",
        ),
        inline(
            "60 KB of spaces before",
            b" " * 60000 + b"FLUSHALL\r\n",
            b" " * 60000 + b"GET app:1\r\n",
        ),
    ],
    passes="get",
)

NAMES = Family(
    "names that only look alike",
    "no-wipes",
    ["?", "flushall", "config|set"],
    [
        Case("a NUL behind the name", (b"FLUSHALL\x00",), (b"GET", "app:1\x00")),
        Case("a NUL and more behind the name", (b"flushall\x00x",), ("get", "app:1")),
        Case("a NUL before the name", (b"\x00flushall",), ("get", b"\x00app:1")),
        Case("a NUL amid the name", (b"flush\x00all",), ("get", b"app\x00:1")),
        Case("a space behind the name", ("FLUSHALL ",), ("GET", "app:1 ")),
        Case("a space before the name", (" FLUSHALL",), ("GET", " app:1")),
        Case("CR LF behind the name", ("FLUSHALL\r\n",), ("GET", "app:1\r\n")),
        Case("a tab behind the name", ("FLUSHALL\t",), ("GET", "app:1\t")),
        Case("a backspace over a letter", ("FLUSHALLX\b",), ("GET", "X\b")),
        Case("an escape sequence before", ("\x1b[0mFLUSHALL",), ("GET", "\x1b[0m")),
        Case("fullwidth letters", ("ＦＬＵＳＨＡＬＬ",), ("GET", "ＦＬＵＳＨＡＬＬ")),
        Case("a Cyrillic A", ("FLUSHАLL",), ("GET", "FLUSHАLL")),
        Case("a long s, which folds to s", ("fluſhall",), ("get", "fluſhall")),
        Case("a zero width space", ("FLUSH\u200bALL",), ("GET", "FLUSH\u200bALL")),
        Case("a byte order mark before", ("\ufeffFLUSHALL",), ("GET", "\ufeff")),
        Case("the eighth bit set", (bytes(c | 128 for c in b"FLUSHALL"),), ("GET", b"\xc6\xcc")),
        Case("the name as a sub-command", ("FLUSHALL|ASYNC",), ("GET", "FLUSHALL|ASYNC")),
        Case("the table's own spelling", ("config|set", "hz", "11"), ("config", "get", "hz")),
        Case("the same with a tail", ("CONFIG|SET", "hz", "11"), ("CONFIG", "GET", "hz")),
        Case(
            "container and sub-command as one word",
            ("CONFIG SET", "hz", "11"),
            ("CONFIG", "GET", "hz"),
        ),
        Case("an empty name", ("",), ("ECHO", "")),
        Case(
            "an empty name, then the command as an argument", ("", "FLUSHALL"), ("ECHO", "FLUSHALL")
        ),
        Case("a name of 200 letters", ("F" * 200,), ("ECHO", "F" * 200)),
        Case("a category", ("@dangerous",), ("ECHO", "@dangerous")),
        Case("a star", ("*",), ("ECHO", "*")),
        Case("the name with a minus", ("-flushall",), ("ECHO", "-flushall")),
        Case("quotes in an array are no quotes", ('"FLUSHALL"',), ("ECHO", '"FLUSHALL"')),
        Case("an escape in an array is no escape", ("\\x46LUSHALL",), ("ECHO", "\\x46LUSHALL")),
        Case("one letter short", ("FLUSHAL",), ("ECHO", "FLUSHAL")),
        Case("one letter more", ("FLUSHALLL",), ("ECHO", "FLUSHALLL")),
        Case(
            "a sub-command with a NUL", ("CONFIG", b"SET\x00", "hz", "11"), ("CONFIG", "GET", "hz")
        ),
        Case("a sub-command with a space", ("CONFIG", "SET ", "hz", "11"), ("CONFIG", "GET", "hz")),
        Case(
            "a sub-command in fullwidth letters",
            ("CONFIG", "ＳＥＴ", "hz", "11"),
            ("CONFIG", "GET", "hz"),
        ),
    ],
)

FAMILIES = [CASE_OF_LETTERS, INLINE, NAMES]
