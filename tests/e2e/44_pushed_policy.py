"""Goal: a policy with "push": true is enforced at the client agent already: what it refuses doesn't
cross the link, on open connections too, and after each reload; the server agent goes on deciding by
itself, and what the client agent can't tell (Redis users, commands that it doesn't know) is left to
it. Agents that don't know of it work as before; a push that is cut arrives all the same. Frame by
frame: 47_pushed_policy_by_frames.py.
"""

import os
import signal

import scenario  # noqa: F401, finds tests/support
import noise
from agent import ClientAgent
from harness import Pair, read_audit, run_tests
from processes import check, check_equal, check_in, free_port, wait_until
from wire import Wire, encode

IN_FORCE = r"is enforced here, too"
NO_WIPES = {
    "version": 1,
    "default": "allow",
    "push": True,
    "rules": [
        {"id": "no-wipes", "action": "deny", "commands": ["flushall", "config|set"]},
        {"id": "no-secrets", "action": "deny", "commands": ["*"], "keys": ["secret:*"]},
    ],
}
NO_SETS = {
    "version": 1,
    "default": "allow",
    "push": True,
    "rules": [{"id": "no-sets", "action": "deny", "commands": ["set"]}],
}
HARMLESS = {"version": 1, "default": "allow", "push": True}
MEGABYTE = 1 << 20


def denied(command, rule):
    return b"-NOPERM redwall: '%s' is denied by rule '%s'\r\n" % (command, rule)


NO_FLUSH = denied(b"flushall", b"no-wipes")


def without_push(policy):
    return {**policy, "push": False}


def pushing_pair(scene, redis, policy, **options):
    """A pair whose client agent has been pushed the policy."""
    pair = scene.pair(redis, policy=policy, **options)
    pair.client.wait_for_log(IN_FORCE)
    return pair


def decided(path, command):
    """(decision, rule) of each record of a command in an audit file."""
    records = read_audit(path, select=lambda record: record.get("cmd") == command)
    return [(record["decision"], record.get("rule")) for record in records]


def wait_decided(path, command, expected, what):
    wait_until(lambda: decided(path, command) == expected, f"{what}: {expected}, not others")


def events(path, name):
    return read_audit(path, select=lambda record: record.get("event") == name)


def crossed(pair):
    """Bytes from the client agent to the server agent so far."""
    return sum(connection.up.received_count for connection in pair.relay.connections)


def reload(pair, policy, pattern, at):
    """Puts a policy in force at the server agent, and waits for what agent `at` says of it."""
    mark = at.mark()
    pair.scene.write("policy.json", policy)
    pair.server.send_signal(signal.SIGHUP)
    at.wait_for_log(pattern, since=mark)


def refused_bytes(pair, wire, command, reply):
    """How much crosses the link for a refused command, and for the PING behind it."""
    before = crossed(pair)
    wire.send(command + encode("PING"))
    check_equal(wire.replies(2), [reply, b"+PONG\r\n"], "replies")
    return crossed(pair) - before


def check_what_crosses(scene, pushed):
    value = os.urandom(MEGABYTE)
    redis = scene.redis()
    scene.client(redis.address).set("a", "1")
    pair = scene.pair(redis, policy={**NO_WIPES, "push": pushed}, relay={}, audit=True)
    if pushed:
        pair.client.wait_for_log(IN_FORCE)
    wire = pair.wire()
    check_equal(wire.call("GET", "a"), b"$1\r\n1\r\n", "what no rule refuses")

    large, reply = encode("SET", "secret:1", value), denied(b"set", b"no-secrets")
    size = refused_bytes(pair, wire, large, reply)
    check((size < 1000) == pushed, f"{size} bytes crossed for a refused SET of 1 MB, push {pushed}")
    small = encode("CONFIG", "SET", "maxmemory-policy", "x" * 3000)
    reply = denied(b"config|set", b"no-wipes")
    sizes = [refused_bytes(pair, wire, small, reply) for _ in range(20)]
    check(
        (sum(sizes) < 20 * 500) == pushed,
        f"{sizes} bytes crossed for refused commands of {len(small)}, push {pushed}",
    )
    check_equal(wire.call("FLUSHALL"), NO_FLUSH, "FLUSHALL")
    check_equal(wire.call("FlushAll", "ASYNC"), NO_FLUSH, "FlushAll ASYNC")
    check_equal(wire.call("GET", "a"), b"$1\r\n1\r\n", "what FLUSHALL would have wiped")
    here, not_here = [("deny", "no-wipes")] * 2, []
    passed = [("allow", "default")] * 2
    wait_decided(pair.server_audit, "get", passed, "GET at the server")
    wait_decided(pair.client_audit, "flushall", here if pushed else passed, "FLUSHALL, client")
    wait_decided(pair.server_audit, "flushall", not_here if pushed else here, "FLUSHALL, server")
    pair.check_sound()


