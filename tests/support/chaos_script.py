"""What goes wrong on a line, and when: the script of the chaos relay.

A script is a list of steps, one after the other:

    [{"after_s": 1.5, "do": "reset"},
     {"after_bytes": 100000, "do": "stall", "for_s": 0.5},
     {"after_s": 1, "after_bytes": 1, "do": "half_close", "way": "up"},
     {"do": "line", "delay_ms": 200, "rate_mbit": 10}]

or random, and the same again for the same seed:

    {"seed": 1, "resets": 1000, "stalls": 10, "every_s": 0.2, "every_bytes": 100000}

A step waits for `after_s` seconds and for `after_bytes` bytes (both ways together) since the one
before was over. Without "every_bytes" a random script counts seconds only, and the other way round;
with both, each step takes one of them.
"""

import dataclasses
import json
import random

KINDS = {
    "reset": "RST to both ends of every connection; what is under way is lost",
    "close": "the same with FIN",
    "half_close": "FIN in one direction, 'way'; the other goes on",
    "stall": "nothing passes, all stays open",
    "blackhole": "a stall, and newcomers are accepted and never hear anything",
    "line": "another delay_ms or rate_mbit from now on",
}
NEED_A_CONNECTION = ("reset", "close", "half_close")
LASTING = ("stall", "blackhole")
PLURALS = {kind + "s": kind for kind in KINDS if kind != "line"}
MBIT = 125_000  # bytes


@dataclasses.dataclass
class Step:
    """One thing that happens."""

    do: str
    after_s: float = 0.0
    after_bytes: int = 0
    for_s: float = 1.0  # stall and blackhole
    way: str = "up"  # half_close
    delay_ms: float = None  # line
    rate_mbit: float = None  # line


def read_script(script):
    """An iterator over a script's steps (None: none). ValueError says what is wrong with it."""
    if script is None:
        return iter(())
    if isinstance(script, dict):
        return iter(random_steps(script))
    if not isinstance(script, list):
        raise ValueError("a script is a list of steps, or an object with a seed")
    return iter([read_step(number, step) for number, step in enumerate(script, 1)])


def load_script(text):
    """A script from its JSON, or from the file of that name."""
    if text.lstrip()[:1] not in ("[", "{"):
        try:
            with open(text, encoding="utf-8") as file:
                text = file.read()
        except OSError as error:
            raise ValueError(f"script {text}: {error.strerror}") from None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"the script is not JSON: {error}") from None


def read_step(number, step):
    """A Step from an object. ValueError where it isn't one."""
    if not isinstance(step, dict):
        raise ValueError(f"step {number}: expected an object, not {step!r}")
    fields = {field.name for field in dataclasses.fields(Step)}
    unknown = sorted(set(step) - fields)
    if unknown:
        raise ValueError(f"step {number}: {unknown[0]!r} is not one of {', '.join(sorted(fields))}")
    if step.get("do") not in KINDS:
        raise ValueError(
            f"step {number}: 'do' is {step.get('do')!r}, not one of {', '.join(KINDS)}"
        )
    for name, value in step.items():
        if name not in ("do", "way") and not at_least(value, 0):
            raise ValueError(f"step {number}: {name!r} is {value!r}, not a number from 0 on")
    if step.get("way", "up") not in ("up", "down"):
        raise ValueError(f"step {number}: 'way' is {step['way']!r}, not 'up' or 'down'")
    return Step(**step)


def at_least(value, least):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= least


def random_steps(script):
    """The steps of a random script, in the order that its seed gives."""
    known = {"seed", "every_s", "every_bytes", "for_s", *PLURALS}
    unknown = sorted(set(script) - known)
    if unknown:
        raise ValueError(f"script: {unknown[0]!r} is not one of {', '.join(sorted(known))}")
    for name, value in script.items():
        if not at_least(value, 0) or (name in PLURALS and not isinstance(value, int)):
            raise ValueError(f"script: {name!r} is {value!r}, not a number from 0 on")
    dice = random.Random(script.get("seed", 0))
    kinds = [kind for plural, kind in PLURALS.items() for _ in range(script.get(plural, 0))]
    if not kinds:
        raise ValueError(f"script: says how many of nothing: {', '.join(PLURALS)}")
    dice.shuffle(kinds)
    return [random_step(dice, kind, script) for kind in kinds]


def random_step(dice, kind, script):
    """A step of that kind, with its waiting time around the script's mean."""
    every_s, every_bytes = script.get("every_s", 0), int(script.get("every_bytes", 0))
    if not every_s and not every_bytes:
        every_s = 1.0
    step = Step(kind, for_s=script.get("for_s", 1.0), way=dice.choice(("up", "down")))
    if every_bytes and (not every_s or dice.random() < 0.5):
        step.after_bytes = dice.randint(1, 2 * every_bytes)
    else:
        # neither never nor for ever
        step.after_s = min(max(dice.expovariate(1 / every_s), every_s / 10), every_s * 4)
    return step


def for_ever(kind, seed, every_s=0.0, every_bytes=0):
    """Random steps of one kind, without an end."""
    dice, script = random.Random(seed), {"every_s": every_s, "every_bytes": every_bytes}
    while True:
        yield random_step(dice, kind, script)
