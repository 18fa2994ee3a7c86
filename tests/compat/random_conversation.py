"""Goal: a random conversation of one client with Redis, made from a seed: the same seed, the same
bytes.

A conversation is a list of steps. Most are bytes to send: a command, written as an array, inline or
oddly, or what is no command at all. Some are what a neighbour does over a connection of its own.
How the bytes are cut into pieces, how the connection ends, and who may do what in Redis belong to
the conversation, too.

How one knows that all has come back (see play.py) sets two kinds apart:

  answered     every step is complete, or ends the connection: markers behind them are answered
  half-closed  any bytes, spoilt ones too; the client ends its half. Redis closes when it reads
               that, be there replies on their way or not, so that all must be small and quick
"""

import dataclasses
import random

from conversation_commands import ENDLESS, FATAL, FOREIGN, NEIGHBOUR, ODD, THEMES
from known_gaps import asks_for_silence, says, without_known_gaps
from random_words import Words
from wire import encode

# Who may do what: `open`, everybody everything; `password`, the default user needs one.
GUARDS = ("open", "open", "password")
ENDINGS = ("close", "close", "reset", "torn", "finish")
# Themes whose commands may block or answer much, or where one spoilt byte may make them so.
NOT_SPOILT = {"blocking", "large", "replies"}
# At the most a byte away from an answer that differs by nature, from a long one, from a long wait.
NOT_HALF_CLOSED = (b"INFO", b"COMMAND", b"SLEEP")
NO_MORE_ARGUMENTS = {b"BLPOP", b"BRPOP", b"BZPOPMIN"}  # another one would be their time-out


@dataclasses.dataclass(frozen=True)
class Step:
    """Bytes to send; or, with `neighbour`, a command that another connection sends meanwhile."""

    data: bytes
    neighbour: bool = False
    arguments: tuple = ()  # where it is one command
    fatal: bool = False  # ends the connection

    @classmethod
    def command(cls, arguments):
        return cls(encode(*arguments), arguments=tuple(arguments))

    def verb(self):
        """The upper-case name, with a sub-command of CLIENT."""
        words = [argument.upper() for argument in self.arguments[:2]]
        return b" ".join(words if words[:1] == [b"CLIENT"] else words[:1])


@dataclasses.dataclass(frozen=True)
class Conversation:
    seed: int
    guard: str
    steps: tuple
    cuts: int  # seed of the cuts; 0: each stretch in one piece
    ending: str  # one of ENDINGS, or "half-close"

    def with_steps(self, steps):
        return dataclasses.replace(self, steps=tuple(steps))


def quoted(argument):
    return b'"' + b"".join(b"\\x%02x" % byte for byte in argument) + b'"'


def written(arguments, dice):
    """The bytes of a command: mostly an array of bulk strings."""
    if dice.random() < 0.92 or sum(map(len, arguments)) > 4000:
        return encode(*arguments)
    plain = all(argument.isalnum() for argument in arguments)
    words = arguments if plain and dice.random() < 0.7 else map(quoted, arguments)
    return dice.choice((b" ", b"  ", b"\t")).join(words) + dice.choice((b"\r\n", b"\n"))


def spelt(name, dice):
    """A command's name in upper, lower, or mixed case."""
    style = dice.random()
    if style < 0.7:
        return name
    return name.lower() if style < 0.9 else name.swapcase().capitalize()


def make_step(themes, words, dice):
    kind = dice.random()
    if kind < 0.05:
        return Step(dice.choice(ODD))
    if kind < 0.055:
        return Step(dice.choice(FATAL), fatal=True)
    arguments = words.command(dice.choice(THEMES[dice.choice(themes)]))
    accident = dice.random()
    # COMMAND alone tells all commands, in an order that even the same Redis changes.
    if accident < 0.03 and len(arguments) > 1 and arguments[0] != b"COMMAND":
        arguments.pop()
    elif accident < 0.06 and arguments[0] not in NO_MORE_ARGUMENTS:
        arguments.append(dice.choice((b"", b"x", b"0", words.key())))
    arguments[0] = spelt(arguments[0], dice)
    return Step(written(arguments, dice), arguments=tuple(arguments))