def test_what_is_refused_does_not_cross_the_link(scene):
    check_what_crosses(scene, pushed=True)


def test_without_push_it_does(scene):
    """The same measures see it."""
    check_what_crosses(scene, pushed=False)


def test_the_error_stands_in_its_place(scene):
    """In a pipeline, in a transaction, and at the end of the connection, as from the server."""
    redis = scene.redis()
    pair = pushing_pair(scene, redis, NO_WIPES)
    wire = pair.wire()
    wire.send(encode("SET", "a", "1") + encode("FLUSHALL") + encode("INCR", "a"))
    check_equal(wire.replies(3), [b"+OK\r\n", NO_FLUSH, b":2\r\n"], "a pipeline")
    wire.send(encode("MULTI") + encode("INCR", "a") + encode("FLUSHALL") + encode("EXEC"))
    replies = wire.replies(4)
    check_equal(replies[:3], [b"+OK\r\n", b"+QUEUED\r\n", NO_FLUSH], "a transaction")
    check(replies[3].startswith(b"-EXECABORT"), f"EXEC was answered {replies[3]!r}")
    check_equal(wire.call("GET", "a"), b"$1\r\n2\r\n", "a")
    pair.check_sound()


def test_both_policies_count_at_the_client_agent(scene):
    """A command must pass its own and the pushed one; a reload of its own leaves the pushed one."""
    redis = scene.redis()
    own = {"version": 1, "default": "allow", "rules": []}
    deny_del = {"id": "own", "action": "deny", "commands": ["del"]}
    pair = pushing_pair(
        scene, redis, NO_WIPES, client_policy={**own, "rules": [deny_del]}, audit=True
    )
    wire = pair.wire()
    check_equal(wire.call("DEL", "a"), denied(b"del", b"own"), "DEL by its own policy")
    check_equal(wire.call("FLUSHALL"), NO_FLUSH, "FLUSHALL by the pushed one")
    mark = pair.client.mark()
    scene.write("client-policy.json", own)
    pair.client.send_signal(signal.SIGHUP)
    pair.client.wait_for_log("reloaded", since=mark)
    check_equal(wire.call("DEL", "a"), b":0\r\n", "DEL after the reload")
    check_equal(wire.call("FLUSHALL"), NO_FLUSH, "FLUSHALL after the reload")
    wait_decided(pair.client_audit, "flushall", [("deny", "no-wipes")] * 2, "client")
    check_equal(decided(pair.server_audit, "flushall"), [], "FLUSHALL at the server")
    pair.check_sound()


def test_a_reload_at_the_server_reaches_open_connections(scene):
    redis = scene.redis()
    pair = pushing_pair(scene, redis, NO_WIPES, audit=True)
    wire = pair.wire()
    check_equal(wire.call("SET", "a", "1"), b"+OK\r\n", "SET")
    reload(pair, NO_SETS, IN_FORCE, pair.client)
    check_equal(wire.call("SET", "a", "2"), denied(b"set", b"no-sets"), "SET after the reload")
    check_equal(wire.call("FLUSHALL"), b"+OK\r\n", "FLUSHALL after the reload")
    wait_decided(
        pair.client_audit, "set", [("allow", "default"), ("deny", "no-sets")], "SET at the client"
    )
    wait_decided(pair.server_audit, "set", [("allow", "default")], "SET at the server")

    # A reload that changes nothing of it pushes nothing; one without "push" takes it back.
    reload(pair, NO_SETS, "reloaded", pair.server)
    reload(pair, without_push(NO_SETS), "leaves no policy", pair.client)
    check_equal(wire.call("SET", "a", "3"), denied(b"set", b"no-sets"), "SET, by the server alone")
    wait_decided(
        pair.server_audit, "set", [("allow", "default"), ("deny", "no-sets")], "SET at the server"
    )
    reload(pair, HARMLESS, IN_FORCE, pair.client)
    check_equal(wire.call("SET", "a", "4"), b"+OK\r\n", "SET at last")
    pushed = events(pair.client_audit, "policy-pushed")
    check_equal(len(pushed), 3, "policy-pushed events: NO_WIPES, NO_SETS, HARMLESS")
    hashes = {event["hash"] for event in pushed}
    check_equal(len(hashes), 3, "different hashes")
    check(all(len(one) == 64 and "why" not in event for one, event in zip(hashes, pushed)), pushed)
    check_equal(len(events(pair.client_audit, "policy-withdrawn")), 1, "policy-withdrawn events")
    pair.check_sound()


