"""Goal: cluster-aware clients use every node of a Redis Cluster through listeners of the client
agent and never learn of any other address: while slots are moved, while a master is replaced, while
nodes come and go, and across restarts of the agents.

tests/compat/cluster_clients.py does more of it, with more clients, and compares with a direct
connection.
"""

import re
import socket
import subprocess

import redis

import scenario  # noqa: F401, finds tests/support
from cluster import NODE_TIMEOUT, Cluster, parse_nodes, slot_of
from drives import redis_py_on_cluster
from harness import run_tests
from processes import SHARE, check, check_equal, wait_until
from route_pair import cluster_pair, ports_without_a_clash
from wire import Closed, encode

OPERATIONS = 1500 // SHARE  # of a drive, between two events
PASSWORD = "only the server agent knows it"
# What says where nodes are, in RESP2.
MAPS = (("CLUSTER", "SLOTS"), ("CLUSTER", "SHARDS"), ("CLUSTER", "NODES"))


def front_port(pair):
    return int(pair.fronts[0].rpartition(":")[2])


def may_be_named(pair):
    """The ports that clients may learn of."""
    return {front_port(pair), *pair.node_ports}


def node_map(pair):
    """{node id: port} as a client sees it."""
    client = pair.scene.client(pair.fronts[0], decode_responses=True)
    client.response_callbacks = {}
    return {seen.id: seen.port for seen in parse_nodes(client.execute_command("CLUSTER", "NODES"))}


def whole_node_map(pair, cluster):
    """The same, once it has exactly the cluster's nodes."""
    wanted = {node.id for node in cluster.nodes}

    def look():
        try:
            found = node_map(pair)
        except redis.ConnectionError:  # an agent has just been started again
            return None
        return found if found.keys() == wanted else None

    return wait_until(look, "the client agent to know the cluster's nodes, and no others")


def check_findings(result, errors_in=()):
    """No answer was wrong, and errors came in these phases only."""
    check_equal(result["findings"]["wrong"], 0, f"wrong answers, such as {result['examples']}")
    errors = {phase: found for phase, found in result["errors"].items() if phase not in errors_in}
    check_equal(errors, {}, "errors of the client")


def test_nothing_names_a_node(scene):
    """Every answer with an address in it has one of the client agent's, whatever is asked."""
    cluster = Cluster(scene)
    pair = cluster_pair(scene, cluster)
    ports = whole_node_map(pair, cluster)
    check(set(ports.values()) <= may_be_named(pair), f"ports in CLUSTER NODES: {ports}")
    check_equal(len(set(ports.values())), len(cluster.nodes), "listeners of nodes")
    secret = [f"{n}" for node in cluster.nodes for n in (node.port, node.bus_port)]
    for front in [pair.fronts[0], *(f"127.0.0.1:{port}" for port in ports.values())]:
        wire = scene.wire(front)
        for protocol in ("2", "3"):
            wire.call("HELLO", protocol)
            for question in MAPS:
                said = wire.call(*question).decode()
                named = [number for number in secret if re.search(rf"\b{number}\b", said)]
                check_equal(named, [], f"ports of nodes in {' '.join(question)} through {front}")
    pair.check_sound()


def test_a_redirection_leads_to_a_listener(scene):
    cluster = Cluster(scene)
    pair = cluster_pair(scene, cluster)
    ports = whole_node_map(pair, cluster)
    source, target = cluster.masters()[:2]
    key = cluster.key_of(source)
    at_source, at_target = (scene.wire(f"127.0.0.1:{ports[n.id]}") for n in (source, target))
    slot, there = slot_of(key), ports[target.id]

    def under_way(stage, _):
        if stage != "open":
            return
        check_equal(
            at_source.call("GET", key), b"-ASK %d 127.0.0.1:%d\r\n" % (slot, there), "the source"
        )
        check_equal(at_target.call("ASKING"), b"+OK\r\n", "ASKING")
        check_equal(at_target.call("SET", key, "asked"), b"+OK\r\n", "SET behind ASKING")
        back = b"-MOVED %d 127.0.0.1:%d\r\n" % (slot, ports[source.id])
        check_equal(at_target.call("GET", key), back, "the target without ASKING")

    cluster.move_slots([slot], source, target, under_way)
    moved = b"-MOVED %d 127.0.0.1:%d\r\n" % (slot, there)
    check_equal(at_source.call("GET", key), moved, "the source, afterwards")
    check_equal(at_target.call("GET", key), b"$5\r\nasked\r\n", "the target, afterwards")
    at_source.call("MULTI")
    check_equal(at_source.call("GET", key), moved, "a redirection inside MULTI")
    check(at_source.call("EXEC").startswith(b"-EXECABORT"), "EXEC of a redirected transaction")
    pair.check_sound()


