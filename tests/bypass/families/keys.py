"""Keys in every place where a command can have one. Each form is tried twice: with a key outside of
an allow list (policy `tenant`), and with a key that a deny names (policy `no-secrets`).

In a form {x} is the key that is kept out, and a free one in the twin.
"""

from case import Case, Family

FORMS = [
    ("the second of MGET", "MGET app:1 {x}:1"),
    ("the last of many", "MGET " + "app:1 " * 200 + "{x}:1"),
    ("the second of MSET", "MSET app:1 a {x}:1 b"),
    ("the second of MSETNX", "MSETNX app:8 a {x}:9 b"),
    ("the first of DEL", "DEL {x}:1 app:1"),
    ("the last of UNLINK", "UNLINK app:1 app:2 {x}:1"),
    ("EXISTS with the same key twice", "EXISTS app:1 app:1 {x}:1"),
    ("TOUCH", "TOUCH app:1 {x}:1"),
    ("RENAME to", "RENAME app:1 {x}:9"),
    ("RENAME from", "RENAME {x}:1 app:9"),
    ("RENAMENX from", "RENAMENX {x}:1 app:9"),
    ("COPY from", "COPY {x}:1 app:9"),
    ("COPY to, with REPLACE", "COPY app:1 {x}:1 REPLACE"),
    ("SMOVE from", "SMOVE {x}:set app:set a"),
    ("SMOVE to", "SMOVE app:set {x}:set free1"),
    ("LMOVE from", "LMOVE {x}:list app:list LEFT RIGHT"),
    ("LMOVE to", "LMOVE app:list {x}:list LEFT RIGHT"),
    ("RPOPLPUSH from", "RPOPLPUSH {x}:list app:list"),
    ("BRPOPLPUSH to", "BRPOPLPUSH app:list {x}:list 1"),
    ("BLMOVE from", "BLMOVE {x}:list app:list LEFT LEFT 1"),
    ("BLPOP, last key", "BLPOP app:list {x}:list 1"),
    ("BRPOP, first key", "BRPOP {x}:list app:list 1"),
    ("BZPOPMIN, first key", "BZPOPMIN {x}:zset app:zset 1"),
    ("BZPOPMAX, last key", "BZPOPMAX app:zset {x}:zset 1"),
    ("LMPOP", "LMPOP 2 app:list {x}:list LEFT"),
    ("LMPOP with COUNT", "LMPOP 1 {x}:list RIGHT COUNT 2"),
    ("BLMPOP, whose numkeys is second", "BLMPOP 1 2 app:list {x}:list LEFT"),
    ("ZMPOP", "ZMPOP 2 {x}:zset app:zset MIN"),
    ("BZMPOP", "BZMPOP 1 1 {x}:zset MAX COUNT 1"),
    ("ZUNIONSTORE, its target", "ZUNIONSTORE {x}:9 1 app:zset"),
    ("ZUNIONSTORE, a source", "ZUNIONSTORE app:9 2 app:zset {x}:zset"),
    ("ZUNIONSTORE with WEIGHTS", "ZUNIONSTORE app:9 2 app:zset {x}:zset WEIGHTS 1 2 AGGREGATE MAX"),
    ("ZINTERSTORE, a source", "ZINTERSTORE app:9 2 {x}:zset app:zset"),
    ("ZDIFFSTORE, a source", "ZDIFFSTORE app:9 2 app:zset {x}:zset"),
    ("ZUNION", "ZUNION 2 app:zset {x}:zset WITHSCORES"),
    ("ZINTER", "ZINTER 2 app:zset {x}:zset"),
    ("ZDIFF", "ZDIFF 2 {x}:zset app:zset"),
    ("ZINTERCARD", "ZINTERCARD 2 app:zset {x}:zset LIMIT 1"),
    ("SINTERCARD", "SINTERCARD 2 app:set {x}:set"),
    ("SINTERCARD with LIMIT", "SINTERCARD 1 {x}:set LIMIT 5"),
    ("SINTER", "SINTER app:set {x}:set"),
    ("SUNION", "SUNION app:set {x}:set"),
    ("SDIFFSTORE, its target", "SDIFFSTORE {x}:9 app:set app:set"),
    ("SUNIONSTORE, a source", "SUNIONSTORE app:9 app:set {x}:set"),
    ("ZRANGESTORE from", "ZRANGESTORE app:9 {x}:zset 0 -1"),
    ("ZRANGESTORE to", "ZRANGESTORE {x}:9 app:zset 0 -1"),
    ("SORT", "SORT {x}:set ALPHA"),
    ("SORT STORE", "SORT app:set ALPHA STORE {x}:9"),
    ("SORT with STORE twice, the last one counts", "SORT app:set ALPHA STORE app:9 STORE {x}:9"),
    ("SORT in small letters", "sort app:set alpha store {x}:9"),
    ("SORT with an option between", "SORT app:set STORE {x}:9 ALPHA LIMIT 0 1"),
    ("SORT with LIMIT that looks like STORE", "SORT app:set LIMIT 0 1 ALPHA STORE {x}:9"),
    ("SORT_RO", "SORT_RO {x}:set ALPHA"),
    ("GEORADIUS", "GEORADIUS {x}:geo 13 38 200 km"),
    ("GEORADIUS STORE", "GEORADIUS app:geo 13 38 200 km STORE {x}:9"),
    ("GEORADIUS STORE twice", "GEORADIUS app:geo 13 38 200 km STORE app:9 STORE {x}:9"),
    (
        "GEORADIUS STORE, then STOREDIST",
        "GEORADIUS app:geo 13 38 200 km STORE app:9 STOREDIST {x}:9",
    ),
    ("GEORADIUS with COUNT before", "GEORADIUS app:geo 13 38 200 km COUNT 1 ANY ASC STORE {x}:9"),
    ("GEORADIUSBYMEMBER STORE", "GEORADIUSBYMEMBER app:geo free1 200 km STORE {x}:9"),
    ("GEORADIUS_RO", "GEORADIUS_RO {x}:geo 13 38 200 km"),
    ("GEOSEARCHSTORE to", "GEOSEARCHSTORE {x}:9 app:geo FROMLONLAT 13 38 BYRADIUS 200 km"),
    ("GEOSEARCHSTORE from", "GEOSEARCHSTORE app:9 {x}:geo FROMLONLAT 13 38 BYRADIUS 200 km"),
    ("XREAD", "XREAD COUNT 1 STREAMS app:stream {x}:stream 0 0"),
    ("XREAD of a stream called STREAMS first", "XREAD STREAMS app:STREAMS {x}:stream 0 0"),
    ("XREAD in small letters", "xread count 1 block 1 streams {x}:stream 0"),
    ("XREADGROUP with a group called STREAMS", "XREADGROUP GROUP STREAMS c STREAMS {x}:stream >"),
    (
        "XREADGROUP, group and consumer called STREAMS",
        "XREADGROUP GROUP STREAMS STREAMS STREAMS {x}:stream >",
    ),
    (
        "XREADGROUP with all options",
        "XREADGROUP GROUP STREAMS c COUNT 1 BLOCK 1 NOACK STREAMS app:stream {x}:stream > >",
    ),
    ("XADD", "XADD {x}:stream NOMKSTREAM * a b"),
    ("XINFO", "XINFO STREAM {x}:stream FULL"),
    ("XGROUP", "XGROUP CREATE {x}:stream g 0 MKSTREAM"),
    ("XACK", "XACK {x}:stream STREAMS 1-1"),
    ("XAUTOCLAIM", "XAUTOCLAIM {x}:stream STREAMS c 0 0"),
    ("OBJECT ENCODING", "OBJECT ENCODING {x}:1"),
    ("OBJECT FREQ in small letters", "object refcount {x}:1"),
    ("MEMORY USAGE", "MEMORY USAGE {x}:1 SAMPLES 1"),
    ("BITFIELD", "BITFIELD {x}:1 GET u8 0"),
    ("BITFIELD_RO", "BITFIELD_RO {x}:1 GET u8 0"),
    ("BITOP, its target", "BITOP AND {x}:9 app:1 app:2"),
    ("BITOP, a source", "BITOP OR app:9 app:1 {x}:1"),
    ("BITCOUNT", "BITCOUNT {x}:1 0 -1 BIT"),
    ("PFMERGE from", "PFMERGE app:9 app:hll {x}:hll"),
    ("PFMERGE to", "PFMERGE {x}:9 app:hll"),
    ("PFCOUNT of several", "PFCOUNT app:hll {x}:hll"),
    ("LCS", "LCS app:1 {x}:1 LEN"),
    ("GETEX", "GETEX {x}:1 PERSIST"),
    ("SET with GET", "SET {x}:1 a GET"),
    ("SETRANGE", "SETRANGE {x}:1 0 a"),
    ("EXPIRE", "EXPIRE {x}:1 100 NX"),
    ("DUMP", "DUMP {x}:1"),
    ("TYPE", "TYPE {x}:1"),
    ("HSCAN", "HSCAN {x}:hash 0 MATCH * COUNT 10"),
    ("SSCAN", "SSCAN {x}:set 0"),
    ("HRANDFIELD", "HRANDFIELD {x}:hash 1 WITHVALUES"),
    ("LPOS", "LPOS {x}:list a RANK 1"),
    ("ZADD with options", "ZADD {x}:zset XX GT CH INCR 1 a"),
    ("STRALGO's heir with IDX", "LCS {x}:1 app:1 IDX MINMATCHLEN 1"),
    ("WATCH", "WATCH app:1 {x}:1"),
]


