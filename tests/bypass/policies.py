"""The policies that the corpus tries to get round, and the Redis servers that they guard."""

import datetime

from processes import wait_until


class Setup:
    """A kind of Redis server. names: what its commands are called where it renames them."""

    def __init__(self, name, options=(), names=None):
        self.name, self.options, self.names = name, list(options), names or {}


class Policy:
    """A policy file's content, by a name of its own, for one setup.

    probes: commands of the setup's own that the agent must know before the first case: it learns
    what Redis renamed when it meets it.
    """

    def __init__(self, name, document, setup="plain", limits=None, probes=()):
        self.name, self.setup, self.limits = name, setup, limits
        self.document = {"version": 1, **document}
        self.probes = probes

    def wait_until_known(self, wire):
        """The agent reads its server's commands at the start, and meanwhile goes by its own."""

        def known():
            replies = [wire.call(*probe.split()) for probe in self.probes]
            return not any(b"not a known command" in reply for reply in replies)

        wait_until(known, f"the agent to know {self.probes}")


def deny(rule_id, *commands, **more):
    return {"id": rule_id, "action": "deny", "commands": list(commands), **more}


def allow(rule_id, *commands, **more):
    return {"id": rule_id, "action": "allow", "commands": list(commands), **more}


WIPES = ("flushall", "flushdb", "swapdb", "config|set", "client|kill", "client|pause")
RENAMES = {"FLUSHALL": "wipe", "CONFIG": "konf", "EVAL": "run-it"}

USERS = {"ann": "a-pw", "eve": "e-pw", "u" * 127: "l-pw", "u" * 128: "m-pw"}

SETUPS = [
    Setup("plain", ["--enable-protected-configs", "no"]),
    Setup(
        "renamed",
        [word for pair in RENAMES.items() for word in ("--rename-command", *pair)]
        + ["--rename-command", "GET", "read", "--rename-command", "FLUSHDB", "get"]
        + ["--rename-command", "SWAPDB", "swap"],
        {**RENAMES, "GET": "read", "FLUSHDB": "get", "SWAPDB": "swap"},
    ),
    Setup(
        "users",
        [
            word
            for name, password in USERS.items()
            for word in ("--user", name, "on", ">" + password, "+@all", "~*", "&*")
        ],
    ),
    # The agent may not ask this one what its commands are.
    Setup(
        "untold",
        ["--rename-command", "FLUSHALL", "wipe"]
        + ["--user", "default", "on", "nopass", "+@all", "-command", "~*", "&*"],
        {"FLUSHALL": "wipe"},
    ),
    Setup("foreign", ["--rename-command", "FLUSHALL", "wipe"], {"FLUSHALL": "wipe"}),
]

# A part of the day that is far off, and one that it is now.
_NOW = datetime.datetime.now(datetime.timezone.utc)


def hours(first, last):
    """The part of the day between so many hours from now, by the clock of UTC."""
    ends = [_NOW + datetime.timedelta(hours=hour) for hour in (first, last)]
    return "-".join(end.strftime("%H:%M") for end in ends)


LONG_NAME = "u" * 127  # a user's name; another one begins with it
PASSERS = ["@connection", "@transaction", "@pubsub"]  # what touches no key, for allow lists

