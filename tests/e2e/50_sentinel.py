"""Goal: a route whose master sentinels name follows them: after a switch clients find the new
master behind the same address, connections to the old one are closed and not left to write into
nothing, and clients that ask sentinels themselves are told the listener's address.

How soon clients are back and what is lost, against a direct connection: tests/compat/
sentinel_clients.py.
"""

import re

import redis
from redis.sentinel import Sentinel

import scenario  # noqa: F401, finds tests/support
from drives import writers
from harness import run_tests
from processes import SHARE, check, check_equal, check_few_lines, wait_until
from route_pair import RoutePair, node_ports
from sentinels import Sentinels
from wire import Closed, encode

CROWD = 100  # clients
NUMBERS = 800 // SHARE  # of the writers, between two events


def start(scene, listeners=({"route": "sessions"},), **options):
    """(what the sentinels watch, both agents)"""
    watched = Sentinels(scene, **options)
    routes = {"sessions": {"sentinel": watched.addresses, "master": watched.name}}
    return watched, RoutePair(scene, routes, list(listeners))


def port_behind(scene, front):
    """The port of the Redis that a new connection gets, or None where it gets none."""
    wire = scene.wire(front)
    try:
        said = wire.call("CONFIG", "GET", "port")
    except (Closed, OSError):
        return None
    finally:
        wire.close()
    return int(said.split(b"\r\n")[4]) if said.startswith(b"*2") else None


def wait_behind(scene, front, server):
    wait_until(
        lambda: port_behind(scene, front) == server.port, f"{server.name} to be behind {front}"
    )


def end_of(wire):
    """What comes until the connection is closed, which must happen."""
    return wire.rest()


def test_the_master_is_behind_the_listener(scene):
    watched, pair = start(scene)
    check_equal(port_behind(scene, pair.fronts[0]), watched.master().port, "the port behind it")
    client = scene.client(pair.fronts[0])
    check_equal((client.set("a", "b"), client.get("a")), (True, b"b"), "SET and GET")
    check_equal(client.role()[0], b"master", "ROLE")
    pair.check_sound()


def test_a_master_is_killed_under_load(scene):
    watched, pair = start(scene, replicas=2)
    drive = writers(scene, {"address": pair.fronts[0]})
    drive.wait_done(NUMBERS)
    drive.phase("away")
    old = watched.kill_master()
    new = watched.wait_switched(old)
    wait_behind(scene, pair.fronts[0], new)
    watched.restart(old)
    drive.phase("recovery")
    drive.wait_done(NUMBERS)
    drive.phase("afterwards")
    drive.wait_done(NUMBERS)
    result = drive.finish()
    check_equal(result["wrong"], 0, "numbers that nobody wrote")
    check_equal(result["errors"].get("afterwards", {}), {}, "errors when all was well")
    check_equal(port_behind(scene, pair.fronts[0]), new.port, "the port behind the listener")
    pair.check_sound()


def test_connections_to_the_old_master_are_closed(scene):
    """The old master lives and would go on answering: as a replica, or for some seconds even as a
    master whose writes are thrown away. Its clients are closed, whatever they are doing."""
    watched, pair = start(scene)
    idle, blocked, subscribed, inside = (scene.wire(pair.fronts[0]) for _ in range(4))
    check_equal(idle.call("PING"), b"+PONG\r\n", "PING")
    blocked.send(encode("BLPOP", "nothing", "0"))
    subscribed.call("SUBSCRIBE", "news")
    inside.call("MULTI")
    inside.call("SET", "half", "done")
    old = watched.master()
    wait_until(lambda: "cmd=blpop" in old.call("CLIENT", "LIST"), "BLPOP to wait at the old master")
    new = watched.failover()
    check_equal(end_of(idle), b"", "what an idle connection got")
    check_equal(end_of(subscribed), b"", "what a subscriber got")
    check_equal(end_of(inside), b"", "what an open transaction got")
    said = end_of(blocked)  # Redis itself says this to a client that blocks, before it is closed
    check(said == b"" or said.startswith(b"-UNBLOCKED"), f"what BLPOP got: {said!r}")
    wait_behind(scene, pair.fronts[0], new)
    client = scene.client(pair.fronts[0])
    check_equal(client.exists("half"), 0, "the transaction that was cut")
    check_equal(client.set("a", "b"), True, "SET at the new master")
    pair.check_sound()


def test_many_clients_of_the_old_master_make_few_lines(scene):
    watched, pair = start(scene)
    crowd = [scene.wire(pair.fronts[0]) for _ in range(CROWD)]
    for wire in crowd:
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING")
    watched.failover()
    for wire in crowd:
        check_equal(end_of(wire), b"", "what an idle connection got")
    for agent in (pair.server, pair.client):
        check_few_lines(agent, "disconnected")
    pair.check_sound()


