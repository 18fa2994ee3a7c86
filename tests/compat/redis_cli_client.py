"""redis-cli as a client: one process of `redis-cli -c`, fed with commands, of which each has one
line of answer (--json).

    with RedisCli("127.0.0.1", 7000) as client: client.set("a", "1")
"""

import collections
import json
import os
import select
import subprocess

from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import ResponseError, TryAgainError

REDIRECTED = "-> Redirected to slot "
LOST = ("Could not connect to ", "Error: ")


class RedisCli:
    """After a lost connection it begins anew with the address that it was given: by itself,
    redis-cli stays with the node that it was redirected to last.
    """

    def __init__(self, host, port, timeout=10):
        self.command = ["redis-cli", "-c", "--json", "-h", host, "-p", str(port)]
        self.timeout = timeout
        self.redirects = collections.Counter()
        self.redirected_to = set()  # addresses
        self.process, self.unread = None, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def set(self, key, value):
        return self.execute("SET", key, value)

    def get(self, key):
        return self.execute("GET", key)

    def incr(self, key):
        return self.execute("INCR", key)

    def mset(self, values):
        return self.execute("MSET", *[part for pair in values.items() for part in pair])

    def mget(self, keys):
        return self.execute("MGET", *keys)

    def eval(self, script, count, *arguments):
        return self.execute("EVAL", script, str(count), *arguments)

    def execute(self, *words):
        """The answer, as JSON has it. Raises what redis-py would."""
        line = " ".join(json.dumps(word) for word in words) + "\n"
        if self.process is None:
            self.start()
        try:
            self.process.stdin.write(line.encode())
            self.process.stdin.flush()
            answer = self.read_line()
            while answer.startswith(REDIRECTED):
                self.redirects["redis-cli: redirected"] += 1
                self.redirected_to.add(answer.rpartition(" located at ")[2])
                answer = self.read_line()
        except BrokenPipeError as error:
            self.close()
            raise ConnectionLost("redis-cli has ended") from error
        if answer.startswith(LOST):
            self.close()
            raise ConnectionLost(answer.partition(" at ")[0])
        if answer.startswith("error:"):
            text = json.loads(answer.removeprefix("error:"))
            raise (TryAgainError if text.startswith("TRYAGAIN ") else ResponseError)(text)
        try:
            return json.loads(answer)
        except ValueError as error:
            self.close()
            raise ConnectionLost(f"redis-cli says {answer[:100]}") from error

    def start(self):
        self.unread = b""
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def read_line(self):
        while b"\n" not in self.unread:
            ready, _, _ = select.select([self.process.stdout], [], [], self.timeout)
            piece = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not piece:
                self.close()
                raise ConnectionLost("redis-cli has ended" if ready else "no answer in time")
            self.unread += piece
        line, _, self.unread = self.unread.partition(b"\n")
        return line.decode()

    def close(self):
        if self.process:
            self.process.kill()
            self.process.communicate()
            self.process = None
