"""Frames, streams and the session of either agent in Python: the half of agent.py that has no
socket and no crypto. Section numbers are those of docs/protocol.md.
"""

import collections
import os
import struct

from processes import Failure

PAD, DATA, OPEN, OPENED, RST, CREDIT, MAX_STREAMS = range(7)
PING, ACK, HELLO, SESSION, RESUME, RESUMED, GOAWAY = range(7, 14)
REPLAYED = {DATA, OPEN, OPENED, RST, CREDIT, MAX_STREAMS, GOAWAY}
FIN = PONG = 1  # flags

HEADER = struct.Struct(">BBHI")
MAX_RECORD = 16 * 1024
MAX_DATA = MAX_RECORD - 64  # so that an ACK has room in the same record
MAX_CREDIT = 2**31 - 1
MAX_REPLAY = 8 << 20
ACK_BYTES, ACK_FRAMES = 64 << 10, 128

# HELLO's TLVs: name, and whether it is a text
TLVS = {
    1: ("name", True),
    2: ("version", True),
    3: ("stream_window", False),
    4: ("session_window", False),
    5: ("max_streams", False),
    6: ("max_unanswered", False),
    7: ("silence_ms", False),
    8: ("identity", True),
}


class ProtocolError(Failure):
    """The peer sent what docs/protocol.md doesn't allow."""


def require(condition, what):
    if not condition:
        raise ProtocolError(what)


# Frames: section 3


def frame(kind, payload=b"", stream=0, flags=0):
    return HEADER.pack(kind, flags, len(payload), stream) + payload


def parse_frames(plaintext):
    """[(type, flags, stream, payload)] of a record."""
    frames = []
    while plaintext:
        require(len(plaintext) >= HEADER.size, "a record ends within a frame's header")
        kind, flags, length, stream = HEADER.unpack_from(plaintext)
        end = HEADER.size + length
        require(len(plaintext) >= end, "a record ends within a frame")
        frames.append((kind, flags, stream, plaintext[HEADER.size : end]))
        plaintext = plaintext[end:]
    return frames


def unpack(layout, payload):
    """The numbers of a payload of exactly this layout."""
    layout = struct.Struct(">" + layout)
    require(len(payload) == layout.size, f"a payload of {len(payload)} bytes, not {layout.size}")
    return layout.unpack(payload)


def encode_hello(**values):
    parts = []
    for kind, (name, is_text) in TLVS.items():
        if name in values:
            value = values[name].encode() if is_text else struct.pack(">I", values[name])
            parts.append(struct.pack(">BH", kind, len(value)) + value)
    return b"".join(parts)


def decode_hello(payload):
    values = {name: "" if is_text else 0 for name, is_text in TLVS.values()}
    while payload:
        require(len(payload) >= 3, "a TLV ends early")
        kind, length = struct.unpack_from(">BH", payload)
        value, payload = payload[3 : 3 + length], payload[3 + length :]
        require(len(value) == length, "a TLV ends early")
        if kind in TLVS:
            name, is_text = TLVS[kind]
            require(length <= 255, "a text is too long")
            values[name] = value.decode() if is_text else unpack("I", value)[0]
    return values


def encode_open(credit, route, client):
    parts = [bytes([len(text)]) + text for text in (route.encode(), client.encode())]
    return struct.pack(">I", credit) + b"".join(parts)


def decode_open(payload):
    """(credit, route, client's address)"""
    require(len(payload) >= 4, "an OPEN ends early")
    (credit,), payload, texts = struct.unpack(">I", payload[:4]), payload[4:], []
    for _ in range(2):
        require(payload and len(payload) > payload[0], "an OPEN ends early")
        texts.append(payload[1 : 1 + payload[0]].decode())
        payload = payload[1 + payload[0] :]
    require(not payload, "bytes behind an OPEN")
    return credit, *texts


def encode_resume(session, epoch, handled, proof):
    return frame(RESUME, session + struct.pack(">IQ", epoch, handled) + proof)


