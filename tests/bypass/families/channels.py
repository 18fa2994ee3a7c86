"""Pub/sub under rules about channels: every way to name one, and patterns that reach further than
they look."""

from case import Case, Family, Reply

PATTERNS = [
    ("everything", "*", "app.*"),
    ("anything with a dot", "*.*", "app.?"),
    ("the prefix cut short", "app*", "app.*"),
    ("one letter as a question mark", "app?news", "app.news?"),
    ("a class that holds more than the dot", "app[.x]news", "app.[abc]news"),
    ("a negated class", "app[^x]news", "app.[^x]news"),
    ("a range around the dot", "app[--/]news", "app.[a-z]news"),
    ("a class in place of the first letter", "[as]*", "app.[as]*"),
    ("an escaped star, and a star", "\\a*", "\\app.*"),
    ("an escape that ends in nothing", "app\\", "app.x\\"),
    ("a star before", "*app.*", "app.**"),
    ("many stars", "***", "app.***"),
    ("a class that isn't closed", "[", "app.["),
    ("a negated class without letters, which matches any", "app[^]*", "app[]*"),
    ("only question marks", "?????*", "app.?????*"),
    ("large letters", "APP.*", "app.A*"),
    ("keyspace notifications", "__key*__:*", "app.__key*__:*"),
    ("keyspace notifications of one database", "__keyspace@0__:*", "app.keyspace@0*"),
    ("an empty pattern", "", "app."),
]

OUTSIDE = Family(
    "channels outside an allow list",
    "tenant-all",
    ["psubscribe", "subscribe", "publish", "ssubscribe", "spublish"],
    [
        Case(f"PSUBSCRIBE with {how}", ("PSUBSCRIBE", pattern), ("PSUBSCRIBE", twin))
        for how, pattern, twin in PATTERNS
    ]
    + [
        Case("SUBSCRIBE", "SUBSCRIBE secret.a", "SUBSCRIBE app.a"),
        Case("SUBSCRIBE in small letters", "subscribe secret.a", "subscribe app.a"),
        Case("the last of many", "SUBSCRIBE app.a app.b secret.a", "SUBSCRIBE app.a app.b app.c"),
        Case("the first of many", "SUBSCRIBE secret.a app.a", "SUBSCRIBE app.b app.a"),
        Case("a channel that is a pattern's text", "SUBSCRIBE *", "SUBSCRIBE app.*"),
        Case(
            "keyspace notifications as a channel",
            "SUBSCRIBE __keyspace@0__:secret:1",
            "SUBSCRIBE app.keyspace",
        ),
        Case("keyevents as a channel", "SUBSCRIBE __keyevent@0__:set", "SUBSCRIBE app.set"),
        Case(
            "redis-py's invalidation channel",
            "SUBSCRIBE __redis__:invalidate",
            "SUBSCRIBE app.invalidate",
        ),
        Case("SSUBSCRIBE", "SSUBSCRIBE secret.a", "SSUBSCRIBE app.a"),
        Case("SSUBSCRIBE of several", "SSUBSCRIBE app.a secret.a", "SSUBSCRIBE app.a app.b"),
        Case("PUBLISH", "PUBLISH secret.a x", "PUBLISH app.a x"),
        Case("SPUBLISH", "SPUBLISH secret.a x", "SPUBLISH app.a x"),
        Case(
            "PUBLISH of a keyspace notification",
            "PUBLISH __keyspace@0__:app:1 set",
            "PUBLISH app.keyspace set",
        ),
        Case(
            "while subscribed",
            ["SUBSCRIBE app.a", Reply(), "SUBSCRIBE secret.a"],
            ["SUBSCRIBE app.a", Reply(), "SUBSCRIBE app.b"],
            stop="subscribe secret.a",
        ),
        Case(
            "while subscribed, as a pattern",
            ["SUBSCRIBE app.a", Reply(), "PSUBSCRIBE *"],
            ["SUBSCRIBE app.a", Reply(), "PSUBSCRIBE app.*"],
            stop="psubscribe",
        ),
        Case(
            "in RESP3",
            ["HELLO 3", Reply(), "SUBSCRIBE secret.a"],
            ["HELLO 3", Reply(), "SUBSCRIBE app.a"],
        ),
        Case(
            "inside MULTI",
            ["MULTI", "SUBSCRIBE secret.a", "EXEC"],
            ["MULTI", "SUBSCRIBE app.a", "EXEC"],
            passes="subscribe",
        ),
        Case(
            "in silence",
            ["CLIENT REPLY OFF", "SUBSCRIBE secret.a"],
            ["CLIENT REPLY OFF", "SUBSCRIBE app.a"],
            mute=True,
        ),
        Case("inline", b"SUBSCRIBE secret.a\r\n", b"SUBSCRIBE app.a\r\n", passes="subscribe"),
        Case(
            "inline with an escape",
            b'SUBSCRIBE "\\x73ecret.a"\r\n',
            b'SUBSCRIBE "\\x61pp.a"\r\n',
            passes="subscribe",
        ),
        Case(
            "a channel with a NUL before", ("SUBSCRIBE", b"\x00app.a"), ("SUBSCRIBE", b"app.\x00a")
        ),
        Case(
            "a keyspace channel by what it tells",
            ["PSUBSCRIBE __keyspace@?__:app:*"],
            ["PSUBSCRIBE app.app:*"],
        ),
    ],
)

