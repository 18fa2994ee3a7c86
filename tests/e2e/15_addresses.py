"""Goal: every kind of address on every hop: unix sockets on all three, IPv6, names, any free port;
sockets left behind by a crash are replaced, and files that are no sockets are not.
"""

import os
import signal
import socket
import stat

import scenario  # noqa: F401, finds tests/support
from harness import MAX_UNIX_PATH, run_tests
from processes import check, check_equal, free_port


def sockets(scene):
    paths = [scene.path(name) for name in ("redis.sock", "tunnel.sock", "front.sock")]
    check(len(paths[0]) < MAX_UNIX_PATH, f"TMPDIR is too long for unix sockets: {paths[0]}")
    return [f"unix:{path}" for path in paths]


def round_trip(scene, front):
    client = scene.client(front)
    check_equal(
        (client.set("a", "b"), client.get("a")), (True, b"b"), f"SET and GET through {front}"
    )


def test_unix_sockets_on_all_three_hops(scene):
    at_redis, tunnel, front = sockets(scene)
    scene.redis(options=["--unixsocket", at_redis[5:], "--unixsocketperm", "700"])
    key = scene.key()
    server = scene.agent("server", "-s", tunnel, "-t", at_redis, "-k", key)
    client = scene.agent("client", "-s", front, "-t", tunnel, "-k", key)
    round_trip(scene, front)
    for agent, path in ((client, front), (server, tunnel)):
        agent.send_signal(signal.SIGTERM)
        agent.expect_exit(0)
        check(not os.path.exists(path[5:]), f"{path} is left behind")


def test_a_socket_left_behind_is_replaced_and_a_file_is_not(scene):
    redis = scene.redis()
    front = sockets(scene)[2]
    pair = scene.pair(redis)
    client = ["client", "-s", front, "-t", pair.server_address, "-k", pair.key]
    scene.agent(*client).kill()
    check(
        stat.S_ISSOCK(os.stat(front[5:]).st_mode), "kill -9 leaves the socket; this test needs that"
    )
    second = scene.agent(*client)
    round_trip(scene, front)
    scene.refused(1, *client, says=["front.sock", "in use"])
    round_trip(scene, front)
    second.stop()
    scene.write("front.sock", b"precious")
    scene.refused(1, *client, says="front.sock")
    with open(front[5:], "rb") as file:
        check_equal(file.read(), b"precious", "the file that was no socket")


def test_ipv6_on_all_hops(scene):
    redis = scene.redis(options=["--bind", "127.0.0.1", "::1"])
    key, tunnel, front = scene.key(), f"[::1]:{free_port()}", f"[::1]:{free_port()}"
    scene.agent("server", "-s", tunnel, "-t", f"[::1]:{redis.port}", "-k", key)
    client = scene.agent("client", "-s", front, "-t", tunnel, "-k", key)
    round_trip(scene, front)
    check_equal(client.addresses(), [front], "the address in the log")


def test_a_name_instead_of_an_address(scene):
    redis, key, tunnel, front = scene.redis(), scene.key(), free_port(), free_port()
    scene.agent("server", "-s", f"localhost:{tunnel}", "-t", f"localhost:{redis.port}", "-k", key)
    scene.agent("client", "-s", f"localhost:{front}", "-t", f"localhost:{tunnel}", "-k", key)
    with socket.create_connection(("localhost", front), 30) as sock:
        sock.sendall(b"PING\r\n")
        check_equal(sock.recv(100), b"+PONG\r\n", "PING to a name")


def test_port_0_is_any_free_port_and_the_log_names_it(scene):
    redis, key = scene.redis(), scene.key()
    server = scene.agent("server", "-s", "127.0.0.1:0", "-t", redis.address, "-k", key)
    tunnel = server.addresses()[0]
    check(not tunnel.endswith(":0"), f"the log says {tunnel}")
    client = scene.agent("client", "-s", "127.0.0.1:0", "-t", tunnel, "-k", key)
    round_trip(scene, client.addresses()[0])


def test_the_port_is_free_again_at_once(scene):
    """Agents are restarted; the connections of the last one may not be in the way."""
    redis = scene.redis()
    pair = scene.pair(redis)
    for _ in range(3):
        pair.redis().ping()
        pair.client.stop()
        pair.server.stop()
        pair.start_server()
        pair.start_client()
    pair.eventually_ping()


if __name__ == "__main__":
    run_tests(globals())
