"""Goal: a pipeline of 1,000 commands with a denied FLUSHALL in the middle: 999 right answers and
the NOPERM at its place; the data is still there; the audit has all 1,000. With the policy at the
server agent, at the client agent, and at both.
"""

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal
from wire import Wire, encode

import redis as redis_py

POLICY = """
{ "version": 1,   // what a platform team would write
  "default": "allow", "unknown": "allow",
  "rules": [ { "id": "no-wipes", "action": "deny", "commands": ["flushall", "flushdb"],
               "message": "ask the platform team" } ] }
"""
NOPERM = b"-NOPERM redwall: 'flushall' is denied by rule 'no-wipes': ask the platform team\r\n"
MIDDLE = 500


def commands():
    """999 commands whose answers depend on those before, with FLUSHALL in the middle."""
    kinds = [
        lambda i: ("SET", f"key:{i}", f"value {i}"),
        lambda i: ("GET", f"key:{i - 1}"),
        lambda i: ("INCR", "counter"),
        lambda i: ("RPUSH", "list", i),
        lambda i: ("LRANGE", "list", 0, 3),
        lambda i: ("HSET", "hash", f"field {i % 7}", i),
        lambda i: ("NOSUCHCOMMAND", i),
        lambda i: ("INCRBY", "key:0", i),
        lambda i: ("ECHO", "x" * i),
    ]
    pipeline = [kinds[i % len(kinds)](i) for i in range(999)]
    return pipeline[:MIDDLE] + [("FlushAll",)] + pipeline[MIDDLE:]


def answers(address, pipeline):
    with Wire(address) as wire:
        wire.send(b"".join(encode(*command) for command in pipeline))
        return wire.replies(len(pipeline))


def expected_answers(scene):
    """What Redis itself answers to the 999, with the denial at its place."""
    direct = scene.redis("direct")
    pipeline = commands()
    got = answers(direct.address, pipeline[:MIDDLE] + pipeline[MIDDLE + 1 :])
    return got[:MIDDLE] + [NOPERM] + got[MIDDLE:]


def numbers(records):
    """session, stream and n of each record, in the file's order."""
    return [(record["session"], record["stream"], record["n"]) for record in records]


def check_audit(records, whole):
    numbered = numbers(records)
    check_equal(
        len({(session, stream) for session, stream, _ in numbered}), 1, "connections in the audit"
    )
    check_equal([n for _, _, n in numbered], whole, "numbers of the commands in the audit")


def run_pipeline(scene, **policies):
    redis = scene.redis()
    pair = scene.pair(redis, audit=True, **policies)
    got = answers(pair.address, commands())
    expected = expected_answers(scene)
    wrong = [i for i in range(1000) if got[i] != expected[i]]
    check(
        not wrong,
        f"{len(wrong)} wrong answers; the first, {wrong[:1]}, is {got[wrong[0]][:80]!r} and "
        f"should be {expected[wrong[0]][:80]!r}"
        if wrong
        else "",
    )
    check_equal(got.count(NOPERM), 1, "denials")
    check_equal(scene.client(redis.address).get("counter"), b"111", "the data afterwards")
    pair.check_sound()
    return pair


def check_denied_record(records, rule="no-wipes"):
    denied = [record for record in records if record["decision"] == "deny"]
    check_equal(
        [(r["n"], r["cmd"], r["rule"]) for r in denied],
        [(MIDDLE + 1, "flushall", rule)],
        "denied commands in the audit",
    )


def test_policy_at_the_server_agent(scene):
    pair = run_pipeline(scene, policy=POLICY)
    everything = list(range(1, 1001))
    server, client = pair.records("server", 1000), pair.records("client", 1000)
    check_audit(server, everything)
    check_audit(client, everything)
    check_equal(numbers(server), numbers(client), "session, stream and n at both sites")
    check_equal([r["cmd"] for r in server], [r["cmd"] for r in client], "commands at both sites")
    check_denied_record(server)


def test_policy_at_the_client_agent(scene):
    pair = run_pipeline(scene, client_policy=POLICY)
    client = pair.records("client", 1000)
    check_audit(client, list(range(1, 1001)))
    check_denied_record(client)
    server = numbers(pair.records("server", 999))
    check_equal(
        server,
        [n for n in numbers(client) if n[2] != MIDDLE + 1],
        "what the server site saw: all but the denied one, under the same numbers",
    )


def test_policy_at_both_agents(scene):
    pair = run_pipeline(scene, policy=POLICY, client_policy=POLICY)
    check_denied_record(pair.records("client", 1000))
    check_equal(len(pair.records("server", 999)), 999, "records at the server site")


def test_a_redis_py_pipeline(scene):
    redis = scene.redis()
    pair = scene.pair(redis, policy=POLICY)
    pipeline = pair.redis().pipeline(transaction=False)
    for i in range(MIDDLE):
        pipeline.incr("counter")
    pipeline.flushall()
    for i in range(999 - MIDDLE):
        pipeline.incr("counter")
    results = pipeline.execute(raise_on_error=False)
    check(
        isinstance(results[MIDDLE], redis_py.exceptions.NoPermissionError),
        f"the result of FLUSHALL is {results[MIDDLE]!r}",
    )
    check_equal(results[:MIDDLE] + results[MIDDLE + 1 :], list(range(1, 1000)), "the other results")


if __name__ == "__main__":
    run_tests(globals())
