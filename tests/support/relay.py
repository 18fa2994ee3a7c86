#!/usr/bin/python3
"""A TCP relay that records everything, and that can be a bad network by a seeded script.

From a test:    relay = Relay("127.0.0.1:6479", delay=0.05).start(); relay.address; relay.close() By
hand:        relay.py --listen 127.0.0.1:6480 --to 127.0.0.1:6479 --delay 0.05 --reset-every 2
--seed 7

"up" is the direction from who connected to the relay towards the target, "down" the way back. Each
direction has a thread that reads and a thread that writes, with a bounded queue between them, so
that delay costs no bandwidth and a reader that stalls pushes back. With the same seed the same
choices are made (slice sizes, times of resets); the network's own timing is not repeated.
"""

import argparse
import collections
import random
import signal
import socket
import struct
import sys
import threading
import time

from mangler import ENDS, Fault, Mangler

CHUNK = 65536
LINGER_0 = struct.pack("ii", 1, 0)


def parse_address(text):
    """ "host:port" or "[host]:port" -> (host, port)."""
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdigit():
        raise ValueError(f"{text}: expected host:port")
    return host.strip("[]"), int(port)


class Weather:
    """How a connection fares: all values may be changed while it runs.

    delay: seconds each way; jitter: up to so many seconds more (order is kept); bandwidth: bytes a
    second each way, 0 for any; slices: send in pieces of 1 to this many bytes, 0 for as they come;
    queue: bytes that may be under way each way before the relay stops reading.
    """

    def __init__(self, delay=0.0, jitter=0.0, bandwidth=0, slices=0, queue=16 << 20):
        self.delay = delay
        self.jitter = jitter
        self.bandwidth = bandwidth
        self.slices = slices
        self.queue = queue


class Direction:
    """One way of one connection."""

    def __init__(self, connection, upward, source, sink, faults):
        self.connection = connection
        self.name = "up" if upward else "down"
        self.source, self.sink = source, sink
        self.mangler = Mangler(upward, faults)
        self.received = bytearray()  # what came in, where it is recorded
        self.sent = bytearray()  # what went out
        self.received_count = self.sent_count = 0
        self.opposite_at_fault = (
            []
        )  # for each fault that struck: bytes the other direction had taken in
        self.random = random.Random(f"{connection.relay.seed}/{connection.number}/{self.name}")
        self._queue = collections.deque()
        self._queued = 0
        self._changed = threading.Condition()
        self._stalled = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._write, daemon=True),
        ]

    def start(self):
        for thread in self._threads:
            thread.start()

    def arm(self, fault, next_unit=False):
        """Adds a fault to a running connection: for the next byte, or the next unit, unless it has
        a place.
        """
        with self._lock:
            return self.mangler.add(fault, next_unit)

    def stall(self, on=True):
        """Stops handing bytes on (they queue up), or goes on with it."""
        if on:
            self._stalled.set()
        else:
            self._stalled.clear()
        with self._changed:
            self._changed.notify_all()

    def _read(self):
        weather, record = self.connection.relay.weather, self.connection.relay.record
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queued < weather.queue or self.connection.dead)
            try:
                data = self.source.recv(CHUNK)
            except OSError:
                self._put(("reset",))
                return
            with self._lock:
                self.received_count += len(data)
                if record:
                    self.received += data
                struck = len(self.mangler.struck)
                actions = self.mangler.feed(data) if data else self.mangler.finish()
                other = self.connection.opposite(self)
                self.opposite_at_fault += [other.received_count] * (
                    len(self.mangler.struck) - struck
                )
            for action in actions:
                self._put(action)
            if not data:
                self._put(("half_close",))
                return

    def _put(self, action):
        weather = self.connection.relay.weather
        due = time.monotonic() + weather.delay + self.random.uniform(0, weather.jitter)
        with self._changed:
            self._queue.append((due, action))
            self._queued += len(action[1]) if action[0] == "data" else 0
            self._changed.notify_all()

    def _take(self):
        """The next action, once it is due. None when the connection is dead."""
        with self._changed:
            self._changed.wait_for(
                lambda: (self._queue and not self._stalled.is_set()) or self.connection.dead
            )
            if self.connection.dead:
                return None
            due, action = self._queue.popleft()
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        return action

    def _write(self):
        while (action := self._take()) is not None:
            if action[0] == "data":
                if not self._send(action[1]):
                    return
            elif action[0] == "stall":
                time.sleep(action[1])
            elif action[0] == "half_close":
                try:
                    self.sink.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                self.connection.ended(self)
                return
            elif action[0] in ENDS:
                self.connection.end(reset=action[0] == "reset")
                return

    def _send(self, data):
        weather = self.connection.relay.weather
        view = memoryview(data)
        while view:
            size = self.random.randint(1, weather.slices) if weather.slices else CHUNK
            if weather.bandwidth:
                size = min(size, max(1, weather.bandwidth // 100))
            piece, view = view[:size], view[size:]
            with self._lock:
                self.sent_count += len(piece)
                if self.connection.relay.record:
                    self.sent += piece
            try:
                self.sink.sendall(piece)
            except OSError:
                self.connection.end(reset=True)
                return False
            if weather.bandwidth:
                time.sleep(len(piece) / weather.bandwidth)
            with self._changed:
                self._queued -= len(piece)
                self._changed.notify_all()
        return True

    def wake(self):
        with self._changed:
            self._changed.notify_all()


class Connection:
    """Two sockets and the two directions between them."""

    def __init__(self, relay, number, near, far):
        self.relay, self.number = relay, number
        self.near, self.far = near, far
        self.dead = False
        self._ended = set()
        self._lock = threading.Lock()
        faults = relay.script(number) if relay.script else {}
        self.up = Direction(self, True, near, far, faults.get("up", ()))
        self.down = Direction(self, False, far, near, faults.get("down", ()))

    def start(self):
        self.up.start()
        self.down.start()

    def opposite(self, direction):
        return self.down if direction is self.up else self.up

    def ended(self, direction):
        """A direction has come to its end in peace."""
        with self._lock:
            self._ended.add(direction.name)
            both = len(self._ended) == 2
        if both:
            self.end()

    def end(self, reset=False):
        """Ends both sockets, with an RST where asked for."""
        with self._lock:
            if self.dead:
                return
            self.dead = True
        for sock in (self.near, self.far):
            try:
                if reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
                else:
                    sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            if not reset:
                sock.close()
        if reset:
            self._close_hard()
        self.up.wake()
        self.down.wake()

    def _close_hard(self):
        """A thread that is in recv() holds its socket open, so close() alone sends no RST: shutdown
        of the reading half wakes it.
        """
        for sock in (self.near, self.far):
            try:
                sock.shutdown(socket.SHUT_RD)
            except OSError:
                pass
            sock.close()


class Relay:
    """Listens on `listen`, connects each newcomer to `target`.

    `script`, if any, is called with a connection's number (from 0) and returns {"up": [Fault...],
    "down": [Fault...]}. `record`: keep all bytes (Connection.up.received and so on). `reset_every`:
    mean seconds between resets of all connections, 0 for never. `source`: the address to connect
    from. Close it when done.
    """

    def __init__(
        self,
        target,
        listen="127.0.0.1:0",
        seed=0,
        record=True,
        script=None,
        reset_every=0.0,
        source=None,
        **weather,
    ):
        self.target = parse_address(target)
        self.seed, self.record, self.script = seed, record, script
        self.weather = Weather(**weather)
        self.connections = []
        self.refuse = False  # True: newcomers are closed at once
        self.resets = 0
        self._source = source and (source, 0)
        self._reset_every = reset_every
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        host, port = parse_address(listen)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=256)
        host, port = self._listener.getsockname()[:2]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def start(self):
        threading.Thread(target=self._accept, daemon=True).start()
        if self._reset_every:
            threading.Thread(target=self._reset_now_and_then, daemon=True).start()
        return self

    def close(self):
        self._stopping.set()
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        for connection in list(self.connections):
            connection.end()

    def living(self):
        """The connections that have not ended."""
        return [connection for connection in self.connections if not connection.dead]

    def reset_all(self):
        """Resets every living connection; returns how many."""
        living = self.living()
        for connection in living:
            connection.end(reset=True)
        self.resets += len(living)
        return len(living)

    def recorded(self):
        """All bytes of all connections, both ways, as they came in."""
        return [
            bytes(direction.received)
            for connection in self.connections
            for direction in (connection.up, connection.down)
        ]

    def _accept(self):
        while not self._stopping.is_set():
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self.refuse:
                    raise OSError("refusing")
                far = socket.create_connection(self.target, 10, self._source)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, len(self.connections), near, far)
            self.connections.append(connection)
            connection.start()

    def _reset_now_and_then(self):
        while not self._stopping.wait(self._random.expovariate(1 / self._reset_every)):
            self.reset_all()


