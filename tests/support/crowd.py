"""A crowd of Redis clients of all kinds, each of which knows what its next answer has to be.

Sixteen clients share a process and a pool of connections: counters of their own and shared ones,
WATCH, MULTI, pipelines of 100, a queue that is fed and eaten, numbered messages, large values. The
watchers are a process more: a MONITOR, and who does what it must see. `Crowds` runs them and sums
up what they have counted; what Redis holds must be equal to that.
"""

import hashlib
import itertools
import multiprocessing
import queue
import random
import threading
import time

import redis as redis_py

from processes import PATIENCE, Failure, check, check_equal, wait_until

LARGE = 5_000_000  # bytes of a large value


class Unbroken(redis_py.Connection):
    """A connection that is made once. redis-py's pool replaces one that was closed, and its
    subscriptions come back by themselves; here each of that is an error.
    """

    made = False

    def connect(self):
        if self._sock is None and self.made:
            raise redis_py.ConnectionError("its connection has been closed")
        super().connect()
        self.made = True


# What the clients do: each takes (client, name, work) and goes on until work.over(). `work` counts.


def expect(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}: answered {got!r:.100}, expected {wanted!r:.100}")


def own_counter(client, name, work):
    for number in work.numbers():
        expect(client.incr(name), number, f"INCR {name}")
        work.count(name)


def shared_counter(client, name, work):
    key, last = f"shared:{name[-1]}", 0
    for _ in work.numbers():
        got = client.incr(key)
        check(got > last, f"INCR {key}: answered {got} after {last}")
        last = got
        work.count(key)


def watched_counter(client, name, work):
    """Read and set under WATCH: a WATCH that gets lost shows as an increment that is missing."""
    key = f"watched:{int(name[-1]) % 2}"
    for _ in work.numbers():
        with client.pipeline() as pipe:
            pipe.watch(key)
            value = int(pipe.get(key) or 0)
            pipe.multi()
            pipe.set(key, value + 1)
            try:
                pipe.execute()
            except redis_py.WatchError as error:
                if "ConnectionError" in str(error):  # redis-py hides it there
                    raise
                continue
        work.count(key)


def batches(client, name, work, size, transaction):
    for number in work.numbers():
        pipe = client.pipeline(transaction=transaction)
        for _ in range(size):
            pipe.incr(name)
        before = (number - 1) * size
        expect(pipe.execute(), list(range(before + 1, before + size + 1)), f"{size} INCR {name}")
        work.count(name, size)
        time.sleep(0.005)  # so that the others have their turn


def transactions(client, name, work):
    batches(client, name, work, 10, True)


def pipelines(client, name, work):
    batches(client, name, work, 100, False)