def test_what_only_observes_is_not_pushed(scene):
    redis = scene.redis()
    pair = scene.pair(redis, policy={**NO_WIPES, "mode": "observe"}, audit=True)
    wire = pair.wire()
    check_equal(wire.call("FLUSHALL"), b"+OK\r\n", "FLUSHALL, observed")
    wait_decided(pair.server_audit, "flushall", [("allow", "no-wipes")], "FLUSHALL at the server")
    check_equal(events(pair.client_audit, "policy-pushed"), [], "policy-pushed events")
    reload(pair, NO_WIPES, IN_FORCE, pair.client)
    check_equal(wire.call("FLUSHALL"), NO_FLUSH, "FLUSHALL, enforced")
    reload(pair, {**NO_WIPES, "mode": "observe"}, "leaves no policy", pair.client)
    check_equal(wire.call("FLUSHALL"), b"+OK\r\n", "FLUSHALL, observed again")
    pair.check_sound()


def test_identities_are_those_of_the_server(scene):
    """The rule is for another agent than this one, whatever this one calls itself."""
    for name, reply in (("site", NO_FLUSH), ("other", b"+OK\r\n")):
        rule = {"id": "no-wipes", "action": "deny", "commands": ["flushall"], "identities": [name]}
        pair = pushing_pair(scene, scene.redis(name), {**HARMLESS, "rules": [rule]})
        check_equal(pair.wire().call("FLUSHALL"), reply, f"FLUSHALL, a rule for {name!r}")
        pair.check_sound()


def test_users_that_only_the_server_knows(scene):
    """The server agent logs in by itself, so the client agent can't know as whom."""
    redis = scene.redis()
    with Wire(redis.address) as direct:
        for user in ("app", "boss"):
            made = direct.call("ACL", "SETUSER", user, "on", f">{user}-pw", "~*", "&*", "+@all")
            check_equal(made, b"+OK\r\n", "ACL SETUSER")
    rules = [
        {"id": "app-may", "action": "allow", "commands": ["dbsize"], "users": ["app"]},
        {"id": "boss-may", "action": "allow", "commands": ["flushdb"], "users": ["boss"]},
        {"id": "no", "action": "deny", "commands": ["dbsize", "flushdb", "flushall"]},
        {"id": "app-not", "action": "deny", "commands": ["randomkey"], "users": ["app"]},
        {"id": "boss-not", "action": "deny", "commands": ["lastsave"], "users": ["boss"]},
    ]
    pair = Pair(scene, redis, audit=True)
    route = {
        "redis": redis.address,
        "user": "app",
        "password_file": scene.write("app.password", "app-pw\n"),
    }
    config = {
        "listen": [pair.server_address],
        "keys": [pair.key],
        "routes": {"default": route},
        "policy": scene.write("policy.json", {**HARMLESS, "rules": rules}),
        "audit": pair.server_audit,
    }
    pair.server_args = ["server", "--config", scene.write("server.json", config)]
    pair.start()
    pair.client.wait_for_log(IN_FORCE)
    wire = pair.wire()
    check_equal(wire.call("DBSIZE"), b":0\r\n", "allowed to the user that it is")
    check_equal(wire.call("FLUSHDB"), denied(b"flushdb", b"no"), "allowed to another user")
    check_equal(wire.call("RANDOMKEY"), denied(b"randomkey", b"app-not"), "denied to this user")
    check(wire.call("LASTSAVE").startswith(b":"), "denied to another user")
    check_equal(wire.call("FLUSHALL"), denied(b"flushall", b"no"), "denied to all")
    for command, decision in (
        ("flushdb", ("deny", "no")),
        ("randomkey", ("deny", "app-not")),
        ("lastsave", ("allow", "default")),
    ):
        wait_decided(pair.server_audit, command, [decision], f"{command} at the server")
        wait_until(
            lambda command=command: [d for d, _ in decided(pair.client_audit, command)]
            == ["allow"],
            f"{command} to be forwarded by the client agent",
        )
    wait_decided(pair.client_audit, "flushall", [("deny", "no")], "FLUSHALL at the client")
    check_equal(decided(pair.server_audit, "flushall"), [], "FLUSHALL at the server")
    pair.check_sound()


