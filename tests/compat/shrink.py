"""Goal: the smallest conversation that still makes the same kind of trouble."""

import dataclasses
import time

from known_gaps import without_known_gaps
from random_conversation import Step

SECONDS = 60  # for one conversation; what has been reached by then is good enough


def lines(conversation):
    """Where any bytes will do (half-close), a step for each line: more that can be left out."""
    if conversation.ending != "half-close":
        return conversation.steps
    data = b"".join(step.data for step in conversation.steps)
    return tuple(Step(line) for line in data.splitlines(keepends=True))


def simpler(conversation):
    """The same steps under simpler circumstances."""
    if conversation.cuts:
        yield dataclasses.replace(conversation, cuts=0)
    if conversation.ending not in ("close", "half-close"):
        yield dataclasses.replace(conversation, ending="close")
    if conversation.guard != "open":
        yield dataclasses.replace(conversation, guard="open")


def shorter(conversation):
    """Some steps left out: halves first, single ones last."""
    size = len(conversation.steps) // 2
    while size:
        for start in range(0, len(conversation.steps), size):
            rest = conversation.steps[:start] + conversation.steps[start + size :]
            if rest:
                yield conversation.with_steps(rest)
        size //= 2


def narrower(conversation):
    """Long steps with a short argument in place of each long one."""
    for at, step in enumerate(conversation.steps):
        if step.arguments and max(map(len, step.arguments)) > 40 and not step.neighbour:
            brief = tuple(b"x" if len(part) > 40 else part for part in step.arguments)
            steps = list(conversation.steps)
            steps[at] = Step.command(brief)
            yield conversation.with_steps(steps)


def shrink(conversation, fails, known_gaps=False):
    """The smallest one found for which `fails(conversation)` holds as it does for this one.

    It must not slip into a known gap on the way, unless those are what is looked for.
    """
    deadline = time.monotonic() + SECONDS

    def worth_trying(candidate):
        return known_gaps or list(candidate.steps) == without_known_gaps(
            candidate.steps, candidate.guard
        )

    best = conversation.with_steps(lines(conversation))
    progress = True
    while progress and time.monotonic() < deadline:
        progress = False
        for change in (simpler, shorter, narrower):
            for candidate in change(best):
                if time.monotonic() > deadline:
                    return best
                if worth_trying(candidate) and fails(candidate):
                    best, progress = candidate, True
                    break
    return best
