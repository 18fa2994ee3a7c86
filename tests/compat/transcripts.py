"""Compares what a real client library sees on a direct connection with what it sees through both
agents.

A drive is a program that puts a client library through its API and writes down each step: one JSON
line `{"topic", "do", "result"}` or `{"topic", "do", "error"}` on its stdout. It is run against a
fresh private Redis, then against another one through both agents (a policy that allows everything,
and the audit, on both sides), and the two transcripts must be the same. So must be what the two
Redis servers counted: calls of each command, refused and failed ones, errors by kind.

What a drive is told: the environment's REDWALL_DRIVE, a JSON object with "host", "port", "unix" (a
socket's path), "protocol", "topics" (a list, or null for all), and what its Variant adds. What it
may ask for: a line `{"ask": "restart"}` on its stdout has its Redis restarted; a line on its stdin
says that this is done. A line `{"about": "..."}` is shown to the reader.

A step that gives an error where its drive wants a result, or the other way round, says so with
`"unexpected": true`. On the direct connection that is a mistake of the drive.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from harness import Scene  # noqa: E402, needs the path
from processes import Failure, check_equal, shorten  # noqa: E402
from transcripts_nature import UNCOUNTED, comparable  # noqa: E402
from wire import Wire  # noqa: E402

ALLOW_ALL = {"version": 1, "default": "allow", "unknown": "allow", "rules": []}
DENIED = "getrange"  # what --self-check has refused; each drive calls it in its topic "strings"
DENY_ONE = {**ALLOW_ALL, "rules": [{"id": "self-check", "action": "deny", "commands": [DENIED]}]}
DRIVE_SECONDS = 300  # a drive that takes longer is stuck: a reply is missing

Variant = collections.namedtuple("Variant", "name command options environment")


class Drive:
    """One run of a drive: its process, and the steps it has told so far."""

    def __init__(self, variant, where, topics, redis):
        told = {**where, "topics": topics, **variant.options}
        environment = {**os.environ, **variant.environment, "REDWALL_DRIVE": json.dumps(told)}
        self.redis = redis
        self.steps = []
        self.counted = []
        self.about = ""
        self.popen = subprocess.Popen(
            variant.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )

    def run(self):
        """To its end. Returns the steps; Failure where it did not come to a good end."""
        said = []
        reader = threading.Thread(target=lambda: said.append(self.popen.stderr.read()))
        reader.start()
        watchdog = threading.Timer(DRIVE_SECONDS, self.kill)
        watchdog.start()
        try:
            for line in self.popen.stdout:
                entry = json.loads(line)
                if "ask" in entry:
                    self.answer(entry["ask"])
                elif "about" in entry:
                    self.about = entry["about"]
                else:
                    self.steps.append(entry)
            status = self.popen.wait()
        finally:
            watchdog.cancel()
            self.kill()
            self.popen.wait()
            reader.join()
        if status != 0:
            last = self.steps[-1]["do"] if self.steps else "nothing"
            text = said[0].decode("utf-8", "replace")[-3000:]
            raise Failure(f"the drive ended with {status} after {last!r}:\n{text}")
        self.counted.append(counted(self.redis))
        return self.steps

    def answer(self, ask):
        if ask != "restart":
            raise Failure(f"the drive asks for {ask!r}, which is not known here")
        self.counted.append(counted(self.redis))
        self.redis.stop()
        self.redis.start()
        self.popen.stdin.write(b"done\n")
        self.popen.stdin.flush()

    def kill(self):
        """It and what it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)


def counted(redis):
    """What a Redis has counted since it was started: a line for each command and kind of error."""
    with Wire(redis.address) as wire:
        text = wire.call("INFO", "commandstats", "errorstats").decode()
    lines = []
    for line in text.split("\r\n"):
        if line.startswith("errorstat_"):
            lines.append(line)
        found = re.match(
            r"cmdstat_([^:]+):(calls=\d+).*(rejected_calls=\d+,failed_calls=\d+)", line
        )
        if found and found.group(1) not in UNCOUNTED:
            lines.append(" ".join(found.groups()))
    return lines


def by_topic(steps):
    topics = collections.OrderedDict()
    for step in steps:
        topics.setdefault(step["topic"], []).append(step)
    return topics


def differences(direct, through):
    """Sentences on where two lists of steps differ, the first few."""
    found = []
    for expected, got in zip(direct, through):
        if comparable(expected) == comparable(got):
            continue
        what = f"{expected['do']}:" if expected["do"] == got["do"] else "another step:"
        found.append(
            f"{what}\n      direct   {shorten(comparable(expected))}"
            f"\n      through  {shorten(comparable(got))}"
        )
        if expected["do"] != got["do"] or len(found) == 5:
            break  # from here on nothing stands where it should
    if len(direct) != len(through):
        found.append(f"{len(direct)} steps direct, {len(through)} through both agents")
    return found


