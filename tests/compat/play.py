"""Goal: to hold a conversation over one connection and tell exactly what came back.

When all has come back is never a matter of time. Behind the last step go commands that no Redis
has: their errors come in every state that answers at all (MULTI, subscribed, not logged in,
MONITOR). The second of them is for CLIENT REPLY SKIP; CLIENT REPLY OFF ends with the RESET behind
it. The last one is a plain answer: one too many before it can't pass for an error that came
unasked. A half-closed conversation is over when Redis closes.
"""

import dataclasses
import random
import re
import select
import socket
import struct
import time

from known_gaps import asks_for_silence
from processes import PATIENCE, Failure
from wire import Wire, connect, encode

LAST = b"this-is-the-end-3"
TAIL = (
    encode("this-is-the-end-1")
    + encode("this-is-the-end-2")
    + encode("RESET")
    + encode("AUTH", "default", "open-sesame")
    + encode("ECHO", LAST)
)
SILENCE = "open, and no more came"
TORN = [
    b"*",
    b"*2\r\n$4\r\nECHO\r\n$10\r\nhalf",
    b"PIN",
    b'ECHO "',
    b"*1\r\n$4",
    b"*3\r\n$3\r\nSET\r",
]

USERS = ("alice", "bob", "nobody")  # of Redis, whom conversations log in as; see Control.prepare
SETTLING = 0.01  # seconds in which the agents have handed on what a client has left behind

# What differs by nature between two connections, wherever it may stand in the answers:
NATURE = [
    # the connection's number, which HELLO tells
    (re.compile(rb"(\$2\r\nid\r\n):\d+"), rb"\1:ID"),
    # when and from where a command came that MONITOR shows
    (re.compile(rb"\+\d{10}\.\d{6} \[(\d+) [0-9.:]+\]"), rb"+TIME [\1 ADDRESS]"),
    # CLIENT INFO: number, addresses, ages, and buffers (of which Redis has what it happens to have
    # read), so the length of the whole as well. Name, flags, database, subscriptions, MULTI, user
    # and protocol are compared.
    (
        re.compile(
            rb"([$=])\d+\r\n((?:txt:)?)id=\d+ addr=\S+ laddr=\S+ fd=\d+ (name=\S*) "
            rb"age=\d+ idle=\d+ (.*?) qbuf=[^\n]* (cmd=\S+ user=\S+ redir=\S+ resp=\d)\n"
        ),
        rb"\1N\r\n\2\3 \4 \5\n",
    ),
]


@dataclasses.dataclass(frozen=True)
class Transcript:
    data: bytes
    end: str  # "open", "closed", or SILENCE

    def sound(self):
        """It has come to an end, and nothing of it is left."""
        return self.end in ("open", "closed")

    def comparable(self):
        data = self.data
        for pattern, replacement in NATURE:
            data = pattern.sub(replacement, data)
        return data, self.end


