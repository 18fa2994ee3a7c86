"""Sockets of the chaos relay: connections, and bytes that are under way between them.

One thread, one epoll. Each connection has two pipes, one for each way; bytes that came from a
pipe's source enter the Link of that way, wait in the pipe's queue until they are due, and go to its
sink. What goes wrong, and when, is decided in chaos.py.
"""

import collections
import concurrent.futures
import heapq
import itertools
import os
import random
import select
import socket
import struct
import threading
import time

from chaos_link import Link

READ_SIZE = 1 << 18
LINGER_0 = struct.pack("ii", 1, 0)
SOCKET_BUFFER = 1 << 18  # of a line with a rate or a delay, so that the kernel is no second queue
SLICES_A_TURN = 64
CALL_SECONDS = 60
TICK = 0.0001  # later than what is due now
IN, OUT = select.EPOLLIN, select.EPOLLOUT


def parse_address(text):
    """ "port", "host:port" or "[host]:port" -> (host, port)."""
    host, _, port = str(text).rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text}: expected host:port")
    return host.strip("[]") or "127.0.0.1", int(port)


class Pipe:
    """One way of one connection: what is under way, in order."""

    def __init__(self, connection, name, source, sink, link):
        self.connection, self.name, self.link = connection, name, link
        self.source, self.sink = source, sink
        self.queue = collections.deque()  # (due, bytes or the name of an end)
        self.pending = 0  # bytes in the queue
        self.reading = True  # the source has more, as far as anybody knows
        self.waiting = False  # for room in the line's queue
        self.blocked = False  # the sink takes no more
        self.scheduled = False
        self.done = False


class Connection:
    """Two sockets and the pipes between them."""

    def __init__(self, near, far, links):
        self.sockets = {"near": near, "far": far}
        self.pipes = {
            "up": Pipe(self, "up", near, far, links["up"]),
            "down": Pipe(self, "down", far, near, links["down"]),
        }
        self.masks = {near: 0, far: 0}
        self.alive = True