def test_there_and_back(scene):
    watched, pair = start(scene)
    first = watched.master()
    client = scene.client(pair.fronts[0])
    for turn in range(2):
        new = watched.failover()
        wait_behind(scene, pair.fronts[0], new)
        client.connection_pool.disconnect()
        client.set(f"turn:{turn}", new.name)
        check_equal(new.call("GET", f"turn:{turn}"), new.name, "what the new master holds")
    check_equal(watched.master().name, first.name, "the master after two switches")
    pair.check_sound()


def test_the_replicas_have_a_listener_too(scene):
    listeners = [{"route": "sessions"}, {"route": "sessions", "role": "replica"}]
    watched, pair = start(scene, listeners, replicas=2)
    master, copies = pair.fronts
    replicas = {replica.port for replica in watched.replicas()}
    wait_until(lambda: port_behind(scene, copies), "a replica to be known")
    found = {port_behind(scene, copies) for _ in range(20)}
    check(found <= replicas, f"behind the replicas' listener: {found}, the replicas are {replicas}")
    scene.client(master).set("a", "b")
    reader = scene.client(copies)
    wait_until(lambda: reader.get("a") == b"b", "the value at a replica")
    check_equal(scene.wire(copies).call("SET", "a", "c")[:9], b"-READONLY", "SET at a replica")
    new = watched.failover()

    def settled():
        found = {port_behind(scene, copies) for _ in range(5)}
        return found <= {replica.port for replica in watched.replicas()}

    wait_until(settled, f"the replicas' listener to leave {new.name}, which is a master now")
    pair.check_sound()


def test_clients_that_ask_sentinels(scene):
    """redis.sentinel with a listener for its sentinel: it is told of listeners that lead to the
    servers, and never learns where a server is."""
    ports = node_ports()
    asked = {"route": "sessions", "role": "sentinel", "node_ports": ports}
    watched, pair = start(scene, [{"route": "sessions"}, asked], replicas=2)
    first, last = map(int, ports.split("-"))
    host, port = pair.fronts[1].split(":")
    sentinel = Sentinel([(host, int(port))], socket_timeout=30)
    for found in (sentinel.discover_master(watched.name), *sentinel.discover_slaves(watched.name)):
        check(found[0] == host and first <= found[1] <= last, f"the address of a server: {found}")
    client = sentinel.master_for(watched.name)
    check_equal((client.set("a", "b"), client.get("a")), (True, b"b"), "SET and GET")
    reader = sentinel.slave_for(watched.name)
    wait_until(lambda: reader.get("a") == b"b", "the value at a replica")
    drive = writers(scene, {"sentinels": [pair.fronts[1]], "master": watched.name})
    drive.wait_done(NUMBERS)
    drive.phase("away")
    new = watched.failover()
    wait_until(lambda: follows(sentinel, watched, new), f"the client to be led to {new.name}")
    drive.phase("recovery")
    drive.wait_done(NUMBERS)
    drive.phase("afterwards")
    drive.wait_done(NUMBERS)
    result = drive.finish()
    check_equal((result["wrong"], result["errors"].get("afterwards", {})), (0, {}), "afterwards")
    wire = scene.wire(pair.fronts[1])
    ports = b"|".join(b"%d" % server.port for server in watched.servers + watched.sentinels)
    secret = re.compile(rb"(?:\r\n|:)(?:" + ports + rb")\r\n")  # alone, or behind a host
    for question in ("MASTERS", "MASTER", "REPLICAS", "SENTINELS", "GET-MASTER-ADDR-BY-NAME"):
        name = [] if question == "MASTERS" else [watched.name]
        said = wire.call("SENTINEL", question, *name)
        check(not secret.search(said), f"a port in SENTINEL {question}: {said!r}")
    pair.check_sound()


def follows(sentinel, watched, new):
    """True when the client that asks is led to this server."""
    try:
        return sentinel.master_for(watched.name).config_get("port")["port"] == str(new.port)
    except redis.ConnectionError:
        return False


def test_sentinels_that_are_gone(scene):
    """One that answers is enough; without any, what was known last goes on."""
    watched, pair = start(scene)
    client = scene.client(pair.fronts[0])
    client.set("a", "b")
    check_equal(client.wait(1, 60000), 1, "replicas that have it")
    watched.sentinels[0].kill()
    new = watched.failover()
    wait_behind(scene, pair.fronts[0], new)
    for sentinel in watched.sentinels[1:]:
        sentinel.kill()
    client.connection_pool.disconnect()
    for _ in range(20):
        check_equal(port_behind(scene, pair.fronts[0]), new.port, "without any sentinel")
    check_equal(client.get("a"), b"b", "GET without any sentinel")
    pair.check_sound()


def test_no_sentinel_at_the_start(scene):
    """Clients are closed and the operator is told; when sentinels come, so do the answers."""
    watched, pair = start(scene)
    for sentinel in watched.sentinels:
        sentinel.kill()
    pair.server.stop()
    pair.start_server()
    check_equal(port_behind(scene, pair.fronts[0]), None, "what a client gets without sentinels")
    pair.server.wait_for_log(r"(?i)sentinel")
    for sentinel in watched.sentinels:
        sentinel.start()
    wait_behind(scene, pair.fronts[0], watched.master())
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
