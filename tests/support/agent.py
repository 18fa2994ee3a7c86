"""Both agents once more, in Python, written from docs/protocol.md: what the real ones are tested
against, so that their two sides can't share one misunderstanding.

    with ClientAgent("127.0.0.1:6479", key=noise.SharedKey.from_file("site.key")) as agent:
        stream = agent.open("default")
        stream.send(b"PING\r\n")
        agent.take(stream, 7)      # b"+PONG\r\n"
        agent.cut()                # the connection is gone, the session is not
        agent.resume()

They hold the peer to the protocol: whatever it may not send is a ProtocolError. Nothing
runs by itself: frames are sent and handled while one of the agent's functions is being called. For
tests only.
"""

import select
import socket
import struct
import time

import noise
from processes import PATIENCE, Failure
from tunnel_session import HEADER, RESUME, RESUMED, ClientSession, ServerSession
from tunnel_session import encode_resume, parse_frames, require, unpack
from wire import connect


class Lost(Failure):
    """The connection has ended."""


class Transport:
    """A connection on which the handshake is done."""

    def __init__(self, address, **keys):
        self.channel = noise.Initiator(**keys)
        self.buffer = b""
        self.sock = connect(address)
        try:
            self.sock.sendall(self.channel.message1())
            self.channel.read_message2(self._exactly(noise.MESSAGE2_SIZE))
        except BaseException:
            self.sock.close()
            raise

    def close(self):
        self.sock.close()

    def send(self, plaintext):
        try:
            self.sock.sendall(self.channel.seal(plaintext))
        except OSError as error:
            raise Lost(f"the server agent has closed the connection: {error}") from None

    def _read(self):
        try:
            data = self.sock.recv(1 << 16)
        except socket.timeout:
            raise Failure("the server agent says nothing") from None
        except OSError as error:
            raise Lost(f"the connection is broken: {error}") from None
        if not data:
            raise Lost("the server agent has closed the connection")
        self.buffer += data

    def _exactly(self, size):
        while len(self.buffer) < size:
            self._read()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def receive(self, seconds=None):
        """The plaintext of the next record; with `seconds`, None when none begins in that time."""
        if seconds is not None and not self.buffer:
            if not select.select([self.sock], [], [], seconds)[0]:
                return None
        length = self._exactly(2)
        return self.channel.open(length + self._exactly(struct.unpack(">H", length)[0]))


class Agent:
    """What both agents have: a session on a transport."""

    session = transport = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.transport is not None:
            self.transport.close()
            self.transport = None

    def flush(self, into_the_void=False):
        """Sends what there is. `into_the_void`: like a network that loses it all; to be followed by
        cut().
        """
        while record := self.session.next_record():
            if not into_the_void:
                self.transport.send(record)

    def step(self, seconds=0.05):
        """Sends what there is, and handles a record where one comes in time."""
        self.flush()
        record = self.transport.receive(seconds)
        if record is not None:
            self.session.receive(record)
            self.flush()

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise Failure(f"waited in vain: {what}")
            self.step()

    def take(self, stream, size):
        """The next `size` bytes of the stream, which are waited for."""
        data = b""
        while len(data) < size:
            self.until(
                lambda: stream.received or stream.is_over(),
                f"bytes {len(data)} to {size} of a reply",
            )
            if not stream.received:
                raise Failure(
                    f"stream {stream.number} ended after {data[-200:]!r} "
                    f"(code {stream.reset_code})"
                )
            data += self.session.take(stream, size - len(data))
        self.flush()
        return data

    def cut(self):
        """The connection is gone, with all that nobody has read yet."""
        self.close()
        self.session.lost()