class Line:
    """The relay without its chaos: listens, connects, and hands bytes on with delay and rate."""

    def __init__(self, target, listen, delay, rate, queue, slices, seed):
        self.target = parse_address(target)
        self.links = {
            name: Link(pair(delay)[i], pair(rate)[i], queue)
            for i, name in enumerate(("up", "down"))
        }
        self.slices, self._dice = slices, random.Random(seed)
        self.bytes = {"up": 0, "down": 0}
        self.accepted = 0
        self._connections = {}  # fd -> (Connection, socket)
        self._swallowed = []
        self._stalled = self._blackhole = False
        self._buffer = bytearray(READ_SIZE)
        self._timers, self._order = [], itertools.count()
        self._waiting = {"up": collections.deque(), "down": collections.deque()}
        self._commands, self._stopping, self._thread = collections.deque(), False, None
        self._epoll, self._wake = select.epoll(), os.eventfd(0, os.EFD_NONBLOCK)
        self._epoll.register(self._wake, IN)
        self._listener = self._listen(parse_address(listen))
        host, port = self._listener.getsockname()[:2]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def _listen(self, address):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._bound_buffers(listener)  # before listen(): what it accepts inherits them
            listener.bind(address)
            listener.listen(1024)
        except OSError:
            listener.close()
            raise
        listener.setblocking(False)
        self._epoll.register(listener, IN)
        return listener

    def _bound_buffers(self, sock):
        if any(link.rate or link.delay for link in self.links.values()):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)

    def start(self):
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def close(self):
        """Ends every connection and the relay. May be called again."""
        if self._stopping:
            return
        self.call(self._stop)
        if self._thread is not None:
            self._thread.join()
        for thing in (self._listener, self._epoll, *self._swallowed):
            thing.close()
        os.close(self._wake)

    def living(self):
        """How many connections there are."""
        return self.call(lambda: len(self.connections()))

    def connections(self):
        """Those that live. For the loop's thread."""
        return list({id(c): c for c, _ in self._connections.values()}.values())

    def call(self, action):
        """Runs `action` in the loop's thread; returns its result, or raises what it raised."""
        if self._thread in (None, threading.current_thread()):
            return action()
        future = concurrent.futures.Future()

        def run():
            try:
                future.set_result(action())
            except Exception as error:  # pylint: disable=broad-except
                future.set_exception(error)

        self._commands.append(run)
        os.eventfd_write(self._wake, 1)
        return future.result(CALL_SECONDS)

    # For who decides what goes wrong

    def begin(self, now):
        """The loop starts."""

    def look_at_script(self, now):
        """Bytes have passed."""

    def bytes_to_next_step(self):
        """At most so many may pass before look_at_script() is called; 0: any number."""
        return 0

    def at(self, when, action):
        """Has the loop call action(now) then."""
        heapq.heappush(self._timers, (when, next(self._order), action))

    # The loop

    def _stop(self):
        self._stopping = True
        for connection in self.connections():
            self.end(connection)

    def _run(self):
        self.begin(time.monotonic())
        while not self._stopping:
            wait = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else -1
            for fd, events in self._epoll.poll(wait):
                self._handle(fd, events)
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now and not self._stopping:
                heapq.heappop(self._timers)[2](now)

    def _handle(self, fd, events):
        if fd == self._wake:
            os.eventfd_read(self._wake)
            while self._commands:
                self._commands.popleft()()
        elif fd == self._listener.fileno():
            self._accept()
        elif fd in self._connections:
            connection, sock = self._connections[fd]
            for pipe in connection.pipes.values():
                if pipe.sink is sock and pipe.blocked and events & ~IN:
                    pipe.blocked = False
                    self.deliver(pipe, time.monotonic())
                if pipe.source is sock and connection.alive and events & ~OUT:
                    self._fill(pipe)
            self.update(connection)

    def _accept(self):
        try:
            near, _ = self._listener.accept()
        except OSError:
            return
        self.accepted += 1
        if self._blackhole:
            self._swallowed.append(near)
            return
        far = socket.socket(socket.AF_INET6 if ":" in self.target[0] else socket.AF_INET)
        self._bound_buffers(far)
        for sock in (near, far):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(near, far, self.links)
        for sock in (near, far):
            self._connections[sock.fileno()] = (connection, sock)
        # A connect that fails shows as an error of the first recv().
        far.connect_ex(self.target)
        self.update(connection)

    def update(self, connection):
        """Asks epoll for what is wanted now. A socket of which nothing is wanted is taken out: its
        hang-up would wake the loop for ever.
        """
        if not connection.alive:
            return
        for sock in connection.sockets.values():
            mask = 0
            for pipe in connection.pipes.values():
                if pipe.source is sock and self._may_read(pipe):
                    mask |= IN
                if pipe.sink is sock and pipe.blocked:
                    mask |= OUT
            before = connection.masks[sock]
            if mask and not before:
                self._epoll.register(sock, mask)
            elif before and not mask:
                self._epoll.unregister(sock)
            elif mask != before:
                self._epoll.modify(sock, mask)
            connection.masks[sock] = mask

    def _may_read(self, pipe):
        return pipe.reading and not pipe.waiting and pipe.pending < pipe.link.window

    # Bytes

    def _fill(self, pipe):
        """Takes bytes from the source onto the line."""
        if not self._may_read(pipe):
            return
        now = time.monotonic()
        if pipe.link.full(now):
            self._wait_for_room(pipe, now)
            return
        try:
            size = pipe.source.recv_into(self._buffer, pipe.link.piece or READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            size = -1
        if size > 0:
            item = memoryview(bytes(memoryview(self._buffer)[:size]))
            pipe.pending += size
        else:
            item, pipe.reading = "reset" if size < 0 else "half_close", False
        pipe.queue.append((pipe.link.enter(now, max(0, size)), item))
        self.deliver(pipe, now)

    def _wait_for_room(self, pipe, now):
        """In a row with the others, so that they share the rate."""
        pipe.waiting = True
        row = self._waiting[pipe.name]
        row.append(pipe)
        if len(row) == 1:
            self.at(pipe.link.room_at(now), lambda now: self._give_room(pipe.name, now))

    def _give_room(self, name, now):
        row, link = self._waiting[name], self.links[name]
        while row and not link.full(now):
            pipe = row.popleft()
            pipe.waiting = False
            if pipe.connection.alive:
                self._fill(pipe)
                self.update(pipe.connection)
        if row:
            self.at(link.room_at(now), lambda now: self._give_room(name, now))

    def deliver(self, pipe, now):
        """Hands on what is due. Ends up blocked, empty, or with a timer for the next."""
        budget = SLICES_A_TURN
        while pipe.queue and not (pipe.blocked or self._stalled or pipe.done):
            due, item = pipe.queue[0]
            if due > now or not budget:
                if not pipe.scheduled:
                    pipe.scheduled = True
                    self.at(max(due, now + TICK), lambda now: self._on_due(pipe, now))
                return
            if isinstance(item, str):
                pipe.queue.popleft()
                self._end_of(pipe, item)
                return
            if self.slices:
                budget -= 1
            self._send(pipe, due, item)

    def _on_due(self, pipe, now):
        pipe.scheduled = False
        if pipe.connection.alive:
            self.deliver(pipe, now)
            self.update(pipe.connection)

    def _send(self, pipe, due, item):
        """Sends of the queue's first entry what slices and script allow."""
        size = self._dice.randint(1, self.slices) if self.slices else len(item)
        size = min(size, len(item), self.bytes_to_next_step() or len(item))
        try:
            sent = pipe.sink.send(item[:size])
        except BlockingIOError:
            pipe.blocked = True
            return
        except OSError:
            self.end(pipe.connection, reset=True)
            return
        if sent == len(item):
            pipe.queue.popleft()
        else:
            pipe.queue[0] = (due, item[sent:])
        pipe.pending -= sent
        self.bytes[pipe.name] += sent
        self.look_at_script(time.monotonic())

    def _end_of(self, pipe, kind):
        if kind == "reset":
            self.end(pipe.connection, reset=True)
            return
        try:
            pipe.sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        pipe.done, pipe.reading = True, False
        if all(each.done for each in pipe.connection.pipes.values()):
            self.end(pipe.connection)

    def end(self, connection, reset=False):
        """Ends both sockets, with an RST where asked for. What is under way is lost."""
        if not connection.alive:
            return
        connection.alive = False
        for sock in connection.sockets.values():
            if connection.masks[sock]:
                self._epoll.unregister(sock)
            del self._connections[sock.fileno()]
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
            sock.close()
        for pipe in connection.pipes.values():
            pipe.done = True
            pipe.queue.clear()


def pair(value):
    """(up, down) of a value that may be one for both."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)
