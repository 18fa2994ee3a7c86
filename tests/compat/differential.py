#!/usr/bin/python3
"""Goal: whatever a client says to Redis, it is answered the same bytes through both agents as on a
direct connection, and the connection ends the same way.

    tests/compat/differential.py [--count 10000] [--seed N] [--jobs N] [--upstream shared]
    tests/compat/differential.py --one SEED

Random conversations (random_conversation.py), each held twice with the same private Redis, set back
in between: directly and through both agents. What differs by nature is evened out (play.py); all
else must be the same. A conversation that differs is shrunk and shown with both transcripts. Each
has a seed of its own, which --one holds again. With --upstream shared what CLIENT KILL USER and
CLIENT LIST say may differ: they meet the shared connections, too.

The binary is build/release/bin/redwall, or the one that REDWALL_BIN names. Exit status: 0 all the
same, 1 a difference, 2 bad usage.
"""

import argparse
import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import random
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from harness import Pair, Scene  # noqa: E402
from play import Control, play  # noqa: E402
from processes import binary  # noqa: E402
from random_conversation import make  # noqa: E402
from shrink import shrink  # noqa: E402

SHOWN = 10  # differences that are shrunk and shown; the rest are counted
CONTEXT = 12  # lines of a transcript that are shown on each side of a difference
SHRINK_PATIENCE = 4  # seconds without a byte while shrinking; the first time it is PATIENCE
DENIED = "strlen"  # by the policy of --self-check
POLICY = {
    "version": 1,
    "default": "allow",
    "unknown": "allow",
    "rules": [{"id": "planted", "action": "deny", "commands": [DENIED]}],
}


class Site:
    """A private Redis with both agents in front of it, and a connection to set it back."""

    def __init__(self, scene, name, options, policy=None):
        redis = scene.redis(f"redis-{name}")
        self.direct = redis.address
        self.pair = None
        if not options.direct:
            key = scene.key(f"{name}.key")
            self.pair = Pair(scene, redis, key=key, policy=policy)
            if options.upstream != "dedicated":
                server = {
                    "listen": [self.pair.server_address],
                    "keys": [key],
                    "routes": {"default": {"redis": redis.address, "upstream": options.upstream}},
                }
                if policy is not None:
                    server["policy"] = self.pair.policy_path
                path = scene.write(f"server-{name}.json", server)
                self.pair.server_args = ["server", "--config", path]
            self.pair.start()
        self.through = self.pair.address if self.pair else redis.address
        self.control = scene.keep(Control(redis, options.upstream == "shared"))
        if self.pair:
            self.control.keep_agents_busy(scene, self.pair)

    def both(self, conversation, **options):
        """The transcripts of a direct connection and through both agents."""
        return tuple(
            play(conversation, address, self.control, **options)
            for address in (self.direct, self.through)
        )


def same(direct, through):
    """Where even Redis itself leaves off in the middle, there is nothing to compare: a fault of the
    conversation.
    """
    return direct.comparable() == through.comparable() and direct.sound()


def shown(data, limit=110):
    text = repr(data)[2:-1]
    return (
        text
        if len(text) <= limit
        else f"{text[:limit - 40]} ...({len(data)} bytes)... {text[-15:]}"
    )


def told(conversation):
    """The conversation for people."""
    how = "in pieces" if conversation.cuts else "in one piece"
    yield f"  Redis is {conversation.guard}; sent {how}; the end: {conversation.ending}"
    for step in conversation.steps:
        yield f"  {'neighbour' if step.neighbour else 'sends    '}  {shown(step.data)}"


def side_by_side(direct, through, whole=False):
    """Both transcripts line by line, the first difference marked; what is far from it left out
    unless `whole` is asked for.
    """
    columns = [one.comparable()[0].split(b"\r\n") + [one.end.encode()] for one in (direct, through)]
    rows = list(itertools.zip_longest(*columns, fillvalue=b""))
    first = next((at for at, (left, right) in enumerate(rows) if left != right), None)
    yield f"    {'direct':62}  through both agents"
    for at, row in enumerate(rows):
        if whole or first is None or abs(at - first) <= CONTEXT:
            left, right = (shown(part, 60) for part in row)
            yield f"{' => ' if at == first else '    '}{left:62}  {right}"


