"""Goal: one pair of agents serves 32 Redis servers through 32 listeners, and all of it is one TCP
connection between the sites: each listener leads to its own Redis, a Redis that is down is its own
clients' trouble, and each agent stays small.
"""

import threading

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from peers import dialled, established_at
from processes import check, check_equal, wait_until
from route_pair import RoutePair
from wire import Closed, Wire, encode

ROUTES = 32
CLIENTS = 4  # of each route, at the same time
TURNS = 25


def start(scene):
    """(the Redis servers, both agents)"""
    servers = [scene.redis(f"store-{number}") for number in range(ROUTES)]
    routes = {f"route-{n}": {"redis": server.address} for n, server in enumerate(servers)}
    return servers, RoutePair(scene, routes, [{"route": name} for name in routes])


def server_port(pair):
    return int(pair.server_address.rpartition(":")[2])


def work(front, number, client, everybody, errors):
    """One client of one route."""
    try:
        with Wire(front) as wire:
            everybody.wait(120)
            for turn in range(TURNS):
                name, value = f"key:{client}", f"{number} {client} {turn}".encode()
                check_equal(wire.call("SET", name, value), b"+OK\r\n", "SET")
                check_equal(wire.call("GET", name), b"$%d\r\n%s\r\n" % (len(value), value), "GET")
                wire.call("INCR", "count")
            everybody.wait(120)
            everybody.wait(120)  # looked at, before it is closed
    except Exception as error:  # pylint: disable=broad-except
        everybody.abort()
        errors.append(f"route {number}, client {client}: {error!r}")


def test_32_routes_over_one_tcp_connection(scene):
    servers, pair = start(scene)
    everybody, errors = threading.Barrier(ROUTES * CLIENTS + 1), []
    threads = [
        threading.Thread(target=work, args=(front, number, client, everybody, errors))
        for number, front in enumerate(pair.fronts)
        for client in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    everybody.wait(120)  # all are connected
    check_equal(established_at(server_port(pair)), 1, "TCP connections between the agents")
    everybody.wait(120)  # all are done, and still connected
    peers = set(dialled(server_port(pair)))
    check_equal(peers, {pair.client.pid}, "who dialled the server agent")
    for server in servers:
        found = {pid: count for pid, (_, count) in dialled(server.port).items()}
        check_equal(found, {pair.server.pid: CLIENTS}, f"connections to {server.name}")
    everybody.wait(120)
    for thread in threads:
        thread.join()
    check_equal(errors, [], "errors of the clients")
    for number, server in enumerate(servers):
        direct = scene.client(server.address)
        check_equal(direct.get("count"), b"%d" % (CLIENTS * TURNS), f"the count of {server.name}")
        check_equal(direct.dbsize(), CLIENTS + 1, f"keys of {server.name}")
        through = scene.client(pair.fronts[number])
        check_equal(through.info("server")["tcp_port"], server.port, f"what is behind {number}")
    check_equal(established_at(server_port(pair)), 1, "TCP connections, afterwards")
    pair.check_sound()


def test_one_that_is_down_disturbs_no_other(scene):
    servers, pair = start(scene)
    down = servers[ROUTES // 2]
    wires = [scene.wire(front) for front in pair.fronts]
    for wire in wires:
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING")
    down.stop()
    for server, wire, front in zip(servers, wires, pair.fronts):
        if server is down:
            check_equal(wire.rest(), b"", "what its client gets")
            with Wire(front) as newcomer:
                answer = newcomer.send(encode("PING")).rest()
                check(answer.startswith(b"-LOADING redwall: route"), f"a newcomer gets {answer}")
        else:
            check_equal(wire.call("PING"), b"+PONG\r\n", f"PING of {server.name}")
    check_equal(established_at(server_port(pair)), 1, "TCP connections between the agents")
    down.start()
    front = pair.fronts[ROUTES // 2]
    wait_until(lambda: answers(front), f"{down.name} to be reached again")
    pair.check_sound()


def answers(front):
    try:
        with Wire(front) as wire:
            return wire.call("PING") == b"+PONG\r\n"
    except (Closed, OSError):
        return False


def test_one_that_hangs_disturbs_no_other(scene):
    servers, pair = start(scene)
    hangs = servers[0]
    first = scene.wire(pair.fronts[0])
    first.call("PING")
    hangs.pause()
    try:
        first.send(encode("SET", "a", "x" * 1000) * 2000)
        for front in pair.fronts[1:]:
            wire = scene.wire(front)
            for _ in range(20):
                check_equal(wire.call("PING"), b"+PONG\r\n", "PING of another route")
        check(established_at(server_port(pair)) == 1, "TCP connections between the agents")
    finally:
        hangs.resume()
    check_equal(set(first.replies(2000)), {b"+OK\r\n"}, "the answers when it goes on")
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
