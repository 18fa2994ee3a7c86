"""Goal: the ready policies in examples/policies do what they promise: `policy check` has no warning
for them, their cases hold, and through both agents a real Redis gets what they allow and nothing
else. The replica of replica-only follows its master.
"""

import json

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import REPO, check, check_equal, wait_until
from wire import Wire

FOLDER = REPO / "examples/policies"
NAMES = sorted(path.name[: -len(".cases.json")] for path in FOLDER.glob("*.cases.json"))
READY = ["cache-only", "no-dangerous", "observe-first", "read-only", "replica-only", "tenant"]
# The answer to these is no answer but a stream, or none at all.
NOT_ON_THE_WIRE = {("PSYNC",), ("SYNC",), ("MONITOR",), ("REPLCONF", "ACK")}
NOT_DONE = b"-NOPERM redwall: "


def cases_of(name):
    return json.loads((FOLDER / f"{name}.cases.json").read_text("utf-8"))["cases"]


def words_of(case):
    command = case["command"]
    return command.split(" ") if isinstance(command, str) else command


def test_all_are_there_with_their_cases(_):
    check_equal(NAMES, READY, "policies that have cases")
    policies = [path.stem for path in FOLDER.glob("*.json") if ".cases" not in path.name]
    check_equal(sorted(policies), READY, "policies")
    for name in NAMES:
        expected = [case["expect"] for case in cases_of(name)]
        check(len(expected) >= 15, f"{name} has {len(expected)} cases")
        check("allow" in expected and "deny" in expected, f"{name} has cases of one kind only")


def test_check_and_test(scene):
    for name in NAMES:
        done = scene.run("policy", "check", FOLDER / f"{name}.json")
        check_equal((done.returncode, done.stderr), (0, ""), f"policy check {name}")
        done = scene.run("policy", "test", FOLDER / f"{name}.cases.json")
        check_equal(done.returncode, 0, f"policy test {name}:\n{done.stdout}{done.stderr}")
        check_equal(
            done.stdout.strip().splitlines()[-1],
            f"{len(cases_of(name))} passed, 0 failed",
            f"the last line of policy test {name}",
        )


def test_a_case_that_is_wrong_fails(scene):
    """Else the cases would prove nothing."""
    for name in NAMES:
        cases = cases_of(name)
        cases[0]["expect"] = "deny" if cases[0]["expect"] == "allow" else "allow"
        path = scene.write("wrong.json", {"cases": cases})
        done = scene.run("policy", "test", FOLDER / f"{name}.json", path)
        check_equal(done.returncode, 1, f"policy test {name} with a wrong case")
        check(f"{len(cases) - 1} passed, 1 failed" in done.stdout, done.stdout)


def test_each_case_through_both_agents(scene):
    """On a connection of its own each. What is denied doesn't count at Redis."""
    for name in NAMES:
        redis = scene.redis(name)
        policy = (FOLDER / f"{name}.json").read_text("utf-8")
        pair = scene.pair(redis, policy=policy)
        observes = '"mode": "observe"' in policy
        for case in cases_of(name):
            words = words_of(case)
            streams = {tuple(words[:1]), tuple(words[:2])} & NOT_ON_THE_WIRE
            if observes or (streams and case["expect"] == "allow"):
                continue
            with scene.wire(pair.address) as wire:
                got = wire.call(*words)
            denied = got.startswith(NOT_DONE)
            check_equal(
                "deny" if denied else "allow",
                case["expect"],
                f"{name}: {case['name']} ({case['command']}, the answer was {got[:100]!r})",
            )
        pair.check_sound()


def test_the_observing_one_denies_nothing_and_tells_all(scene):
    redis = scene.redis()
    policy = (FOLDER / "observe-first.json").read_text("utf-8")
    pair = scene.pair(redis, policy=policy, audit=True)
    with pair.wire() as wire:
        check_equal(wire.call("SET", "a", "b"), b"+OK\r\n", "SET")
        check_equal(wire.call("FLUSHALL"), b"+OK\r\n", "what would be denied")
    records = pair.records("server", 2)
    check_equal(
        [(r["cmd"].lower(), r.get("would"), r["rule"]) for r in records],
        [("set", "allow", "everyday"), ("flushall", "deny", "no-dangerous")],
        "what the audit says",
    )


def test_values_that_are_too_large_for_the_cache(scene):
    redis = scene.redis()
    pair = scene.pair(redis, policy=(FOLDER / "cache-only.json").read_text("utf-8"))
    with pair.wire() as wire:
        fits = "x" * ((1 << 20) - len("SETcache:1"))
        check_equal(wire.call("SET", "cache:1", fits), b"+OK\r\n", "1 MB in all")
        got = wire.call("SET", "cache:1", fits + "x")
        check(b"'too-large'" in got, f"one byte more: {got[:100]!r}")
        got = wire.call("MSET", *(part for i in range(20) for part in (f"cache:{i}", "x" * 60000)))
        check(b"'too-large'" in got, f"a large MSET: {got[:100]!r}")
    check_equal(scene.client(redis.address).dbsize(), 1, "keys in Redis")


def test_a_replica_follows_and_nobody_reads(scene):
    top = scene.redis("master", options=["--repl-diskless-sync-delay", "0"])
    pair = scene.pair(top, policy=(FOLDER / "replica-only.json").read_text("utf-8"))
    above = scene.client(top.address)
    above.set("a", "1")
    host, _, port = pair.address.rpartition(":")
    below = scene.client(scene.redis("replica", options=["--replicaof", host, port]).address)
    wait_until(lambda: below.get("a") == b"1", "the replica to have what its master had")
    above.set("a", "2")
    wait_until(lambda: below.get("a") == b"2", "the replica to follow")
    with Wire(pair.address) as wire:
        got = wire.call("GET", "a")
    check(got.startswith(NOT_DONE), f"a client reads: {got!r}")
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
