"""Ways to pass a secret through Redis's protocol: right ones, misspelt ones, and tricks.

`FORMS` is a list of Form: a name, and a function that makes the bytes to send of the secret (bytes
without spaces). Each form is meant for a connection of its own.
"""

import collections

from wire import encode

Form = collections.namedtuple("Form", "name make")

MARK = b"{}"  # where the secret stands
LARGE = 3 << 20  # bytes; beyond what an agent looks at in one piece


def words(line):
    """A form whose words are those of `line`, {} being the secret and '' the empty word."""

    def make(secret):
        parts = line.encode().split(b" ")
        return encode(*[b"" if part == b"''" else part.replace(MARK, secret) for part in parts])

    return Form(line, make)


def arguments(name, *parts):
    """A form of these arguments, {} being the secret."""
    raw = [part.encode("latin-1") for part in parts]
    return Form(name, lambda secret: encode(*[part.replace(MARK, secret) for part in raw]))


def bytes_of(name, text):
    """A form of these bytes, {} being the secret."""
    raw = text.encode("latin-1")
    return Form(name, lambda secret: raw.replace(MARK, secret))


def hexadecimal(secret):
    return b"".join(b"\\x%02x" % byte for byte in secret)


def in_turn(name, *lines):
    """Several commands in one go; each line as for words()."""
    forms = [words(line) for line in lines]
    return Form(name, lambda secret: b"".join(form.make(secret) for form in forms))