class Line:
    """One connection that reads whenever it writes, so that neither side can wait for the other."""

    def __init__(self, address, patience):
        self.sock = connect(address)
        self.sock.setblocking(False)
        self.patience = patience
        self.data = bytearray()
        self.closed = self.deaf = False
        self.poll = select.poll()
        self.poll.register(self.sock, select.POLLIN)

    def _receive(self):
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        self.data += data
        self.closed = not data

    def _wait(self, events):
        self.poll.modify(self.sock, events)
        if not self.poll.poll(self.patience * 1000):
            raise TimeoutError
        self._receive()

    def send(self, data):
        """All of it, or as much as the other end takes before it closes."""
        view = memoryview(data)
        while view and not self.closed and not self.deaf:
            try:
                view = view[self.sock.send(view) :]
            except BlockingIOError:
                self._wait(select.POLLIN | select.POLLOUT)
            except (BrokenPipeError, ConnectionResetError):
                self.deaf = True  # what it had said before is still to be read

    def read_past(self, marker):
        """Until a line with the marker is complete, or the other end closes."""
        looked = 0
        while not self.closed:
            at = self.data.find(marker, looked)
            end = self.data.find(b"\r\n", at) if at >= 0 else -1
            if end >= 0:
                return
            looked = max(0, len(self.data) - len(marker)) if at < 0 else at
            self._wait(select.POLLIN)

    def read_all(self):
        while not self.closed:
            self._wait(select.POLLIN)

    def finish_sending(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other end was faster


class Control:
    """A connection straight to Redis that makes every conversation start from the same place, and
    is the neighbour in those that have one. `shares`: the agents' connections to Redis outlive the
    clients, who share them.
    """

    def __init__(self, redis, shares=False):
        self.shares = shares
        self.wire = Wire(redis.address)
        self.ask("ACL", "SETUSER", "control", "on", "nopass", "~*", "&*", "+@all")
        self.ask("AUTH", "control", "x")
        self.ask("CONFIG", "SET", "slowlog-log-slower-than", "-1", "activerehashing", "no")

    def close(self):
        self.wire.close()

    def keep_agents_busy(self, scene, pair):
        """A connection through both agents that stays. Where there is none, the server agent asks
        Redis for its commands now and again, which MONITOR and CLIENT KILL would show.
        """
        keeper = scene.wire(pair.address)
        keeper.call("AUTH", "control", "x")
        pair.server.wait_for_log(r"Redis has \d+ commands")
        if not self.is_rid_of_it(PATIENCE):
            raise Failure("the server agent doesn't end its own connection to Redis")

    def ask(self, *arguments):
        reply = self.wire.call(*arguments)
        if reply.startswith(b"-"):
            raise Failure(f"Redis refused {arguments}: {reply!r}")
        return reply

    def is_rid_of_it(self, patience):
        """Whether the other connection ends in Redis, too, now that the client's has. What does
        not is killed. Not by wait_until: here every millisecond comes 20,000 times.
        """
        deadline = time.monotonic() + patience
        if self.shares:
            time.sleep(SETTLING)
            for user in ("default", *USERS):
                self.wire.call("CLIENT", "KILL", "USER", user)  # there may be no such user yet
        while not all(b" user=control " in line for line in self.clients()):
            if time.monotonic() > deadline:
                for user in ("default", *USERS):
                    self.ask("CLIENT", "KILL", "USER", user)
                return False
            time.sleep(0.0005)
        return True

    def clients(self):
        return re.findall(rb"^id=.*$", self.ask("CLIENT", "LIST"), re.M)

    def prepare(self, conversation):
        """Nothing is left of the one before."""
        password = ("nopass",) if conversation.guard == "open" else ("resetpass", ">open-sesame")
        fresh = [
            ("FLUSHALL",),
            ("FUNCTION", "FLUSH"),
            ("ACL", "DELUSER", *USERS),
            ("ACL", "SETUSER", "default", "on", *password, "~*", "&*", "+@all"),
            ("ACL", "SETUSER", "alice", "on", ">wonderland", "~k*", "resetchannels", "&c*")
            + ("+@all", "-@dangerous", "-strlen"),
            ("ACL", "SETUSER", "bob", "off", ">is-off", "+@all"),
            ("ACL", "SETUSER", "nobody", "on", "nopass", "-@all", "+@connection"),
        ]
        if any(
            b"SCRIPT" in step.data.upper() or b"EVAL" in step.data.upper()
            for step in conversation.steps
        ):
            fresh.append(("SCRIPT", "FLUSH"))
        self.wire.send(b"".join(encode(*command) for command in fresh))
        for command, reply in zip(fresh, self.wire.replies(len(fresh))):
            if reply.startswith(b"-"):
                raise Failure(f"Redis refused {command}: {reply!r}")


def pieces(data, dice):
    """The data in pieces, with the seconds to wait before each."""
    if dice is None or len(data) < 2:
        return [(data, 0)] if data else []
    if dice.random() < 0.5 and len(data) < 3000:
        found, at = [], 0
        while at < len(data):
            size = dice.randrange(1, 40)
            found.append((data[at : at + size], 0))
            at += size
        return found
    places = sorted({dice.randrange(1, len(data)) for _ in range(dice.randrange(1, 6))})
    return [
        (data[start:end], dice.choice((0, 0, 0.0005, 0.002)))
        for start, end in zip([0] + places, places + [len(data)])
    ]


def loses_its_login(step):
    return not step.neighbour and b"RESET" in step.data.upper()


def stretches(conversation):
    """(bytes to send, what the neighbour does then or None), in order.

    Redis drops who isn't logged in and has more than 1 KiB of replies unsent, which RESET can make
    of anybody, and which is a matter of time. So all replies are waited for before it.
    """
    careful = conversation.guard != "open" and conversation.ending != "half-close"
    careful = careful and not any(map(asks_for_silence, conversation.steps))
    idle = encode("PING")
    data, found = b"", []
    for step in conversation.steps:
        if careful and loses_its_login(step):
            found.append((data, idle))
            data = b""
        if step.neighbour:
            found.append((data, step.data))
            data = b""
        else:
            data += step.data
    if careful:
        found.append((data, idle))
        data = b""
    return found + [(data, None)]


def say(line, conversation, control):
    """Holds the conversation, until all answers are there."""
    dice = random.Random(conversation.cuts) if conversation.cuts else None
    for number, (data, neighbour) in enumerate(stretches(conversation)):
        marker = b"this-is-marker-%d" % number
        if neighbour:
            data += encode(marker)
        elif conversation.ending != "half-close":
            data += TAIL
        for piece, pause in pieces(data, dice):
            if pause:
                time.sleep(pause)
            line.send(piece)
        if neighbour:
            line.read_past(marker)
            control.wire.send(neighbour)
            control.wire.reply()
    if conversation.ending == "half-close":
        line.finish_sending()
        line.read_all()
    else:
        line.read_past(LAST)


def part(line, conversation):
    """Ends the connection in the conversation's way."""
    if line.closed:
        return
    if conversation.ending == "reset":
        line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif conversation.ending == "torn":
        line.send(TORN[conversation.seed % len(TORN)])
    elif conversation.ending == "finish":
        line.finish_sending()
        line.read_all()


def play(conversation, address, control, patience=PATIENCE):
    """What this conversation is answered at this address. `control` is the same Redis's."""
    control.prepare(conversation)
    line = Line(address, patience)
    try:
        say(line, conversation, control)
        end = "closed" if line.closed else "open"
        part(line, conversation)
    except TimeoutError:
        end = SILENCE
    finally:
        line.sock.close()
    if not control.is_rid_of_it(patience):
        end += ", and Redis still had it when the client was gone"
    # Where something stands behind the last marker, it is one answer too many.
    return Transcript(bytes(line.data), end)
