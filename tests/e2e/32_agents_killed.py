"""Goal: when an agent dies under load, its clients see their connections close, no command has been
executed that nobody sent, none is lost that was answered, and the next agent serves at once. A
server agent that was started again is no link that was lost. One that drains costs nobody anything,
where the client agent knows another.
"""

import signal
import threading
import time

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal, free_port, wait_until
from wire import Closed, Wire, encode

BATCH = 10  # commands of one client that are under way at once
CLIENTS = 32


class Counter(threading.Thread):
    """A client that counts, BATCH commands at a time, until its connection ends."""

    def __init__(self, address, key):
        super().__init__(daemon=True)
        self.wire, self.key = Wire(address), key
        self.sent = self.acknowledged = 0
        self.closed_at = None
        self.start()

    def run(self):
        try:
            while True:
                self.sent += BATCH
                self.wire.send(encode("INCR", self.key) * BATCH)
                for _ in range(BATCH):
                    check_equal(self.wire.reply(), b":%d\r\n" % (self.acknowledged + 1), "INCR")
                    self.acknowledged += 1
        except (Closed, OSError):
            self.closed_at = time.monotonic()
            self.wire.close()


def counting(address):
    counters = [Counter(address, f"counter:{number}") for number in range(CLIENTS)]
    wait_until(lambda: all(one.acknowledged > 50 for one in counters), "the clients to get going")
    return counters


def check_closed(counters, direct, since, what):
    """All have been closed; Redis has what was answered, and at most what was under way."""
    for counter in counters:
        counter.join(120)
        check(not counter.is_alive(), f"{what}: a client's connection did not close")
        check(counter.closed_at is not None, f"{what}: a client got a wrong answer")
    unknown = 0
    for counter in counters:
        value = int(direct.get(counter.key))
        unknown += value - counter.acknowledged
        check(
            counter.acknowledged <= value <= counter.sent,
            f"{what}: {counter.acknowledged} answers, {counter.sent} sent, Redis has {value}",
        )
    seconds = sorted(counter.closed_at - since for counter in counters)
    print(
        f"    {what}: {CLIENTS} clients closed after {seconds[0]:.3f} to {seconds[-1]:.3f} s, "
        f"{sum(c.acknowledged for c in counters)} answers, {unknown} executed without one",
        flush=True,
    )


def check_served(address, direct, key):
    """A newcomer works, whoever was cut before."""
    with Wire(address) as wire:
        check_equal(wire.call("INCR", key), b":1\r\n", "a newcomer's INCR")
    check_equal(int(direct.get(key)), 1, f"{key} in Redis")


def test_server_agent_killed_and_started_again(scene):
    """It has the same key and address, but knows no session: no link that was lost."""
    redis = scene.redis()
    pair, direct = scene.pair(redis), scene.client(redis.address)
    for turn in range(3):
        counters = counting(pair.address)
        mark = pair.client.mark()
        pair.server.kill()
        since = time.monotonic()
        pair.start_server()
        check_closed(counters, direct, since, "server agent killed and started again")
        pair.client.wait_for_log(r"tunnel to \S+ is up", since=mark)
        check_served(pair.address, direct, f"new:{turn}")
        direct.delete(*(counter.key for counter in counters))
    pair.check_sound()


def test_client_agent_killed_and_started_again(scene):
    """The server agent lets go of the dead one's connections to Redis after "linger_ms"."""
    redis = scene.redis()
    config = scene.write("server.json", {"limits": {"linger_ms": 500}})
    pair = scene.pair(redis, server_options=("--config", config))
    direct = scene.client(redis.address)
    for turn in range(3):
        counters = counting(pair.address)
        since = time.monotonic()
        pair.client.kill()
        check_closed(counters, direct, since, "client agent killed")
        pair.start_client()
        check_served(pair.address, direct, f"new:{turn}")
        direct.delete(*(counter.key for counter in counters))
    wait_until(
        lambda: direct.info("clients")["connected_clients"] == 1,
        "the server agent to give the connections of the dead back",
    )
    pair.check_sound()


def test_both_killed_at_once(scene):
    redis = scene.redis()
    pair, direct = scene.pair(redis), scene.client(redis.address)
    counters = counting(pair.address)
    since = time.monotonic()
    pair.server.kill()
    pair.client.kill()
    check_closed(counters, direct, since, "both killed")
    pair.start_server()
    pair.start_client()
    check_served(pair.address, direct, "new")
    pair.check_sound()