def one_run(scene, variant, topics, through, policy):
    """Runs the drive in a fresh place: (steps, counted, what it says about itself)."""
    name = "through" if through else "direct"
    socket = scene.path(f"{name}.sock")
    options = [] if through else ["--unixsocket", socket]
    redis = scene.redis(name, options=options)
    where = {"host": "127.0.0.1", "port": redis.port, "unix": socket, "protocol": 2}
    pair = None
    if through:
        pair = scene.pair(redis, policy=policy, client_policy=ALLOW_ALL, audit=True)
        scene.agent("client", "-s", f"unix:{socket}", "-t", pair.server_address, "-k", pair.key)
        where["port"] = int(pair.address.rpartition(":")[2])
    drive = Drive(variant, where, topics, redis)
    steps = drive.run()
    if pair is not None:
        pair.check_sound()
        if not pair.records("server"):
            raise Failure("the audit is empty: the drive did not go through the agents")
    scene.check_agents()
    redis.stop()
    return steps, drive.counted, drive.about


def both_runs(scene, variant, topics, policy=None):
    direct = one_run(scene, variant, topics, False, None)
    wrong = [step for step in direct[0] if step.get("unexpected")]
    if wrong:
        raise Failure(f"the drive itself is wrong, on a direct connection: {wrong[:5]}")
    if not direct[0]:
        raise Failure("the drive made no step; is there such a topic?")
    return direct, one_run(scene, variant, topics, True, policy or ALLOW_ALL)


def judge(variant, direct, through):
    """Prints a line for each topic; returns (passed, failed)."""
    failed = 0
    here, there = by_topic(direct[0]), by_topic(through[0])
    for topic in list(here) + [topic for topic in there if topic not in here]:
        found = differences(here.get(topic, []), there.get(topic, []))
        failed += bool(found)
        tell(variant, topic, f"{len(here.get(topic, []))} steps", found)
    found = []
    for before, after in zip(direct[1], through[1]):
        found += [f"direct   {line}" for line in before if line not in after]
        found += [f"through  {line}" for line in after if line not in before]
    failed += bool(found)
    names = {line.split()[0] for part in direct[1] for line in part if " " in line}
    tell(variant, "what Redis counted", f"{len(names)} commands", found)
    return len({*here, *there}) + 1 - failed, failed


def tell(variant, topic, size, found):
    if found:
        print(f"FAILED  {variant.name}, {topic}\n    " + "\n    ".join(found), flush=True)
    else:
        print(f"ok      {variant.name}, {topic} ({size})", flush=True)


def keep(folder, variant, direct, through):
    folder.mkdir(parents=True, exist_ok=True)
    for name, run in (("direct", direct), ("through", through)):
        path = folder / f"{variant.name.replace(' ', '-')}-{name}.jsonl"
        path.write_text("".join(comparable(step) + "\n" for step in run[0]), encoding="utf-8")


def compare(variant, options):
    """Both runs of a variant: (passed, failed)."""
    start = time.monotonic()
    with Scene(variant.name) as scene:
        try:
            direct, through = both_runs(scene, variant, options.topics or None)
            if options.keep:
                keep(options.keep, variant, direct, through)
            passed, failed = judge(variant, direct, through)
        except Failure as failure:
            print(f"FAILED  {variant.name}\n{failure}\n{scene.logs()}", flush=True)
            return 0, 1
    seconds = time.monotonic() - start
    size = f"{len(direct[0])} steps, {direct[2]} called"
    print(f"        {variant.name}: {size}, {seconds:.0f} s", flush=True)
    return passed, failed


def self_check(variant):
    """Refuses one command at the server agent: the comparison must find that, and nothing else."""
    with Scene(variant.name) as scene:
        try:
            direct, through = both_runs(scene, variant, ["strings"], DENY_ONE)
            here, there = direct[0], through[0]
            check_equal(len(there), len(here), "steps, with a command refused")
            pairs = [(a, b) for a, b in zip(here, there) if comparable(a) != comparable(b)]
            same = [step["do"] for step in here if DENIED in step["do"].lower()]
            check_equal([a["do"] for a, _ in pairs], same, "the steps that were found to differ")
            if not pairs or not all(
                f"redwall: '{DENIED}' is denied" in json.dumps(b) for _, b in pairs
            ):
                raise Failure(f"a refused {DENIED} was not found: {pairs}")
            if not differences(here, here[:-1]) or direct[1] == through[1]:
                raise Failure("a missing step, or what Redis counted, was not found")
        except Failure as failure:
            print(f"FAILED  {variant.name}, self-check\n{failure}\n{scene.logs()}", flush=True)
            return 0, 1
    print(f"ok      {variant.name}, self-check ({len(pairs)} differences found)", flush=True)
    return 1, 0


def parser(description):
    """The options that all comparing scripts share."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--self-check", action="store_true", help="can the comparison fail?")
    made.add_argument("--only", action="append", metavar="VARIANT", help="these variants")
    made.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="write the transcripts")
    made.add_argument("topics", nargs="*", metavar="TOPIC", help="these topics; all if left out")
    return made


def run(variants, options, skipped=0):
    """Runs the variants, prints the sums, returns the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    names = [variant.name for variant in variants]
    for name in options.only or []:
        if name not in names:
            print(f"no variant {name!r}; there are: {', '.join(names)}", file=sys.stderr)
            return 2
    passed = failed = 0
    for variant in variants:
        if options.only and variant.name not in options.only:
            continue
        result = self_check(variant) if options.self_check else compare(variant, options)
        passed, failed = passed + result[0], failed + result[1]
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed + skipped else 0
