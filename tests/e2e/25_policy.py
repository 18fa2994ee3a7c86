"""Goal: the policy language decides as it says, the same in `policy explain` as on the wire:
commands, sub-commands, categories, keys, channels, identities, default and unknown; a read-only
site and a tenant's prefix can't be got around. The examples in examples/policies do what they
promise.
"""

import re

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import REPO, check, check_equal
from wire import encode

TENANT = {
    "version": 1,
    "default": "deny",
    "unknown": "deny",
    "rules": [
        {
            "id": "app",
            "action": "allow",
            "commands": ["@all", "-keys", "-config"],
            "keys": ["app:*"],
            "channels": ["app.*"],
            "identities": ["site"],
        },
        {"id": "hands", "action": "allow", "commands": ["@handshake", "config|get"]},
    ],
}
ALLOWED, DENIED = "allowed", "denied"
TENANT_CASES = [
    ("GET app:1", ALLOWED),
    ("GET other", DENIED),
    ("get app:1", ALLOWED),
    ("MGET app:1 app:2", ALLOWED),
    ("MGET app:1 other", DENIED),
    ("DEL other app:1", DENIED),
    ("RENAME app:1 other", DENIED),
    ("SET app: x", ALLOWED),
    ("SET APP:1 x", DENIED),
    ("KEYS app:*", DENIED),
    ("SCAN 0", DENIED),
    ("FLUSHALL", DENIED),
    ("DBSIZE", DENIED),
    ("RANDOMKEY", DENIED),
    ("SWAPDB 0 1", DENIED),
    ("PING", ALLOWED),
    ("MULTI", ALLOWED),
    ("DISCARD", ALLOWED),
    ("CLIENT ID", ALLOWED),
    ("CONFIG GET maxmemory", ALLOWED),
    ("CONFIG SET maxmemory 0", DENIED),
    ("CONFIG RESETSTAT", DENIED),
    ("EVAL return(1) 1 app:1", ALLOWED),
    ("EVAL return(1) 1 other", DENIED),
    ("EVAL return(1) 0", DENIED),
    ("SORT app:l STORE other", DENIED),
    ("SORT app:l BY other:* STORE app:x", DENIED),
    ("ZUNIONSTORE app:z 2 app:a other", DENIED),
    ("ZUNIONSTORE app:z 2 app:a app:b", ALLOWED),
    ("XREAD STREAMS app:s other 0 0", DENIED),
    ("GEORADIUS app:g 0 0 1 m STORE app:h STORE other", DENIED),
    ("COPY app:1 other", DENIED),
    ("LMPOP 2 app:l other LEFT", DENIED),
    ("OBJECT ENCODING other", DENIED),
    ("OBJECT ENCODING app:1", ALLOWED),
    ("PUBLISH app.news x", ALLOWED),
    ("PUBLISH other x", DENIED),
    ("NOSUCHCOMMAND app:1", DENIED),
    ("WATCH other", DENIED),
    ("BITOP AND app:x app:y other", DENIED),
    ("MIGRATE 127.0.0.1 1 other 0 1", DENIED),
    ("DEBUG OBJECT other", DENIED),
]


def test_a_tenant_on_the_wire_and_explained(scene):
    redis = scene.redis()
    pair = scene.pair(redis, policy=TENANT, key=scene.key("site.key"))
    for command, expected in TENANT_CASES:
        with scene.wire(pair.address) as wire:
            got = wire.call(*command.split())
        denied = got.startswith(b"-NOPERM redwall: ")
        check_equal(
            DENIED if denied else ALLOWED, expected, f"{command} (the answer was {got[:100]!r})"
        )
        done = scene.run(
            "policy", "explain", pair.policy_path, "--as", "site", "--", *command.split()
        )
        check_equal(done.returncode, 0, f"exit status of policy explain ({done.stderr!r})")
        decision = re.search(r"(?m)^decision +(\w+)", done.stdout)
        check_equal(
            decision and decision[1],
            "deny" if denied else "allow",
            f"what explain says to {command}",
        )
        check(
            not denied or got.decode().rstrip() in done.stdout,
            f"explain tells another reply to {command} than {got!r}: {done.stdout!r}",
        )
    pair.check_sound()


def test_another_identity_has_other_rules(scene):
    redis = scene.redis()
    pair = scene.pair(redis, policy=TENANT, key=scene.key("other-site.key"))
    wire = pair.wire()
    check(wire.call("GET", "app:1").startswith(b"-NOPERM"), "another site's rule was used")
    check_equal(wire.call("PING"), b"+PONG\r\n", "PING")


def test_subscriptions_follow_the_channels(scene):
    redis = scene.redis()
    pair = scene.pair(redis, policy=TENANT, key=scene.key("site.key"))
    wire = pair.wire()
    check(wire.call("SUBSCRIBE", "app.a", "other").startswith(b"-NOPERM"), "SUBSCRIBE other")
    check(wire.call("PSUBSCRIBE", "*").startswith(b"-NOPERM"), "PSUBSCRIBE *")
    check_equal(
        wire.call("SUBSCRIBE", "app.a"),
        b"*3\r\n$9\r\nsubscribe\r\n$5\r\napp.a\r\n:1\r\n",
        "SUBSCRIBE app.a",
    )
    check(
        wire.call("SUBSCRIBE", "other").startswith(b"-NOPERM"), "SUBSCRIBE other while subscribed"
    )
    check_equal(
        wire.call("UNSUBSCRIBE"),
        b"*3\r\n$11\r\nunsubscribe\r\n$5\r\napp.a\r\n:0\r\n",
        "UNSUBSCRIBE",
    )


