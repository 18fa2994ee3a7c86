"""Goal: either agent killed with -9 and started again: clients see their connection close, nothing
is sent to Redis twice, nothing is left behind, and the other agent finds its way back by itself.
"""

import threading

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal, wait_until
from wire import Closed, Wire, encode


class Counter(threading.Thread):
    """A client that counts, one INCR at a time, until its connection ends."""

    def __init__(self, address, name):
        super().__init__(daemon=True)
        self.wire, self.key = Wire(address), name
        self.sent = self.acknowledged = 0
        self.start()

    def run(self):
        try:
            while True:
                self.sent += 1
                self.wire.send(encode("INCR", self.key))
                self.wire.reply()
                self.acknowledged += 1
        except (Closed, OSError):
            self.wire.close()


def check_counters(counters, direct):
    for counter in counters:
        counter.join(60)
        check(not counter.is_alive(), "a client's connection did not close")
        value = int(direct.get(counter.key) or 0)
        check(
            counter.acknowledged <= value <= counter.sent,
            f"{counter.acknowledged} acknowledged, {counter.sent} sent, Redis has {value}",
        )
        check(counter.acknowledged > 0, "the client never got going")


def counting(pair, count=8):
    counters = [Counter(pair.address, f"counter:{i}") for i in range(count)]
    wait_until(lambda: all(c.acknowledged > 20 for c in counters), "the counters to get going")
    return counters


def waits_briefly(scene):
    """For a server agent that doesn't know whether its client agent was killed or only cut off."""
    return ["--config", scene.write("briefly.json", {"limits": {"linger_ms": 500}})]


def test_server_agent_killed_and_started_again(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    direct = scene.client(redis.address)
    counters = counting(pair)
    mark = pair.client.mark()
    pair.server.kill()
    check_counters(counters, direct)
    pair.client.wait_for_log(r"(?i)tunnel", since=mark)
    check(pair.client.running(), "the client agent ended with the server agent")
    pair.start_server()
    pair.client.wait_for_log(r"tunnel to \S+ is up", since=mark)
    pair.eventually_ping()
    pair.check_sound()


def test_client_agent_killed_and_started_again(scene):
    redis = scene.redis()
    pair = scene.pair(redis, server_options=waits_briefly(scene))
    direct = scene.client(redis.address)
    counters = counting(pair)
    pair.client.kill()
    check_counters(counters, direct)
    wait_until(
        lambda: direct.info("clients")["connected_clients"] == 1,
        "the server agent to give its Redis connections back",
    )
    pair.start_client()
    pair.eventually_ping()
    pair.check_sound()


def test_a_blocked_command_ends_with_its_agent(scene):
    """The Redis side of a client that is gone takes no element from a list later, once the server
    agent has given up waiting for it.
    """
    redis = scene.redis()
    pair = scene.pair(redis, server_options=waits_briefly(scene))
    direct = scene.client(redis.address)
    pair.wire().send(encode("BLPOP", "list", "0"))
    wait_until(lambda: direct.info("clients")["blocked_clients"] == 1, "BLPOP to block")
    pair.client.kill()
    wait_until(lambda: direct.info("clients")["blocked_clients"] == 0, "BLPOP to be given up")
    direct.rpush("list", "precious")
    check_equal(direct.lrange("list", 0, -1), [b"precious"], "the list")


def test_a_client_that_vanishes_takes_its_redis_connection_along(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    direct = scene.client(redis.address)
    direct.set("big", b"x" * 100_000)
    before = direct.info("stats")["total_connections_received"]
    for _ in range(20):  # each goes away with a lot of replies on their way to it
        with Wire(pair.address) as wire:
            wire.send(encode("GET", "big") * 100)
            wire.exactly(10)
    with Wire(pair.address) as wire:
        wire.send(encode("BLPOP", "list", "0"))

    def gone():
        """All have come, the last one too, and none is left but ours."""
        info = direct.info()
        return info["total_connections_received"] >= before + 21 and info["connected_clients"] == 1

    wait_until(gone, "connections to be given back")
    direct.rpush("list", "precious")
    check_equal(direct.llen("list"), 1, "length of the list")
    pair.check_sound()


def test_server_agent_missing_when_the_client_agent_starts(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    pair.server.kill()
    pair.client.kill()
    pair.start_client(ready=False)
    pair.client.addresses()
    port = pair.server_address.rpartition(":")[2]
    pair.client.wait_for_log(rf"{port}[^\n]*refused|refused[^\n]*{port}")
    waiting = pair.wire().send(
        encode("PING")
    )  # waits for the tunnel instead of being closed in a loop
    pair.start_server()
    check_equal(waiting.reply(), b"+PONG\r\n", "the answer to who waited for the tunnel")
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