def test_rates_are_counted_at_the_server_alone(scene):
    rate = {"per_second": 1, "burst": 10, "per": "client"}
    rule = {"id": "pace", "action": "deny", "commands": ["incr"], "rate": rate}
    pair = pushing_pair(scene, scene.redis(), {**HARMLESS, "rules": [rule]}, audit=True)
    wire, count = pair.wire(), 1000
    wire.send(encode("INCR", "n") * count)
    replies = wire.replies(count)
    check_equal(replies[:10], [b":%d\r\n" % n for n in range(1, 11)], "INCR within the rate")
    beyond = sum(b"rate limit of rule 'pace'" in reply for reply in replies)
    check(beyond > 0, "no INCR was beyond the rate")
    wait_until(lambda: len(decided(pair.server_audit, "incr")) == count, "records at the server")
    at_server = [decision for decision, _ in decided(pair.server_audit, "incr")]
    check_equal(at_server.count("deny"), beyond, "what the server agent refused")
    wait_until(lambda: len(decided(pair.client_audit, "incr")) == count, "records at the client")
    at_client = {decision for decision, _ in decided(pair.client_audit, "incr")}
    check_equal(at_client, {"allow"}, "what the client agent decided")
    pair.check_sound()


def test_commands_that_only_the_server_knows(scene):
    redis = scene.redis(
        options=["--rename-command", "FLUSHALL", "wipe", "--rename-command", "GET", "fetch"]
    )
    pair = pushing_pair(scene, redis, {**NO_WIPES, "unknown": "deny"}, audit=True)
    pair.server.wait_for_log("Redis has ")
    wire = pair.wire()
    check_equal(wire.call("SET", "a", "1"), b"+OK\r\n", "SET")
    check_in(b"NOPERM redwall: 'wipe'", wire.call("wipe"), "what FLUSHALL is called here")
    wait_until(lambda: wire.call("wipe") == NO_FLUSH, "wipe to be known as flushall")
    wait_until(lambda: wire.call("fetch", "a") == b"$1\r\n1\r\n", "GET under its other name")
    check_equal(wire.call("FLUSHALL"), NO_FLUSH, "FLUSHALL, by its old name")
    forwarded = {decision for decision, _ in decided(pair.client_audit, "wipe")}
    check_equal(forwarded, {"allow"}, "wipe at the client agent")
    check_in(("deny", "no-wipes"), decided(pair.server_audit, "flushall"), "wipe at the server")
    pair.check_sound()


def test_two_servers_have_each_its_own(scene):
    """The tunnel to the first stays away for a while, so that newcomers go by the second."""
    redis, key = scene.redis(), scene.key()
    policies = {"a": NO_WIPES, "b": NO_SETS}
    servers, relays = [], []
    for name, policy in policies.items():
        address = f"127.0.0.1:{free_port()}"
        arguments = ["-s", address, "-t", redis.address, "-k", key]
        path = scene.write(f"policy-{name}.json", policy)
        servers.append(scene.agent("server", *arguments, "--policy", path, name=name))
        relays.append(scene.relay(address))
    address = f"127.0.0.1:{free_port()}"
    config = {
        "servers": [relay.address for relay in relays],
        "listeners": [{"listen": address, "route": "default"}],
        "keys": [key],
        "audit": scene.path("client.jsonl"),
    }
    client = scene.agent("client", "--config", scene.write("client.json", config))
    client.wait_for_log(IN_FORCE)
    first = scene.wire(address)
    check_equal(first.call("SET", "a", "1"), b"+OK\r\n", "SET through the first")
    mark = client.mark()
    relays[0].refuse = True
    relays[0].reset_all()
    client.wait_for_log(rf"{relays[1].address} {IN_FORCE}", since=mark)
    second = scene.wire(address)
    check_equal(second.call("SET", "a", "2"), denied(b"set", b"no-sets"), "SET by the second")
    check_equal(second.call("FLUSHALL"), b"+OK\r\n", "FLUSHALL by the second")
    relays[0].refuse = False
    check_equal(first.call("FLUSHALL"), NO_FLUSH, "FLUSHALL by the first")
    check_equal(first.call("SET", "a", "3"), b"+OK\r\n", "SET by the first")
    check_equal(second.call("SET", "a", "4"), denied(b"set", b"no-sets"), "SET by the second")
    wait_decided(
        scene.path("client.jsonl"),
        "set",
        [("allow", "default"), ("deny", "no-sets"), ("allow", "default"), ("deny", "no-sets")],
        "SET",
    )
    for agent in (*servers, client):
        agent.check_sound()