class Stream:
    """One Redis client's connection."""

    def __init__(self, number, send_credit, receive_credit):
        self.number = number
        self.send_credit = send_credit  # bytes that may still be sent
        self.receive_credit = receive_credit  # bytes that the peer may still send
        self.pending = bytearray()
        self.received = bytearray()  # has come, nobody has taken it
        self.credit_due = 0
        self.opened = self.fin_pending = self.fin_sent = self.fin_received = False
        self.reset_code = None

    def send(self, data):
        self.pending += data

    def finish(self):
        self.fin_pending = True

    def is_over(self):
        """Nothing more will come."""
        return self.fin_received or self.reset_code is not None


class ClientSession:
    """The session and its streams, without socket and crypto. Records come in by receive(), and are
    taken out by next_record().
    """

    def __init__(
        self, name="python", stream_window=256 << 10, session_window=16 << 20, silence_ms=15000
    ):
        self.stream_window = stream_window
        self.receive_credit = session_window
        self.session_window = session_window
        self.send_credit = 0
        self.credit_due = 0
        self.hello = None  # the server's
        self.id = None
        self.linger_ms = 0
        self.streams = {}
        self.next_stream = 1
        self.max_streams = 0
        self.unanswered = 0
        self.goaway = None
        self.pongs, self.pings = [], 0  # numbers that came back; how many the server asked for

        self.attached = True
        self.epoch = 0
        self.handled = self.acknowledged = 0  # replayed frames received; of which the peer knows
        self.unacknowledged_bytes = 0
        self.log = collections.deque()  # replayed frames that the peer hasn't acknowledged
        self.log_bytes = self.base = self.sent = 0
        own = encode_hello(
            name=name,
            version="0",
            stream_window=stream_window,
            session_window=session_window,
            silence_ms=silence_ms,
        )
        self.control = [frame(HELLO, own)]

    @property
    def ready(self):
        return self.id is not None

    # What goes out: sections 3.2 to 3.5

    def append(self, kind, payload=b"", stream=0, flags=0):
        self.log.append(frame(kind, payload, stream, flags))
        self.log_bytes += len(self.log[-1])

    def open(self, route="default", client="127.0.0.1:1"):
        allowed = self.next_stream // 2 < self.max_streams
        if not allowed or self.unanswered >= self.hello["max_unanswered"]:
            raise Failure("the server agent takes no more streams now")
        stream = Stream(self.next_stream, self.hello["stream_window"], self.stream_window)
        self.append(OPEN, encode_open(self.stream_window, route, client), stream.number)
        self.streams[stream.number] = stream
        self.next_stream += 2
        self.unanswered += 1
        return stream

    def reset(self, stream, code=1):
        self.append(RST, struct.pack(">H", code), stream.number)
        self._over_by_reset(stream, code)

    def ping(self, number):
        self.control.append(frame(PING, struct.pack(">Q", number)))

    def take(self, stream, size):
        """Hands out received bytes; only now the peer may send as many more."""
        data = bytes(stream.received[:size])
        del stream.received[:size]
        stream.credit_due += len(data)
        self._return_credit(len(data))
        # Behind a FIN there is nothing left to allow.
        if stream.credit_due >= self.stream_window // 4 and not stream.is_over():
            self.append(CREDIT, struct.pack(">I", stream.credit_due), stream.number)
            stream.receive_credit += stream.credit_due
            stream.credit_due = 0
        return data

    def _return_credit(self, size):
        self.credit_due += size
        if self.credit_due >= self.session_window // 4:
            self.append(CREDIT, struct.pack(">I", self.credit_due))
            self.receive_credit += self.credit_due
            self.credit_due = 0

    def _pump(self, stream):
        while stream.pending and self.log_bytes < MAX_REPLAY:
            size = min(len(stream.pending), MAX_DATA, stream.send_credit, self.send_credit)
            if size == 0:
                return
            self.append(DATA, bytes(stream.pending[:size]), stream.number)
            del stream.pending[:size]
            stream.send_credit -= size
            self.send_credit -= size
        if stream.fin_pending and not stream.pending and not stream.fin_sent:
            self.append(DATA, b"", stream.number, FIN)
            stream.fin_sent = True

    def next_record(self):
        """The plaintext of the next record; empty when there is nothing to say."""
        if not self.attached:
            return b""
        for stream in self.streams.values():
            self._pump(stream)
        record, self.control = b"".join(self.control), []
        room = MAX_RECORD - len(record) - 2 * HEADER.size  # an ACK
        while self.sent < self.base + len(self.log):
            following = self.log[self.sent - self.base]
            if len(following) > room:
                break
            record += following
            room -= len(following)
            self.sent += 1
        due = self.handled - self.acknowledged
        if due and (record or due >= ACK_FRAMES or self.unacknowledged_bytes >= ACK_BYTES):
            record = frame(ACK, struct.pack(">Q", self.handled)) + record
            self.acknowledged, self.unacknowledged_bytes = self.handled, 0
        return record

    # What comes in

    def receive(self, plaintext):
        for kind, flags, number, payload in parse_frames(plaintext):
            if kind in (HELLO, SESSION):
                self._start(kind, number, payload)
                continue
            require(self.ready or kind == PAD, f"a frame of type {kind} before SESSION")
            if kind in REPLAYED:
                self.handled += 1
                self.unacknowledged_bytes += HEADER.size + len(payload)
            if kind in (DATA, OPENED, RST) or kind == CREDIT and number:
                self._handle_stream(kind, flags, number, payload)
            else:
                self._handle_control(kind, flags, number, payload)

    def _start(self, kind, number, payload):
        require(number == 0 and not self.ready, f"an unexpected frame of type {kind}")
        if kind == HELLO:
            require(self.hello is None, "a second HELLO")
            self.hello = decode_hello(payload)
            self.send_credit = self.hello["session_window"]
            self.max_streams = self.hello["max_streams"]
        else:
            require(self.hello is not None, "SESSION before HELLO")
            self.id, self.linger_ms = unpack("16sI", payload)

    def _handle_control(self, kind, flags, number, payload):
        require(number == 0, f"a frame of type {kind} on stream {number}")
        if kind == CREDIT:
            self.send_credit += unpack("I", payload)[0]
            require(self.send_credit <= MAX_CREDIT, "too much credit for the session")
        elif kind == MAX_STREAMS:
            (allowed,) = unpack("I", payload)
            require(allowed >= self.max_streams, "MAX_STREAMS has fallen")
            self.max_streams = allowed
        elif kind == PING and flags & PONG:
            self.pongs.append(unpack("Q", payload)[0])
        elif kind == PING:
            unpack("Q", payload)
            self.pings += 1
            self.control.append(frame(PING, payload, flags=PONG))
        elif kind == ACK:
            self.acknowledge(unpack("Q", payload)[0])
        elif kind == GOAWAY:
            self.goaway = unpack("IHI", payload)
        else:
            require(kind == PAD, f"a frame of type {kind} from a server agent")

    def acknowledge(self, frames):
        require(
            self.base <= frames <= self.sent,
            f"{frames} frames are acknowledged, not {self.base} to {self.sent}",
        )
        while self.base < frames:
            self.log_bytes -= len(self.log.popleft())
            self.base += 1

    def _handle_stream(self, kind, flags, number, payload):
        require(number % 2 == 1 and number < self.next_stream, f"stream {number} was never opened")
        stream = self.streams.get(number)
        if kind == DATA:
            self.receive_credit -= len(payload)
            require(self.receive_credit >= 0, "more bytes than credit for the session")
        if stream is None:
            if kind == DATA:
                self._return_credit(len(payload))
            return
        if kind == DATA:
            self._handle_data(stream, flags, payload)
        elif kind == OPENED:
            require(not stream.opened, "a second OPENED")
            stream.opened = True
            self.unanswered -= 1
            self._add_credit(stream, payload)
        elif kind == CREDIT:
            self._add_credit(stream, payload)
        else:
            self._over_by_reset(stream, unpack("H", payload)[0])
        self._forget_if_over(stream)

    def _handle_data(self, stream, flags, payload):
        require(not stream.fin_received, "DATA behind FIN")
        stream.receive_credit -= len(payload)
        require(stream.receive_credit >= 0, f"more bytes than credit for stream {stream.number}")
        stream.received += payload
        stream.fin_received = bool(flags & FIN)

    @staticmethod
    def _add_credit(stream, payload):
        stream.send_credit += unpack("I", payload)[0]
        require(stream.send_credit <= MAX_CREDIT, f"too much credit for stream {stream.number}")

    def _over_by_reset(self, stream, code):
        if not stream.opened:
            self.unanswered -= 1
        stream.reset_code = code
        stream.pending.clear()
        self.streams.pop(stream.number, None)

    def _forget_if_over(self, stream):
        if stream.fin_received and stream.fin_sent:
            self.streams.pop(stream.number, None)

    # Resuming

    def lost(self):
        self.attached = False
        self.control = []

    def resume_point(self):
        """(epoch, handled) of a further attempt."""
        self.epoch += 1
        return self.epoch, self.handled

    def resumed(self, epoch, handled):
        """The server has taken the session up, and has handled so many frames of ours."""
        require(epoch == self.epoch, f"RESUMED with epoch {epoch}, not {self.epoch}")
        self.acknowledge(handled)
        self.sent = self.base
        self.acknowledged, self.unacknowledged_bytes = self.handled, 0
        self.attached = True