def large_values(client, name, work):
    body = random.Random(1).randbytes(LARGE // 2).hex().encode()
    for number in work.numbers():
        value = b"%08d" % number + body
        check(client.set(name, value), f"SET of {len(value)} bytes")
        expect(digest(client.get(name)), digest(value), f"hash of what GET {name} brought")
        work.count(name)
        time.sleep(0.2)


def digest(data):
    return hashlib.blake2b(data).hexdigest()


def queue_feeder(client, name, work):
    dice, key = random.Random(1), "list" + name[-1]
    for number in work.numbers():
        client.rpush(key, number)
        work.count("fed:" + key)
        time.sleep(dice.choice((0, 0, 0.003, 0.01)))  # now the list is empty, now it isn't
    client.rpush(key, "end")


def queue_eater(client, name, work):
    key = "list" + name[-1]
    for number in itertools.count(1):
        _, got = client.blpop(key)
        if got == b"end":
            break
        expect(int(got), number, f"BLPOP {key}")
        work.count("eaten:" + key)


def publisher(client, name, work):
    channel = "channel" + name[-1]
    work.wait_for(channel)
    for number in work.numbers():
        expect(client.publish(channel, number), 1, f"receivers of message {number}")
        work.count("published:" + channel)
        time.sleep(0.002)
    client.publish(channel, "end")


def subscriber(client, name, work):
    channel, number = "channel" + name[-1], 0
    subscription = client.pubsub()
    work.kept.append(subscription)  # its end would give back to the pool what it has disconnected
    subscription.subscribe(channel)
    for message in subscription.listen():
        if message["type"] == "subscribe":
            work.tell(channel)
        elif message["data"] == b"end":
            break
        else:
            number += 1
            expect(int(message["data"]), number, f"message of {channel}")
            work.count("heard:" + channel)


def marker(client, _, work):
    work.wait_for("monitor")
    for number in work.numbers():
        client.echo(f"mark:{number}")
        work.count("marked")
        time.sleep(0.002)
    client.echo("mark:end")


def monitor(client, _, work):
    number = 0
    with client.monitor() as watching:
        work.tell("monitor")
        while True:
            line = watching.connection.read_response()  # next_command() is slower than Redis
            _, is_mark, mark = line.partition(b'"ECHO" "mark:')
            if mark == b'end"':
                break
            if is_mark:
                number += 1
                expect(int(mark[:-1]), number, "MONITOR's next mark")
                work.count("seen")


CROWD = [own_counter] * 3 + [shared_counter] * 3 + [watched_counter] * 2 + [transactions] * 2
CROWD += [pipelines, queue_feeder, queue_eater, publisher, subscriber, large_values]
WATCHERS = [marker, monitor]


class Work:
    """What the clients of one process share: their counts, and when to end."""

    def __init__(self, stop):
        self.stop, self.counts, self.errors, self.kept = stop, {}, [], []
        self._told = {}
        self._lock = threading.Lock()

    def numbers(self):
        """1, 2, ... until all are to end."""
        return itertools.takewhile(lambda _: not self.stop.is_set(), itertools.count(1))

    def count(self, what, many=1):
        with self._lock:
            self.counts[what] = self.counts.get(what, 0) + many

    def tell(self, what):
        self._event(what).set()

    def wait_for(self, what):
        check(self._event(what).wait(PATIENCE), f"{what} never began")

    def _event(self, what):
        with self._lock:
            return self._told.setdefault(what, threading.Event())

    def run(self, role, client, name):
        try:
            role(client, name, self)
        except Exception as error:  # pylint: disable=broad-except
            with self._lock:
                self.errors.append(f"{name}: {type(error).__name__}: {error}"[:300])
            self.stop.set()


def crowd(address, number, roles, stop, progress, results):
    """A process with a pool of connections: a thread for each role."""
    host, _, port = address.rpartition(":")
    pool = redis_py.ConnectionPool(
        connection_class=Unbroken, host=host, port=int(port), socket_timeout=2 * PATIENCE
    )
    work, threads = Work(stop), []
    for index, role in enumerate(roles):
        client = redis_py.Redis(connection_pool=pool)
        args = (role, client, f"{role.__name__}:{index}:{number}")
        threads.append(threading.Thread(target=work.run, args=args, daemon=True))
        threads[-1].start()
    while any(thread.is_alive() for thread in threads):
        progress[number] = sum(work.counts.values())
        time.sleep(0.05)
        if work.errors:
            time.sleep(1)  # the others' errors
            break
    results.put((work.counts, work.errors))


class Crowds:
    """All processes of clients. A context manager; leaving it ends them."""

    def __init__(self, address, crowds, watchers=True):
        context = multiprocessing.get_context("spawn")  # this process has threads
        self.stop, self.results = context.Event(), context.Queue()
        groups = [CROWD] * crowds + ([WATCHERS] if watchers else [])
        self.clients = sum(map(len, groups))
        self.progress = context.Array("q", len(groups))
        self.processes = [
            context.Process(
                target=crowd,
                args=(address, number, roles, self.stop, self.progress, self.results),
                daemon=True,
            )
            for number, roles in enumerate(groups)
        ]
        self.counts, self.errors = {}, []

    def __enter__(self):
        for process in self.processes:
            process.start()
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.join()

    def wait_for_progress(self, many, what):
        """Until each process has had so many answers more; sooner where one has failed."""
        before = list(self.progress)

        def look():
            going = [now - then >= many for now, then in zip(self.progress, before)]
            return all(going) or self.stop.is_set()

        wait_until(look, what)

    def collect(self):
        """Ends the work and takes what each process has counted."""
        self.stop.set()
        deadline = time.monotonic() + 2 * PATIENCE
        for missing in range(len(self.processes), 0, -1):
            try:
                counts, errors = self.results.get(timeout=max(0.1, deadline - time.monotonic()))
            except queue.Empty:
                self.errors.append(f"{missing} processes of clients hang: answers are missing")
                return
            self.errors += errors
            if errors:
                deadline = min(deadline, time.monotonic() + 5)  # enough is known
            for what, many in counts.items():
                self.counts[what] = self.counts.get(what, 0) + many


def check_counts(crowds, direct):
    """Every counter in Redis equals the number of answers, every message has arrived."""
    arrives = {"fed": "eaten", "published": "heard", "marked": "seen"}
    for what, many in crowds.counts.items():
        kind, _, name = what.partition(":")
        check(many > 0, f"{what}: nothing was done")
        if kind in arrives:
            other = arrives[kind] + (":" + name if name else "")
            check_equal(crowds.counts.get(other), many, f"{other}, of {many} {what}")
        elif kind in ("own_counter", "shared", "watched", "transactions", "pipelines"):
            check_equal(int(direct.get(what) or 0), many, f"{what} in Redis, and answers")
    kinds = {what.partition(":")[0] for what in crowds.counts}
    check({"own_counter", "watched", "pipelines", "large_values", "heard"} <= kinds, str(kinds))
