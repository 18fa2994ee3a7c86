"""Goal: thousands of strangers at the tunnel's port change nothing: a client that is connected sees
no error, the server agent's memory stays as it was, the audit gets no line, and an agent that comes
meanwhile gets in. They come with garbage, silence, half a handshake, a wrong key, and a genuine first
message that was recorded.

2,000 of them; REDWALL_STRANGERS=10000 for as many as that.
"""

import os
import threading

import scenario  # noqa: F401, finds tests/support
from footprint import MB, Footprint, sanitized
from harness import read_audit, run_tests
from processes import check, check_equal, free_port
from strangers import Strangers

COUNT = int(os.environ.get("REDWALL_STRANGERS", "2000"))
FIRST = 90  # bytes of preamble and message 1 with a shared key
MAY_GROW = 16 * MB


class Worker:
    """A client that works on one connection as long as it lasts, and remembers what went wrong."""

    def __init__(self, client):
        self.client = client
        self.done, self.error = 0, None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self):
        try:
            self.client.ping()
            connected = self.client.client_id()
            while not self._over.is_set():
                self.client.set("number", self.done)
                check_equal(self.client.get("number"), b"%d" % self.done, "GET after SET")
                self.done += 1
            check_equal(self.client.client_id(), connected, "the connection at the end")
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def finish(self):
        self._over.set()
        self._thread.join(60)
        if self.error is not None:
            raise self.error
        check(self.done > 0, "the client did nothing")


def recorded_message1(pair):
    """The genuine first message that the pair's relay has seen."""
    message = bytes(pair.relay.connections[0].up.received)[:FIRST]
    check_equal(len(message), FIRST, "bytes recorded")
    return message


def test_a_running_client_and_the_servers_memory(scene):
    redis = scene.redis()
    pair = scene.pair(redis, relay={}, audit=True)
    strangers = Strangers(pair.server_address, recorded_message1(pair), seed=33)
    strangers.flood(200)  # what is allocated once
    before = len(read_audit(pair.server_audit, select=lambda record: "event" in record))
    footprint = Footprint(pair.server.pid)
    worker = Worker(pair.redis())
    strangers.flood(COUNT)
    worker.finish()
    grown = footprint.growth()
    check(
        grown < MAY_GROW or sanitized(pair.server),
        f"the server agent's peak memory grew by {grown / MB:.1f} MiB",
    )
    events = read_audit(pair.server_audit, select=lambda record: "event" in record)
    check_equal(len(events), before, "events in the server's audit, which strangers must not fill")
    pair.server.wait_for_log("max_unauthenticated_per_source")
    pair.check_sound()


def second_agent(scene, pair, source):
    """A client agent with the right key, from another address, which is not waited for."""
    relay = scene.relay(pair.server_address, source=source)
    return scene.agent(
        "client",
        "-s",
        f"127.0.0.1:{free_port()}",
        "-t",
        relay.address,
        "-k",
        pair.key,
        name="second",
        ready=False,
    )


def in_the_background(strangers, kinds):
    """A flood that goes on until the function that is returned is called."""
    over, failures = threading.Event(), []

    def work():
        try:
            strangers.flood(10**9, kinds, running=lambda: not over.is_set())
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def stop():
        over.set()
        thread.join(120)
        if failures:
            raise failures[0]

    return stop


def test_an_agent_from_elsewhere_gets_in_at_once(scene):
    """Whatever one source does, it has no more than its few places."""
    redis = scene.redis()
    pair = scene.pair(redis, relay={})
    strangers = Strangers(pair.server_address, recorded_message1(pair), seed=34)
    worker = Worker(pair.redis())
    stop = in_the_background(strangers, None)
    pair.server.wait_for_log("max_unauthenticated_per_source")
    second = second_agent(scene, pair, "127.0.0.2")
    second.wait_ready()
    check("no tunnel to" not in second.log(), "the second agent was refused")
    check_equal(scene.client(second.addresses()[0]).ping(), True, "ping() by the second agent")
    stop()
    worker.finish()
    pair.check_sound()
    second.check_sound()


def test_an_agent_gets_in_while_hundreds_of_sources_hold_all_that_they_can(scene):
    """They are in the majority, so it may take some attempts."""
    redis = scene.redis()
    limits = {"max_unauthenticated": 12, "unauthenticated_start": 4, "timeout_ms": 500}
    config = scene.write("limits.json", {"limits": limits})
    pair = scene.pair(redis, relay={}, server_options=["--config", config])
    strangers = Strangers(
        pair.server_address,
        recorded_message1(pair),
        seed=35,
        sources=[f"127.9.{n // 200}.{n % 200 + 1}" for n in range(600)],
        pause=0.2,
    )
    worker = Worker(pair.redis())
    stop = in_the_background(strangers, ["silence", "half a handshake"])
    pair.server.wait_for_log(r"\(max_unauthenticated\)")
    second = second_agent(scene, pair, "127.0.0.2")
    second.wait_for_log(r"tunnel to \S+ is up", seconds=300)
    check_equal(scene.client(second.addresses()[0]).ping(), True, "ping() by the second agent")
    stop()
    worker.finish()
    pair.check_sound()
    second.check_sound()


if __name__ == "__main__":
    run_tests(globals())
