"""What an agent's memory does while something goes on, and values too large to be held.

Footprint tells by how much a process's peak memory has grown since some moment. Pattern is a value
of any size, of which every byte is known and no copy is kept: it is sent and checked in pieces.
"""

import random

from processes import Failure, check

KB, MB = 1 << 10, 1 << 20


def steady_pair(scene, redis, **options):
    """Both agents, their windows fixed: on a busy machine the way between them takes as long as on
    a far link, and a window that grows for that would be counted as memory that is lost.
    """
    limits = {"limits": {"max_stream_window_bytes": 256 * KB}}
    path = scene.write("steady.json", limits)
    return scene.pair(
        redis, server_options=["--config", path], client_options=["--config", path], **options
    )


class Footprint:
    """The memory of one process: resident pages, as the kernel counts them (/proc/PID)."""

    def __init__(self, pid):
        self.pid = pid
        self.start = 0
        self.reset()

    def reset(self):
        """Forgets the peak: from here on growth() counts."""
        with open(f"/proc/{self.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
        self.start = self.status("VmHWM")

    def growth(self):
        """By how many bytes the peak has grown since reset()."""
        return self.status("VmHWM") - self.start

    def status(self, name):
        """A line of /proc/PID/status that is in kB, in bytes."""
        return _kilobytes(f"/proc/{self.pid}/status", name)

    def own(self):
        """Bytes of memory that are the process's own: heap and stacks, no code. Counted page by
        page, which is exact but takes longer than status()."""
        return _kilobytes(f"/proc/{self.pid}/smaps_rollup", "Anonymous")


def _kilobytes(path, name):
    with open(path, encoding="ascii") as file:
        return next(int(line.split()[1]) * KB for line in file if line.startswith(name + ":"))


def sanitized(agent):
    """True for a build whose sanitizer has memory of its own, which hides the agent's."""
    with open(f"/proc/{agent.pid}/maps", encoding="ascii", errors="replace") as file:
        maps = file.read()
    # Where the sanitizer is linked in, its shadow memory is the only mapping of terabytes.
    return "san.so" in maps or any(_extent(line) > 1 << 40 for line in maps.splitlines())


def _extent(line):
    first, _, last = line.split()[0].partition("-")
    return int(last, 16) - int(first, 16)


class Footprints:
    """Those of both agents of a pair."""

    def __init__(self, pair):
        self.agents = {"server agent": pair.server, "client agent": pair.client}
        self.footprints = {name: Footprint(agent.pid) for name, agent in self.agents.items()}

    def growth(self):
        return {name: footprint.growth() for name, footprint in self.footprints.items()}

    def own(self):
        return {name: footprint.own() for name, footprint in self.footprints.items()}

    def check_growth(self, limit, what):
        """Fails where an agent's peak has grown by `limit` bytes or more."""
        for name, grown in self.growth().items():
            check(
                grown < limit or sanitized(self.agents[name]),
                f"the {name}'s peak memory grew by {grown / MB:.1f} MiB "
                f"(limit {limit / MB:.1f}): {what}",
            )


class Pattern:
    """A value of `size` bytes that no piece of repeats: equal seeds give equal values."""

    PIECE = 64 * KB

    def __init__(self, size, seed=0):
        self.size = size
        self.block = random.Random(seed).randbytes(self.PIECE)

    def piece(self, number):
        """Bytes number * PIECE and following of the value, PIECE of them (the value's end included
        or not)."""
        return number.to_bytes(8, "big") + self.block[8:]

    def pieces(self):
        """The whole value."""
        for number in range(-(-self.size // self.PIECE)):
            yield self.piece(number)[: self.size - number * self.PIECE]

    def check(self, view, at):
        """Fails unless `view` is what the value has from `at` on."""
        while len(view) > 0:
            number, offset = divmod(at, self.PIECE)
            expected = self.piece(number)[offset : offset + len(view)]
            if view[: len(expected)] != expected:
                raise Failure(f"wrong bytes in a value of {self.size}, in the 64 KiB behind {at}")
            view, at = view[len(expected) :], at + len(expected)


def send_set(wire, key, pattern):
    """SET key pattern, in pieces; the reply is left to the caller."""
    wire.send(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n" % (len(key), key, pattern.size))
    for piece in pattern.pieces():
        wire.send(piece)
    return wire.send(b"\r\n")


def receive_bulk(wire, pattern):
    """Takes a bulk reply piece by piece and fails unless it is `pattern`."""
    head = b"$%d\r\n" % pattern.size
    check(wire.exactly(len(head)) == head, "the head of a bulk reply")
    at = 0
    first, wire.buffer = wire.buffer[: pattern.size], wire.buffer[pattern.size :]
    pattern.check(first, 0)
    at = len(first)
    room = memoryview(bytearray(256 * KB))
    while at < pattern.size:
        size = wire.sock.recv_into(room[: min(len(room), pattern.size - at)])
        check(size > 0, f"the connection was closed after {at} bytes of {pattern.size}")
        pattern.check(room[:size], at)
        at += size
    check(wire.exactly(2) == b"\r\n", "the end of a bulk reply")
