"""RESP3 for redis-py 4.3.4, which does not know it: a connection that says HELLO 3 and a parser
that reads the types RESP2 does not have.

What isn't possible: redis-py's callbacks, which make its results out of RESP2's replies, expect
RESP2's shapes. Here they are off (but for those of the SCANs, which are alike in both), so results
are what Redis says: maps as dict, sets as set, doubles as float. Whatever else the library does
(connections, pools, pipelines, transactions, scripts, pub/sub) is its own.
"""

import redis
from redis.connection import Connection, PythonParser, UnixDomainSocketConnection

SCANS = ("SCAN", "SSCAN", "HSCAN", "ZSCAN")
TRUTH = {b"t": True, b"f": False}


class Pair(list):
    """A list that may stand in a set or be a map's key."""

    def __hash__(self):
        return hash(tuple(self))


class Resp3Parser(PythonParser):
    """Reads all types of RESP3. Invalidations wait in `pushes`; other pushes are replies, as
    redis-py wants them.
    """

    def __init__(self, socket_read_size):
        super().__init__(socket_read_size)
        self.pushes = []

    def read_response(self, disable_decoding=False):
        while True:
            reply = self.value(disable_decoding)
            if not isinstance(reply, tuple):
                return reply
            push = list(reply)
            if push[0] not in (b"invalidate", "invalidate"):
                return push
            self.pushes.append(push)

    def value(self, raw):
        line = self._buffer.readline()
        if not line:
            raise redis.ConnectionError("Connection closed by server.")
        kind, text = line[:1], line[1:]
        if kind in b"-!":
            if kind == b"!":
                text = self._buffer.read(int(text))
            error = self.parse_error(text.decode("utf-8", "replace"))
            if isinstance(error, redis.ConnectionError):
                raise error  # as PythonParser does: it is about the connection, not the command
            return error
        if kind in b"$=" and int(text) < 0 or kind == b"*" and int(text) < 0 or kind == b"_":
            return None
        if kind in b"$=":
            text = self._buffer.read(int(text))
            kind = b"+"
        if kind == b"+":
            return text if raw else self.encoder.decode(text)
        if kind in b":(":
            return int(text)
        if kind == b",":
            return float(text)
        if kind == b"#":
            return TRUTH[text]
        if kind in b"*~>":
            items = [self.value(raw) for _ in range(int(text))]
            if kind == b"~":
                return {Pair(item) if isinstance(item, list) else item for item in items}
            return tuple(items) if kind == b">" else items
        if kind == b"%":
            return {self.hashable(raw): self.value(raw) for _ in range(int(text))}
        raise redis.InvalidResponse(f"Protocol Error: {line!r}")

    def hashable(self, raw):
        value = self.value(raw)
        return Pair(value) if isinstance(value, list) else value


class Resp3:
    """Says HELLO 3 once connected: behind AUTH, SETNAME and SELECT, as redis-py does those."""

    def __init__(self, **options):
        super().__init__(**{**options, "parser_class": Resp3Parser})

    def on_connect(self):
        super().on_connect()
        self.send_command("HELLO", "3", check_health=False)
        self.read_response()


class Resp3Connection(Resp3, Connection):
    """By TCP."""


class Resp3UnixConnection(Resp3, UnixDomainSocketConnection):
    """By a unix socket."""


def without_callbacks(client):
    """The client, its results as the replies are."""
    for name in list(client.response_callbacks):
        if name not in SCANS:
            del client.response_callbacks[name]
    return client
