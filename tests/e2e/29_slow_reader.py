"""Goal: back-pressure reaches from end to end. A client that doesn't read stops Redis's replies to
it and nobody else's; one that is slow gets every byte; a Redis that stands still stops the clients
that write to it. The agents' memory stays bounded meanwhile, and all is given back afterwards.
"""

import random
import socket
import struct
import threading

import scenario  # noqa: F401, finds tests/support
from footprint import KB, MB, Footprints, sanitized, steady_pair
from harness import run_tests
from processes import check, check_equal, wait_until
from wire import Wire, encode

GETS = 100_000
VALUE = 10_000
# What an agent may take for one such client: what it keeps of each request that has no reply yet (a
# slot, doubled where their table has just grown), and the bytes of one window both ways.
SLOT, WINDOWS = 512, 4 * MB
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


def client_line(redis_client, name):
    """What CLIENT LIST says of the client of that name; None when it is gone."""
    found = [one for one in redis_client.client_list() if one["name"] == name]
    return found[0] if found else None


def stuck_reader(pair, count, name="stuck"):
    """A client that has sent `count` GETs and reads nothing; from a thread, for it may block."""
    wire = pair.wire()
    check_equal(wire.call("CLIENT", "SETNAME", name), b"+OK\r\n", "CLIENT SETNAME")
    thread = threading.Thread(target=wire.send, args=(encode("GET", "value") * count,))
    thread.start()
    return wire, thread


def wait_for_gets(redis_client, before, count):
    """Until Redis has executed so many GETs more than `before`."""
    wait_until(lambda: gets(redis_client) - before >= count, f"Redis to execute {count} GETs")


def gets(redis_client):
    return redis_client.info("commandstats").get("cmdstat_get", {}).get("calls", 0)


def settle(wire):
    """Until the agents' own tasks of a turn are done."""
    for _ in range(5):
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING")