def spoilt(steps, dice):
    """The steps as one, with a few bytes changed, lost, or put in."""
    data = bytearray(b"".join(step.data for step in steps))
    for _ in range(dice.randrange(1, 5)):
        where = dice.randrange(len(data) + 1)
        accident = dice.randrange(4)
        if accident == 0:
            data[where:where] = dice.choice(
                (b"\r\n", b"\n", b"\r", b"*", b"$", b" ", b"\x00", b'"', b"1")
            )
        elif accident == 1:
            del data[where : where + dice.randrange(1, 4)]
        elif accident == 2 and where < len(data):
            data[where] = dice.randrange(256)
        else:
            del data[max(where, 1) :]
    return [Step(bytes(data))]


def spoil(steps, guard, dice, known_gaps):
    """The steps of a half-closed conversation, most of them as one with a few bytes changed."""
    words = NOT_HALF_CLOSED if guard == "open" else NOT_HALF_CLOSED + (b"RESET",)
    steps = [step for step in steps if not says(step, *words)]
    if dice.random() < 0.8 and (known_gaps or guard == "open"):
        steps = spoilt(steps, dice) if steps else []
    if dice.random() < 0.1:
        steps.append(Step(dice.choice(ENDLESS)))
    return steps


def meet_neighbours(steps, words, dice):
    """Puts in what a neighbour does. It waits for a marker to be answered, which CLIENT REPLY would
    keep back.
    """
    if dice.random() < 0.7 or any(map(asks_for_silence, steps)):
        return
    for _ in range(dice.randrange(1, 5)):
        step = Step(encode(*words.command(dice.choice(NEIGHBOUR))), neighbour=True)
        steps.insert(dice.randrange(len(steps) + 1), step)


def answered(steps, large):
    """Without what would leave the markers unanswered: with CLIENT REPLY OFF, Redis says nothing
    to QUIT, CLIENT KILL and protocol errors, and doesn't close either, as that is done behind the
    answer. And where Redis closes on bytes that it hasn't read, TCP loses the end of a large
    answer.
    """
    if large or any(map(asks_for_silence, steps)):
        return [step for step in steps if not step.fatal and not says(step, b"QUIT", b"KILL")]
    return steps


def make(seed, known_gaps=False):
    """The conversation of this seed."""
    dice = random.Random(seed)
    words = Words(dice)
    half_close = dice.random() < 0.2
    names = sorted(set(THEMES) - (NOT_SPOILT if half_close else set()))
    small = [name for name in names if name != "large"]
    chosen = dice.sample(small, dice.randrange(1, 4))
    if not half_close and dice.random() < 0.06:
        chosen.append("large")
    guard = dice.choice(GUARDS)
    steps = []
    if guard == "password" and dice.random() < 0.6:
        login = dice.choice(("AUTH open-sesame", "AUTH <login>", "HELLO <protocol> AUTH <login>"))
        steps.append(Step.command(words.command(login)))
    elif dice.random() < 0.01:
        steps.append(Step(dice.choice(FOREIGN), fatal=True))
    for _ in range(min(40, 2 + int(dice.expovariate(1 / 10)))):
        themes = chosen if dice.random() < 0.85 else small
        steps.append(make_step(themes, words, dice))
    if not half_close:
        ending, steps = dice.choice(ENDINGS), answered(steps, "large" in chosen)
        meet_neighbours(steps, words, dice)
    if not known_gaps:
        steps = without_known_gaps(steps, guard)
    if half_close:
        ending, steps = "half-close", spoil(steps, guard, dice, known_gaps)
    cuts = dice.choice((0, 0, dice.getrandbits(32) | 1))
    return Conversation(seed, guard, tuple(steps), cuts, ending)