def large_policy(size):
    """A policy of about `size` bytes, whose last rules are NO_WIPES's."""
    filling = {"id": "", "action": "deny", "commands": ["get"], "keys": []}
    rules = []
    for number in range(size // 9000):
        keys = [f"filling:{number}:{key}:{'x' * 60}" for key in range(100)]
        rules.append({**filling, "id": f"f{number}", "keys": keys})
    return {**NO_WIPES, "rules": rules + NO_WIPES["rules"]}


def test_a_push_that_is_cut_arrives_all_the_same(scene):
    """And what clients do meanwhile is done once."""
    redis = scene.redis()
    policy = large_policy(700_000)
    pair = scene.pair(redis, policy=policy, relay={"bandwidth": 500_000}, audit=True)

    def down():
        return sum(connection.down.sent_count for connection in pair.relay.connections)

    wire, cuts = pair.wire(), 4
    for _ in range(cuts):
        start = down()
        wire.send(encode("INCR", "n"))
        wait_until(lambda start=start: down() > start + 60_000, "some of the policy to arrive")
        check_equal(pair.relay.reset_all(), 1, "connections that were cut")
        wait_until(pair.relay.living, "another connection")
    check_equal(events(pair.client_audit, "policy-pushed"), [], "policies pushed before the end")
    check_equal(wire.replies(cuts), [b":%d\r\n" % n for n in range(1, cuts + 1)], "INCR")
    pair.client.wait_for_log(IN_FORCE)
    check_equal(wire.call("FLUSHALL"), NO_FLUSH, "FLUSHALL")
    check_equal(wire.call("INCR", "n"), b":%d\r\n" % (cuts + 1), "INCR in the end")
    wait_decided(pair.client_audit, "flushall", [("deny", "no-wipes")], "FLUSHALL at the client")
    check_equal(events(pair.client_audit, "tunnel-down"), [], "sessions that were lost")
    check(len(events(pair.client_audit, "tunnel-resumed")) >= cuts, "resumes are missing")
    check_equal(len(events(pair.client_audit, "policy-pushed")), 1, "policies pushed")
    pair.check_sound()


def test_one_that_is_too_large_is_enforced_at_the_server_alone(scene):
    redis = scene.redis()
    pair = scene.pair(redis, policy=large_policy(MEGABYTE + 100_000), audit=True)
    pair.server.wait_for_log(r"is not pushed to client agents.*at most 1048576")
    wire = pair.wire()
    check_equal(wire.call("FLUSHALL"), NO_FLUSH, "FLUSHALL")
    wait_decided(pair.server_audit, "flushall", [("deny", "no-wipes")], "FLUSHALL at the server")
    check_equal(events(pair.client_audit, "policy-pushed"), [], "policies pushed")
    reload(pair, NO_WIPES, IN_FORCE, pair.client)
    reload(pair, large_policy(MEGABYTE + 100_000), "leaves no policy", pair.client)
    check_equal(wire.call("FLUSHALL"), NO_FLUSH, "FLUSHALL")
    pair.check_sound()


def test_a_client_agent_that_does_not_enforce(scene):
    """It never asked for a policy, is sent none, and is refused by the server agent."""
    redis = scene.redis()
    pair = Pair(scene, redis, policy=NO_WIPES, audit=True)
    pair.start_server()
    agent = scene.keep(ClientAgent(pair.server_address, key=noise.SharedKey.from_file(pair.key)))
    stream = agent.open()
    stream.send(encode("FLUSHALL") + encode("PING"))
    expected = NO_FLUSH + b"+PONG\r\n"
    check_equal(agent.take(stream, len(expected)), expected, "replies")
    mark = pair.server.mark()
    scene.write("policy.json", NO_SETS)
    pair.server.send_signal(signal.SIGHUP)
    pair.server.wait_for_log("reloaded", since=mark)
    stream.send(encode("SET", "a", "1"))
    expected = denied(b"set", b"no-sets")
    check_equal(agent.take(stream, len(expected)), expected, "SET after the reload")
    wait_decided(pair.server_audit, "flushall", [("deny", "no-wipes")], "FLUSHALL at the server")
    pair.server.check_sound()


if __name__ == "__main__":
    run_tests(globals())