def test_disguises_do_not_help(scene):
    """The policy's view and Redis's view of a command are one."""
    redis = scene.redis()
    pair = scene.pair(
        redis,
        policy={
            "version": 1,
            "default": "allow",
            "rules": [{"id": "no-wipes", "action": "deny", "commands": ["flushall"]}],
        },
    )
    direct = scene.client(redis.address)
    direct.set("a", "b")
    for data in (
        b"FLUSHALL\r\n",
        b"flushall\n",
        b'"FLUSHALL"\r\n',
        b"'flushall' async\r\n",
        b'"\\x46LUSHALL"\r\n',
        b"  FlushAll  \r\n",
        b"*1\r\n$8\r\nFLUSHALL\r\n",
        b"*2\r\n$8\r\nfLuShAlL\r\n$4\r\nSYNC\r\n",
        b"\r\n\r\nFLUSHALL\r\n",
        b"*0\r\nFLUSHALL\r\n",
        b"*-1\r\n*1\r\n$8\r\nFLUSHALL\r\n",
        b"\tFLUSHALL\r\n",
    ):
        with scene.wire(pair.address) as wire:
            got = wire.send(data).reply()
        check(
            got.startswith(b"-NOPERM redwall: 'flushall' is denied by rule 'no-wipes'"),
            f"{data!r} got {got!r}",
        )
        check_equal(direct.dbsize(), 1, f"keys after {data!r}")
    pair.check_sound()


def test_check_warns_of_what_is_probably_not_meant(scene):
    hidden = {
        "version": 1,
        "default": "allow",
        "rules": [
            {"id": "all", "action": "allow", "commands": ["*"]},
            {"id": "never", "action": "deny", "commands": ["flushall"]},
        ],
    }
    done = scene.run("policy", "check", scene.write("hidden.json", hidden))
    check_equal(done.returncode, 0, "exit status")
    check("never" in done.stderr, f"no warning of a hidden rule: {done.stderr!r}")
    fine = scene.run("policy", "check", scene.write("fine.json", TENANT))
    check_equal((fine.returncode, fine.stderr), (0, ""), "policy check of a good policy")


EXAMPLES = {
    "no-dangerous.json": [
        ("GET a", ALLOWED),
        ("SET a b", ALLOWED),
        ("FLUSHALL", DENIED),
        ("KEYS *", DENIED),
        ("CONFIG SET maxmemory 0", DENIED),
        ("CONFIG GET maxmemory", DENIED),
        ("SHUTDOWN", DENIED),
        ("DEBUG SLEEP 0", DENIED),
        ("INFO", ALLOWED),
        ("CLIENT LIST", DENIED),
        ("CLIENT ID", ALLOWED),
        ("NOSUCHCOMMAND", DENIED),
    ],
    "read-only.json": [
        ("GET a", ALLOWED),
        ("SET a b", DENIED),
        ("MGET a b", ALLOWED),
        ("DEL a", DENIED),
        ("EVAL return(1) 0", DENIED),
        ("PING", ALLOWED),
        ("FLUSHALL", DENIED),
        ("KEYS *", DENIED),
        ("HELLO 2", ALLOWED),
        ("PUBLISH a b", DENIED),
        ("SORT a STORE b", DENIED),
        ("LRANGE a 0 1", ALLOWED),
    ],
    "tenant.json": [
        ("GET shop:1", ALLOWED),
        ("GET bank:1", DENIED),
        ("SET shop:1 x", ALLOWED),
        ("FLUSHALL", DENIED),
        ("PUBLISH shop.news x", ALLOWED),
        ("PUBLISH bank.news x", DENIED),
        ("PING", ALLOWED),
        ("KEYS shop:*", DENIED),
        ("MULTI", ALLOWED),
    ],
}


def test_the_examples_do_what_they_promise(scene):
    for name, cases in EXAMPLES.items():
        path = REPO / "examples/policies" / name
        done = scene.run("policy", "check", path)
        check_equal((done.returncode, done.stderr), (0, ""), f"policy check {name}")
        redis = scene.redis(name)
        pair = scene.pair(redis, policy=path.read_text("utf-8"))
        for command, expected in cases:
            with scene.wire(pair.address) as wire:
                got = wire.send(encode(*command.split())).reply()
            check_equal(
                DENIED if got.startswith(b"-NOPERM redwall: ") else ALLOWED,
                expected,
                f"{name}: {command} (the answer was {got[:100]!r})",
            )


def test_explain_and_check_refuse_nonsense(scene):
    path = scene.write("policy.json", TENANT)
    scene.refused(2, "policy", "explain", path)
    scene.refused(
        2, "policy", "explain", scene.path("none.json"), "--", "GET", "a", says="none.json"
    )
    scene.refused(2, "policy", "check", scene.path("none.json"), says="none.json")
    scene.refused(2, "policy", "guess", path)


if __name__ == "__main__":
    run_tests(globals())
