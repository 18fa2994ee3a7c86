#!/usr/bin/python3
"""Works on a Redis Cluster with redis-py's RedisCluster, and checks every answer: started by
tests/compat/cluster_clients.py and by end-to-end scenarios.

    cluster_drive.py '{"nodes": ["127.0.0.1:7000"], "workers": 4, "count": 1000, "seed": 1}'

Reads and writes keys of all slots, each key by one worker: so it knows what must be in there
(expected_values.py). `count`: operations a worker; with `"until_told": true` it goes on after them
until its standard input ends. Also: password, timeout (seconds of an answer), and with `"single":
true` it uses an ordinary client, for an endpoint that hides the cluster; with `"redis_cli": true`
it is redis-cli -c that does each command, of those that have one answer. A line on its input
begins a phase of that name (the first one is "start"). It writes lines of JSON: {"done":
operations} now and then, {"phase": name}, and at the end {"result": {...}}: operations, seconds,
slots (how many were used), findings, examples, errors ({phase: {kind: count}}, where the client
gave up), redirects (by kind: the client dealt with them), redirected_to (addresses that redis-cli
was sent to), longest_pause_ms (of a worker without an answer).
"""

import collections
import json
import logging
import random
import re
import sys
import time

from redis import Redis
from redis.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, ClusterError, TryAgainError

from drive_place import Place, by_phase, kind_of
from expected_values import Counter, Findings, Text
from redis_cli_client import RedisCli

SLOTS = 16384
PROGRESS = 500  # operations
TRIES = 200  # of what meets a slot on the move
SET_AND_GET = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])"


def tags():
    """A tag for each slot: `{tag}` is in it."""
    found = {}
    number = 0
    while len(found) < SLOTS:
        found.setdefault(key_slot(b"%d" % number), str(number))
        number += 1
    return found


class Redirects(logging.Handler):
    """Counts what redis-py says in its log when it deals with a redirection by itself."""

    def __init__(self):
        super().__init__()
        self.counts = collections.Counter()

    def emit(self, record):
        self.counts[self.kind(record.getMessage())] += 1

    @staticmethod
    def kind(text):
        if "pipeline execution" in text:
            return "pipeline: " + re.search(r"error: (\w+)", text).group(1)
        if "initialize the cluster" in text:
            return "a node that can't say where the slots are"
        return re.sub(r"<class '[\w.]*?(\w+)'>", r"\1", text).partition(":")[0]


class SingleClient(Redis):
    """An ordinary client with what the steps want of RedisCluster."""

    nodes_manager = property(lambda self: self)

    def initialize(self):
        """There is nothing to learn."""

    def get_node_from_key(self, _):
        return None

    def get_redis_connection(self, _):
        return self

    def pipeline(self, transaction=False, shard_hint=None):
        return super().pipeline(transaction, shard_hint)