NAMED = Family(
    "channels that a deny names",
    "no-secrets",
    ["psubscribe", "subscribe", "publish", "ssubscribe", "spublish"],
    [
        Case(f"PSUBSCRIBE with {how}", ("PSUBSCRIBE", pattern), ("PSUBSCRIBE", twin))
        for how, pattern, twin in (
            ("everything", "*", "app.*"),
            ("the end of a name", "*.news", "app.news"),
            ("a class", "[s]ecret.*", "x[s]ecret.*"),
            ("a negated class", "[^a]*", "a[^a]*"),
            ("a range", "[p-t]ecret.a", "x[p-t]ecret.a"),
            ("a range given backwards", "[t-p]ecret.a", "x[t-p]ecret.a"),
            ("question marks", "??????.a", "x?????.a"),
            ("an escaped letter", "\\secret.a", "x\\secret.a"),
            ("an escape in a class", "[\\s]ecret.a", "x[\\s]ecret.a"),
            ("a star amid", "s*t.a", "sx*t.a"),
            ("a star before the dot", "*.*", "x*.*"),
            ("the rule's own text", "secret.*", "free.*"),
            ("a class that isn't closed", "secret.[a", "secrex[a"),
            ("a star that may be empty", "secret*.*", "secrex*.*"),
        )
    ]
    + [
        Case("SUBSCRIBE of several", "SUBSCRIBE app.a secret.a", "SUBSCRIBE app.a app.b"),
        Case("SSUBSCRIBE", "SSUBSCRIBE secret.a", "SSUBSCRIBE app.a"),
        Case("PUBLISH", "PUBLISH secret.a x", "PUBLISH app.a secret.a"),
        Case("SPUBLISH in small letters", "spublish secret. x", "spublish app.a x"),
        Case(
            "PUBLISH inside MULTI",
            ["MULTI", "PUBLISH secret.a x", "EXEC"],
            ["MULTI", "PUBLISH app.a x", "EXEC"],
            passes="publish",
        ),
        Case(
            "PUBLISH in silence",
            ["CLIENT REPLY SKIP", "PUBLISH secret.a x"],
            ["CLIENT REPLY SKIP", "PUBLISH app.a x"],
        ),
        Case(
            "PUBLISH of a message that streams",
            ("PUBLISH", "secret.a", "x" * 100000),
            ("PUBLISH", "app.a", "x" * 100000),
        ),
    ],
)

FAMILIES = [OUTSIDE, NAMED]
