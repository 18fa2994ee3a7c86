"""Goal: the audit file is rotated with mv and SIGUSR1 without losing a line, is never readable by
others, and says start, stop and the tunnel's coming and going besides the commands. Secrets never
stand in it.
"""

import json
import os
import re
import signal
import stat

import scenario  # noqa: F401, finds tests/support
from harness import read_audit, run_tests
from processes import check, check_equal, wait_until
from wire import encode

SECRET = "correct-horse-battery-staple"


def test_sigusr1_opens_the_file_again(scene):
    redis = scene.redis()
    pair = scene.pair(redis, audit=True)
    wire = pair.wire()
    for side, agent, path in (
        ("server", pair.server, pair.server_audit),
        ("client", pair.client, pair.client_audit),
    ):
        for i in range(10):
            wire.call("SET", f"{side}:before", i)
        read_audit(path, 10, lambda record, side=side: record.get("keys") == [f"{side}:before"])
        before = len(read_audit(path))
        os.rename(path, path + ".1")
        for i in range(5):  # still into the old file, under its new name
            wire.call("GET", f"{side}:before")
        agent.send_signal(signal.SIGUSR1)
        wait_until(lambda path=path: os.path.exists(path), "the new audit file")
        for i in range(10):
            wire.call("SET", f"{side}:after", i)
        after = lambda record, side=side: record.get("keys") == [f"{side}:after"]  # noqa: E731
        check_equal(len(read_audit(path, 10, after)), 10, "records in the new file")
        check_equal(len(read_audit(path + ".1")), before + 5, "records in the old file")
    pair.check_sound()


def test_a_record_has_what_the_contract_says(scene):
    redis = scene.redis()
    pair = scene.pair(redis, audit=True, key=scene.key("spiped.key"))
    client = pair.redis(client_name=None)
    client.set("the key", "the value")
    for side in ("server", "client"):
        record = pair.records(side, 1)[0]
        for name, value in {
            "v": 1,
            "side": side,
            "n": 1,
            "identity": "spiped",
            "cmd": "set",
            "argc": 3,
            "keys": ["the key"],
            "decision": "allow",
            "result": "ok",
        }.items():
            check_equal(record.get(name), value, f"{name} in the record of the {side} agent")
        check(
            re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", record["ts"]),
            f"ts is {record['ts']!r}",
        )
        check(re.fullmatch(r"[0-9a-f]{32}", record["session"]), f"session is {record['session']!r}")
        check(record["client"].startswith("127.0.0.1:"), f"client is {record['client']!r}")
        check(isinstance(record["us"], int) and record["us"] >= 0, f"us is {record['us']!r}")
        check(record["bytes_in"] > 0 and record["bytes_out"] == 5, f"bytes in {record}")
        check(
            "the value" not in json.dumps(record),
            "a value is in the audit although only keys were asked for",
        )


def test_user_database_and_name_are_those_of_the_moment(scene):
    redis = scene.redis()
    scene.wire(redis.address).call("ACL", "SETUSER", "app", "on", ">" + SECRET, "+@all", "~*")
    pair = scene.pair(redis, audit=True)
    one, other = pair.wire(), pair.wire()
    steps = (
        ("PING", (None, 0, "")),
        ("SELECT 3", (None, 3, "")),
        ("CLIENT SETNAME one", (None, 3, "one")),
        ("CLIENT SETNAME two", (None, 3, "two")),
        (f"AUTH app {SECRET}", ("app", 3, "two")),
        ("AUTH app wrong", ("app", 3, "two")),
        ("SELECT 4", ("app", 4, "two")),
        ("SELECT no", ("app", 4, "two")),
        (f"HELLO 2 AUTH app {SECRET} SETNAME three", ("app", 4, "three")),
        ("RESET", (None, 0, "")),
        (f"AUTH app {SECRET}", ("app", 0, "")),
    )
    expected = []
    for command, expectation in steps:
        one.call(*command.split())
        one.call("ECHO", "x")
        other.call("ECHO", "x")  # which has a state of its own
        expected += [expectation, (None, 0, "")]
    for side, unknown in (("server", "default"), ("client", "")):
        echoes = read_audit(
            pair.server_audit if side == "server" else pair.client_audit,
            len(expected),
            lambda record: record.get("cmd") == "echo",
        )
        got = [(echo["user"], echo["db"], echo["client_name"]) for echo in echoes]
        check_equal(
            got,
            [(user or unknown, db, name) for user, db, name in expected],
            f"user, database and name in the records of the {side} agent",
        )