def test_redis_py_while_slots_move(scene):
    """Nothing goes wrong at all, and nobody but the server agent has connected to a node: all that
    the client got came through the agents, which alone know the password."""
    cluster = Cluster(scene, password=PASSWORD)
    pair = cluster_pair(scene, cluster)
    drive = redis_py_on_cluster(scene, [pair.fronts[0]])
    drive.wait_done(OPERATIONS)
    source, target = cluster.masters()[:2]
    cluster.move_slots(200 // SHARE, source, target)
    drive.wait_done(OPERATIONS)
    peers = cluster.all_peers()
    check_equal(set(peers), {pair.server.pid}, f"who is connected to the nodes: {peers}")
    result = drive.finish()
    check_findings(result)
    check_equal(result["findings"], {"wrong": 0, "lost": 0, "repeated": 0}, "findings")
    pair.check_sound()


def test_redis_py_while_a_master_dies(scene):
    """Clients see errors as they would directly, never a wrong answer, and are well afterwards."""
    cluster = Cluster(scene)
    pair = cluster_pair(scene, cluster)
    drive = redis_py_on_cluster(scene, [pair.fronts[0]])
    drive.wait_done(OPERATIONS)
    drive.phase("away")
    master = cluster.masters()[0]
    cluster.kill(master)
    cluster.wait_replaced(master)
    cluster.restart(master)
    drive.phase("recovery")
    drive.wait_done(OPERATIONS)
    drive.phase("afterwards")
    drive.wait_done(OPERATIONS)
    check_findings(drive.finish(), errors_in=("away", "recovery"))
    pair.check_sound()


def test_redis_cli_follows(scene):
    """redis-cli -c goes where it is sent, and says where: to listeners only."""
    cluster = Cluster(scene)
    pair = cluster_pair(scene, cluster)
    whole_node_map(pair, cluster)
    names = [f"name:{number}" for number in range(200)]
    commands = [f"SET {name} {name}-value" for name in names] + [f"GET {name}" for name in names]
    done = subprocess.run(
        ["redis-cli", "-c", "-h", "127.0.0.1", "-p", str(front_port(pair))],
        input="\n".join(commands) + "\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    sent_to = {int(port) for port in re.findall(r"located at 127\.0\.0\.1:(\d+)", done.stdout)}
    check(sent_to and sent_to <= may_be_named(pair), f"redis-cli was sent to {sent_to}")
    said = [line for line in done.stdout.splitlines() if line and not line.startswith("->")]
    expected = ["OK"] * len(names) + [f"{name}-value" for name in names]
    check_equal([line.strip('"') for line in said], expected, "what redis-cli says")
    pair.check_sound()


def test_nodes_come_and_go(scene):
    """A new node gets a listener, and clients find it; a node that is gone has none. The others
    keep theirs."""
    cluster = Cluster(scene)
    pair = cluster_pair(scene, cluster)
    before = whole_node_map(pair, cluster)
    drive = redis_py_on_cluster(scene, [pair.fronts[0]])
    drive.wait_done(OPERATIONS)
    new = cluster.add_node()
    with_new = whole_node_map(pair, cluster)
    check_equal({n: p for n, p in with_new.items() if n != new.id}, before, "ports of the others")
    check(with_new[new.id] in pair.node_ports, f"the new node's port is {with_new[new.id]}")
    cluster.move_slots(100, cluster.masters()[0], new)
    drive.wait_done(OPERATIONS)
    old = cluster.masters()[1]
    check(old is not new, "the new node's slots are among the first")
    cluster.remove_node(old)
    after = whole_node_map(pair, cluster)
    check_equal(after, {n: p for n, p in with_new.items() if n != old.id}, "ports of those left")
    drive.phase("afterwards")
    drive.wait_done(OPERATIONS)
    # redis-py 4 can't ASK a node that is new to it, and has errors when one goes on a direct
    # connection, too.
    check_findings(drive.finish(), errors_in=("start", "afterwards"))
    pair.check_sound()


def test_ports_outlive_the_agents(scene):
    """Clients keep addresses of nodes: those mean the same nodes when an agent is started again,
    and when both are."""
    cluster = Cluster(scene)
    pair = cluster_pair(scene, cluster, ports_without_a_clash(cluster.addresses))
    before = whole_node_map(pair, cluster)
    key = cluster.key_of(cluster.masters()[2])
    owner = f"127.0.0.1:{before[cluster.owner(key).id]}"
    check_equal(scene.wire(owner).call("SET", key, "a"), b"+OK\r\n", "SET at the owner")
    for restarted in (["client"], ["server"], ["client", "server"]):
        for name in restarted:
            getattr(pair, name).stop()
        for name in reversed(restarted):
            getattr(pair, f"start_{name}")()
        check_equal(whole_node_map(pair, cluster), before, f"ports after a new {restarted}")
        answered = wait_until(
            lambda: attempt(scene, owner, "GET", key), "an answer at the old port"
        )
        check_equal(answered, b"$1\r\na\r\n", f"GET at the old port after a new {restarted}")
    pair.check_sound()


def attempt(scene, address, *command):
    """The reply, or None where the connection comes to nothing."""
    try:
        return scene.wire(address).call(*command)
    except (Closed, OSError):
        return None


def test_made_up_nodes_lead_nowhere(scene):
    """A script may name any address: nobody dials it, and the listener that it gets takes none away
    from a node that is in use."""
    cluster = Cluster(scene)
    pair = cluster_pair(scene, cluster)
    ports = whole_node_map(pair, cluster)
    used = scene.wire(f"127.0.0.1:{ports[cluster.masters()[0].id]}")
    check_equal(used.call("PING"), b"+PONG\r\n", "PING to a node")
    victim = scene.keep(socket.create_server(("127.0.0.1", 0)))
    victim.setblocking(False)
    wire = scene.wire(pair.fronts[0])

    def led_to(address):
        said = wire.call("EVAL", f"return redis.error_reply('MOVED 1 {address}')", "0")
        found = re.fullmatch(rb"-MOVED 1 127\.0\.0\.1:(\d+)\r\n", said)
        check(found and int(found[1]) in pair.node_ports, f"what became of {address}: {said!r}")
        return int(found[1])

    port = led_to(f"127.0.0.1:{victim.getsockname()[1]}")
    check_equal(attempt(scene, f"127.0.0.1:{port}", "PING"), None, "PING to a made-up node")
    pair.server.wait_for_log(r"the cluster has no node 127\.0\.0\.1")
    try:
        victim.accept()
        check(False, "the server agent has dialled what a script named")
    except BlockingIOError:
        pass
    for number in range(3 * len(pair.node_ports)):
        led_to(f"10.9.8.{number}:22")
    check_equal(used.call("PING"), b"+PONG\r\n", "PING to the node, after many that were made up")
    again = whole_node_map(pair, cluster)
    owner = cluster.masters()[0].id
    check_equal(again[owner], ports[owner], "the port of the node that is in use")
    pair.check_sound()


def test_a_node_that_hangs_does_not_hold_the_others(scene):
    cluster = Cluster(scene, node_timeout=10 * NODE_TIMEOUT)
    pair = cluster_pair(scene, cluster)
    ports = whole_node_map(pair, cluster)
    first, second = cluster.masters()[:2]
    stuck = scene.wire(f"127.0.0.1:{ports[first.id]}")
    stuck.call("PING")
    first.pause()
    try:
        stuck.send(encode("PING"))
        wire = scene.wire(f"127.0.0.1:{ports[second.id]}")
        for _ in range(100):
            check_equal(wire.call("PING"), b"+PONG\r\n", "PING to a node that is well")
    finally:
        first.resume()
    check_equal(stuck.reply(), b"+PONG\r\n", "the answer that was waited for")
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
