"""Goal: a wrong policy is refused with the file, the place in it and what was expected there.
SIGHUP puts a new one in force at once, on connections that are open too; a bad one leaves the old
one in force and says why.
"""

import hashlib
import json
import pathlib
import signal

import scenario  # noqa: F401, finds tests/support
from harness import read_audit, run_tests
from processes import check, check_equal, check_in, free_port

OPEN = {"version": 1, "default": "allow"}
NO_SETS = {
    "version": 1,
    "default": "allow",
    "rules": [{"id": "no-sets", "action": "deny", "commands": ["set"]}],
}
DENIED = b"-NOPERM redwall: 'set' is denied by rule 'no-sets'\r\n"

START = '{"version": 1, "default": "allow", '
WRONG = [  # (the policy, what the sentence must name)
    (
        START + '"rules": [{"id": "a", "action": "permit", "commands": ["get"]}]}',
        ["rules[0].action", "permit", "allow"],
    ),
    (
        START + '"rules": [{"id": "a", "action": "deny", "commands": ["@nosuchcategory"]}]}',
        ["rules[0].commands[0]", "nosuchcategory"],
    ),
    (
        START + '"rules": [{"id": "a", "action": "deny", "commands": ["get"], "kees": ["a"]}]}',
        ["rules[0]", "kees"],
    ),
    ('{"version": 2, "default": "allow"}', ["version"]),
    ("{}", ["version"]),
    ('{"version": 1}', ["default"]),
    ('{"version": 1, "default": "perhaps"}', ["default", "perhaps", "deny"]),
    (START + '"mode": "dry"}', ["mode", "dry", "observe"]),
    (
        START + '"rules": [{"id": "a", "action": "deny", "commands": ["get"], '
        '"rate": {"per_minute": 1}}]}',
        ["rules[0].rate", "per_second"],
    ),
    (START + '"rules": 7}', ["rules", "array"]),
    (START + '"version": 1}', ["version"]),
    ('{"version": 1,', ["policy.json"]),
    ("[]", ["policy.json"]),
    ("", ["policy.json"]),
]


def test_a_wrong_policy_at_the_start(scene):
    for text, names in WRONG:
        path = scene.write("policy.json", text)
        says = ["policy.json", *names]
        scene.refused(
            2,
            "server",
            "-s",
            f"127.0.0.1:{free_port()}",
            "-t",
            "127.0.0.1:6379",
            "-k",
            scene.key(),
            "--policy",
            path,
            says=says,
        )
        said = scene.run("policy", "check", path)
        check_equal(said.returncode, 2, f"exit status of policy check for {text}")
        for name in says:
            check(name in said.stderr, f"policy check: {name!r} is missing in {said.stderr!r}")


def test_a_command_that_redis_does_not_have_is_a_warning(scene):
    """It may be a module's."""
    path = scene.write(
        "policy.json",
        {
            "version": 1,
            "default": "allow",
            "rules": [{"id": "a", "action": "deny", "commands": ["flushal"]}],
        },
    )
    done = scene.run("policy", "check", path)
    check_equal(done.returncode, 0, "exit status of policy check")
    check(
        "flushal" in done.stderr and "rules[0].commands" in done.stderr,
        f"no warning: {done.stderr!r}",
    )


def reload(agent, path, content, pattern):
    mark = agent.mark()
    with open(path, "w", encoding="utf-8") as file:
        file.write(content if isinstance(content, str) else json.dumps(content))
    agent.send_signal(signal.SIGHUP)
    return agent.wait_for_log(pattern, since=mark)


def agent_and_path(pair, where):
    return (
        (pair.server, pair.policy_path)
        if where == "policy"
        else (pair.client, pair.client_policy_path)
    )


def test_connections_that_are_open_obey_the_new_policy(scene):
    for where in ("policy", "client_policy"):
        redis = scene.redis(where)
        pair = scene.pair(redis, **{where: OPEN})
        agent, path = agent_and_path(pair, where)
        wire = pair.wire()
        check_equal(wire.call("SET", "a", "1"), b"+OK\r\n", "SET under the open policy")
        reload(agent, path, NO_SETS, r"(?i)reload|policy")
        check_equal(wire.call("SET", "a", "2"), DENIED, "SET after the reload")
        check_equal(wire.call("GET", "a"), b"$1\r\n1\r\n", "GET after the reload")
        reload(agent, path, OPEN, r"(?i)reload|policy")
        check_equal(wire.call("SET", "a", "3"), b"+OK\r\n", "SET after the second reload")
        pair.check_sound()