def test_a_reader_of_nothing(scene):
    redis = scene.redis()
    pair = steady_pair(scene, redis)
    admin = scene.client(redis.address)
    admin.set("value", random.Random(1).randbytes(VALUE))
    others = [pair.wire() for _ in range(100)]
    for wire in others:
        settle(wire)
    prints, before = Footprints(pair), gets(admin)
    idle = prints.own()
    stuck, thread = stuck_reader(pair, GETS)
    wait_for_gets(admin, before, GETS)
    thread.join()

    def waiting_in_redis():
        line = client_line(admin, "stuck")
        return int(line["omem"]) if line else 0

    sent = GETS * VALUE
    # The rest is in kernels and in the agents: far less than all, and it hardly moves any more.
    first = waiting_in_redis()
    check(first > sent // 2, f"Redis holds {first} bytes for the client that doesn't read")
    for turn in range(100):
        for number, wire in enumerate(others):
            wire.send(encode("INCR", f"other:{number}"))
        for number, wire in enumerate(others):
            check_equal(wire.reply(), b":%d\r\n" % (turn + 1), f"INCR {turn} of client {number}")
    taken = first - waiting_in_redis()
    check(taken <= WINDOWS, f"{taken} bytes left Redis although their client reads nothing")
    prints.check_growth(WINDOWS + GETS * SLOT, f"{GETS} replies that nobody takes")

    stuck.close()
    wait_until(lambda: client_line(admin, "stuck") is None, "Redis to lose the client that is gone")
    settle(others[0])
    left = {who: own - idle[who] for who, own in prints.own().items()}
    prints = Footprints(pair)
    # Again: memory that was kept is used again, nothing was leaked.
    stuck, thread = stuck_reader(pair, GETS, "again")
    wait_for_gets(admin, before, 2 * GETS)
    thread.join()
    stuck.close()
    wait_until(lambda: client_line(admin, "again") is None, "Redis to lose the second one")
    settle(others[0])
    for who, own in prints.own().items():
        check(
            own - idle[who] < left[who] + 2 * MB or sanitized(prints.agents[who]),
            f"the {who} holds {left[who] // KB} KiB after the first and "
            f"{(own - idle[who]) // KB} KiB after the second reader of nothing",
        )
    pair.check_sound()


def test_a_slow_reader_gets_every_byte(scene):
    """It stops reading now and then, long enough for everything between to fill up."""
    redis = scene.redis()
    pair = steady_pair(scene, redis)
    admin = scene.client(redis.address)
    rng = random.Random(5)
    values = {f"key:{i}": rng.randbytes(rng.randrange(60_000)) for i in range(50)}
    for key, value in values.items():
        admin.set(key, value)
    keys = [rng.choice(list(values)) for _ in range(2000)]
    expected = b"".join(b"$%d\r\n%s\r\n" % (len(values[key]), values[key]) for key in keys)
    wire = pair.wire()
    check_equal(wire.call("CLIENT", "SETNAME", "slow"), b"+OK\r\n", "CLIENT SETNAME")
    batch = b"".join(encode("GET", key) for key in keys)
    thread = threading.Thread(target=wire.send, args=(batch,))
    before = gets(admin)
    thread.start()
    wait_for_gets(admin, before, len(keys))
    at = 0
    while at < len(expected):
        size = rng.choice((1, 7, 1000, 70_000, 3_000_000))
        data = wire.sock.recv(min(size, len(expected) - at))
        check(data, f"the connection was closed after {at} bytes of {len(expected)}")
        check(data == expected[at : at + len(data)], f"wrong bytes at {at}")
        at += len(data)
        if rng.random() < 0.02:
            settle(scene.wire(redis.address))
    thread.join()
    check_equal(wire.call("PING"), b"+PONG\r\n", "a command behind all that")
    pair.check_sound()


def test_a_client_that_vanishes_with_replies_on_their_way(scene):
    redis = scene.redis()
    pair = steady_pair(scene, redis, audit=True)
    admin = scene.client(redis.address)
    admin.set("value", random.Random(2).randbytes(VALUE))
    other = pair.wire()
    idle = admin.info("clients")["connected_clients"] + 1  # with `other`
    count = 10_000
    for turn in range(5):
        before = gets(admin)
        wire, thread = stuck_reader(pair, count, f"vanishes-{turn}")
        thread.join()
        if turn % 2 == 0:  # with all replies on their way, or somewhere in between
            wait_for_gets(admin, before, count)
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        wire.close()
        check_equal(other.call("ECHO", str(turn)), b"$1\r\n%d\r\n" % turn, "another client's ECHO")
        wait_until(
            lambda: admin.info("clients")["connected_clients"] <= idle,
            "Redis to be told that the client is gone",
        )
    pair.check_sound()
    # Every request that was taken is in the audit, answered or not.
    for side in ("client", "server"):
        records = [r for r in pair.records(side) if r["cmd"].lower() == "get"]
        check(
            any(r["result"] == "none" for r in records),
            f"{side} agent: no GET is recorded as unanswered",
        )


def test_a_redis_that_stands_still(scene):
    """Its clients' sends block; once it goes on, all replies come, in order."""
    redis = scene.redis()
    pair = steady_pair(scene, redis)
    wires = [pair.wire() for _ in range(3)]
    for wire in wires:
        settle(wire)
    prints = Footprints(pair)
    value = random.Random(3).randbytes(9000)
    batches = [encode("SET", f"key:{n}", value) + encode("INCR", f"count:{n}") for n in range(3)]
    redis.pause()
    try:
        pushed = [push_until_it_blocks(wire.sock, batch) for wire, batch in zip(wires, batches)]
        prints.check_growth(3 * WINDOWS, "requests that Redis doesn't take")
    finally:
        redis.resume()
    for number, (wire, batch, sent) in enumerate(zip(wires, batches, pushed)):
        check(sent > len(batch), f"only {sent} bytes went before the send blocked")
        wire.send(batch[sent % len(batch) :])  # the rest of the one that was under way
        for turn in range(sent // len(batch) + 1):
            check_equal(wire.reply(), b"+OK\r\n", f"SET {turn} of client {number}")
            check_equal(wire.reply(), b":%d\r\n" % (turn + 1), f"INCR {turn} of client {number}")
        check_equal(wire.call("GET", f"key:{number}"), b"$9000\r\n" + value + b"\r\n", "GET")
    pair.check_sound()


def push_until_it_blocks(sock, batch):
    """Sends `batch` again and again until nothing goes for two seconds; returns the bytes sent. It
    has to end: between here and Redis there is room for less than MOST.
    """
    most, sent, views = 200 * MB, 0, memoryview(batch * 64)
    sock.settimeout(2)
    try:
        while sent < most:
            sent += sock.send(views[sent % len(views) :])
    except socket.timeout:
        return sent
    finally:
        sock.settimeout(60)
    return check(False, f"{most} bytes were taken from a client while Redis stood still")


def test_a_monitor_that_does_not_read(scene):
    """What Redis sends unasked is held back alike."""
    redis = scene.redis()
    pair = steady_pair(scene, redis)
    admin = scene.client(redis.address)
    prints = Footprints(pair)
    with Wire(pair.address) as monitor:
        monitor.send(encode("CLIENT", "SETNAME", "monitor") + encode("MONITOR"))
        check_equal(monitor.replies(2), [b"+OK\r\n"] * 2, "MONITOR")
        writer, text = pair.wire(), b"x" * 50_000
        for turn in range(1000):
            check_equal(writer.call("APPEND", "a", text)[:1], b":", f"APPEND {turn}")
        wait_until(
            lambda: int(client_line(admin, "monitor")["omem"]) > MB, "Redis to hold lines back"
        )
        prints.check_growth(2 * WINDOWS, "50 MB of MONITOR's lines that nobody takes")
    wait_until(lambda: client_line(admin, "monitor") is None, "Redis to lose the monitor")
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
