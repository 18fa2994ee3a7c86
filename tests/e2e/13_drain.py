"""Goal: SIGTERM lets what is under way finish and then ends with status 0; a second one ends at
once. Either agent. No client waits for ever, and no new one is let in.
"""

import signal
import socket

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal, wait_until
from wire import encode


def blocked(scene, redis, pair):
    """A client that waits in BLPOP: (its wire, a direct client)."""
    direct = scene.client(redis.address)
    wire = pair.wire().send(encode("BLPOP", "list", "0"))
    wait_until(lambda: direct.info("clients")["blocked_clients"] == 1, "BLPOP to block")
    return wire, direct


def agent_of(pair, side):
    return pair.server if side == "server" else pair.client


def test_a_command_under_way_finishes_first(scene):
    for side in ("server", "client"):
        redis = scene.redis(side)
        pair = scene.pair(redis)
        agent = agent_of(pair, side)
        wire, direct = blocked(scene, redis, pair)
        mark = agent.mark()
        agent.send_signal(signal.SIGTERM)
        agent.wait_for_log(r"(?i)drain|stop|finish|SIGTERM", since=mark)
        check(wire.silent(0.5), "the blocked client was cut")
        direct.rpush("list", "value")
        check_equal(
            wire.reply(),
            b"*2\r\n$4\r\nlist\r\n$5\r\nvalue\r\n",
            f"the answer while the {side} drains",
        )
        agent.expect_exit(0)
        check_equal(wire.rest(), b"", "what comes after it")
        agent.check_sanitizers()


def test_an_idle_agent_ends_at_once(scene):
    for side in ("server", "client"):
        redis = scene.redis(side)
        pair = scene.pair(redis)
        idle = pair.wire()
        idle.call("PING")
        agent = agent_of(pair, side)
        agent.send_signal(signal.SIGTERM)
        agent.expect_exit(0)
        check_equal(idle.rest(), b"", "what an idle client reads")
        agent.check_sanitizers()


def test_a_second_sigterm_ends_at_once(scene):
    for side in ("server", "client"):
        redis = scene.redis(side)
        pair = scene.pair(redis)
        wire, direct = blocked(scene, redis, pair)
        agent = agent_of(pair, side)
        mark = agent.mark()
        agent.send_signal(signal.SIGTERM)
        agent.wait_for_log(r"(?i)drain|stop|finish|SIGTERM", since=mark)
        check(agent.running(), "it ended with a command under way")
        agent.send_signal(signal.SIGTERM)
        agent.wait()
        check_equal(wire.rest(), b"", "what the blocked client reads")
        wait_until(lambda: direct.info("clients")["blocked_clients"] == 0, "BLPOP to be given up")


def test_while_it_drains_nobody_new_is_let_in(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    wire, direct = blocked(scene, redis, pair)
    mark = pair.client.mark()
    pair.client.send_signal(signal.SIGTERM)
    pair.client.wait_for_log(r"(?i)drain|stop|finish|SIGTERM", since=mark)
    try:
        with socket.create_connection(
            ("127.0.0.1", int(pair.address.rpartition(":")[2])), 30
        ) as late:
            late.sendall(encode("PING"))
            check_equal(late.recv(100), b"", "what a newcomer gets")
    except OSError:
        pass
    direct.rpush("list", "value")
    wire.reply()
    pair.client.expect_exit(0)


def test_a_transaction_under_way_is_not_half_executed(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    wire = pair.wire()
    for command in (("MULTI",), ("SET", "a", "1"), ("SET", "b", "1")):
        wire.call(*command)
    pair.server.send_signal(signal.SIGTERM)
    try:
        got = wire.send(encode("EXEC")).rest()
    except OSError:
        got = b""
    pair.server.expect_exit(0)
    check_equal(
        scene.client(redis.address).dbsize(),
        2 if got.startswith(b"*2") else 0,
        f"keys after {got!r}",
    )


def test_sigint_is_as_sigterm(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    for agent in (pair.client, pair.server):
        agent.send_signal(signal.SIGINT)
        agent.expect_exit(0)


if __name__ == "__main__":
    run_tests(globals())