class ClientAgent(Agent):
    """Connects to a server agent and begins a session. `key`, `identity` and `server_key` are those
    of noise.Initiator.
    """

    def __init__(self, address, key=None, identity=None, server_key=None, **options):
        self.address = address
        self.keys = {"key": key, "identity": identity, "server_key": server_key}
        self.session = ClientSession(**options)
        self.transport = self.dial()
        self.resume_key = self.transport.channel.resume_key
        self.until(lambda: self.session.ready, "HELLO and SESSION")

    def dial(self):
        return Transport(self.address, **self.keys)

    def open(self, route="default", client="127.0.0.1:1"):
        return self.session.open(route, client)

    def claim(self, transport, epoch, handled, session=None, resume_key=None, proof=None):
        """Sends RESUME on a fresh transport; (epoch, handled) of RESUMED, and any further frames of
        its record. Says what the caller likes: this session is not touched by it.
        """
        session = session or self.session.id
        proof = proof or noise.make_resume_proof(
            resume_key or self.resume_key, transport.channel.handshake_hash, session, epoch, handled
        )
        transport.send(encode_resume(session, epoch, handled, proof))
        record = transport.receive()
        kind, _, number, payload = parse_frames(record)[0]
        require((kind, number) == (RESUMED, 0), f"a frame of type {kind} in place of RESUMED")
        return unpack("IQ", payload), record[HEADER.size + len(payload) :]

    def resume(self):
        """Goes on with the session on a new connection; how many of our frames the server agent
        had handled.
        """
        transport = self.dial()
        try:
            epoch, mine = self.session.resume_point()
            (answer, handled), rest = self.claim(transport, epoch, mine)
            if answer == 0:
                raise Lost("the server agent doesn't know the session")
            self.session.resumed(answer, handled)
        except BaseException:
            transport.close()
            raise
        self.close()
        self.transport = transport
        self.session.receive(rest)
        self.flush()
        return handled


class ServerTransport(Transport):
    """The responder's end of a connection, after its handshake."""

    def __init__(self, sock, keys, identity):  # pylint: disable=super-init-not-called
        self.channel = noise.Responder(keys, identity)
        self.buffer = b""
        self.sock = sock
        try:
            preamble = self._exactly(noise.PREAMBLE_SIZE)
            rest = self._exactly(noise.MESSAGE1_SIZE[preamble[3]] - len(preamble))
            self.channel.read_message1(preamble + rest)
            self.sock.sendall(self.channel.message2())
        except BaseException:
            self.sock.close()
            raise


class ServerAgent(Agent):
    """Listens for a real client agent. One session; whoever uses it is the Redis behind it."""

    def __init__(self, keys=(), identity=None, **options):
        self.keys, self.identity, self.options = keys, identity, options
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.resume_key = None

    def close(self):
        super().close()
        self.listener.close()

    def cut(self):
        self.transport.close()
        self.session.lost()

    def accept(self):
        """(transport, its first record)"""
        sock, _ = self.listener.accept()
        sock.settimeout(PATIENCE)
        transport = ServerTransport(sock, self.keys, self.identity)
        return transport, transport.receive()

    def begin(self):
        """Waits for a client agent that begins a session."""
        self.transport, record = self.accept()
        self.session = ServerSession(**self.options)
        self.resume_key = self.transport.channel.resume_key
        self.session.receive(record)
        self.flush()

    def accept_claim(self):
        """Waits for a client agent that resumes this session: (transport, epoch, handled). Its
        proof is right.
        """
        transport, record = self.accept()
        frames = parse_frames(record)
        require(len(frames) == 1, "the first record is more than one frame")
        kind, _, number, payload = frames[0]
        require((kind, number) == (RESUME, 0), f"a frame of type {kind} in place of RESUME")
        session, epoch, handled, proof = unpack("16sIQ32s", payload)
        require(session == self.session.id, "RESUME of another session")
        expected = noise.make_resume_proof(
            self.resume_key, transport.channel.handshake_hash, session, epoch, handled
        )
        require(proof == expected, "the proof is wrong")
        require(transport.receive(0.1) is None, "something was sent before RESUMED")
        return transport, epoch, handled

    def resume(self):
        """Takes the session up again; (epoch, handled) as the client agent said."""
        self.transport, epoch, handled = self.accept_claim()
        self.transport.send(self.session.accept_resume(epoch, handled))
        self.flush()
        return epoch, handled
