"""Runs the cases of the corpus against a real Redis through both agents, and judges them.

A bench is one Redis with a judge, a pair of agents for each policy, and a pair without one. Each
case is tried three times, each time on a Redis that is as it was at the beginning:

    the attempt, with the policy:    nothing that it names may reach Redis, the state must be what
                                     its allowed part makes, no answer may hold a secret value
    the twin, with the policy:       it must reach Redis, and nothing of redwall's is in its answers
    the attempt, without a policy:   it must reach Redis (or the case says why it doesn't): so the
                                     judge can see it, and the first result means something

How the judge sees what MONITOR hides is said in judge.py.
"""

import os
import select
import socket
import time

from case import WRITE, Other, Reply, steps_of
from judge import TREASURE, Judge
from processes import PATIENCE, shorten
from wire import Closed, Wire, encode

SENTINEL = b"end-of-this-conversation"
ECHO = b"$%d\r\n%s\r\n" % (len(SENTINEL), SENTINEL)
OWN_CONNECTIONS = 2  # the judge's: one that asks, one that listens
SILENCE = 0.15  # seconds without an answer until the sending side is ended; decides nothing


class Talk(Wire):
    """One connection that plays steps and keeps all that was said to it in `heard`."""

    def __init__(self, address, source=None):
        if source is None:
            super().__init__(address)
        else:
            host, _, port = address.rpartition(":")
            self.buffer = self.taken = b""
            self.sock = socket.create_connection((host, int(port)), PATIENCE, (source, 0))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address, self.source = address, source
        self.heard = b""
        self.others = []

    def play(self, steps, mute=False):
        """All steps, and then until Redis has taken all of it or the connection is closed."""
        try:
            self.send_steps(steps)
            if not mute:
                self.sock.sendall(encode("PING", SENTINEL))
                self.listen_for_echo()
        except (ConnectionError, Closed):
            pass  # it was closed amid the steps: what it said is still to be read
        for wire in [*self.others, self]:
            wire.finish()
        return b"".join(wire.heard for wire in [self, *self.others])

    def send_steps(self, steps):
        pending = b""
        for step in steps:
            if isinstance(step, bytes):
                pending += step
                continue
            self.sock.sendall(pending)
            pending = b""
            if isinstance(step, Reply):
                self.heard += b"".join(self.replies(step.count))
            elif isinstance(step, Other):
                other = Talk(self.address, self.source)
                self.others.append(other)
                other.send_steps(steps_of(step.steps))
            elif step is not WRITE:
                raise TypeError(f"not a step: {step!r}")
        if pending:
            self.sock.sendall(pending)

    def listen_for_echo(self):
        """Until the sentinel comes back, or nothing does for a while (which ends nothing)."""
        while ECHO not in self.buffer:
            if not select.select([self.sock], [], [], SILENCE)[0]:
                return
            self.more()

    def finish(self):
        try:
            self.finish_sending()
            deadline = time.monotonic() + 20
            while select.select([self.sock], [], [], max(0, deadline - time.monotonic()))[0]:
                self.more()
        except (Closed, OSError):
            pass
        self.heard += self.buffer
        self.close()


class Bench:
    """One Redis, its judge, and pairs of agents in front of it."""

    def __init__(self, scene, setup):
        self.scene, self.setup = scene, setup
        self.server = scene.redis(f"redis-{setup.name}", options=setup.options)
        self.judge = scene.keep(Judge(self.server))
        self.judge.names = setup.names
        self.pairs = {}
        self.open = self.pair("open", None)

    def pair(self, name, policy, at_client=False, limits=None):
        """Agents with keys and files of their own."""
        folder = f"{self.setup.name}-{name}{'-client' if at_client else ''}"
        options = []
        if policy is not None:
            options += ["--policy", self.scene.write(f"{folder}/policy.json", policy)]
        if limits:
            options += ["--config", self.scene.write(f"{folder}/limits.json", {"limits": limits})]
        side = "client_options" if at_client else "server_options"
        pair = self.scene.pair(
            self.server,
            key=self.scene.write(f"{folder}/site.key", os.urandom(32)),
            **{side: options},
        )
        self.pairs[name, at_client] = pair
        return pair

    def close_pair(self, pair):
        pair.check_sound()
        pair.client.stop()
        pair.server.stop()


