"""Goal: any flipped, dropped, repeated or reordered byte or record ends the transport, in both
directions. The agent that notices sends nothing more on that connection; the session goes on over a
new one, and the clients get exactly the bytes that are theirs, once.

The traffic of each direction is such that the agent that notices has nothing to say: towards the
server agent PINGs that wait behind the tampering, towards the client agent messages to a
subscriber.
"""

import random
import time

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from mangler import Fault
from processes import check, check_equal, wait_until
from wire import Wire, encode

SPARE = 6  # client connections to speak on


def settle(connection):
    """Until nothing has moved for a moment, so that what comes next has one cause."""

    def counts():
        return connection.up.received_count, connection.down.received_count

    last = None
    while counts() != last:
        last = counts()
        time.sleep(0.3)


class Towards:
    """Traffic in one direction: `speak(i)` makes one record of it."""

    def __init__(self, pair, redis_wire):
        self.pair, self.publisher = pair, redis_wire
        self.wires = []
        self.spoken = []  # how often, by wire

    def open(self):
        self.spoken = [0] * SPARE
        self.wires = [Wire(self.pair.address) for _ in range(SPARE)]
        for wire in self.wires:
            check_equal(wire.call("PING"), b"+PONG\r\n", "PING before the tampering")
        self.prepare()

    def close(self):
        for wire in self.wires:
            wire.close()


class TowardsServer(Towards):
    name, noticer = "up", "server"

    def prepare(self):
        pass

    def speak(self, i):
        self.wires[i % SPARE].send(encode("PING"))
        self.spoken[i % SPARE] += 1

    def expected(self, i):
        """A client gets a PONG for each of its PINGs, nothing else."""
        return b"+PONG\r\n" * self.spoken[i]


class TowardsClient(Towards):
    name, noticer = "down", "client"

    def prepare(self):
        for wire in self.wires:
            wire.call("SUBSCRIBE", "news")

    def speak(self, i):
        check_equal(
            self.publisher.call("PUBLISH", "news", "hot"), b":%d\r\n" % SPARE, "subscribers"
        )
        self.spoken = [count + 1 for count in self.spoken]

    def expected(self, i):
        return b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$3\r\nhot\r\n" * self.spoken[i]


def tamper(traffic, fault, by_unit, silent=True):
    """One tampering, from a quiet tunnel to the end of its transport and on."""
    pair = traffic.pair
    pair.eventually_ping()
    traffic.open()
    connection = wait_until(pair.relay.living, "a tunnel")[-1]
    settle(connection)
    direction = getattr(connection, traffic.name)
    other = connection.opposite(direction)
    if not by_unit and fault.at is not None:
        fault.at += direction.received_count
    direction.arm(fault, next_unit=by_unit)
    for i in range(40):
        if connection.dead:
            break
        taken = direction.received_count
        try:
            traffic.speak(i)
        except OSError:
            break
        wait_until(
            lambda: connection.dead or direction.received_count > taken, "the record to arrive"
        )
        time.sleep(0.02 if i < 3 else 0.2)
    what = f"{fault} ({traffic.name})"
    wait_until(lambda: connection.dead, f"the end of the transport after {what}")
    check(fault.kind in [f.kind for f in direction.mangler.struck], f"{what} did not strike")
    if silent:
        check_equal(
            other.received_count,
            direction.opposite_at_fault[0],
            f"bytes from the {traffic.noticer} agent after {what}",
        )
    for i, wire in enumerate(traffic.wires):
        due = traffic.expected(i)
        check_equal(wire.exactly(len(due)), due, f"what a client got after {what}")
    pair.eventually_ping()
    for wire in traffic.wires:
        check(wire.silent(0.01), f"a client got too much after {what}")
    traffic.close()
    pair.check_sound()


def cases(seed):
    """(fault, by unit, whether the noticer must be silent from the fault on)."""
    dice = random.Random(seed)
    return [
        (Fault("flip", offset=1, mask=0x01), True, True),  # the record's length
        (Fault("flip", offset=2, mask=1 << dice.randrange(8)), True, True),  # its first byte
        (Fault("flip", offset=dice.randrange(3, 18), mask=1 << dice.randrange(8)), True, True),
        (Fault("flip", offset=-1, mask=1 << dice.randrange(8)), True, True),  # the tag's last byte
        (Fault("drop"), True, True),
        (Fault("repeat"), True, False),  # the first copy is genuine
        (Fault("reorder"), True, True),
        (Fault("drop", at=dice.randrange(2, 18)), False, True),
        (Fault("repeat", at=dice.randrange(2, 18)), False, True),
        (
            Fault("insert", at=0, data=b"\x00\x28" + dice.randbytes(40)),
            False,
            True,
        ),  # a forged record
        (
            Fault("insert", at=0, data=b"\xff\xff" + dice.randbytes(40)),
            False,
            False,
        ),  # one that takes its time
        (Fault("reorder", at=2, length=8), False, True),
    ]


def test_tampering_on_the_way_to_the_server(scene):
    redis = scene.redis()
    pair = scene.pair(redis, relay={})
    for fault, by_unit, silent in cases(41):
        tamper(TowardsServer(pair, None), fault, by_unit, silent)


def test_tampering_on_the_way_to_the_client(scene):
    redis = scene.redis()
    pair = scene.pair(redis, relay={})
    publisher = scene.wire(redis.address)
    for fault, by_unit, silent in cases(42):
        tamper(TowardsClient(pair, publisher), fault, by_unit, silent)


def test_tampering_with_the_handshake(scene):
    """A flipped bit in either handshake message: no tunnel, no byte in answer, and the next attempt
    works.
    """
    redis = scene.redis()
    dice = random.Random(43)
    faults = {
        0: {
            "up": [
                Fault("flip", unit=0, offset=dice.randrange(10, 90), mask=1 << dice.randrange(8))
            ]
        },
        1: {"up": [Fault("flip", unit=0, offset=dice.randrange(2, 8), mask=0x10)]},
        2: {
            "down": [
                Fault("flip", unit=0, offset=dice.randrange(2, 82), mask=1 << dice.randrange(8))
            ]
        },
    }
    pair = scene.pair(redis, relay={"script": lambda number: faults.get(number, {})})
    pair.eventually_ping()
    connections = pair.relay.connections
    check(len(connections) >= 4, f"only {len(connections)} attempts")
    for connection in connections[:2]:
        check_equal(
            bytes(connection.down.received), b"", "the server's answer to a broken message 1"
        )
    check_equal(len(connections[2].up.mangler.struck), 0, "faults up on the third connection")
    check_equal(
        connections[2].up.received_count,
        connections[0].up.received_count,
        "bytes that the client sent after a broken message 2",
    )
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
