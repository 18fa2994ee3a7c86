"""Goal: people can try a policy without a client: editors check it by its schema, `policy test`
runs cases against it, `policy explain` says what decides, and `policy replay` holds an audit that
the gateway really wrote against another policy: what it says would change is what then changes.
"""

import json
import re

import jsonschema
import scenario  # noqa: F401, finds tests/support
from harness import read_audit, run_tests
from processes import REPO, check, check_equal

POLICY = {
    "version": 1,
    "default": "deny",
    "rules": [
        {
            "id": "pace",
            "action": "deny",
            "commands": ["incr"],
            "rate": {"per_second": 1, "burst": 2},
        },
        {"id": "night", "action": "deny", "commands": ["@write"], "hours": "22:00-06:00"},
        {
            "id": "ops",
            "action": "allow",
            "commands": ["*"],
            "users": ["ops"],
            "from": ["10.0.0.0/8"],
        },
        {
            "id": "app",
            "action": "allow",
            "commands": ["@read", "@write", "@handshake"],
            "keys": ["app:*"],
            "databases": [0],
        },
    ],
}
ALLOW = {"version": 1, "default": "allow", "unknown": "allow"}


def rule(**fields):
    return {
        "version": 1,
        "default": "deny",
        "rules": [{"id": "r", "action": "deny", "commands": ["get"], **fields}],
    }