class ServerSession(ClientSession):
    """The other side, for a real client agent: takes every OPEN, and leaves it to the test to be
    Redis.
    """

    def __init__(self, name="python", linger_ms=60000, stream_window=256 << 10, max_streams=64):
        super().__init__(name, stream_window)
        values = {"stream_window": stream_window, "session_window": self.session_window}
        values.update(max_streams=max_streams, max_unanswered=max_streams, silence_ms=15000)
        self.id, self.linger_ms = os.urandom(16), linger_ms
        self.control = [
            frame(HELLO, encode_hello(name=name, version="0", **values)),
            frame(SESSION, self.id + struct.pack(">I", linger_ms)),
        ]
        self.allowed = max_streams  # OPENs, ever
        self.opened = []  # every stream, in order

    def next_record(self):
        return super().next_record() if self.hello else b""

    def _start(self, kind, number, payload):
        require(kind == HELLO and number == 0 and not self.hello, "an unexpected start")
        self.hello = decode_hello(payload)
        self.send_credit = self.hello["session_window"]

    def receive(self, plaintext):
        first = parse_frames(plaintext)[0][0]
        require(self.hello or first in (PAD, HELLO), f"a first frame of type {first}")
        super().receive(plaintext)

    def _handle_control(self, kind, flags, number, payload):
        require(kind != MAX_STREAMS, "MAX_STREAMS from a client agent")
        if kind == OPEN:
            self._accept(number, payload)
        else:
            super()._handle_control(kind, flags, number, payload)

    def _accept(self, number, payload):
        require(number % 2 == 1 and self.next_stream <= number < 2**31, f"OPEN of {number}")
        require(len(self.opened) < self.allowed, "more OPENs than allowed")
        credit, route, client = decode_open(payload)
        stream = Stream(number, credit, self.stream_window)
        stream.route, stream.client, stream.opened = route, client, True
        self.next_stream = number + 2
        self.streams[number] = stream
        self.opened.append(stream)
        self.append(OPENED, struct.pack(">I", 0), number)

    def accept_resume(self, epoch, handled):
        """The owner has checked the proof. RESUMED, which must go out first."""
        require(epoch > self.epoch, f"an attempt {epoch} after {self.epoch}")
        self.epoch = epoch
        self.resumed(epoch, handled)
        return frame(RESUMED, struct.pack(">IQ", epoch, self.handled))
