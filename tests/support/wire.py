"""A Redis connection by hand: bytes out, bytes in, and where one reply ends.

redis-py is what applications use; this is for what redis-py never sends, and for the bytes of a
reply.
"""

import socket

from processes import PATIENCE, Failure


def encode(*arguments):
    """The command as an array of bulk strings."""
    parts = [a if isinstance(a, bytes) else str(a).encode() for a in arguments]
    head = b"*%d\r\n" % len(parts)
    return head + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def connect(address, seconds=PATIENCE):
    """A connected socket. `address`: "host:port", "[host]:port" or "unix:/path"."""
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(seconds)
        sock.connect(address[len("unix:") :])
        return sock
    host, _, port = address.rpartition(":")
    sock = socket.create_connection((host.strip("[]"), int(port)), seconds)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Closed(Exception):
    """The other end has closed. `rest` is what came before."""

    def __init__(self, rest):
        super().__init__(f"connection closed after {rest[-200:]!r}")
        self.rest = rest


class Wire:
    """One connection. `with Wire(address) as wire: wire.call("PING")`."""

    def __init__(self, address, seconds=PATIENCE):
        self.sock = connect(address, seconds)
        self.buffer = b""  # has come, nobody has taken it yet
        self.taken = b""  # what exactly() has handed out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)
        return self

    def finish_sending(self):
        """Half-close: the other end sees the end of the stream."""
        self.sock.shutdown(socket.SHUT_WR)

    def call(self, *arguments):
        """Sends a command, returns the raw bytes of its reply."""
        self.send(encode(*arguments))
        return self.reply()

    def replies(self, count):
        return [self.reply() for _ in range(count)]

    def reply(self):
        """The exact bytes of the next reply (RESP2 or RESP3, nested ones whole)."""
        start = self._reply_end(0)
        data, self.buffer = self.buffer[:start], self.buffer[start:]
        return data

    def rest(self):
        """All that comes until the other end closes."""
        try:
            while True:
                self.more()
        except (Closed, ConnectionResetError):
            data, self.buffer = self.buffer, b""
            return data

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        self.taken += data
        return data

    def silent(self, seconds):
        """True where nothing comes and nothing closes for that long."""
        self.sock.settimeout(seconds)
        try:
            data = self.sock.recv(65536)
            self.buffer += data
            return False
        except socket.timeout:
            return not self.buffer
        finally:
            self.sock.settimeout(PATIENCE)

    def more(self):
        """Waits for some bytes and adds them to the buffer. Closed at the end."""
        try:
            data = self.sock.recv(1 << 20)
        except socket.timeout:
            raise Failure(f"no reply in time; so far {self.buffer[-200:]!r}") from None
        if not data:
            raise Closed(self.buffer)
        self.buffer += data

    def _line_end(self, start):
        while True:
            end = self.buffer.find(b"\r\n", start)
            if end >= 0:
                return end
            self.more()

    def _reply_end(self, start):
        end = self._line_end(start)
        kind, text = self.buffer[start : start + 1], self.buffer[start + 1 : end]
        after = end + 2
        if kind in b"+-:_,#(":
            return after
        count = int(text)
        if kind in b"$=!":
            if count < 0:
                return after
            self._need(after + count + 2)
            return after + count + 2
        if kind in b"*~>%|":
            for _ in range(count * 2 if kind in b"%|" else max(count, 0)):
                after = self._reply_end(after)
            return self._reply_end(after) if kind == b"|" else after
        raise Failure(f"not a reply: {self.buffer[start:start + 80]!r}")

    def _need(self, count):
        """Reads until the buffer holds `count` bytes; in one list, so that 64 MB take no
        minutes.
        """
        if len(self.buffer) >= count:
            return
        pieces, have = [self.buffer], len(self.buffer)
        while have < count:
            self.buffer = b""
            try:
                self.more()
            except Closed:
                raise Closed(b"".join(pieces)) from None
            pieces.append(self.buffer)
            have += len(self.buffer)
        self.buffer = b"".join(pieces)


SENTINEL = b"end-of-this-conversation"


def talk(address, data, protocol=2):
    """Sends `data` and then a PING with a sentinel; returns (the bytes before its echo, whether the
    other end closed instead of echoing). Nothing is sent behind it, so nothing depends on timing.
    """
    echo = b"$%d\r\n%s\r\n" % (len(SENTINEL), SENTINEL)
    with Wire(address) as wire:
        if protocol == 3:
            wire.call("HELLO", "3")
        try:
            wire.send(data + encode("PING", SENTINEL))
        except (ConnectionResetError, BrokenPipeError):
            pass  # it closed before it had heard all; what it said is still to be read
        try:
            while echo not in wire.buffer:
                wire.more()
        except (Closed, ConnectionResetError):
            return wire.buffer, True
        return wire.buffer[: wire.buffer.index(echo)], False
