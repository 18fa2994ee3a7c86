#!/usr/bin/python3
"""How much of a long line does one client get through redwall, and how long do others wait?

    long_link.py [--rtt-ms 100] [--rate-mbit 320] [--mb 64] [--runs 5] [--at-least 0.9]

Between the agents is the chaos relay: a line of that round trip and rate, with a router's queue of
20 ms. A client fetches a value of 64 MB by GET through the agents, and, in turns, one does so over
a bare TCP connection through a line of the same kind. Each run is a connection of its own, with a
first GET and a second one (windows have grown by then). Meanwhile another client sends one PING
after another, over the same line.

Printed are the speeds, the ratio of both (median of the runs), and the PINGs' latency in round
trips, idle and meanwhile. Nothing is judged, unless --at-least names the ratio that the first GETs
have to reach: then the exit status is 1 where they don't. The binary is the release build's, or
REDWALL_BIN.
"""

import argparse
import pathlib
import random
import statistics
import sys
import threading
import time
import zlib

sys.dont_write_bytecode = True
SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
sys.path.insert(0, str(SUPPORT))

# pylint: disable=wrong-import-position
from chaos_script import MBIT
from harness import Pair, Scene
from processes import Process, check_equal
from wire import Wire, encode

MB = 1_000_000
IDLE_PINGS = 10


class Line:
    """The chaos relay as a process of its own, so that its delay is no matter of this one's."""

    def __init__(self, scene, name, target, options):
        args = ["--listen", "0", "--to", target, "--delay-ms", options.rtt_ms / 2]
        args += ["--rate-mbit", options.rate_mbit]
        command = [sys.executable, "-B", SUPPORT / "chaos.py", *args]
        self.process = Process(name, command, scene.folder)
        scene.processes.append(self.process)
        while "listening on " not in self.process.stdout():
            if not self.process.running():
                raise SystemExit(f"long_link.py: the relay did not start: {self.process.log()}")
            time.sleep(0.02)
        self.address = self.process.stdout().split()[-1]


class Pings(threading.Thread):
    """PINGs one after another, until it is told to stop."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.wire, self.seconds, self.over = Wire(address), [], threading.Event()
        self.once()  # whatever a first one costs
        self.start()

    def once(self):
        start = time.monotonic()
        check_equal(self.wire.call("PING"), b"+PONG\r\n", "PING")
        return time.monotonic() - start

    def run(self):
        while not self.over.is_set():
            self.seconds.append(self.once())

    def stop(self):
        self.over.set()
        self.join()
        self.wire.close()
        return self.seconds


def fetch(wire, size, checksum):
    """Seconds for a GET of the value, from the command to its last byte."""
    head, buffer = b"$%d\r\n" % size, bytearray(1 << 20)
    left, total = len(head) + size + 2, 0
    start = time.monotonic()
    wire.send(encode("GET", "value"))
    while left:
        count = wire.sock.recv_into(buffer, min(left, len(buffer)))
        if not count:
            raise SystemExit(f"long_link.py: the connection closed with {left} bytes to come")
        left -= count
        total = zlib.crc32(memoryview(buffer)[:count], total)
    seconds = time.monotonic() - start
    check_equal(total, checksum, "checksum of the reply")
    return seconds


def measure(address, size, checksum):
    """(seconds of a first GET, of a second one, latencies of PINGs meanwhile)"""
    with Wire(address) as wire:
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING")
        pings = Pings(address)
        first, second = (fetch(wire, size, checksum) for _ in range(2))
        return first, second, pings.stop()


def idle_pings(address):
    pings = Pings(address)
    while len(pings.seconds) < IDLE_PINGS:
        time.sleep(0.05)
    return pings.stop()


def latency_line(what, seconds, rtt):
    trips = sorted(one / rtt for one in seconds)
    return (
        f"  {what:26} median {statistics.median(trips):5.2f}, "
        f"worst {trips[-1]:5.2f} round trips ({len(trips)} PINGs)"
    )


def compare(scene, options):
    """Prints all figures; returns the median ratio of the first GETs."""
    redis = scene.redis()
    value = random.Random(1).randbytes(options.mb * MB)
    scene.client(redis.address).set("value", value)
    checksum = zlib.crc32(b"$%d\r\n%s\r\n" % (len(value), value))
    bare = Line(scene, "bare-line", redis.address, options).address
    pair = Pair(scene, redis)
    pair.start_server()
    pair.relay = Line(scene, "tunnel-line", pair.server_address, options)
    pair.start_client()
    rtt, size = options.rtt_ms / 1000, len(value)
    idle = {"bare TCP": idle_pings(bare), "redwall": idle_pings(pair.address)}
    runs = {"bare TCP": [], "redwall": []}
    for number in range(1, options.runs + 1):
        for name, address in (("bare TCP", bare), ("redwall", pair.address)):
            runs[name].append(measure(address, size, checksum))
        speeds = [
            f"{name} {size / MB / runs[name][-1][0]:6.1f}, {size / MB / runs[name][-1][1]:6.1f}"
            for name in runs
        ]
        print(
            f"run {number}: MB/s of the first and the second GET: {'; '.join(speeds)}", flush=True
        )
    ratios = [
        statistics.median(b[i] / r[i] for b, r in zip(runs["bare TCP"], runs["redwall"]))
        for i in range(2)
    ]
    first, second = ratios
    print(f"redwall / bare TCP, median of {options.runs}: {first:.3f} first, {second:.3f} second")
    print("another client's PING:")
    for name, measured in runs.items():
        print(latency_line(f"{name}, idle", idle[name], rtt))
        meanwhile = [one for run in measured for one in run[2]]
        print(latency_line(f"{name}, during the GETs", meanwhile, rtt))
    return first


def positive(text):
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text}: expected more than 0")
    return value


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rtt-ms", type=positive, default=100, help="round trip of the line (100)")
    parser.add_argument("--rate-mbit", type=positive, default=320, help="its rate (320: 40 MB/s)")
    parser.add_argument("--mb", type=int, default=64, help="megabytes of the value (64)")
    parser.add_argument("--runs", type=int, default=5, help="of each, in turns (5)")
    parser.add_argument("--at-least", type=positive, help="ratio that the first GETs must reach")
    options = parser.parse_args()
    if options.runs < 1 or not 1 <= options.mb <= 500:
        parser.error("--runs is at least 1, --mb is 1 to 500")
    rate = options.rate_mbit * MBIT / MB
    print(f"a line of {options.rtt_ms:g} ms and {rate:g} MB/s, a value of {options.mb} MB")
    with Scene("long_link") as scene:
        ratio = compare(scene, options)
    if options.at_least and ratio < options.at_least:
        print(f"{ratio:.3f} is less than {options.at_least:g}")
        sys.exit(1)


if __name__ == "__main__":
    main()
