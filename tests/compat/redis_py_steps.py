"""How a drive of redis-py writes its steps down; the JSON lines are tests/compat/transcripts.py's.

    do = Steps(recorder, client)
    do.set("a", 1)                  written down: what redis-py made of the reply
    do.fails.incr("text")           an error is wanted
    do.sorted.smembers("s")         an order that Redis leaves open, or that is random
"""

import hashlib
import inspect
import json
import os
import sys
import time

import redis

LONG = 300  # characters or bytes; of longer ones the transcript has length and digest
PATIENCE = float(os.environ.get("REDWALL_TEST_PATIENCE", "60"))


def plain(value):
    """The value as JSON that keeps types apart: no two different results look alike."""
    if isinstance(value, (bytes, str)):
        data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
        if len(data) > LONG:
            return {type(value).__name__: len(data), "sha256": hashlib.sha256(data).hexdigest()}
        return "b:" + value.decode("latin-1") if isinstance(value, bytes) else value
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: plain(item) for key, item in value.items()}
        return {"dict": [[plain(key), plain(item)] for key, item in value.items()]}
    if isinstance(value, (set, frozenset)):
        return {"set": ordered(value)}
    if isinstance(value, list) and len(value) > LONG:
        data = json.dumps([plain(item) for item in value]).encode()
        return {"list": len(value), "sha256": hashlib.sha256(data).hexdigest()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [plain(item) for item in value]}
    if isinstance(value, Exception):
        return {"error": f"{type(value).__name__}: {value}"}
    return {type(value).__name__: str(value) if not is_object(value) else "object"}


def is_object(value):
    return type(value).__str__ is object.__str__


def ordered(value):
    """Where Redis promises no order, and has one that depends on the random seed of its tables."""
    value = list(value.items()) if isinstance(value, dict) else value
    return sorted((plain(item) for item in value), key=json.dumps)


class Recorder:
    """Writes steps to stdout. One topic at a time."""

    def __init__(self):
        self.topic = None
        self.methods = set()

    def write(self, do, **what):
        print(json.dumps({"topic": self.topic, "do": do[:LONG], **what}), flush=True)

    def step(self, do, action, wants_error=False, arrange=plain):
        """Runs action(); writes down its result, or the error of Redis or of the library. Any
        other exception is a mistake of the drive and ends it.
        """
        try:
            result = action()
        except redis.RedisError as error:
            return self.error(do, error, wants_error)
        return self.result(do, result, wants_error, arrange)

    def result(self, do, result, wants_error=False, arrange=plain):
        if inspect.isgenerator(result):
            result = list(result)
        self.write(do, result=arrange(result), **({"unexpected": True} if wants_error else {}))
        return result

    def error(self, do, error, wants_error):
        text = f"{type(error).__name__}: {error}"
        self.write(do, error=text, **({} if wants_error else {"unexpected": True}))

    def ask(self, what):
        print(json.dumps({"ask": what}), flush=True)
        if sys.stdin.readline() != "done\n":
            raise SystemExit(f"asked for {what!r}; nobody answers")


def label(method, arguments, options):
    """What a step is called in the transcript: the call, as somebody would write it."""
    words = [method, *map(word, arguments)]
    return " ".join(words + [f"{name}={word(value)}" for name, value in options.items()])


def word(value):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) < 80 else f"{text[:60]}...({len(text)})"


class Steps:
    """Calls the methods of a client, and writes each call down."""

    def __init__(self, recorder, client, prefix="", wants_error=False, arrange=plain):
        self.recorder = recorder
        self.client = client
        self.how = (prefix, wants_error, arrange)

    @property
    def fails(self):
        return Steps(self.recorder, self.client, self.how[0], True)

    @property
    def sorted(self):
        return Steps(self.recorder, self.client, self.how[0], False, ordered)

    def named(self, prefix):
        return Steps(self.recorder, self.client, f"{prefix}: ")

    def __getattr__(self, method):
        prefix, wants_error, arrange = self.how

        def step(*arguments, **options):
            def action():
                result = getattr(self.client, method)(*arguments, **options)
                return list(result) if inspect.isgenerator(result) else result

            self.recorder.methods.add(method)
            name = prefix + label(method, arguments, options)
            return self.recorder.step(name, action, wants_error, arrange)

        return step


def until(condition, what):
    """Waits for something that another connection brings about; what it takes is not compared."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise SystemExit(f"waited in vain: {what}")
        time.sleep(0.01)
