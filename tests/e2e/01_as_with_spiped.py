"""Goal: a spiped user changes two words. The walk-through of its manual works with redwall in its
place: a key made by dd, two agents, redis-py in front. Who talks to the tunnel's port without the
key gets a closed connection and no byte; -n limits the clients with Redis's own words.
"""

import os
import subprocess

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal, free_port, wait_until
from wire import Closed, Wire

import redis as redis_py

TOO_MANY = b"-ERR max number of clients reached\r\n"


def dd_key(scene, umask=0o077):
    """dd if=/dev/urandom bs=32 count=1 of=spiped.key"""
    subprocess.run(
        ["dd", "if=/dev/urandom", "bs=32", "count=1", "of=spiped.key"],
        cwd=scene.folder,
        check=True,
        stderr=subprocess.DEVNULL,
        umask=umask,
    )


def walk_through(scene):
    """Both agents as in the manual, but for the ports. Returns (redis, server, client, their
    ports).
    """
    dd_key(scene)
    redis, middle, front = scene.redis(), free_port(), free_port()
    server = scene.agent(
        "server",
        "-s",
        f"[127.0.0.1]:{middle}",
        "-t",
        f"[127.0.0.1]:{redis.port}",
        "-k",
        "spiped.key",
        cwd=scene.folder,
    )
    client = scene.agent(
        "client",
        "-s",
        f"[127.0.0.1]:{front}",
        "-t",
        f"[127.0.0.1]:{middle}",
        "-k",
        "spiped.key",
        cwd=scene.folder,
    )
    return redis, server, client, middle, front


def test_ping_and_info_through_both_agents(scene):
    redis, server, client, _, front = walk_through(scene)
    through = scene.client(f"127.0.0.1:{front}")
    check_equal(through.ping(), True, "ping()")
    check("used_cpu_sys" in through.info("cpu"), "info('cpu') has no used_cpu_sys")
    check_equal(through.info("server")["tcp_port"], redis.port, "the Redis that answered")
    server.check_sound()
    client.check_sound()


def test_redis_py_straight_to_the_tunnel_port_gets_nothing(scene):
    _, server, _, middle, front = walk_through(scene)
    for attempt in (lambda c: c.ping(), lambda c: c.set("a", "b"), lambda c: c.info()):
        straight = scene.client(f"127.0.0.1:{middle}")
        try:
            attempt(straight)
            check(False, "redis-py got an answer from the tunnel's port")
        except redis_py.ConnectionError:
            pass
    with Wire(f"127.0.0.1:{middle}") as wire:
        wire.send(b"*1\r\n$4\r\nPING\r\n" * 10)
        check_equal(wire.rest(), b"", "bytes to a stranger")
    server.check_sound()
    check_equal(scene.client(f"127.0.0.1:{front}").ping(), True, "ping() afterwards")


def test_a_key_that_others_can_read_is_refused_until_it_is_mended(scene):
    dd_key(scene, umask=0o022)
    redis, port = scene.redis(), free_port()
    server = [
        "server",
        "-s",
        f"[127.0.0.1]:{port}",
        "-t",
        f"[127.0.0.1]:{redis.port}",
        "-k",
        "spiped.key",
    ]
    said = scene.refused(2, *server, says=["spiped.key", "chmod 600"])
    check("Traceback" not in said and said.count("\n") == 0, f"not one sentence: {said!r}")
    os.chmod(scene.path("spiped.key"), 0o600)
    scene.agent(*server, cwd=scene.folder)


def test_n_limits_the_clients_with_redis_own_text(scene):
    redis = scene.redis()
    pair = scene.pair(redis, client_options=["-n", "3"])
    wires = [pair.wire() for _ in range(3)]
    for wire in wires:
        check_equal(wire.call("PING"), b"+PONG\r\n", "a client within the limit")
    for _ in range(3):
        with Wire(pair.address) as wire:
            check_equal(wire.rest(), TOO_MANY, "one client too many")
    try:
        scene.client(pair.address).ping()
        check(False, "redis-py was let in beyond the limit")
    except redis_py.ConnectionError:
        pass
    wires[0].close()
    wait_until(lambda: pings(pair.address), "a place to become free again")
    for wire in wires[1:]:
        check_equal(wire.call("PING"), b"+PONG\r\n", "a client that was there all along")


def pings(address):
    try:
        with Wire(address) as wire:
            return wire.call("PING") == b"+PONG\r\n"
    except (Closed, OSError):
        return False


if __name__ == "__main__":
    run_tests(globals())