LOGIN = [
    words("AUTH {}"),
    words("auth {}"),
    words("aUtH {}"),
    words("AUTH app {}"),
    words("Auth {} app"),
    words("AUTH app {} more"),
    words("AUTH app more {} {} {}"),
    arguments("AUTH with an empty user", "AUTH", "", "{}"),
    arguments("AUTH, NUL and more in its name", "AUTH\0{}", "app", "{}"),
    arguments("AUTH with spaces and a NUL in the password", "AUTH", "app", "{} \0{} {}"),
    arguments("AUTH with bytes that are no text", "AUTH", "\xff{}", "\xfe\xff{}"),
    arguments("AUTH with quotes in it", "AUTH", 'app"', "\"{}\\'"),
    bytes_of("inline", "AUTH {}\r\n"),
    bytes_of("inline, with a user", "auth app {}\r\n"),
    bytes_of("inline, quoted", 'AUTH "app" "{}"\r\n'),
    bytes_of("inline, single quotes", "'AUTH' 'app' '{}'\r\n"),
    bytes_of("inline, many spaces and a bare newline", "   AUTH    app   {}  \n"),
    bytes_of("inline, unbalanced quotes", 'AUTH "{}\r\n'),
    bytes_of("inline, a quote amid a word", 'AUTH "{}"x{}\r\n'),
    bytes_of("inline, all in one pair of quotes", '"AUTH app {}"\r\n'),
    bytes_of("inline, glued", "AUTH{}\r\n"),
    bytes_of("inline, with a colon", "AUTH:{}\r\n"),
    bytes_of("inline, like an assignment", "AUTH={} x\r\n"),
    Form("inline, \\x escapes", lambda s: b'"\\x41UTH" "app" "' + hexadecimal(s) + b'"\r\n'),
    Form("inline, a NUL behind AUTH", lambda s: b'"AUTH\\x00' + s + b'" app ' + s + b"\r\n"),
    in_turn("in MULTI", "MULTI", "AUTH app {}", "EXEC"),
    in_turn("in MULTI with an error", "MULTI", "AUTH {} {} {}", "NOSUCH {}", "EXEC"),
    in_turn("under CLIENT REPLY OFF", "CLIENT REPLY OFF", "AUTH {}", "CLIENT REPLY ON"),
    in_turn("behind CLIENT REPLY SKIP", "CLIENT REPLY SKIP", "AUTH app {}", "PING"),
    in_turn("in a pipeline", "GET a", "AUTH {}", "GET b", "AUTH app {}", "SET c d"),
    in_turn("user and password swapped, in a pipeline", "AUTH {} app", "GET a", "GET b"),
    in_turn("in RESP3", "HELLO 3", "AUTH {}", "HELLO 2 AUTH app {}"),
    in_turn("behind SUBSCRIBE", "SUBSCRIBE x", "AUTH {}"),
    in_turn("behind MONITOR", "MONITOR", "AUTH app {}", "CONFIG SET masterauth {}"),
    in_turn("behind RESET", "RESET", "AUTH {}", "RESET"),
    words("AUHT {}"),
    words("ATUH app {}"),
    words("AUTHENTICATE app {}"),
    words("LOGIN app {}"),
    words("PASSWORD {}"),
    words("REQUIREPASS {}"),
    words("logmein app {}"),
    words("{}"),
    words("AUTH{}"),
    words("auth{} app"),
    arguments("a whole line as the name", "AUTH app {}"),
    arguments("a whole line as the name, with its end", "AUTH app {}\r\n"),
    words("PING AUTH app {}"),
    words("QUIT AUTH {}"),
    words("SELECT 0 AUTH {}"),
    words("RESET AUTH {}"),
    words("GET AUTH app {}"),
    arguments("a whole line as an argument", "PING", "AUTH app {}"),
    bytes_of("a length that is none", "*2\r\n$4\r\nAUTH\r\n${}\r\n{}\r\n"),
    bytes_of("a length too short", "*2\r\n$4\r\nAUTH\r\n$3\r\n{}\r\n{}\r\n"),
    bytes_of("an array of the wrong length", "*1\r\n$4\r\nAUTH\r\n$24\r\n{}\r\n"),
    bytes_of("the length left out", "*2\r\n$4\r\nAUTH\r\n{}\r\n"),
    bytes_of("half a command", "*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$900\r\n{}"),
    Form("too large to look at", lambda s: encode("AUTH", s * (LARGE // len(s)))),
    Form("an inline line too long", lambda s: b"AUTH " + s * (200_000 // len(s)) + b"\r\n"),
    Form("a large user name", lambda s: encode("AUTH", s * (LARGE // len(s)), s)),
]

HELLO = [
    words("HELLO 2 AUTH app {}"),
    words("HELLO 3 AUTH app {}"),
    words("hello 3 auth default {}"),
    words("HELLO 3 AUTH {} app"),
    words("HELLO 3 AUTH app {} SETNAME me"),
    words("HELLO 3 SETNAME me AUTH app {}"),
    words("HELLO 3 SETNAME AUTH AUTH app {}"),
    words("HELLO 3 AUTH a {} AUTH b {}"),
    words("HELLO 3 AUTH {}"),
    words("HELLO 3 AUTH {} SETNAME me"),
    words("HELLO 3 AUTH {} SETNAME"),
    words("HELLO 3 AUTH app SETNAME {}"),
    words("HELLO 3 AUTH app {} {}"),
    words("HELLO 3 AUHT app {}"),
    words("HELLO 3 app {}"),
    words("HELLO AUTH app {}"),
    words("HELLO {}"),
    words("HELLO 9 AUTH app {}"),
    words("HELLO three AUTH app {}"),
    in_turn("HELLO, swapped, in a pipeline", "HELLO 3 AUTH {} app", "GET a", "GET b"),
    in_turn("HELLO, without a user, in a pipeline", "HELLO 3 AUTH {} SETNAME me", "GET a"),
    in_turn("HELLO, without a user, shorter", "HELLO 3 AUTH {} SETNAME", "GET a"),
    arguments("HELLO, a NUL behind AUTH", "HELLO", "3", "AUTH\0{}", "app", "{}"),
]

MIGRATE = [
    words("MIGRATE 127.0.0.1 1 k 0 10 AUTH {}"),
    words("migrate 127.0.0.1 1 k 0 10 copy replace auth {}"),
    words("MIGRATE 127.0.0.1 1 k 0 10 AUTH2 app {}"),
    words("MIGRATE 127.0.0.1 1 k 0 10 AUTH2 {} app"),
    words("MIGRATE 127.0.0.1 1 '' 0 10 AUTH2 app {} KEYS a b"),
    words("MIGRATE 127.0.0.1 1 '' 0 10 KEYS a AUTH {}"),
    words("MIGRATE 127.0.0.1 1 '' 0 10 KEYS a AUTH2 app {}"),
    words("MIGRATE 127.0.0.1 1 AUTH 0 10 AUTH {}"),
    words("MIGRATE 127.0.0.1 1 AUTH {} 0 10"),
    words("MIGRATE 127.0.0.1 1 k 0 10 AUTH2 {}"),
    words("MIGRATE 127.0.0.1 1 k 0 10 AUTH2 {} REPLACE"),
    words("MIGRATE 127.0.0.1 1 k 0 10 AUTH AUTH {}"),
    words("MIGRATE 127.0.0.1 1 k 0 10 AUTH AUTH2 app {}"),
    words("MIGRATE 127.0.0.1 1 k 0 10 AUHT {}"),
    words("MIGRATE AUTH {} 127.0.0.1 1 k 0 10"),
    words("MIGRATE 127.0.0.1 AUTH {}"),
    Form(
        "MIGRATE with large keys",
        lambda s: encode("MIGRATE", "127.0.0.1", 1, "", 0, 9, "AUTH", s, "KEYS", b"k" * LARGE),
    ),
    arguments(
        "MIGRATE, a NUL behind AUTH", "MIGRATE", "127.0.0.1", "1", "k", "0", "10", "AUTH\0{}", "{}"
    ),
]

ACL = [
    words("ACL SETUSER bob on >{}"),
    words("acl setuser bob <{}"),
    words("ACL SETUSER bob #{}"),
    words("ACL SETUSER bob !{}"),
    words("ACL SETUSER bob {}"),
    words("ACL SETUSER bob on >correct {} ~x"),
    words("ACL SETUSER bob on >correct ~{} battery"),
    words("ACL SETUSER >{}"),
    words("ACL SETUSER bob +{} -{} +@{} %{}"),
    words("ACL SETUSER bob +select|{}"),
    words("ACL SETUSER bob (+get >{})"),
    words("ACL SETUSER bob (+get >{} ~a )"),
    arguments("a selector with a password", "ACL", "SETUSER", "bob", "(+get >{} ~a)"),
    arguments("a selector with a clear word", "ACL", "SETUSER", "bob", "(+get {})"),
    arguments("rules in one argument", "ACL", "SETUSER", "bob", "on >{} +@all"),
    arguments("a space before the rule", "ACL", "SETUSER", "bob", " >{}"),
    arguments("all in the user's place", "ACL", "SETUSER", "bob on >{}"),
    arguments("a NUL in a rule", "ACL", "SETUSER", "bob", "on\0{}", ">a\0{}"),
    arguments("a NUL in the name", "ACL", "SETUSER\0{}", "bob", ">{}"),
    Form(
        "a large password",
        lambda s: encode("ACL", "SETUSER", "bob", b">" + s, b">" + s * (LARGE // len(s)), "+get"),
    ),
    words("ACL SETUSR bob >{}"),
    words("ACL DELUSER bob >{}"),
    words("ACL GETUSER bob {}"),
    words("ACL DRYRUN bob AUTH {}"),
    words("ACL DRYRUN >{} GET a"),
    words("ACL GENPASS {}"),
    words("ACL LOAD {}"),
]

SETTINGS = [
    words("CONFIG SET requirepass {}"),
    words("config set RequirePass {}"),
    words("CONFIG SET masterauth {}"),
    words("CONFIG SET MASTERAUTH {} masteruser repl"),
    words("CONFIG SET tls-key-file-pass {}"),
    words("CONFIG SET tls-client-key-file-pass {}"),
    words("CONFIG SET maxmemory 0 masterauth {} timeout 0"),
    words("CONFIG SET masterauth {} requirepass {}"),
    words("CONFIG SET requirepass {} maxmemory"),
    words("CONFIG SET timeout requirepass {}"),
    words("CONFIG SET requirepass my own {}"),
    words("CONFIG SET requirepas {}"),
    words("CONFIG SET maxmemory 0 masterath {}"),
    words("CONFIG SET user {}"),
    words("CONFIG SET rename-command {}"),
    words("CONFIG SET a-module.key {}"),
    arguments("CONFIG SET, a NUL in the name", "CONFIG", "SET", "requirepass\0{}", "{}"),
    arguments("CONFIG SET as one word", "CONFIG SET", "requirepass", "{}"),
    bytes_of("CONFIG SET inline", 'CONFIG SET "require\\x70ass" "{}"\r\n'),
    Form(
        "CONFIG SET of a large value",
        lambda s: encode("CONFIG", "SET", "masterauth", s * (LARGE // len(s)), "timeout", "0"),
    ),
    words("CONFIG SETT requirepass {}"),
    words("CONFIG GET requirepass {}"),
    words("CONFIG RESETSTAT requirepass {}"),
    words("CONFIG REWRITE {}"),
    words("CONFIG requirepass {}"),
    words("SET requirepass {}"),
    words("SET masterauth {} EX 60"),
    words("GET requirepass {}"),
    words("REPLICAOF 127.0.0.1 1 masterauth {}"),
    words("SENTINEL SET mymaster auth-pass {}"),
    words("SENTINEL CONFIG SET sentinel-pass {}"),
]

OTHERS = [
    words("COMMAND GETKEYS AUTH app {}"),
    words("COMMAND GETKEYS {}"),
    words("COMMAND GETKEYSANDFLAGS MIGRATE h 1 k 0 1 AUTH {}"),
    words("COMMAND DOCS AUTH {}"),
    words("COMMAND INFO AUTH {}"),
    arguments("EVAL with AUTH", "EVAL", "return redis.pcall('AUTH','{}')", "0"),
    arguments(
        "EVAL with CONFIG", "EVAL", "redis.pcall('config','set','requirepass',ARGV[1])", "0", "{}"
    ),
    arguments("EVAL, body and number swapped", "EVAL", "0", "return redis.pcall('AUTH','{}')"),
    arguments(
        "EVAL with MIGRATE", "EVAL", "return redis.pcall('MIGRATE',unpack(ARGV))", "0", "h", "{}"
    ),
    arguments("SCRIPT LOAD", "SCRIPT", "LOAD", "redis.call('AUTH','{}')"),
    arguments(
        "FUNCTION LOAD",
        "FUNCTION",
        "LOAD",
        "#!lua name=x\nredis.call('CONFIG','SET','masterauth','{}')",
    ),
    arguments("FUNCTION RESTORE", "FUNCTION", "RESTORE", "payload {}"),
    words("MODULE LOAD /no/such.so PASSWORD {}"),
    words("MODULE LOADEX /no/such.so CONFIG x.key {} ARGS {}"),
]

FORMS = LOGIN + HELLO + MIGRATE + ACL + SETTINGS + OTHERS
