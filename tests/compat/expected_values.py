"""What a key must hold when it has one writer only: a helper of the cluster drives, and the model
that tests/compat/node/ioredis_cluster_drive.js follows too.

An answer is right, or it is
  wrong     never written to this key, by this writer: an answer of somebody else's. No excuse.
  lost      an older value, or none: what was acknowledged is gone. Redis itself loses that when a
            master dies before its replica has heard of the last writes.
  repeated  a counter went up by more than what was asked for: a client tried again what had been
            done already.
Whatever came back as an error may have been done or not; both are right then.
"""

import collections

FOUND = ("wrong", "lost", "repeated")


class Findings:
    """Counts of what was found, and the first few of them in words."""

    SHOWN = 10

    def __init__(self):
        self.counts = collections.Counter({kind: 0 for kind in FOUND})
        self.examples = []

    def note(self, kind, what):
        self.counts[kind] += 1
        if len(self.examples) < self.SHOWN:
            self.examples.append(f"{kind}: {what}")


class Text:
    """A key with a string in it. next() is written; done(), or failed(), says what came of it."""

    def __init__(self, key, findings):
        self.key, self.findings = key, findings
        self.number = 0  # of the last value that was made
        self.acknowledged = 0  # the number of the value that it must hold; 0: none
        self.perhaps = set()  # the numbers of values that may have been written

    def next(self):
        self.number += 1
        return f"{self.key}|{self.number}"

    def done(self):
        self.acknowledged = self.number

    def failed(self):
        self.perhaps.add(self.number)

    def check(self, got):
        """Notes what is not right with the value that was read."""
        number = self._number_of(got)
        if number is None or number > self.number:
            self.findings.note("wrong", f"{self.key} holds {got!r}")
        elif number != self.acknowledged and number not in self.perhaps:
            what = f"{self.key} holds number {number} instead of {self.acknowledged}"
            self.findings.note("lost", what)
            self.acknowledged = number  # it is told once

    def _number_of(self, got):
        if got is None:
            return 0
        key, _, number = str(got).rpartition("|")
        return int(number) if key == self.key and number.isdigit() else None


class Counter:
    """A key that is only ever incremented, by one."""

    def __init__(self, key, findings):
        self.key, self.findings = key, findings
        self.value = 0
        self.perhaps = 0  # how many increments may have been done besides

    def failed(self):
        self.perhaps += 1

    def done(self, got):
        """What INCR answered."""
        self._take(got, self.value + 1)

    def check(self, got):
        """What GET answered."""
        self._take(int(got or 0), self.value)

    def _take(self, got, least):
        if not isinstance(got, int):
            self.findings.note("wrong", f"{self.key} is {got!r}")
            return
        if got < least:
            self.findings.note("lost", f"{self.key} is {got} instead of {least}")
        elif got > least + self.perhaps:
            self.findings.note("repeated", f"{self.key} is {got} instead of {least}")
        self.value, self.perhaps = got, 0