class Verdicts:
    """What went wrong, in sentences, and how much was tried."""

    def __init__(self):
        self.attempts = self.twins = self.seen = 0
        self.wrong = []

    def note(self, case, what, reached, heard):
        shown = heard if len(heard) < 400 else heard[:200] + b" ... " + heard[-200:]
        tried = shorten(case.attempt, 500)
        self.wrong.append(
            f"{case}: {what}\n      attempt  {tried}\n      twin     {shorten(case.twin, 300)}"
            f"\n      reached  {shorten(str(reached), 900)}\n      answers  {shown!r}"
        )


def leaks(heard):
    return TREASURE in heard


def replay(bench, pair, steps, case, source, before):
    heard = Talk(pair.address, source).play(steps, case.mute)
    return bench.judge.look(before), heard


def try_attempt(bench, pair, case, verdicts):
    """With the policy: nothing forbidden may arrive."""
    before = bench.judge.reset(case.prepare)
    if case.allowed:
        bench.judge.many(case.allowed)
        expected = bench.judge.state()
        bench.judge.reset(case.prepare)
        before = expected
    reached, heard = replay(bench, pair, steps_of(case.attempt), case, case.source, before)
    verdicts.attempts += 1
    found = [mark for mark in case.stop if reached.has(mark)]
    if found:
        verdicts.note(case, f"BYPASS: {found} has reached Redis", reached, heard)
    elif reached.changes:
        verdicts.note(case, f"BYPASS: changed {list(reached.changes)}", reached, heard)
    elif leaks(heard):
        verdicts.note(case, "BYPASS: a secret value was answered", reached, heard)


def try_twin(bench, pair, case, verdicts):
    """With the policy: the twin passes."""
    before = bench.judge.reset(case.prepare)
    source = case.twin_source or case.source
    reached, heard = replay(bench, pair, steps_of(case.twin), case, source, before)
    verdicts.twins += 1
    missing = [mark for mark in case.passes if not reached.has(mark)]
    if missing:
        verdicts.note(case, f"the twin's {missing} has not reached Redis", reached, heard)
    elif b"redwall: " in heard:
        verdicts.note(case, "the twin was refused", reached, heard)


def try_open(bench, case, verdicts):
    """Without a policy: it arrives, so that its not arriving means something."""
    before = bench.judge.reset(case.prepare)
    source = case.source
    reached, heard = replay(bench, bench.open, steps_of(case.attempt), case, source, before)
    arrived = any(reached.has(mark) for mark in case.stop) or reached.changes or leaks(heard)
    if arrived and case.closed:
        verdicts.note(case, f"reaches an open Redis, though {case.closed!r}", reached, heard)
    elif not arrived and not case.closed:
        verdicts.note(case, "SELF CHECK: does not reach an open Redis", reached, heard)
    verdicts.seen += bool(arrived)


def run_policy(bench, policy, cases, verdicts, at_client=False, self_check=True):
    """All cases of one policy: attempts and twins through a pair of its own."""
    pair = bench.pair(policy.name, policy.document, at_client, policy.limits)
    with Wire(pair.address) as wire:
        policy.wait_until_known(wire)
    wait_for_quiet(bench)
    for case in cases:
        try_attempt(bench, pair, case, verdicts)
        try_twin(bench, pair, case, verdicts)
        if self_check:
            try_open(bench, case, verdicts)
    bench.close_pair(pair)


def wait_for_quiet(bench):
    """Until nobody but the judge is connected to Redis."""
    bench.judge.connections = OWN_CONNECTIONS
    bench.judge.settle()