POLICIES = [
    Policy("no-wipes", {"default": "allow", "rules": [deny("no-wipes", *WIPES)]}),
    Policy(
        "no-dangerous",
        {
            "default": "allow",
            "rules": [
                deny("no-dangerous", "@dangerous", "@admin", message="ask the platform team")
            ],
        },
    ),
    Policy("no-scripts", {"default": "allow", "rules": [deny("no-scripts", "@scripting")]}),
    Policy(
        "tenant",
        {
            "default": "deny",
            "rules": [
                allow("app", "@all", "-@dangerous", keys=["app:*"], channels=["app.*"]),
                allow("sort", "sort", "migrate", keys=["app:*"]),
                allow("hands", "@handshake"),
            ],
        },
    ),
    Policy(
        "tenant-all",
        {
            "default": "deny",
            "rules": [
                allow("app", "*", keys=["app:*"], channels=["app.*"]),
                allow("hands", "@handshake"),
            ],
        },
    ),
    Policy(
        "no-secrets",
        {
            "default": "allow",
            "rules": [deny("no-secrets", "*", keys=["secret:*"], channels=["secret.*"])],
        },
    ),
    Policy(
        "readers",
        {
            "default": "deny",
            "rules": [allow("readers", "@handshake", "@read", "@transaction", "-@dangerous")],
        },
    ),
    Policy(
        "renamed",
        {
            "default": "allow",
            "rules": [
                deny("no-wipes", *WIPES),
                deny("no-scripts", "@scripting"),
                deny("no-secrets", "get", keys=["secret:*"]),
            ],
        },
        setup="renamed",
        probes=["wipe", "swap 0 1", "konf set", "run-it x 0", "read probe"],
    ),
    Policy(
        "renamed-unknown",
        {
            "default": "allow",
            "unknown": "allow",
            "rules": [deny("no-wipes", *WIPES), deny("no-scripts", "@scripting")],
        },
        setup="renamed",
    ),
    Policy(
        "renamed-untold",
        {"default": "allow", "unknown": "allow", "rules": [deny("no-wipes", *WIPES)]},
        setup="untold",
    ),
    Policy(
        "by-foreign-name",
        {"default": "allow", "unknown": "allow", "rules": [deny("no-wipes", "wipe")]},
        setup="foreign",
    ),
    Policy(
        "no-exec",
        {"default": "allow", "rules": [deny("no-exec", "exec")]},
    ),
    Policy(
        "throw-out",
        {
            "default": "allow",
            "rules": [
                {"id": "out", "action": "disconnect", "commands": ["flushall", "config|set"]}
            ],
        },
    ),
    Policy(
        "no-logins",
        {"default": "allow", "rules": [deny("no-logins", "auth", "hello", "reset", "acl")]},
    ),
    Policy(
        "small",
        {
            "default": "allow",
            "rules": [deny("no-wipes", *WIPES), deny("no-secrets", "*", keys=["secret:*"])],
        },
        limits={"max_inspected_bytes": 65536},
    ),
    Policy(
        "database-0",
        {
            "default": "deny",
            "rules": [
                allow("zero", "*", databases=[0]),
                allow("hands", "ping", "hello", "auth", "reset", "client", "quit", "multi", "exec"),
            ],
        },
    ),
    Policy(
        "database-1",
        {
            "default": "deny",
            "rules": [
                allow("one", "*", databases=[1]),
                allow("hands", "ping", "hello", "auth", "reset", "client", "quit", "multi", "exec"),
            ],
        },
    ),
    Policy(
        "not-database-1",
        {"default": "allow", "rules": [deny("not-one", "*", databases=[1])]},
    ),
    Policy(
        "for-ann",
        {
            "default": "deny",
            "rules": [
                allow("ann", "*", users=["ann"]),
                allow("long", "*", users=[LONG_NAME]),
                allow("hands", "@handshake", "multi", "exec", "discard", "client|reply"),
            ],
        },
        setup="users",
    ),
    Policy(
        "not-for-eve",
        {"default": "allow", "rules": [deny("eve", "set", "get", users=["eve"])]},
        setup="users",
    ),
    Policy(
        "from-there",
        {
            "default": "deny",
            "rules": [
                allow("there", "*", **{"from": ["127.0.0.2", "127.7.0.0/16"]}),
                allow("hands", "@handshake", "multi", "exec"),
            ],
        },
    ),
    Policy(
        "not-from-there",
        {"default": "allow", "rules": [deny("there", "set", **{"from": ["127.0.0.2/31"]})]},
    ),
    Policy(
        "arguments",
        {
            "default": "allow",
            "rules": [
                allow("digits", "set", arguments=[{"index": 2, "matches": "[0-9]+"}]),
                deny("set", "set"),
                deny("sizes", "config", arguments=[{"any": "(?i)max"}]),
                deny("noscore", "zadd", arguments=[{"index": -1, "matches": "^evil"}]),
                allow("words", "rpush", arguments=[{"index": 2, "matches": "[a-z]*"}]),
                deny("rpush", "rpush"),
                deny("path", "append", arguments=[{"index": 2, "matches": "/etc"}]),
            ],
        },
    ),
    Policy(
        "sizes",
        {
            "default": "allow",
            "rules": [
                allow("few", "mget", "sadd", max_arguments=3),
                deny("no-more", "mget", "sadd"),
                deny("many", "del", "exists", "flushall", max_arguments=2),
                allow("small", "set", "append", max_bytes=50),
                deny("no-larger", "set", "append"),
                deny("large", "rpush", "eval", max_bytes=40),
            ],
        },
    ),
    Policy(
        "lookers",
        {
            "default": "deny",
            "rules": [
                allow("look", "*", keys=["app:*", "secret:*"], access="read"),
                allow("hands", "@handshake", *PASSERS),
            ],
        },
    ),
    Policy(
        "keepers",
        {"default": "allow", "rules": [deny("keep", "*", keys=["secret:*"], access="write")]},
    ),
    Policy(
        "pace",
        {
            "default": "allow",
            "rules": [
                deny(
                    "pace",
                    "incr",
                    "set",
                    "exec",
                    rate={"per_second": 1, "burst": 1, "per": "client"},
                )
            ],
        },
    ),
    Policy(
        "by-day",
        {
            "default": "deny",
            "rules": [
                allow("later", "set", "flushall", hours=hours(6, 12)),
                allow("now", "get", "dbsize", hours=hours(-6, 6)),
                allow("hands", "@handshake", "multi", "exec"),
            ],
        },
    ),
    Policy(
        "by-night",
        {
            "default": "allow",
            "rules": [
                deny("now", "set", hours=hours(-6, 6)),
                deny("later", "get", hours=hours(6, 12)),
            ],
        },
    ),
    Policy("all", {"default": "deny", "rules": [allow("all", "*")]}),
    Policy(
        "by-category", {"default": "deny", "rules": [allow("all", "@all", "@admin", "@dangerous")]}
    ),
    Policy("by-default", {"default": "allow", "unknown": "allow"}),
    Policy("psync-only", {"default": "allow", "rules": [allow("psync", "psync", "replconf")]}),
]
