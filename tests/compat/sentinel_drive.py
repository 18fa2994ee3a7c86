#!/usr/bin/python3
"""Writes to a master that may be replaced, and tells what became of it: started by
tests/compat/sentinel_clients.py and by end-to-end scenarios.

    sentinel_drive.py '{"address": "127.0.0.1:6379", "workers": 4, "count": 1000}'
    sentinel_drive.py '{"sentinels": ["127.0.0.1:26379"], "master": "mymaster"}'

Each worker appends growing numbers to a list of its own and notes which were acknowledged: through
an ordinary redis-py client with retries, which knows one address, or through redis.sentinel, which
asks sentinels for it. `count`: numbers a worker; with `"until_told": true` it goes on after them
until its standard input ends. Also: password (of the master), timeout (seconds of an answer).

A line on its input, `NAME` or `NAME SECONDS`, begins a phase; SECONDS is a moment on the monotonic
clock of this machine. It writes lines of JSON: {"done": numbers} now and then, {"phase": name}, and
at the end, when the lists have been read again, {"result": {...}}: operations, seconds,
acknowledged, lost (acknowledged and not in the list), repeated (in the list more than once), wrong
(in the list, never sent), errors ({phase: {kind: count}}), and back_ms ({phase: milliseconds from
its moment until every worker had been acknowledged a number that was kept}).
"""

import collections
import json
import sys
import time

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from drive_place import Place, by_phase, kind_of

PROGRESS = 100  # numbers
PACE = 0.002  # seconds between two numbers of a worker
FINAL_TRIES = 100  # of reading a list at the end


class Writer:
    """One worker."""

    def __init__(self, place, number):
        self.place, self.key = place, f"numbers:{number}"
        self.client = place.connect()
        self.sent = 0
        self.acknowledged = {}  # number: when
        self.errors = collections.Counter()

    def run(self):
        while not self.place.enough(self.sent):
            self.sent += 1
            try:
                self.client.rpush(self.key, self.sent)
                self.acknowledged[self.sent] = time.monotonic()
            except (redis.RedisError, OSError) as error:
                self.errors[self.place.phase, kind_of(error)] += 1
            self.place.count()
            time.sleep(PACE)

    def kept(self):
        """What is in the list now, number by number."""
        for _ in range(FINAL_TRIES):
            try:
                return [int(number) for number in self.client.lrange(self.key, 0, -1)]
            except (redis.RedisError, OSError):
                time.sleep(0.1)
        raise SystemExit("sentinel_drive.py: the list can't be read at the end")


class Master(Place):
    """The master that all workers write to."""

    def __init__(self, options):
        super().__init__(options, PROGRESS)
        self.writers = [Writer(self, number) for number in range(options.get("workers", 4))]

    def connect(self):
        options = {
            "password": self.options.get("password"),
            "socket_timeout": self.options.get("timeout", 10),
            "retry": Retry(ExponentialBackoff(cap=0.1, base=0.01), 3),
            "retry_on_error": [redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError],
        }
        if "sentinels" in self.options:
            pairs = [address.rpartition(":") for address in self.options["sentinels"]]
            sentinel = Sentinel([(host, int(port)) for host, _, port in pairs], socket_timeout=10)
            return sentinel.master_for(self.options["master"], **options)
        host, _, port = self.options["address"].rpartition(":")
        return redis.Redis(host, int(port), **options)

    def judge(self):
        sums, errors = collections.Counter(), collections.Counter()
        back = collections.defaultdict(int)
        for writer in self.writers:
            kept = collections.Counter(writer.kept())
            errors.update(writer.errors)
            sums["acknowledged"] += len(writer.acknowledged)
            sums["lost"] += sum(number not in kept for number in writer.acknowledged)
            sums["repeated"] += sum(times - 1 for times in kept.values())
            sums["wrong"] += sum(not 1 <= number <= writer.sent for number in kept)
            for phase, moment in self.moments.items():
                times = [when for number, when in writer.acknowledged.items() if number in kept]
                first = min((when for when in times if when >= moment), default=float("inf"))
                back[phase] = max(back[phase], 1000 * (first - moment))
        rounded = {phase: round(took) if took < 1e9 else None for phase, took in back.items()}
        names = ("acknowledged", "lost", "repeated", "wrong")
        return {name: sums[name] for name in names} | {
            "errors": by_phase(errors),
            "back_ms": rounded,
        }


def main():
    master = Master(json.loads(sys.argv[1]))
    result = master.work(master.writers)
    master.tell(result | master.judge())


if __name__ == "__main__":
    main()
