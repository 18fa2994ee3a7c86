#!/usr/bin/python3
"""Is each of a million commands recorded at both sites, once?

    audit_million.py [--quick] [--commands N] [--clients N]

Starts a private Redis and both agents with their audits on, sends 1,000,000 commands through them
in pipelines on 20 connections (--quick: 20,000), checks each reply, stops the agents, and then:

  - each site's audit has one line for each command, with each connection's numbers 1 to the last
  - `redwall audit verify` finds nothing wrong in either
  - `redwall audit reconcile` is clean, and matches as many commands
  - with one line taken out of the middle of the server's file, both say so
  - `redwall audit report` counts as many

The binary is the release build's, or REDWALL_BIN. Exit status 1 where one of these doesn't hold;
the last line is `N passed, N failed`. Times are printed and decide nothing.
"""

import argparse
import collections
import pathlib
import re
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

# pylint: disable=wrong-import-position
from harness import Scene
from processes import Failure, check, check_equal, check_in
from wire import connect, encode

PIPELINE = 500
FACTS = re.compile(rb'"session":"([0-9a-f]+)","stream":(\d+),"n":(\d+)')


class Results:
    """What was checked, printed as it comes."""

    def __init__(self):
        self.passed = self.failed = 0

    def run(self, what, test):
        start = time.monotonic()
        try:
            test()
        except Failure as failure:
            self.failed += 1
            print(f"FAILED  {what}: {failure}", flush=True)
        else:
            self.passed += 1
            print(f"ok      {what} ({time.monotonic() - start:.1f} s)", flush=True)


def batch(number, first, count):
    """(requests, replies) of commands first to first + count - 1 of connection `number`."""
    requests, replies = [], []
    for i in range(first, first + count):
        if i % 2 == 0:
            requests.append(encode("SET", f"c{number}:{i % 1000}", i))
            replies.append(b"+OK\r\n")
        else:
            requests.append(encode("GET", f"c{number}:{(i - 1) % 1000}"))
            value = str(i - 1).encode()
            replies.append(b"$%d\r\n%s\r\n" % (len(value), value))
    return b"".join(requests), b"".join(replies)


def talk(address, number, commands, problems):
    """Sends `commands` commands on one connection, in pipelines, and checks each reply."""
    try:
        with connect(address) as socket:
            for first in range(0, commands, PIPELINE):
                requests, expected = batch(number, first, min(PIPELINE, commands - first))
                socket.sendall(requests)
                got = bytearray()
                while len(got) < len(expected):
                    piece = socket.recv(1 << 16)
                    if not piece:
                        raise Failure("the connection was closed")
                    got += piece
                check_equal(bytes(got), expected, f"replies {first} and on")
    except (OSError, Failure) as error:
        problems.append(f"connection {number}: {error}")


def send_all(pair, commands, clients):
    problems = []
    shares = [commands // clients + (i < commands % clients) for i in range(clients)]
    threads = [
        threading.Thread(target=talk, args=(pair.address, i, share, problems))
        for i, share in enumerate(shares)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_equal(problems, [], "what went wrong for clients")
    for agent in (pair.client, pair.server):
        agent.send_signal(signal.SIGTERM)
        agent.expect_exit(0)
    return sorted(shares)


def check_lines(path, shares):
    """Each connection has its numbers 1 to the last, each once."""
    count, most, total = collections.Counter(), collections.Counter(), collections.Counter()
    with open(path, "rb") as file:
        for line in file:
            if found := FACTS.search(line):
                stream, n = found[1] + found[2], int(found[3])
                count[stream] += 1
                most[stream] = max(most[stream], n)
                total[stream] += n
    check_equal(sum(count.values()), sum(shares), "lines of commands")
    check_equal(sorted(count.values()), shares, "lines of each connection")
    check_equal(count, most, "the last number of each connection")
    expected = {stream: n * (n + 1) // 2 for stream, n in most.items()}
    check_equal(dict(total), expected, "the sum of each connection's numbers")


def succeed(scene, *arguments):
    done = scene.run(*arguments, timeout=600)
    check_equal(done.returncode, 0, f"exit status of {arguments[1]}: {done.stdout}{done.stderr}")
    return done.stdout


def check_reconcile(scene, pair, commands):
    text = succeed(scene, "audit", "reconcile", pair.client_audit, pair.server_audit)
    check_in(f"\nmatched {commands:,} commands at both sites", text, "reconcile")


def check_cut(scene, pair, commands):
    """A line is taken out of the middle."""
    cut = scene.path("cut.jsonl")
    with open(pair.server_audit, "rb") as whole, open(cut, "wb") as rest:
        for i, line in enumerate(whole):
            if i == commands // 2:
                taken = FACTS.search(line)
            else:
                rest.write(line)
    done = scene.run("audit", "reconcile", pair.client_audit, cut, timeout=600)
    check_equal(done.returncode, 1, f"exit status of reconcile: {done.stdout}{done.stderr}")
    check_in("missing at the server: 1 ", done.stdout, "reconcile")
    session, stream, n = (part.decode() for part in taken.groups())
    check_in(f"session {session} stream {stream} n {n}: ", done.stdout, "what was taken out")
    done = scene.run("audit", "verify", cut, timeout=600)
    check_equal(done.returncode, 1, f"exit status of verify: {done.stdout}{done.stderr}")


def check_report(scene, pair, commands):
    page = succeed(scene, "audit", "report", pair.client_audit, pair.server_audit)
    check(f"<b>{commands:,}</b><span>commands</span>" in page, "the report has another number")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="20,000 commands")
    parser.add_argument("--commands", type=int, help="how many (1,000,000)")
    parser.add_argument("--clients", type=int, default=20, help="connections at once (20)")
    options = parser.parse_args()
    commands = options.commands or (20_000 if options.quick else 1_000_000)
    if commands < 2 or not 0 < options.clients <= min(commands, 1000):
        parser.error("expected at least 2 commands, and 1 to 1000 clients")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    results = Results()
    with Scene("audit_million") as scene:
        pair = scene.pair(scene.redis(), audit=True)
        shares = []
        results.run(
            f"{commands:,} commands are answered",
            lambda: shares.extend(send_all(pair, commands, options.clients)),
        )
        sides = (("client", pair.client_audit), ("server", pair.server_audit))
        for side, path in sides if shares else ():
            results.run(f"{side}: {commands:,} lines", lambda path=path: check_lines(path, shares))
            results.run(
                f"{side}: audit verify", lambda path=path: succeed(scene, "audit", "verify", path)
            )
        if shares:
            for what, test in (
                ("audit reconcile", check_reconcile),
                ("a line that was taken out", check_cut),
                ("audit report", check_report),
            ):
                results.run(what, lambda test=test: test(scene, pair, commands))
    print(f"{results.passed} passed, {results.failed} failed")
    sys.exit(1 if results.failed else 0)


if __name__ == "__main__":
    main()