def test_events_besides_commands(scene):
    redis = scene.redis()
    pair = scene.pair(redis, audit=True)
    pair.redis().ping()
    pair.client.send_signal(signal.SIGTERM)
    pair.client.expect_exit(0)
    pair.server.wait_for_log(r"is gone")
    pair.server.send_signal(signal.SIGTERM)
    pair.server.expect_exit(0)
    for path in (pair.server_audit, pair.client_audit):
        records = read_audit(path, select=lambda record: True)
        events = [record["event"] for record in records if "event" in record]
        for event in ("start", "tunnel-up", "tunnel-down", "stop"):
            check(event in events, f"{event} is missing in {events} of {path}")
        check_equal(
            [record["seq"] for record in records],
            list(range(1, 1 + len(records))),
            "seq of all records",
        )
        check_equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode of the audit file")


def secrets_of(wire):
    """Everything that has a secret in it, as clients send it, errors included."""
    commands = [
        ("AUTH", SECRET),
        ("AUTH", "someone", SECRET),
        ("auth", "someone", SECRET),
        ("HELLO", "2", "AUTH", "someone", SECRET),
        ("HELLO", "2", "SETNAME", "me", "AUTH", "x", SECRET),
        ("CONFIG", "SET", "masterauth", SECRET),
        ("config", "set", "maxmemory", "0", "MASTERAUTH", SECRET),
        ("ACL", "SETUSER", "someone", "on", ">" + SECRET),
        ("ACL", "SETUSER", "other", "#" + SECRET),
        ("MIGRATE", "127.0.0.1", "1", "k", "0", "10", "AUTH", SECRET),
        ("MIGRATE", "127.0.0.1", "1", "", "0", "10", "AUTH2", "u", SECRET, "KEYS", "a", "b"),
        ("AUTH", SECRET, SECRET, SECRET),
    ]
    for command in commands:
        wire.call(*command)
    wire.send(f"AUTH {SECRET}\r\n".encode()).reply()
    return len(commands) + 1


def test_secrets_never_appear_even_with_all_arguments(scene):
    everything = {
        "version": 1,
        "default": "allow",
        "audit": {"events": "all", "arguments": "full", "max_argument_bytes": 4096},
    }
    redis = scene.redis()
    pair = scene.pair(redis, audit=True, policy=everything, client_policy=everything)
    wire = pair.wire()
    count = secrets_of(wire)
    wire.call("SET", "seen", "not-a-secret")
    for side, path in (("server", pair.server_audit), ("client", pair.client_audit)):
        pair.records(side, count + 1)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        check(SECRET not in text, f"the {side} audit has a secret in it")
        check(
            "not-a-secret" in text,
            "the full arguments are missing, so that this test proves nothing",
        )
    for agent in (pair.server, pair.client):
        check(SECRET not in agent.log(), "a log has a secret in it")


def test_what_is_audited_follows_the_policy(scene):
    denied_only = {
        "version": 1,
        "default": "allow",
        "audit": {"events": "denied", "arguments": "none"},
        "rules": [{"id": "no", "action": "deny", "commands": ["get"]}],
    }
    writes = {
        "version": 1,
        "default": "allow",
        "audit": {"events": "writes", "arguments": "full", "max_argument_bytes": 4},
    }
    for policy, expected in ((denied_only, [("get", None)]), (writes, [("set", ["lo"])])):
        name = expected[0][0]
        redis = scene.redis(name)
        pair = scene.pair(
            redis,
            audit=False,
            policy=policy,
            server_options=["--audit", scene.path(f"{name}.jsonl")],
        )
        wire = pair.wire()
        wire.call("SET", "long-key", "long-value")
        wire.call("GET", "long-key")
        wire.call("PING")
        records = read_audit(scene.path(f"{name}.jsonl"), 1)
        check_equal([record["cmd"] for record in records], [name], "recorded commands")
        check("long-value" not in json.dumps(records), "more of an argument than was asked for")


def test_no_line_is_lost_with_clients_in_parallel(scene):
    redis = scene.redis()
    pair = scene.pair(redis, audit=True)
    wires = [pair.wire() for _ in range(20)]
    for wire in wires:
        wire.send(encode("INCR", "a") * 500)
    for wire in wires:
        wire.replies(500)
    server = {(r["session"], r["stream"], r["n"]) for r in pair.records("server", 10_000)}
    client = {(r["session"], r["stream"], r["n"]) for r in pair.records("client", 10_000)}
    check_equal(len(server), 10_000, "different commands in the server's audit")
    check_equal(server == client, True, "both audits have the same commands")


if __name__ == "__main__":
    run_tests(globals())
