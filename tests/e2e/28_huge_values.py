"""Goal: a value of any size passes both ways through agents that hold next to nothing of it: the
peak memory of each grows by less than 4 MiB for one, and by less than 16 MiB for ten at once, also
where the line between the sites is slow, and where the policy refuses the value.

The values have 64 MB here (ten: 16 MB each); REDWALL_HUGE_MB=512 makes them all as large as Redis
takes them. tests/compat/memory.py prints the figures.
"""

import os
import threading

import scenario  # noqa: F401, finds tests/support
from footprint import MB, Footprints, Pattern, receive_bulk, send_set, steady_pair
from harness import run_tests
from processes import check, check_equal
from wire import encode

HUGE = int(os.environ.get("REDWALL_HUGE_MB", "64")) * MB
LARGE = int(os.environ.get("REDWALL_HUGE_MB", "16")) * MB
ONE_LIMIT, TEN_LIMIT = 4 * MB, 16 * MB


def put(wire, key, value):
    send_set(wire, key, value)
    check_equal(wire.reply(), b"+OK\r\n", f"SET of {value.size} bytes")


def get(wire, key, value):
    wire.send(encode("GET", key))
    receive_bulk(wire, value)


def measured(pair):
    """Both agents' footprints, from a moment on at which they are up and have worked a little."""
    check_equal(pair.wire().call("PING"), b"+PONG\r\n", "PING")
    return Footprints(pair)


def test_a_huge_value_both_ways(scene):
    redis = scene.redis()
    pair = steady_pair(scene, redis, audit=True)
    prints, wire, value = measured(pair), pair.wire(), Pattern(HUGE, 28)
    put(wire, b"huge", value)
    prints.check_growth(ONE_LIMIT, f"SET of {HUGE // MB} MB")
    get(scene.wire(redis.address), "huge", value)  # what Redis has, without the agents
    get(wire, "huge", value)
    prints.check_growth(ONE_LIMIT, f"SET and GET of {HUGE // MB} MB")
    check_equal(wire.call("STRLEN", "huge"), b":%d\r\n" % HUGE, "STRLEN behind it")
    pair.check_sound()


def test_huge_values_in_other_commands(scene):
    """The same holds wherever the keys stand before the long argument, and inside MULTI."""
    pair = steady_pair(scene, scene.redis())
    prints, wire, value = measured(pair), pair.wire(), Pattern(LARGE, 1)

    def send(*head):
        wire.send(b"*%d\r\n" % (len(head) + 1) + encode(*head).partition(b"\r\n")[2])
        wire.send(b"$%d\r\n" % value.size)
        for piece in value.pieces():
            wire.send(piece)
        wire.send(b"\r\n")

    for head, reply, fetch in (
        (("APPEND", "a"), b":%d\r\n" % value.size, ("GET", "a")),
        (("HSET", "h", "field"), b":1\r\n", ("HGET", "h", "field")),
        (("RPUSH", "l", "first"), b":2\r\n", ("LINDEX", "l", "1")),
        (("SETRANGE", "r", "0"), b":%d\r\n" % value.size, ("GET", "r")),
        (("EVAL", "return #ARGV[1]", "1", "k"), b":%d\r\n" % value.size, None),
        (("ECHO",), None, None),
    ):
        send(*head)
        if reply is None:
            receive_bulk(wire, value)
            continue
        check_equal(wire.reply(), reply, " ".join(head))
        if fetch:
            wire.send(encode(*fetch))
            receive_bulk(wire, value)
    wire.call("MULTI")
    send("SET", "m")
    check_equal(wire.reply(), b"+QUEUED\r\n", "SET inside MULTI")
    check_equal(wire.call("GET", "m"), b"+QUEUED\r\n", "GET inside MULTI")
    wire.send(encode("EXEC"))
    check_equal(wire.exactly(len(b"*2\r\n+OK\r\n")), b"*2\r\n+OK\r\n", "EXEC")
    receive_bulk(wire, value)
    prints.check_growth(ONE_LIMIT, "large values in all kinds of commands")
    pair.check_sound()


def test_ten_at_once(scene):
    pair = steady_pair(scene, scene.redis())
    prints, errors = measured(pair), []

    def work(number):
        try:
            wire, value = pair.wire(), Pattern(LARGE, number)
            put(wire, b"large:%d" % number, value)
            everybody.wait(120)
            get(wire, f"large:{number}", value)
        except Exception as error:  # pylint: disable=broad-except
            everybody.abort()
            errors.append(f"client {number}: {error!r}"[:300])

    everybody = threading.Barrier(10)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_equal(errors, [], "errors of the clients")
    prints.check_growth(TEN_LIMIT, f"ten values of {LARGE // MB} MB at once, SET and GET")
    pair.check_sound()


def test_over_a_slow_line(scene):
    """What is under way between the sites is kept until it is acknowledged: one window at most."""
    weather = {"delay": 0.01, "bandwidth": 8 * MB, "record": False}
    pair = steady_pair(scene, scene.redis(), relay=weather)
    prints, wire, value = measured(pair), pair.wire(), Pattern(16 * MB, 2)
    put(wire, b"slow", value)
    get(wire, "slow", value)
    prints.check_growth(ONE_LIMIT, "SET and GET of 16 MB over a slow line")
    pair.check_sound()


def test_a_huge_value_that_is_refused(scene):
    """It is thrown away as it comes, and its denial comes in its turn."""
    redis = scene.redis()
    rules = [{"id": "small", "action": "deny", "commands": ["set"], "keys": ["secret:*"]}]
    policy = {"version": 1, "default": "allow", "rules": rules}
    for side in ("policy", "client_policy"):
        pair = steady_pair(scene, redis, **{side: policy})
        prints, wire = measured(pair), pair.wire()
        wire.send(encode("ECHO", "before"))
        send_set(wire, b"secret:huge", Pattern(HUGE, 3))
        wire.send(encode("ECHO", "behind"))
        check_equal(wire.reply(), b"$6\r\nbefore\r\n", "the reply before")
        check(wire.reply().startswith(b"-NOPERM "), "the huge SET was not refused")
        check_equal(wire.reply(), b"$6\r\nbehind\r\n", "the reply behind")
        prints.check_growth(ONE_LIMIT, f"a refused SET of {HUGE // MB} MB ({side})")
        pair.check_sound()
    check_equal(scene.client(redis.address).dbsize(), 0, "keys in Redis")


if __name__ == "__main__":
    run_tests(globals())