class Worker:
    """One client and its share of the slots."""

    def __init__(self, place, number, slots):
        self.place, self.number = place, number
        self.random = random.Random(f"{place.seed} {number}")
        self.tags = [place.tags[slot] for slot in slots]
        self.findings, self.errors = Findings(), collections.Counter()
        self.retries = collections.Counter()
        self.known = {}  # key: Text or Counter
        self.used = set()
        self.operations = 0
        self.longest_pause = 0.0
        self.client = place.connect()
        self.steps = [
            self.set_and_get,
            self.increment,
            self.pipeline,
            self.several,
            self.script,
            self.transaction,
        ]
        if isinstance(self.client, RedisCli):
            self.steps = [self.set_and_get, self.increment, self.several, self.script]
            self.retries = self.client.redirects

    def run(self):
        """Until the place says that it is enough."""
        self.random.shuffle(self.tags)
        last = time.monotonic()
        while not self.place.enough(self.operations):
            tag = self.tags[self.operations % len(self.tags)]
            if self.attempt(self.random.choice(self.steps), tag):
                now = time.monotonic()
                self.longest_pause, last = max(self.longest_pause, now - last), now
            self.operations += 1
            self.place.count()
        for key in list(self.known):
            self.attempt(self.read_again, key)
        if isinstance(self.client, RedisCli):
            self.client.close()

    def attempt(self, step, what):
        """True where the step was answered, rightly or not."""
        try:
            step(what)
            return True
        except Exception as error:  # pylint: disable=broad-except
            self.errors[self.place.phase, kind_of(error)] += 1
            return False

    def text(self, tag, name):
        return self._key(Text, f"{{{tag}}}:{name}")

    def counter(self, tag, name):
        return self._key(Counter, f"{{{tag}}}:{name}")

    def _key(self, make, key):
        self.used.add(key.partition("}")[0])
        if key not in self.known:
            self.known[key] = make(key, self.findings)
        return self.known[key]

    def write(self, texts, action):
        """Runs `action`, which writes the next values of the texts."""
        try:
            result = action()
        except Exception:
            for text in texts:
                text.failed()
            raise
        for text in texts:
            text.done()
        return result

    # --- the steps

    def set_and_get(self, tag):
        text = self.text(tag, "text")
        self.write([text], lambda: self.client.set(text.key, text.next()))
        text.check(self.client.get(text.key))

    def increment(self, tag):
        counter = self.counter(tag, "counter")
        try:
            got = self.client.incr(counter.key)
        except Exception:
            counter.failed()
            raise
        counter.done(got)

    def pipeline(self, tag):
        """Over several slots."""
        others = self.random.sample(self.tags, 3)
        texts = [self.text(one, "pipeline") for one in {tag, *others}]
        with self.client.pipeline() as pipeline:
            for text in texts:
                pipeline.set(text.key, text.next())
                pipeline.get(text.key)
            results = self.write(texts, pipeline.execute)
        for text, got in zip(texts, results[1::2]):
            text.check(got)

    def several(self, tag):
        texts = [self.text(tag, f"several:{number}") for number in range(3)]
        values = {text.key: text.next() for text in texts}
        self.write(texts, lambda: self.patiently("mset", lambda: self.client.mset(values)))
        found = self.patiently("mget", lambda: self.client.mget(list(values)))
        for text, got in zip(texts, found):
            text.check(got)

    def patiently(self, name, action):
        """Redis refuses to touch several keys while only some of them have moved. redis-py tries
        again, but not for long."""
        for _ in range(TRIES):
            try:
                return action()
            except (TryAgainError, ClusterError) as error:
                if isinstance(error, ClusterDownError):
                    raise
                self.retries[f"{name}: {error}"] += 1
            time.sleep(0.02)
        raise TryAgainError("for too long")

    def script(self, tag):
        text = self.text(tag, "script")
        value = text.next()
        text.check(self.write([text], lambda: self.client.eval(SET_AND_GET, 1, text.key, value)))

    def transaction(self, tag):
        """redis-py's cluster client has none: MULTI goes to the node that has the slot, and what
        the node refuses is tried again."""
        text, counter = self.text(tag, "transaction"), self.counter(tag, "transactions")
        value = text.next()
        try:
            results = self._transaction(text, counter, value)
        except Exception:
            text.failed()
            counter.failed()
            raise
        text.done()
        counter.done(results[1])
        text.check(results[2])

    def _transaction(self, text, counter, value):
        for _ in range(TRIES):
            node = self.client.get_node_from_key(text.key)
            with self.client.get_redis_connection(node).pipeline(transaction=True) as pipeline:
                pipeline.set(text.key, value)
                pipeline.incr(counter.key)
                pipeline.get(text.key)
                try:
                    return pipeline.execute()
                except (AskError, TryAgainError, ClusterDownError) as error:  # or MovedError
                    self.retries[f"transaction: {type(error).__name__}"] += 1
            time.sleep(0.02)
            self.client.nodes_manager.initialize()
        raise TryAgainError("for too long")

    def read_again(self, key):
        self.known[key].check(self.client.get(key))


class Slots(Place):
    """The slots, which all workers share."""

    def __init__(self, options):
        super().__init__(options, PROGRESS)
        self.seed = options.get("seed", 1)
        self.tags = tags()
        workers = options.get("workers", 4)
        self.workers = [Worker(self, n, range(n, SLOTS, workers)) for n in range(workers)]

    def connect(self):
        options = {
            "password": self.options.get("password"),
            "decode_responses": True,
            "socket_timeout": self.options.get("timeout", 10),
        }
        nodes = [address.rpartition(":") for address in self.options["nodes"]]
        if self.options.get("redis_cli"):
            return RedisCli(nodes[0][0], nodes[0][2], self.options.get("timeout", 10))
        if self.options.get("single"):
            host, _, port = nodes[0]
            return SingleClient(host, int(port), **options)
        startup = [ClusterNode(host, int(port)) for host, _, port in nodes]
        return RedisCluster(startup_nodes=startup, **options)


def main():
    place = Slots(json.loads(sys.argv[1]))
    redirects = Redirects()
    logger = logging.getLogger("redis.cluster")
    logger.addHandler(redirects)
    logger.propagate = False
    result = place.work(place.workers)
    found, errors = collections.Counter(), collections.Counter()
    examples, redirected_to = [], set()
    for worker in place.workers:
        found.update(worker.findings.counts)
        errors.update(worker.errors)
        redirects.counts.update(worker.retries)
        examples += worker.findings.examples
        redirected_to |= getattr(worker.client, "redirected_to", set())
    result |= {
        "slots": len(set().union(*(worker.used for worker in place.workers))),
        "findings": found,
        "examples": examples[:10],
        "errors": by_phase(errors),
        "redirects": redirects.counts,
        "redirected_to": sorted(redirected_to),
        "longest_pause_ms": round(1000 * max(w.longest_pause for w in place.workers)),
    }
    place.tell(result)


if __name__ == "__main__":
    main()