def test_a_bad_policy_leaves_the_old_one_in_force(scene):
    for where in ("policy", "client_policy"):
        redis = scene.redis(where)
        pair = scene.pair(redis, **{where: NO_SETS})
        agent, path = agent_and_path(pair, where)
        wire = pair.wire()
        for text, names in WRONG[:3] + WRONG[-1:]:
            said = reload(agent, path, text, r"[^\n]*(?:policy\.json)[^\n]*").group()
            for name in names:
                check(name in said, f"{name!r} is missing in {said!r}")
            check_equal(wire.call("SET", "a", "1"), DENIED, "SET after a bad reload")
        reload(agent, path, OPEN, r"(?i)reload|policy")
        check_equal(wire.call("SET", "a", "1"), b"+OK\r\n", "SET after a good reload")
        pair.check_sound()


def test_a_policy_file_that_is_gone_leaves_the_old_one_in_force(scene):
    redis = scene.redis()
    pair = scene.pair(redis, policy=NO_SETS)
    wire = pair.wire()
    mark = pair.server.mark()
    (scene.folder / "policy.json").unlink()
    pair.server.send_signal(signal.SIGHUP)
    pair.server.wait_for_log(r"policy\.json", since=mark)
    check_equal(wire.call("SET", "a", "1"), DENIED, "SET")


NO_MONITOR = {
    "version": 1,
    "default": "allow",
    "rules": [
        {"id": "m", "action": "deny", "commands": ["monitor"]},
        {"id": "c", "action": "deny", "commands": ["@pubsub"], "channels": ["secret.*"]},
    ],
}


def test_what_goes_on_and_is_no_longer_allowed_ends(scene):
    """MONITOR, and subscriptions of which it can't be told that all are still allowed."""
    for where in ("policy", "client_policy"):
        pair = scene.pair(scene.redis(where), **{where: OPEN})
        agent, path = agent_and_path(pair, where)
        monitor, reader, other = pair.wire(), pair.wire(), pair.wire()
        check_equal(monitor.call("MONITOR"), b"+OK\r\n", "MONITOR")
        check_in(b"secret.1", reader.call("SUBSCRIBE", "secret.1"), "the confirmation")
        check_equal(other.call("PING"), b"+PONG\r\n", "PING")
        reload(agent, path, json.dumps(OPEN) + "\n", r"(?i)reload|policy")
        # A policy that allows it all the same ends nothing.
        check_in(b"pong", reader.call("PING"), "PING of the subscriber")
        reload(agent, path, NO_MONITOR, r"(?i)reload|policy")
        check_equal(reader.rest(), b"", "what the subscriber gets before its end")
        monitor.rest()
        check_equal(other.call("PING"), b"+PONG\r\n", "PING after the reload")
        pair.check_sound()


def test_what_is_queued_is_not_executed_under_another_policy(scene):
    pair = scene.pair(scene.redis(), policy=OPEN)
    wire = pair.wire()
    check_equal(wire.call("MULTI"), b"+OK\r\n", "MULTI")
    check_equal(wire.call("SET", "a", "1"), b"+QUEUED\r\n", "SET in it")
    reload(pair.server, pair.policy_path, NO_SETS, r"(?i)reload|policy")
    check_in(b"EXECABORT", wire.call("EXEC"), "EXEC")
    check_equal(wire.call("GET", "a"), b"$-1\r\n", "GET afterwards")


def test_the_audit_says_which_policy_is_in_force(scene):
    pair = scene.pair(scene.redis(), policy=OPEN, audit=True)
    texts = [pathlib.Path(pair.policy_path).read_bytes()]
    reload(pair.server, pair.policy_path, NO_SETS, r"(?i)reload|policy")
    texts.append(pathlib.Path(pair.policy_path).read_bytes())
    names = ("start", "policy-reloaded")
    events = read_audit(pair.server_audit, 2, lambda record: record.get("event") in names)
    hashes = [hashlib.blake2b(text, digest_size=32).hexdigest() for text in texts]
    check_equal([event["hash"] for event in events], hashes, "the hashes of the policies")


if __name__ == "__main__":
    run_tests(globals())