def family(policy, text):
    cases = []
    for how, form in FORMS:
        twin = form.replace("{x}", "app")
        cases.append(Case(how, form.replace("{x}", "secret"), twin))
    return Family(f"keys {text}", policy, ["~secret"], cases)


OUTSIDE = family("tenant-all", "outside an allow list")
NAMED = family("no-secrets", "that a deny names")

KEYS_UNTOLD = Family(
    "keys that can't be told",
    "no-secrets",
    [
        "~secret",
        "sort",
        "sort_ro",
        "migrate",
        "xread",
        "debug",
        "lmpop",
        "zunion",
        "sintercard",
        "georadius",
    ],
    [
        Case("SORT BY other keys", "SORT app:set BY secret:*", "SORT app:set BY nosort"),
        Case("SORT GET other keys", "SORT app:set ALPHA GET secret:*", "SORT app:set ALPHA GET #"),
        Case(
            "SORT GET whatever an element names",
            "SORT app:list ALPHA GET *",
            "SORT app:list ALPHA GET #",
            prepare=["RPUSH app:list secret:1"],
        ),
        Case(
            "SORT GET a field of a hash",
            "SORT app:set ALPHA GET s*cret:hash->field",
            "SORT app:set ALPHA GET #",
        ),
        Case(
            "SORT BY a field of a hash",
            "SORT app:list BY *->field ALPHA",
            "SORT app:list BY none ALPHA",
        ),
        Case(
            "SORT GET twice",
            "SORT app:set ALPHA GET # GET secret:*",
            "SORT app:set ALPHA GET # GET #",
        ),
        Case(
            "SORT GET behind STORE",
            "SORT app:set ALPHA STORE app:9 GET *",
            "SORT app:set ALPHA STORE app:9 GET #",
        ),
        Case("SORT_RO GET", "SORT_RO app:set ALPHA GET secret:*", "SORT_RO app:set ALPHA GET #"),
        Case(
            "SORT GET built by an element of one's own",
            ["SADD app:9 cret:1", "SORT app:9 ALPHA GET se*"],
            ["SADD app:9 cret:1", "SORT app:9 ALPHA"],
            allowed=["SADD app:9 cret:1"],
        ),
        Case(
            "MIGRATE KEYS",
            ("MIGRATE", "127.0.0.1", "1", "", "0", "1", "KEYS", "app:1", "secret:1"),
            ("MIGRATE", "127.0.0.1", "1", "", "0", "1", "KEYS", "app:1", "app:2"),
        ),
        Case(
            "MIGRATE KEYS behind AUTH called KEYS",
            ("MIGRATE", "127.0.0.1", "1", "", "0", "1", "AUTH", "KEYS", "KEYS", "secret:1"),
            ("MIGRATE", "127.0.0.1", "1", "", "0", "1", "AUTH", "KEYS", "KEYS", "app:1"),
        ),
        Case(
            "MIGRATE with a key and KEYS",
            "MIGRATE 127.0.0.1 1 app:1 0 1 KEYS secret:1",
            "MIGRATE 127.0.0.1 1 app:1 0 1",
        ),
        Case(
            "MIGRATE of one key",
            "MIGRATE 127.0.0.1 1 secret:1 0 1 COPY REPLACE",
            "MIGRATE 127.0.0.1 1 app:1 0 1 COPY REPLACE",
        ),
        Case(
            "XREAD with unbalanced streams",
            "XREAD STREAMS app:stream secret:stream 0",
            "XREAD STREAMS app:stream 0",
        ),
        Case(
            "XREAD with an unknown option",
            "XREAD FOO STREAMS secret:stream 0",
            "XREAD COUNT 1 STREAMS app:stream 0",
        ),
        Case("DEBUG OBJECT", "DEBUG OBJECT secret:1", "OBJECT ENCODING app:1"),
        Case("DEBUG DIGEST-VALUE", "DEBUG DIGEST-VALUE secret:1", "MEMORY USAGE app:1"),
        Case("LMPOP with numkeys 0", "LMPOP 0 LEFT secret:list", "LMPOP 1 app:list LEFT"),
        Case("LMPOP with numkeys +1", "LMPOP +1 secret:list LEFT", "LMPOP 1 app:list LEFT"),
        Case("LMPOP with numkeys 01", "LMPOP 01 secret:list LEFT", "LMPOP 1 app:list LEFT"),
        Case(
            "ZUNION with numkeys too large",
            "ZUNION 9 app:zset secret:zset",
            "ZUNION 2 app:zset app:zset",
        ),
        Case(
            "ZUNION with numkeys 0x2",
            "ZUNION 0x2 app:zset secret:zset",
            "ZUNION 2 app:zset app:zset",
        ),
        Case("SINTERCARD with numkeys -1", "SINTERCARD -1 secret:set", "SINTERCARD 1 app:set"),
        Case(
            "SINTERCARD with numkeys over 32 bits",
            "SINTERCARD 4294967297 secret:set",
            "SINTERCARD 1 app:set",
        ),
        Case(
            "GEORADIUS with an unknown option",
            "GEORADIUS app:geo 13 38 9 km FOO STORE secret:9",
            "GEORADIUS app:geo 13 38 9 km WITHDIST",
        ),
        Case(
            "SORT with a NUL behind STORE",
            ("SORT", "app:set", "ALPHA", b"STORE\x00x", "secret:9"),
            "SORT app:set ALPHA",
        ),
        Case(
            "GEORADIUS with a NUL behind STORE",
            ("GEORADIUS", "app:geo", 13, 38, 200, "km", b"store\x00", "secret:9"),
            "GEORADIUS app:geo 13 38 200 km",
        ),
        Case("a key that begins with a NUL", (b"GET", b"secret:\x001"), (b"GET", b"\x00secret:1")),
        Case("a key with a line end", ("GET", "secret:\r\n1"), ("GET", "\r\nsecret:1")),
        Case(
            "a key of 40,000 bytes", ("GET", "secret:" + "x" * 40000), ("GET", "app:" + "x" * 40000)
        ),
        Case(
            "a key of 200 KB that streams",
            ("SET", "secret:" + "x" * 200000, "y"),
            ("SET", "app:" + "x" * 200000, "y"),
        ),
        Case(
            "a key behind a value that streams",
            ("MSET", "app:1", "x" * 200000, "secret:9", "y"),
            ("MSET", "app:1", "x" * 200000, "app:9", "y"),
        ),
        Case(
            "a key behind many values that stream",
            ("MSET", *["app:1", "x" * 50000] * 5, "secret:9", "y"),
            ("MSET", *["app:1", "x" * 50000] * 5, "app:9", "y"),
        ),
        Case(
            "STORE behind 40,000 bytes of BY",
            ("SORT", "app:set", "BY", "x" * 40000, "STORE", "secret:9"),
            ("SORT", "app:set", "BY", "x" * 40000, "STORE", "app:9"),
        ),
        Case(
            "the second of 1,000 arguments",
            ("DEL", "secret:1", *["app:x"] * 1000),
            ("DEL", *["app:x"] * 1001),
        ),
        Case(
            "the last of 1,000 arguments",
            ("DEL", *["app:x"] * 1000, "secret:1"),
            ("DEL", *["app:x"] * 1001),
        ),
    ],
)

FAMILIES = [OUTSIDE, NAMED, KEYS_UNTOLD]