def report(site, conversation, found, known_gaps):
    """What to print for a conversation that differs: shrunk, where it can be made to again."""

    def fails(candidate):
        return not same(*site.both(candidate, patience=SHRINK_PATIENCE))

    lines = [f"FAILED  --one {conversation.seed}"]
    direct, through = found
    if any(fails(conversation) for _ in range(3)):
        small = shrink(conversation, fails, known_gaps)
        for _ in range(3):
            found = site.both(small, patience=SHRINK_PATIENCE)
            if not same(*found):
                direct, through = found
                break
        lines[0] += f", shrunk from {len(conversation.steps)} steps to {len(small.steps)}"
    else:
        small = conversation
        lines[0] += ": it was different once, and not when held again"
    lines += [*told(small), *side_by_side(direct, through)]
    return "\n".join(lines), small


class Run:
    """All conversations of one call, dealt out to sites that each work on one at a time."""

    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.passed = self.failed = 0
        self.shrunk = []
        dice = random.Random(options.seed)
        self.seeds = iter([dice.getrandbits(40) for _ in range(options.count)])

    def next_seed(self):
        with self.lock:
            return next(self.seeds, None)

    def work(self, site):
        while (seed := self.next_seed()) is not None:
            conversation = make(seed, self.options.known_gaps)
            found = site.both(conversation)
            good = same(*found)
            with self.lock:
                self.passed += good
                self.failed += not good
                show = not good and self.failed <= SHOWN
            if show:
                text, small = report(site, conversation, found, self.options.known_gaps)
                with self.lock:
                    self.shrunk.append(small)
                    print(text, flush=True)

    def all(self, policy=None):
        """Holds them all; returns the number that differed."""
        with contextlib.ExitStack() as stack:
            scene = stack.enter_context(Scene("differential"))
            sites = [
                Site(scene, number, self.options, policy) for number in range(self.options.jobs)
            ]
            with concurrent.futures.ThreadPoolExecutor(len(sites)) as pool:
                try:
                    for done in [pool.submit(self.work, site) for site in sites]:
                        done.result()
                except BaseException:
                    self.seeds = iter(())  # the others end with what they are at
                    print(scene.logs())
                    raise
            for site in sites:
                if site.pair:
                    site.pair.check_sound()
        return self.failed


def one(options):
    """Holds one conversation and shows it, whole."""
    conversation = make(options.one, options.known_gaps)
    with Scene("differential") as scene:
        site = Site(scene, "one", options)
        direct, through = site.both(conversation)
    print("\n".join([*told(conversation), *side_by_side(direct, through, whole=True)]))
    return not same(direct, through)


def self_check(options):
    """A denied command must be found, and nothing but that command be left after shrinking."""
    options.count, options.jobs = 400, 1
    run = Run(options)
    run.all(POLICY)
    good = [
        small
        for small in run.shrunk
        if len(small.steps) == 1 and DENIED.encode() in small.steps[0].data.lower()
    ]
    if not good:
        print(f"self-check: {run.failed} differences, and none was shrunk to {DENIED} alone")
    return not good


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=10_000, help="conversations (10,000)")
    parser.add_argument("--seed", type=int, help="of all of them; printed first")
    parser.add_argument(
        "--one", type=int, metavar="SEED", help="hold this conversation and show it"
    )
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1), help="at a time")
    parser.add_argument(
        "--known-gaps", action="store_true", help="with what is known to differ, too"
    )
    parser.add_argument(
        "--direct",
        action="store_true",
        help="without agents, Redis against itself: any difference is this test's own fault",
    )
    parser.add_argument(
        "--upstream",
        choices=("dedicated", "shared"),
        default="dedicated",
        help="what the route says: a connection for each client, or shared ones",
    )
    parser.add_argument(
        "--self-check", action="store_true", help="does it find a command that a policy denies?"
    )
    options = parser.parse_args()
    if options.count < 1 or options.jobs < 1:
        parser.error("--count and --jobs are at least 1")
    return options


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not options.direct:
        binary()
    if options.one is not None:
        failed = one(options)
        print(f"{int(not failed)} passed, {int(failed)} failed")
        return int(failed)
    if options.seed is None:
        options.seed = random.SystemRandom().getrandbits(31)
    print(f"--seed {options.seed} --count {options.count} --jobs {options.jobs}", flush=True)
    if options.self_check:
        failed = self_check(options)
        print(f"{int(not failed)} passed, {int(failed)} failed")
        return int(failed)
    start = time.monotonic()
    run = Run(options)
    run.all()
    print(f"{time.monotonic() - start:.0f} s")
    print(f"{run.passed} passed, {run.failed} failed")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
