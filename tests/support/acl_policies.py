"""Policies that are awkward to say in Redis's ACLs, for tests/e2e/45_policy_acl.py.

Each with the arguments that `policy acl` gets, and why the user may refuse what the policy allows:
{"command command": reason}, "*" for all commands.
"""

INEXACT = "an ACL has no 'all but' for such a pattern"


def policy(*rules, default="deny", **more):
    return {"version": 1, "default": default, "rules": list(rules), **more}


def allow(name, *commands, **more):
    return {"id": name, "action": "allow", "commands": list(commands), **more}


def deny(name, *commands, **more):
    return {"id": name, "action": "deny", "commands": list(commands), **more}


AWKWARD = {
    "all-but-secrets": (
        policy(
            deny("secrets", "*", keys=["secret:*", "a)"], channels=["secret.*"]), default="allow"
        ),
        [],
        {"psubscribe": "no 'all but' for patterns of clients"},
    ),
    "within-a-prefix": (
        policy(
            deny("inner", "*", keys=["app:secret:*", "app:"], channels=["app.1"]),
            allow("app", "@all", "-@dangerous", keys=["app:*", "s"], channels=["app.*"]),
        ),
        [],
        {"psubscribe": "no 'all but' for patterns of clients"},
    ),
    "a-glob-denied": (
        policy(deny("secrets", "@all", keys=["user:*:secret"]), default="allow"),
        [],
        {"*": INEXACT},
    ),
    "reads-here-writes-there": (
        policy(
            allow("read", "*", keys=["app:*", "conf:*"], access="read"),
            allow("write", "@write", keys=["b:*"], access="write"),
            allow("both", "@write", "@read", keys=["s", "other"]),
        ),
        [],
        {},
    ),
    "writes-denied": (
        policy(deny("conf", "*", keys=["conf:*"], access="write"), default="allow"),
        [],
        {},
    ),
    "reads-denied": (
        policy(deny("conf", "*", keys=["conf:*", "app:*"], access="read"), default="allow"),
        [],
        {},
    ),
    "access-alone": (policy(allow("reads", "*", access="read")), [], {}),
    "any-key": (policy(allow("keyed", "*", keys=["*"], channels=["*"])), [], {}),
    "two-owners": (
        policy(
            allow("app", "@all", "-keys", keys=["app:*"], channels=["app.*"]),
            allow("secrets", "@read", "publish", keys=["secret:*"], channels=["secret.*"]),
            deny("no-del", "del", "unlink"),
            allow("rest", "del", "get", "config|get", "client|list", "command|count"),
        ),
        [],
        {"psubscribe": "a pattern narrower than the listed one"},
    ),
    "database-0": (
        policy(
            allow("keys", "@read", "@write", databases=[0, 2]),
            allow("hello", "@handshake"),
        ),
        [],
        {"select": "kept in database 0", "copy move": "databases in arguments"},
    ),
    "not-database-3": (
        policy(deny("no-3", "*", databases=[3]), default="allow"),
        [],
        {"select": "kept in database 0", "copy move swapdb": "databases in arguments"},
    ),
    "users": (
        policy(
            allow("others", "*", users=["root"]),
            deny("not-us", "del", users=["redwall-site-a"]),
            allow("us", "@write", "@read", users=["redwall-site-a", "x"], keys=["app:*"]),
        ),
        [],
        {},
    ),
    "conditions": (
        policy(
            deny("pace", "*", rate={"per_second": 1000, "burst": 100000}),
            deny("not-from-there", "@hash", **{"from": ["10.0.0.0/8"]}),
            deny("no-argument", "config|set", "lpush", arguments=[{"any": "x"}]),
            allow("office", "@list", hours=["Mon-Fri 08:00-18:00"]),
            deny("many", "mget", "sadd", max_arguments=20),
            allow("all", "@read", "@write", keys=["app:*"]),
        ),
        [],
        {"*": "conditions that an ACL can't ask for"},
    ),
    "odd-patterns": (
        policy(
            allow("odd", "@read", keys=["a)", "a\\)", "q\"'*", "\u00fc*", "a b", "[a-c]:*", "a!?"]),
            allow("more", "@write", keys=["(*)", "b:1)"]),
        ),
        [],
        {"white space": "an ACL can't hold white space"},
    ),
    "other-identity": (
        policy(
            allow("theirs", "*", identities=["site-b"]),
            allow("ours", "get", "@connection", identities=["site-a"], keys=["app:*"]),
        ),
        [],
        {},
    ),
    "white-space-denied": (
        policy(deny("space", "@all", keys=["a b"]), default="allow", mode="observe"),
        [],
        {"*": INEXACT},
    ),
    "nothing": (policy(), [], {}),
}