def parse_fault(text):
    """ "up:flip@1000" or "down:drop@unit3:length=2" -> (direction, Fault)."""
    place, *settings = text.split(":")[1:]
    kind, _, where = place.partition("@")
    values = (
        {"unit": int(where[4:])}
        if where.startswith("unit")
        else {"at": int(where)}
        if where
        else {}
    )
    for setting in settings:
        name, _, value = setting.partition("=")
        values[name] = float(value) if name == "seconds" else int(value, 0)
    direction = text.split(":")[0]
    if direction not in ("up", "down"):
        raise ValueError(f"{text}: expected up or down in front")
    return direction, Fault(kind, **values)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0],
        epilog="--fault up:flip@1000, down:drop@unit3, up:stall@0:seconds=2, "
        "up:reset@4096; kinds: see mangler.py",
    )
    parser.add_argument("--listen", required=True, help="host:port to listen on (port 0: any)")
    parser.add_argument("--to", required=True, help="host:port to connect to")
    parser.add_argument("--seed", type=int, default=0, help="for all random choices")
    parser.add_argument("--delay", type=float, default=0, help="seconds each way")
    parser.add_argument("--jitter", type=float, default=0, help="up to so many seconds more")
    parser.add_argument("--bandwidth", type=int, default=0, help="bytes a second each way")
    parser.add_argument("--slices", type=int, default=0, help="send pieces of 1 to N bytes")
    parser.add_argument(
        "--reset-every", type=float, default=0, help="mean seconds between resets of everything"
    )
    parser.add_argument("--fault", action="append", default=[], help="strikes every connection")
    parser.add_argument(
        "--record", metavar="PREFIX", help="writes PREFIX-N-up and PREFIX-N-down at the end"
    )
    options = parser.parse_args()
    try:
        faults = [parse_fault(text) for text in options.fault]
        relay = Relay(
            options.to,
            options.listen,
            options.seed,
            bool(options.record),
            lambda _: {name: [f for d, f in faults if d == name] for name in ("up", "down")},
            options.reset_every,
            delay=options.delay,
            jitter=options.jitter,
            bandwidth=options.bandwidth,
            slices=options.slices,
        ).start()
    except (ValueError, TypeError, OSError) as error:
        sys.exit(f"relay.py: {error}")
    print(f"listening on {relay.address}", flush=True)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    over.wait()
    relay.close()
    for connection in relay.connections if options.record else []:
        for direction in (connection.up, connection.down):
            with open(f"{options.record}-{connection.number}-{direction.name}", "wb") as file:
                file.write(direction.received)


if __name__ == "__main__":
    main()
