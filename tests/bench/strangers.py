#!/usr/bin/python3
"""What does a stranger cost the server's side? CPU time for each, beside spiped's.

    strangers.py [--count N] [--seed N]

Starts a private Redis, a redwall server agent and a spiped (Debian's; installed where it is
missing), each with a key of its own, and visits both in the same ways, `--count` times each (2000):

  leaves       connects and leaves without a word
  garbage      says 400 random bytes
  wrong key    says all that a peer says first, made with another key
  replay       says a genuine first message for the second time (redwall only)
  a crowd      says 400 random bytes, 16 at a time from one address: most are refused at the door

One stranger at a time except for the last, so that each is taken. Prints a line for each way with
the CPU time per stranger in microseconds, as the kernel counts it (/proc/PID/task/*/schedstat), and
what the process answered. Nothing is decided by it: exit status 0 unless something could not run.
The binary is the release build's, or REDWALL_BIN.
"""

import argparse
import os
import pathlib
import queue
import random
import socket
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
sys.path.insert(0, str(SUPPORT))

# pylint: disable=wrong-import-position
import noise
from harness import Scene
from processes import Process, cpu_ns, free_port, wait_until
from wire import Wire

SPIPED_NONCE, SPIPED_SECOND = 32, 32 + 256  # bytes of its two handshake messages
CROWD = 16


def visit(address, data):
    """Says `data` and waits for the end; without data it leaves at once. Returns what it heard."""
    with socket.create_connection(address, 30) as sock:
        if not data:
            return 0
        heard = 0
        try:
            sock.sendall(data)
            while more := sock.recv(65536):
                heard += len(more)
        except (ConnectionResetError, BrokenPipeError):
            pass
        return heard


def crowd(address, visits):
    """The same, CROWD at a time."""
    jobs, heard = queue.Queue(), []
    for data in visits:
        jobs.put(data)

    def work():
        while True:
            try:
                heard.append(visit(address, jobs.get_nowait()))
            except queue.Empty:
                return

    threads = [threading.Thread(target=work) for _ in range(CROWD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return heard


class Site:
    """One of the two programs under test: how it is reached, and how a stranger talks to it."""

    def __init__(self, name, process, port, wrong_key, replay):
        self.name, self.process = name, process
        self.address = ("127.0.0.1", port)
        self.wrong_key, self.replay = wrong_key, replay

    def measure(self, visits, at_once=False):
        """(microseconds of CPU per stranger, bytes that a stranger heard at most)."""
        before = cpu_ns(self.process.pid)
        if at_once:
            heard = crowd(self.address, visits)
        else:
            heard = [visit(self.address, data) for data in visits]
        return (cpu_ns(self.process.pid) - before) / len(visits) / 1000, max(heard)


def start_redwall(scene, redis):
    key, port = scene.key(), free_port()
    process = scene.agent("server", "-s", f"127.0.0.1:{port}", "-t", redis.address, "-k", key)
    shared = noise.SharedKey.from_file(key)
    preamble = noise.make_preamble(noise.SUITE_SHARED_KEY, shared.hint)

    def wrong_key():
        stranger = noise.SharedKey(os.urandom(32))
        return noise.Initiator(key=stranger, preamble=preamble).message1()

    genuine = noise.Initiator(key=shared).message1()
    with Wire(f"127.0.0.1:{port}") as wire:
        wire.send(genuine)
        wire.exactly(noise.MESSAGE2_SIZE)
    return Site("redwall", process, port, wrong_key, genuine)


def start_spiped(scene, redis):
    key, port = scene.key("spiped.key"), free_port()
    arguments = ["spiped", "-d", "-F", "-s", f"[127.0.0.1]:{port}", "-t"]
    host, _, target = redis.address.rpartition(":")
    arguments += [f"[{host}]:{target}", "-k", key, "-p", scene.path("spiped.pid")]
    process = Process("spiped", arguments, scene.folder)
    scene.processes.append(process)

    def listens():
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    wait_until(listens, "spiped to listen")
    return Site("spiped", process, port, lambda: os.urandom(SPIPED_NONCE + SPIPED_SECOND), None)


def measure(site, count, dice):
    garbage = [dice.randbytes(400) for _ in range(count)]
    rounds = [("leaves", [b""] * count, False), ("garbage", garbage, False)]
    few = [site.wrong_key() for _ in range(min(count, 100))]
    rounds.append(("wrong key", [few[n % len(few)] for n in range(count)], False))
    if site.replay is not None:
        rounds.append(("replay", [site.replay] * count, False))
    rounds.append(("a crowd", garbage, True))
    for name, visits, at_once in rounds:
        microseconds, heard = site.measure(visits, at_once)
        answer = f"answers {heard} bytes" if heard else "answers nothing"
        print(f"{site.name:8} {name:10} {microseconds:8.1f} us   {answer}", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=2000, help="strangers of each kind")
    parser.add_argument("--seed", type=int, default=1, help="for the random bytes")
    options = parser.parse_args()
    if options.count < 1:
        parser.error("--count: expected 1 or more")
    if subprocess.run([str(SUPPORT / "install-packages"), "redis", "bench"]).returncode:
        sys.exit(1)
    with Scene("strangers") as scene:
        redis = scene.redis()
        for start in (start_redwall, start_spiped):
            measure(start(scene, redis), options.count, random.Random(options.seed))


if __name__ == "__main__":
    main()
