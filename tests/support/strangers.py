"""Strangers: connections of people who don't hold the key, one after another, of every kind.

    strangers = Strangers(address, message1=recorded, seed=1)
    strangers.flood(10_000)       # the answers to all of them; fails where one is not empty
    strangers.seen                # how many there were of each kind

Each is a connection of its own that says something, waits until the other end closes, and must not
hear a byte meanwhile. At 127.0.0.0/8 each source address is a source of its own, so a flood may come
from as many as are wanted.
"""

import collections
import itertools
import os
import queue
import random
import socket
import threading
import time

import noise
from processes import Failure, check_equal

THREADS = 16
WRONG_KEYS = 40  # different handshakes; making one takes longer than the server needs to refuse it
PATIENCE = 60
SHARED_KEY_SUITE = 1


class Strangers:
    """`message1` is one that was genuine once; `sources` are addresses to come from; `pause` is how
    many seconds lie between one visit and the next of the same thread."""

    def __init__(self, address, message1, seed=0, sources=("127.0.0.1",), pause=0.0):
        host, _, port = address.rpartition(":")
        self.address = (host.strip("[]"), int(port))
        self.message1 = message1
        self.pause = pause
        self.random = random.Random(seed)
        self.sources = itertools.cycle(sources)
        self.wrong = [self._wrong_message1() for _ in range(WRONG_KEYS)]
        self.seen = collections.Counter()
        self.kinds = {
            "garbage": self._garbage,
            "silence": lambda: b"",
            "half a preamble": lambda: self.message1[: self.random.randrange(1, 8)],
            "half a handshake": lambda: self.message1[: self.random.randrange(8, 90)],
            "a wrong key": lambda: self.random.choice(self.wrong),
            "an altered handshake": self._altered,
            "a replay": lambda: self.message1,
        }

    def _wrong_message1(self):
        """A whole handshake under the right hint, which everybody can see, by another key."""
        preamble = noise.make_preamble(SHARED_KEY_SUITE, self.message1[4:8])
        return noise.Initiator(key=noise.SharedKey(os.urandom(32)), preamble=preamble).message1()

    def _garbage(self):
        return self.random.randbytes(self.random.randrange(1, 400))

    def _altered(self):
        message = bytearray(self.message1)
        message[self.random.randrange(len(message))] ^= 1 << self.random.randrange(8)
        return bytes(message)

    def flood(self, count, kinds=None, running=lambda: True):
        """`count` strangers of all kinds in turns, THREADS at a time, while `running()`."""
        names = list(kinds or self.kinds)
        jobs, failures = queue.Queue(THREADS), []

        def work():
            while (job := jobs.get()) is not None:
                try:
                    check_equal(self._visit(*job[1:]), b"", f"the answer to {job[0]}")
                except Exception as failure:  # pylint: disable=broad-except
                    failures.append(failure)
                time.sleep(self.pause)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for number in range(count):
            if failures or not running():
                break
            name = names[number % len(names)]
            self.seen[name] += 1
            jobs.put((name, self.kinds[name](), next(self.sources)))
        for _ in threads:
            jobs.put(None)
        for thread in threads:
            thread.join(PATIENCE)
        if failures:
            raise failures[0]

    def _visit(self, data, source):
        """What a stranger hears who says `data`, until the other end closes."""
        with socket.create_connection(self.address, PATIENCE, (source, 0)) as sock:
            try:
                if data:
                    sock.sendall(data)
                return sock.recv(65536)
            except socket.timeout:
                raise Failure(f"a stranger was neither refused nor closed: {data!r}") from None
            except (ConnectionResetError, BrokenPipeError):
                return b""
