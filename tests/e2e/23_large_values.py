"""Goal: large values pass both ways, whole, in bounded memory: 64 MB by SET and GET, many in
parallel, beside small commands that go on, and with a reader that takes its time.
"""

import hashlib
import random
import threading

import scenario  # noqa: F401, finds tests/support
from footprint import sanitized
from harness import run_tests
from processes import check, check_equal
from wire import encode

MB = 1 << 20
BIG = 64 * MB
MEMORY = 100 * MB  # what an agent may take in all while 64 MB pass; a copy of the value would show


def resident(pid):
    """Peak resident memory of a process, bytes (VmHWM)."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


def test_64_mb_both_ways(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    pair.redis().ping()
    value = random.Random(23).randbytes(BIG)
    before = {agent.name: resident(agent.pid) for agent in (pair.server, pair.client)}
    count = not any(sanitized(agent) for agent in (pair.server, pair.client))
    client = pair.redis()
    check_equal(client.set("big", value), True, "SET of 64 MB")
    check(scene.client(redis.address).get("big") == value, "Redis has other bytes than were set")
    check(client.get("big") == value, "GET gave other bytes")
    for agent in (pair.server, pair.client):
        grown = resident(agent.pid) - before[agent.name]
        check(
            not count or grown < MEMORY,
            f"{agent.name} took {grown >> 20} MiB more for a value of 64 MB",
        )
    pair.check_sound()


def test_many_at_once_beside_small_commands(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    errors = []

    def work(number):
        try:
            client, value = pair.redis(), random.Random(number).randbytes(3 * MB + number)
            for _ in range(3):
                client.set(f"big:{number}", value)
                check(client.get(f"big:{number}") == value, f"client {number} got other bytes")
        except Exception as error:  # pylint: disable=broad-except
            errors.append(repr(error)[:300])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    small = pair.wire()
    for i in range(300):
        check_equal(small.call("INCR", "small"), b":%d\r\n" % (i + 1), "a small command meanwhile")
    for thread in threads:
        thread.join()
    check_equal(errors, [], "errors of the clients")
    pair.check_sound()


def test_a_reader_that_takes_its_time_stops_nobody_else(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    value = random.Random(1).randbytes(16 * MB)
    pair.redis().set("big", value)
    slow = pair.wire().send(encode("GET", "big") * 3)
    other = pair.wire()
    for i in range(200):
        check_equal(other.call("INCR", "a"), b":%d\r\n" % (i + 1), "another client's answer")
    expected = b"$%d\r\n" % len(value) + value + b"\r\n"
    for _ in range(3):
        check(
            hashlib.sha256(slow.reply()).digest() == hashlib.sha256(expected).digest(),
            "the slow one's bytes",
        )
    pair.check_sound()


def test_every_size_around_the_limits_of_records_and_windows(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    wire = pair.wire()
    for edge in (16 * 1024, 32 * 1024, 64 * 1024, 256 * 1024, MB):
        for size in [
            edge + delta for delta in (-40, -25, -18, -17, -16, -9, -8, -2, -1, 0, 1, 2, 8, 16, 40)
        ]:
            value = random.Random(size).randbytes(size)
            check_equal(wire.call("SET", "a", value), b"+OK\r\n", f"SET of {size} bytes")
            check(wire.call("GET", "a") == b"$%d\r\n%s\r\n" % (size, value), f"GET of {size} bytes")
    pair.check_sound()


def test_large_pipelines_both_ways(scene):
    """More under way in each direction than any buffer between the two ends holds."""
    redis = scene.redis()
    pair = scene.pair(redis)
    wire = pair.wire()
    value = random.Random(2).randbytes(100_000)
    commands = encode("SET", "a", value) + encode("GET", "a")
    thread = threading.Thread(target=wire.send, args=(commands * 300,))
    thread.start()
    for i in range(300):
        check_equal(wire.reply(), b"+OK\r\n", f"SET {i}")
        check(wire.reply() == b"$100000\r\n" + value + b"\r\n", f"GET {i} has other bytes")
    thread.join()
    pair.check_sound()


def test_large_keys_and_many_arguments(scene):
    redis = scene.redis()
    pair = scene.pair(redis, audit=True)
    client = pair.redis()
    key = random.Random(3).randbytes(5 * MB)
    client.set(key, "value")
    check_equal(client.get(key), b"value", "GET of a 5 MB key")
    members = [str(i) for i in range(100_000)]
    check_equal(client.sadd("set", *members), 100_000, "SADD of 100,000 members")
    check_equal(len(client.smembers("set")), 100_000, "SMEMBERS")
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
