"""Goal: a Redis that is down, restarts, is full or hangs: clients learn exactly that, the operator
gets a sentence, and when Redis is back nobody has to restart an agent.
"""

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal, wait_until
from wire import Closed, Wire, encode


UNREACHABLE = (
    b"-LOADING redwall: route 'default': Redis can't be reached from the server agent\r\n"
)


def refused(address):
    """Whether a client is told that there is no Redis, and then closed."""
    with Wire(address) as wire:
        try:
            wire.send(encode("PING"))
        except (BrokenPipeError, ConnectionResetError):
            return True
        return wire.rest() in (UNREACHABLE, b"")  # the latter where PING met a closed socket


def test_redis_down_at_start(scene):
    redis = scene.idle_redis()
    pair = scene.pair(redis)
    check(refused(pair.address), "a client got something else than an error without a Redis")
    said = pair.server.wait_for_log(rf"[^\n]*{redis.port}[^\n]*refused[^\n]*").group()
    check("redis" in said.lower(), f"the log does not say that it is Redis: {said!r}")
    redis.start()
    pair.eventually_ping()
    pair.check_sound()


def test_redis_restarted(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    wires = [pair.wire() for _ in range(5)]
    for wire in wires:
        wire.call("PING")
    redis.stop()
    for wire in wires:
        check_equal(wire.rest(), b"", "what a client reads when Redis stops")
    check(refused(pair.address), "a client got something else than an error without a Redis")
    redis.start()
    pair.eventually_ping()
    client = pair.redis()
    check_equal(client.set("a", "b"), True, "SET after the restart")
    pair.check_sound()


def test_redis_killed_with_commands_under_way(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    with pair.wire() as wire:
        wire.call("PING")
        redis.pause()
        wire.send(encode("INCR", "a") * 1000)
        redis.kill()
        check_equal(wire.rest(), b"", "answers of a killed Redis")
    redis.start()
    pair.eventually_ping()
    pair.check_sound()


def test_redis_that_hangs_is_waited_for(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    wire = pair.wire()
    wire.call("SET", "a", "b")
    redis.pause()
    wire.send(encode("GET", "a"))
    other = pair.wire().send(encode("PING"))
    check(wire.silent(1), "an answer without a Redis")
    redis.resume()
    check_equal(wire.reply(), b"$1\r\nb\r\n", "the answer when Redis goes on")
    check_equal(other.reply(), b"+PONG\r\n", "the newcomer's answer")


def test_redis_that_is_full_says_so_itself(scene):
    redis = scene.redis(options=["--maxclients", "1"])
    pair = scene.pair(redis)
    first = wait_until(lambda: admitted(pair), "the one place")
    with Wire(pair.address) as second:
        check_equal(second.rest(), b"-ERR max number of clients reached\r\n", "the one too many")
    check_equal(first.call("PING"), b"+PONG\r\n", "the one within")


def admitted(pair):
    """A connection that Redis has let in, or None. (The probe that waited for Redis to start may
    still hold the place for a moment.)
    """
    wire = pair.wire()
    try:
        if wire.call("PING") == b"+PONG\r\n":
            return wire
    except (Closed, OSError):
        pass
    wire.close()
    return None


def test_an_idle_timeout_of_redis_reaches_the_client(scene):
    redis = scene.redis(options=["--timeout", "1"])
    pair = scene.pair(redis)
    with pair.wire() as wire:
        wire.call("PING")
        check_equal(wire.rest(), b"", "what an idle client reads before it is closed")


if __name__ == "__main__":
    run_tests(globals())