RIGHT = [
    ALLOW,
    POLICY,
    {
        **ALLOW,
        "$schema": "./policy.schema.json",
        "mode": "observe",
        "push": True,
        "audit": "writes",
    },
    {**ALLOW, "audit": {"events": "denied", "arguments": "full", "max_argument_bytes": 0}},
    rule(identities=[], message="no", keys=["a*"], channels=["b"], access="read"),
    rule(commands=["*", "-@read", "CONFIG|SET", "ft.search", "-@All"]),
    rule(databases=[0, 15], users=["app"], max_arguments=0, max_bytes=1 << 40, audit="none"),
    rule(**{"from": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7", "unix"]}),
    rule(arguments={"index": -1, "matches": "^a"}),
    rule(arguments=[{"any": "x"}, {"index": 2, "matches": ""}]),
    rule(hours="mon-FRI 08:00-18:00", timezone="Europe/Berlin"),
    rule(hours=["Sat,Sun", "22:00-06:00", "Fri-Mon,Wed 00:00-24:00"]),
    rule(rate={"per_second": 1}),
    rule(rate={"per_second": 1000000000, "burst": 1, "per": "identity"}, audit={"events": "all"}),
]
WRONG = [
    [],
    {},
    {"version": 1},
    {"version": 2, "default": "deny"},
    {**ALLOW, "default": "disconnect"},
    {**ALLOW, "mode": "Observe"},
    {**ALLOW, "rule": []},
    {**ALLOW, "rules": {}},
    {**ALLOW, "push": "yes"},
    {**ALLOW, "audit": "some"},
    {**ALLOW, "audit": {"max_argument_bytes": 65537}},
    {**ALLOW, "rules": [{"id": "a", "action": "deny"}]},
    {**ALLOW, "rules": [{"id": "a", "commands": ["get"]}]},
    {**ALLOW, "rules": [{"action": "deny", "commands": ["get"]}]},
    rule(id=""),
    rule(id="default"),
    rule(id="audit"),
    rule(id="x" * 65),
    rule(id="ä"),
    rule(action="permit"),
    rule(commands=[]),
    rule(commands="get"),
    rule(commands=["get*"]),
    rule(commands=["get set"]),
    rule(commands=["-"]),
    rule(identities="site"),
    rule(message="two\nlines"),
    rule(message="x" * 257),
    rule(keys=[]),
    rule(keys="a"),
    rule(channels=[]),
    rule(access="rw"),
    rule(databases=[]),
    rule(databases=[-1]),
    rule(databases=["0"]),
    rule(users=[]),
    rule(users=[""]),
    rule(users=["x" * 128]),
    rule(**{"from": []}),
    rule(**{"from": ["site-a"]}),
    rule(arguments=[]),
    rule(arguments={"index": 1}),
    rule(arguments={"matches": "a"}),
    rule(arguments={"any": "a", "index": 1}),
    rule(max_arguments=-1),
    rule(max_bytes=(1 << 40) + 1),
    rule(max_bytes=1.5),
    rule(hours=[]),
    rule(hours="Mon-Fri 8-18"),
    rule(hours="Mon 25:00-26:00"),
    rule(hours=" 08:00-18:00"),
    rule(timezone="UTC"),
    rule(rate={}),
    rule(rate={"per_second": 0}),
    rule(rate={"per_second": 1, "per": "user"}),
    rule(rate={"per_second": 1, "brust": 2}),
    rule(color="red"),
]


def test_the_schema_and_the_loader_agree(scene):
    done = scene.run("policy", "schema")
    check_equal(done.returncode, 0, f"exit status of policy schema ({done.stderr!r})")
    schema = json.loads(done.stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    for expected, documents in ((True, RIGHT), (False, WRONG)):
        for number, document in enumerate(documents):
            path = scene.write(f"{expected}-{number}.json", json.dumps(document))
            done = scene.run("policy", "check", path)
            check_equal(
                (done.returncode == 0, validator.is_valid(document)),
                (expected, expected),
                f"what loader and schema say to {json.dumps(document)} ({done.stderr!r})",
            )
    for path in sorted((REPO / "examples" / "policies").glob("*.json")):
        text = re.sub(r"(?m)(^|\s)//.*$", "", path.read_text("utf-8"))
        document = json.loads(text)
        if "cases" not in document:
            validator.validate(document)


CASES = {
    "policy": "policy.json",
    "cases": [
        {"name": "its keys", "as": "site", "command": "GET app:1", "expect": "allow",
         "rule": "app"},
        {"name": "no others", "command": "GET other", "expect": "deny", "rule": "default"},
        {"name": "one database", "command": "GET app:1", "db": 1, "expect": "deny"},
        {"name": "slowly", "command": "INCR app:n", "at": "2026-11-23T12:00:00Z", "times": 9,
         "every_ms": 1000, "expect": "allow"},
        {"name": "too fast", "command": "INCR app:n", "at": "2026-11-23T12:00:00Z", "times": 3,
         "expect": "deny", "rule": "pace"},
        {"name": "at night", "command": ["SET", "app:1", "a b"], "at": "2026-11-23T23:00:00Z",
         "expect": "deny", "rule": "night"},
        {"name": "ops", "user": "ops", "from": "10.0.0.7", "command": "FLUSHALL",
         "at": "2026-11-23T12:00:00Z", "expect": "allow", "rule": "ops"},
    ],
}  # fmt: skip


def test_cases_pass_and_fail(scene):
    policy = scene.write("policy.json", json.dumps(POLICY))
    cases = scene.write("cases.json", "// of the tenant\n" + json.dumps(CASES))
    for arguments in ((policy, cases), (cases,)):
        done = scene.run("policy", "test", *arguments)
        check_equal((done.returncode, done.stdout), (0, "7 passed, 0 failed\n"), "policy test")
    done = scene.run("policy", "test", policy, cases, "--verbose", "--coverage")
    check_equal(done.stdout.count('passed "'), 7, "lines of --verbose")
    check("decided no case" not in done.stdout, f"each rule decided a case: {done.stdout!r}")

    fewer = {"cases": CASES["cases"][:2] + [{"command": "GET app:1", "expect": "deny"}]}
    cases = scene.write("fewer.json", json.dumps(fewer))
    done = scene.run("policy", "test", policy, cases, "--coverage")
    check_equal(done.returncode, 1, "exit status where a case fails")
    lines = done.stdout.splitlines()
    check_equal(lines[-1], "2 passed, 1 failed", "the last line")
    check_equal(
        re.findall(r"rule '(\w+)' decided no case", done.stdout),
        ["pace", "night", "ops"],
        "coverage",
    )
    hint = lines[0].partition("; redwall ")[2].split()
    check("expected deny, got allow by rule 'app'" in lines[0], f"the complaint is {lines[0]!r}")
    done = scene.run(*hint)
    check("decision    allow, by rule 'app'" in done.stdout, f"the hint says {done.stdout!r}")

    wrong = scene.write("wrong.json", '{"cases": [{"command": "GET a", "expct": "deny"}]}')
    done = scene.run("policy", "test", policy, wrong)
    check_equal(done.returncode, 2, "exit status of a wrong file of cases")
    check("cases[0].expect" in done.stderr, f"the error names no place: {done.stderr!r}")
    check_equal(scene.run("policy", "test", wrong).returncode, 2, "wrong cases without a policy")


def test_explain_knows_the_sender(scene):
    policy = scene.write("policy.json", json.dumps(POLICY))

    def decision(*arguments):
        done = scene.run("policy", "explain", policy, *arguments)
        check_equal(done.returncode, 0, f"exit status of explain ({done.stderr!r})")
        return re.search(r"(?m)^decision +(.*)$", done.stdout)[1]

    noon = ("--at", "2026-11-23T12:00:00Z")
    ops = ("--user", "ops", "--from", "10.1.2.3:5000")
    check_equal(decision(*ops, *noon, "--", "FLUSHALL"), "allow, by rule 'ops'", "ops")
    check_equal(
        decision("--user", "ops", *noon, "--", "FLUSHALL"), "deny, the policy's default", "-"
    )
    check_equal(decision("--db", "1", "--", "GET", "app:1"), "deny, the policy's default", "--db")
    check_equal(decision("--", "GET", "app:1"), "allow, by rule 'app'", "a plain sender")
    check_equal(
        decision("--at", "2026-11-23T23:00:00+01:00", "--", "SET", "app:1", "x"),
        "deny, by rule 'night'",
        "--at",
    )
    for flag, value in (("--from", "site"), ("--at", "noon"), ("--db", "-1"), ("--db", "x")):
        done = scene.run("policy", "explain", policy, flag, value, "--", "PING")
        check_equal(done.returncode, 2, f"exit status of {flag} {value}")
        check(flag in done.stderr, f"the error doesn't name {flag}: {done.stderr!r}")


COMMANDS = [
    "SET app:1 x", "GET app:1", "GET other", "MGET app:1 other", "DEL secret:1", "SCAN 0",
    "RENAME app:1 app:2", "COPY app:2 secret:2", "FLUSHALL", "DBSIZE", "PING", "SORT app:l BY w:*",
    "CONFIG GET maxmemory", "EVAL return(1) 0", "PUBLISH app.n x", "PUBLISH other x",
    "OBJECT ENCODING app:2",
    "GETSET app:2 y", "NOSUCH app:1", "ZUNIONSTORE app:z 2 app:a other",
]  # fmt: skip
NEW = {
    "version": 1,
    "default": "deny",
    "rules": [
        {"id": "secrets", "action": "disconnect", "commands": ["*"], "keys": ["secret:*"]},
        {
            "id": "reads",
            "action": "allow",
            "commands": ["@read"],
            "access": "read",
            "keys": ["app:*"],
        },
        {"id": "sends", "action": "allow", "commands": ["publish"], "channels": ["app.*"]},
        {"id": "hands", "action": "allow", "commands": ["@handshake", "config|get"]},
    ],
}


def run_commands(scene, redis, name, policy):
    """The audit of COMMANDS, each on a connection of its own, under a policy."""
    audit = scene.path(f"{name}.jsonl")
    pair = scene.pair(redis, policy=policy, server_options=["--audit", audit])
    for command in COMMANDS:
        with scene.wire(pair.address) as wire:
            wire.call(*command.split())
    read_audit(audit, len(COMMANDS))
    return audit


def test_what_replay_says_would_change_does_change(scene):
    redis = scene.redis()
    before = run_commands(scene, redis, "before", ALLOW)
    after = run_commands(scene, redis, "after", NEW)
    new = scene.write("new.json", json.dumps(NEW))
    old = scene.write("old.json", json.dumps(ALLOW))

    decided = {"before": [], "after": []}
    for name, path in (("before", before), ("after", after)):
        records = sorted(read_audit(path, len(COMMANDS)), key=lambda record: record["stream"])
        decided[name] = [(record["decision"], record["rule"]) for record in records]
    changed = sum(a[0] != b[0] for a, b in zip(decided["before"], decided["after"]))
    check(5 < changed < len(COMMANDS), f"{changed} commands are decided otherwise")

    done = scene.run("policy", "replay", new, before, "--all-differences")
    check_equal(done.returncode, 1, f"exit status where something changes ({done.stderr!r})")
    total = done.stdout.splitlines()[-1]
    check_equal(
        total,
        f"{len(COMMANDS)} commands: {len(COMMANDS) - changed} decided the same, {changed} "
        "differently, 0 can't be told",
        "the totals",
    )
    single = re.findall(r"(?m)^\S*before\.jsonl:\d+: .*-> (.*)$", done.stdout)
    check_equal(len(single), changed, "lines of --all-differences")
    expected = sorted(
        f"{b[0]} by "
        + (f"the policy's '{b[1]}'" if b[1] in ("default", "unknown") else f"'{b[1]}'")
        for a, b in zip(decided["before"], decided["after"])
        if a[0] != b[0]
    )
    check_equal(sorted(single), expected, "what it says would be decided")
    # And the audit that the new policy wrote holds against it.
    done = scene.run("policy", "replay", new, after)
    check_equal(
        (done.returncode, done.stderr), (0, ""), f"replay of its own audit: {done.stdout!r}"
    )
    done = scene.run("policy", "replay", old, before, after)
    check_equal(done.returncode, 1, "two audits against the old policy")
    check(f"{2 * len(COMMANDS)} commands: " in done.stdout, f"both are read: {done.stdout!r}")


def test_replay_says_what_it_cannot_tell_and_what_it_cannot_read(scene):
    line = {
        "v": 1, "seq": 1, "ts": "2026-11-23T12:00:00.000000Z", "side": "server", "agent": "a",
        "session": "0" * 32, "stream": 1, "n": 1, "identity": "site", "user": "app",
        "db": 0, "client": "10.0.0.1:5", "cmd": "set", "keys": ["app:1"], "argc": 3,
        "bytes_in": 40, "decision": "allow", "rule": "default",
    }  # fmt: skip
    event = {**{name: line[name] for name in ("v", "seq", "ts", "side", "agent")}, "event": "start"}
    audit = scene.write("a.jsonl", "".join(json.dumps(each) + "\n" for each in (event, line)))
    policy = rule(commands=["set"], arguments={"index": 2, "matches": "x"})
    path = scene.write("p.json", json.dumps({**policy, "default": "allow"}))
    done = scene.run("policy", "replay", path, audit)
    check_equal(done.returncode, 0, "exit status where nothing is sure to change")
    check(
        "1 x can't be told: rule 'r' looks at arguments, and not all are recorded" in done.stdout
        and "1 commands: 0 decided the same, 0 differently, 1 can't be told" in done.stdout,
        f"it says {done.stdout!r}",
    )
    observed = {**line, "cmd": "get", "argc": 2, "observed": True, "would": "deny"}
    lines = json.dumps(observed), '{"v":1,"se', json.dumps(line), ""
    torn = scene.write("t.jsonl", "\n".join(lines))
    done = scene.run("policy", "replay", scene.write("all.json", json.dumps(ALLOW)), torn)
    check_equal(done.returncode, 1, "what observing would have denied is a difference")
    check("2 commands: 1 decided the same, 1 differently" in done.stdout, f"says {done.stdout!r}")
    check("t.jsonl:2: " in done.stderr, f"the line that can't be read: {done.stderr!r}")
    empty = scene.write("empty.jsonl", "")
    for arguments in ((path, empty), (path, scene.path("none.jsonl")), (path,), (empty, audit)):
        done = scene.run("policy", "replay", *arguments)
        check_equal(done.returncode, 2, f"exit status of replay {arguments}")
        check(done.stderr.startswith("redwall: "), f"it says {done.stderr!r}")


if __name__ == "__main__":
    run_tests(globals())