class Two:
    """Two server agents of one Redis, and a client agent that knows both: `first` is the one that
    it is connected to.
    """

    def __init__(self, scene):
        self.redis, key = scene.redis(), scene.key()
        self.direct = scene.client(self.redis.address)
        addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        servers = [
            scene.agent("server", "-s", address, "-t", self.redis.address, "-k", key)
            for address in addresses
        ]
        self.address = f"127.0.0.1:{free_port()}"
        config = {"servers": addresses, "keys": [key], "listeners": [{"listen": self.address}]}
        self.client = scene.agent("client", "--config", scene.write("client.json", config))
        up = self.client.wait_for_log(r"tunnel to (\S+) is up")[1].rstrip(",")
        first = addresses.index(up)
        self.first, self.second = servers[first], servers[1 - first]

    def check_sound(self):
        self.client.check_sound()
        self.second.check_sound()


class Newcomers(threading.Thread):
    """Clients that come, count once, and go. None of them may see anything but its answer."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.stop = address, threading.Event()
        self.answers, self.error = 0, None
        self.start()

    def run(self):
        while not self.stop.is_set() and self.error is None:
            try:
                with Wire(self.address) as wire:
                    got = wire.call("INCR", "newcomers")
                    check_equal(got, b":%d\r\n" % (self.answers + 1), "a newcomer's INCR")
                self.answers += 1
            except Exception as error:  # pylint: disable=broad-except
                self.error = f"newcomer {self.answers + 1}: {error!r}"


def test_killed_where_there_is_another(scene):
    two = Two(scene)
    counters = counting(two.address)
    since = time.monotonic()
    two.first.kill()
    check_closed(counters, two.direct, since, "server agent killed, the next one is there")
    check_served(two.address, two.direct, "new")
    two.check_sound()


def test_draining_costs_nobody_anything(scene):
    two = Two(scene)
    idle, blocked, multi = (Wire(two.address) for _ in range(3))
    for wire in (idle, blocked, multi):
        scene.keep(wire)
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING")
    check_equal(multi.call("MULTI") + multi.call("SET", "a", "1"), b"+OK\r\n+QUEUED\r\n", "MULTI")
    blocked.send(encode("BLPOP", "list", "0"))
    wait_until(lambda: two.direct.info("clients")["blocked_clients"] == 1, "BLPOP to block")
    newcomers = Newcomers(two.address)
    wait_until(lambda: newcomers.answers > 50 or newcomers.error, "newcomers to be served")
    served, mark = newcomers.answers, two.second.mark()
    two.first.send_signal(signal.SIGTERM)
    two.second.wait_for_log(r"is connected from", since=mark)
    wait_until(lambda: newcomers.answers > served + 200 or newcomers.error, "newcomers, further on")
    check_equal(idle.rest(), b"", "what an idle client reads: the end")
    two.direct.rpush("list", "value")
    check_equal(blocked.reply(), encode("list", "value"), "the answer to who waited in BLPOP")
    check_equal(blocked.rest(), b"", "what comes after it: the end")
    check_equal(multi.call("EXEC"), b"*1\r\n+OK\r\n", "EXEC of a transaction under way")
    check_equal(multi.rest(), b"", "what comes after it: the end")
    two.first.expect_exit(0)
    newcomers.stop.set()
    newcomers.join(60)
    check_equal(newcomers.error, None, "errors of newcomers")
    check_equal(int(two.direct.get("newcomers")), newcomers.answers, "newcomers counted")
    print(f"    {newcomers.answers} newcomers while the first server drained", flush=True)
    two.check_sound()


def test_draining_leaves_no_doubt(scene):
    """Who sends while its idle connection is being ended gets no answer. Then it was not executed
    either: whoever sends it again does so safely.
    """
    two = Two(scene)
    counters = counting(two.address)
    two.first.send_signal(signal.SIGTERM)
    for counter in counters:
        counter.join(60)
        check(not counter.is_alive(), "a client's connection did not end while its agent drained")
        check(counter.closed_at is not None, "a client got a wrong answer")
        answers = b":%d" % counter.acknowledged
        check_equal(b":%d" % int(two.direct.get(counter.key)), answers, f"{counter.key}: executed")
    two.first.expect_exit(0)
    check_served(two.address, two.direct, "new")
    two.check_sound()


if __name__ == "__main__":
    run_tests(globals())
