#!/usr/bin/python3
"""Redis's own test suite: does each test come out through both agents as on a direct connection?

    tests/compat/redis_suite.py [--quick] [--only UNIT]... [--singledb] [--list-skipped]
                                [--cluster one|three] [--upstream shared] [--direct-only]

Fetches Debian's source package of the installed redis-server (to build/compat/) and runs its suite
in external-server mode twice at the same time, each on a private Redis of its own: straight to it,
and through a client agent and a server agent with a policy that allows all and an audit at both.
Then both are compared, test by test. A test that passes directly and doesn't through the agents is
a difference; it counts when it is one in two of three more runs of its unit, for a few tests look
at clocks. What external mode leaves out is listed; nothing else is left out, but for what --quick
says. The whole logs stay in build/compat/redis-results/ (redis-quick-results/ and so on). The
binary is build/release/bin/redwall, or the one that REDWALL_BIN names. Exit status: 0 no
difference, 1 a difference, 2 bad usage.

With --cluster the suite runs in its own cluster mode, as Redis's CI runs it: directly on a node
that has all slots, and through the single endpoint of a cluster of one such node, or of three
masters that share the slots. There some tests ask for what several nodes can't do as one. They are
shown with the reason (cluster_differences.py), and docs/cluster.md has the list; any other
difference counts.

With --upstream shared the route's clients share connections to Redis until they need their own. As
the suite begins with SELECT 9, that goes with --singledb.

Two things are not as the suite has them. It asks for the pid of the server in a few tests, and
knows none in external mode: this script tells it. And its src/ holds the installed programs.
"""

import argparse
import collections
import contextlib
import os
import re
import shutil
import subprocess
import sys
import time

import foreign  # first: it finds tests/support
import cluster_differences
from cluster import Cluster
from harness import Scene
from processes import Failure, free_port
from route_pair import single_pair

SIDES = ("direct", "through")
HANGS = 600  # seconds without a word from the suite until it takes a test for one that hangs
PROGRAMS = ("redis-server", "redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb")
REDIS_OPTIONS = ("--enable-module-command", "yes", "--enable-protected-configs", "yes")

# Left out by --quick beside what the suite tags as slow: many seconds of waiting or of random data.
SLOW_UNITS = (
    "unit/dump",
    "unit/scan",
    "unit/sort",
    "unit/expire",
    "unit/latency-monitor",
    "unit/geo",
    "unit/hyperloglog",
    "unit/type/list-3",
    "unit/type/stream",
    "integration/redis-cli",
)

# (unit, test): why no gateway of two hops can pass it. Still run, and shown; never counted.
CANNOT_PASS = {}

COLOUR = re.compile(r"\033\[[\d;]*m")
EVENT = re.compile(r"^(?:\[(ok|err|ignore|skip|exception|TIMEOUT)\]: |Testing (\w+/\S+)$)", re.M)
DONE = re.compile(r"^\[(\d+)/(\d+) done\]: (\S+) \((\d+) seconds\)$", re.M)
END_OF_EVENT = re.compile(r"^\[\d+/\d+ done\]: |^\n +The End$", re.M)
DEFINITION = re.compile(r'^[ \t]*test[ \t]+(?:"((?:[^"\\\n]|\\.)*)"|\{([^}\n]*)\})', re.M)
IGNORED = re.compile(r"(?:(.*): )?(Tag: .*|Not supported .*|large memory .*)")
WHOLE = ("", "the suite runs to its end", 1)


class Results:
    """What one run of the suite said. `tests`: (unit, name, nth of this name) to "ok" or "err",
    `texts`: the same to an error's text; `ignored`: (unit, name or "", reason).
    """

    def __init__(self, log):
        log = COLOUR.sub("", log)
        self.tests, self.texts, self.ignored = {}, {}, []
        self.done = [(unit, int(seconds)) for _, _, unit, seconds in DONE.findall(log)]
        self._times = collections.Counter()
        unit, marks = "", list(EVENT.finditer(log))
        for mark, after in zip(marks, [*marks[1:], None]):
            said = END_OF_EVENT.split(log[mark.end() : after.start() if after else len(log)])[0]
            kind, unit = mark.group(1), mark.group(2) or unit
            if kind:
                self._note(kind, unit, said.strip())
        finished = "\n                   The End\n" in log and "[TIMEOUT]" not in log
        self.tests[WHOLE] = "ok" if finished else "err"
        if not finished:
            self.texts[WHOLE] = f"it ended early; its last words:\n{log[-1500:]}"

    def _note(self, kind, unit, said):
        first = said.partition("\n")[0]
        if kind == "ok":
            self._add(unit, re.sub(r" \(\d+ ms\)$", "", first), "ok", "")
        elif kind == "err":
            self._add(unit, re.sub(r" in tests/\S+\.tcl$", "", first), "err", said)
        elif kind in ("exception", "TIMEOUT"):
            self._add(unit, f"({kind} outside of a test)", "err", said)
        else:
            match = IGNORED.fullmatch(first)
            name, reason = match.groups() if match else ("", first)
            self.ignored.append((unit, name or "", reason))

    def _add(self, unit, name, verdict, text):
        self._times[unit, name] += 1
        key = (unit, name, self._times[unit, name])
        self.tests[key] = verdict
        if text:
            self.texts[key] = text

    def count(self, verdict):
        return sum(found == verdict for key, found in self.tests.items() if key != WHOLE)


class Side:
    """One run of the suite against one address; a context manager that ends all that it started.
    `cluster`: how many masters the cluster behind the agents has; 0: there is none. `upstream`: as
    the route has it.
    """

    def __init__(self, name, source, log, options, cluster, upstream):
        self.name, self.source, self.log, self.options = name, source, log, options
        self.cluster, self.upstream = cluster, upstream
        self.stack = contextlib.ExitStack()
        self.popen = self.agents = self.seconds = None
        self.start = time.monotonic()

    def open(self, scene):
        """(the Redis whose pid the suite is told, the address that it is given)"""
        if self.cluster:
            return self.open_cluster(scene)
        redis = scene.redis(options=REDIS_OPTIONS)
        if self.name == "direct":
            return redis, redis.address
        self.agents = foreign.pair(scene, redis, upstream=self.upstream)
        return redis, self.agents.address

    def open_cluster(self, scene):
        masters = 1 if self.name == "direct" else self.cluster
        cluster = Cluster(scene, masters=masters, replicas=0, options=REDIS_OPTIONS)
        if self.name == "direct":
            return cluster.nodes[0], cluster.addresses[0]
        self.agents = single_pair(scene, cluster, audit=True, policy=foreign.ALLOW_ALL)
        return cluster.nodes[0], self.agents.fronts[0]

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            scene = stack.enter_context(Scene(self.name))
            redis, address = self.open(scene)
            folder = lay_out(self.source, scene.folder / "suite")
            host, port = address.rsplit(":", 1)
            args = ["./runtest", "--host", host, "--port", port, "--baseport", free_port()]
            args += ["--durable", "--timeout", HANGS, *self.options]
            out = stack.enter_context(open(self.log, "wb"))
            environment = {**os.environ, "REDIS_PID": str(redis.process.pid)}
            self.popen = stack.enter_context(
                foreign.group(
                    args, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT
                )
            )
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def over(self):
        if self.seconds is None and self.popen.poll() is not None:
            self.seconds = time.monotonic() - self.start
        return self.seconds is not None

    def results(self):
        return Results(self.log.read_text("utf-8", "replace"))


def lay_out(source, folder):
    """A suite that can be run in `folder`: the source's files as links, a copy of tests/, where the
    suite writes, and the installed programs in src/.
    """
    (folder / "src").mkdir(parents=True)
    for path in [*source.iterdir(), *(source / "src").iterdir()]:
        if path.name not in ("src", "tests", *PROGRAMS):
            (folder / path.relative_to(source)).symlink_to(path)
    for name in PROGRAMS:
        (folder / "src" / name).symlink_to(shutil.which(name) or f"/usr/bin/{name}")
    shutil.copytree(source / "tests", folder / "tests", symlinks=True)
    server = folder / "tests/support/server.tcl"
    port = '    dict set srv "port" $::port\n'
    text = server.read_text("utf-8")
    if text.count(port) != 1:
        raise SystemExit(f"redis_suite.py: {server} is not as expected: no place for the pid")
    server.write_text(text.replace(port, port + '    dict set srv "pid" $::env(REDIS_PID)\n'))
    return folder


class Suite:
    """What is run: the suite's source, the folder for its logs, the masters of the cluster (0: no
    cluster), the sides, and how clients reach the Redis behind the agents.
    """

    def __init__(self, source, folder, cluster, sides=SIDES, upstream="dedicated"):
        self.source, self.folder, self.cluster, self.sides = source, folder, cluster, sides
        self.upstream = upstream


def run(suite, label, options):
    """Runs the suite on both sides at once; returns {side: Results} and {side: seconds}."""
    with contextlib.ExitStack() as stack:
        sides = [
            stack.enter_context(
                Side(
                    name,
                    suite.source,
                    suite.folder / f"{name}-{label}.log",
                    options,
                    suite.cluster,
                    suite.upstream,
                )
            )
            for name in suite.sides
        ]
        while not all([side.over() for side in sides]):  # a list: each one's time is to be taken
            time.sleep(0.1)
            for side in sides:
                if side.agents:
                    side.agents.check_sound()
        for side in sides:
            if side.agents:
                foreign.check_audited(side.agents)
        return {s.name: s.results() for s in sides}, {s.name: s.seconds for s in sides}


def suspects(results):
    """The tests that pass directly and don't through the agents."""
    direct, through = results["direct"].tests, results["through"].tests
    return [key for key, verdict in direct.items() if verdict == "ok" != through.get(key)]


def confirmed(suite, options, found):
    """Those of the tests that differ in at least two of three more runs of their units."""
    units = list(dict.fromkeys(unit for unit, _, _ in found if unit))
    print(f"  {len(found)} tests differ; running their units three times more: {' '.join(units)}")
    alone = [*options, *[part for unit in units for part in ("--single", unit)]]
    times = collections.Counter()
    for label in ("again1", "again2", "again3"):
        results, _ = run(suite, label, alone)
        times.update(suspects(results))
    return [key for key in found if times[key] >= 2]


def pattern(match):
    """A test's name as the unit has it, as a regular expression of what the suite calls it."""
    quoted, braced = match.groups()
    if quoted is None:
        return re.escape(braced)
    parts = re.split(r"\$\{?[\w:]+\}?(?:\([^)]*\))?|\[[^\]]*\]", quoted)
    return ".*".join(re.escape(re.sub(r"\\(.)", r"\1", part)) for part in parts)


def not_run(source, results, units):
    """{unit: [number of tests in it, {name: reason} of those that were not run]}. Where the suite
    leaves out a block it doesn't say what is in it: what a unit's file has and nobody heard of.
    """
    ran, missing = collections.defaultdict(set), {}
    for unit, name, _ in results.tests:
        ran[unit].add(name)
    for unit in units:
        reasons = {name: why for where, name, why in results.ignored if where == unit and name}
        blocks = {why for where, name, why in results.ignored if where == unit and not name}
        known = ran[unit] | set(reasons)
        text = (source / "tests" / f"{unit}.tcl").read_text("utf-8", "replace")
        for match in DEFINITION.finditer(text):
            name = pattern(match)
            if not any(re.fullmatch(name, other) for other in known):
                why = ", ".join(sorted(blocks)) or "a condition in the unit"
                reasons[match.group(1) or match.group(2)] = why
        missing[unit] = [len(ran[unit]) + len(reasons), reasons]
    return missing


def tell_not_run(source, results, units, in_full):
    """Prints what external mode leaves out: a line a unit, or a line a test."""
    missing = not_run(source, results, units)
    total = sum(len(reasons) for _, reasons in missing.values())
    print(f"left out by the suite itself in this mode, on both sides alike ({total} tests):")
    for unit, (count, reasons) in missing.items():
        if not reasons:
            continue
        by_reason = collections.Counter(reasons.values())
        said = "; ".join(f"{n}: {why}" for why, n in by_reason.items())
        print(f"  {unit}: {len(reasons)} of {count} ({said})")
        if in_full:
            for name, why in reasons.items():
                print(f"    {name}: {why}")


def tell_results(results, seconds, units):
    for side, found in results.items():
        print(
            f"{side:8} {found.count('ok')} ok, {found.count('err')} err, "
            f"{len(found.done)} of {len(units)} units, {seconds[side]:.0f} s",
            flush=True,
        )
    directly, through = results["direct"], results.get("through")
    for key, verdict in directly.tests.items():
        if verdict == "err":
            print(f"fails directly, so it says nothing about redwall: {key[0]} / {key[1]}")
            print(f"    {directly.texts.get(key, '')[:500]}")
            if through and through.texts.get(key) != directly.texts.get(key):
                print(f"    through the agents: {through.texts.get(key, 'passes')[:500]}")
    only = through.tests.keys() - directly.tests.keys() if through else ()
    for unit, name, _ in sorted(only):
        print(f"only run through the agents: {unit} / {name}")


def compare(suite, options, units, in_full):
    """Runs all, tells all; returns (passed, failed)."""
    results, seconds = run(suite, "first", options)
    tell_results(results, seconds, units)
    tell_not_run(suite.source, results["direct"], units, in_full)
    found = suspects(results) if "through" in results else []
    texts = results["through"].texts if found else {}
    excused = {
        key: CANNOT_PASS.get(key[:2])
        or cluster_differences.reason(suite.cluster, key, texts.get(key, ""))
        for key in found
    }
    excused = {key: why for key, why in excused.items() if why}
    found = [key for key in found if key not in excused]
    shared = [part for part in options if part not in units and part != "--single"]
    different = confirmed(suite, shared, found) if found else []
    for key, why in excused.items():
        print(f"can't pass through the agents: {key[0]} / {key[1]}: {why}")
    for key in found:
        text = texts.get(key, "it wasn't run")
        label = "FAILED  " if key in different else "unsteady: "
        print(f"{label}{key[0]} / {key[1]}\n    {text[:500]}")
    good = sum(verdict == "ok" for verdict in results["direct"].tests.values())
    failed = len(different) + (results["direct"].tests[WHOLE] == "err")
    return good - len(different) - len(excused), failed


def choose(parser, given, source):
    """The suite's units, those to be run, and the suite's options that choose them."""
    text = (source / "tests/test_helper.tcl").read_text("utf-8")
    every = re.search(r"set ::all_tests \{([^}]*)\}", text).group(1).split()
    for unit in given.only:
        if unit not in every:
            parser.error(f"--only {unit}: there is no such unit; there are {', '.join(every)}")
    units = given.only or [u for u in every if not (given.quick and u in SLOW_UNITS)]
    if given.cluster and not given.only:
        for unit, why in cluster_differences.UNITS.items():
            print(f"left out, on both sides: {unit}: {why}")
        units = [unit for unit in units if unit not in cluster_differences.UNITS]
    options = ["--tags", "-slow"] if given.quick else []
    options += ["--singledb"] if given.singledb else []
    options += ["--cluster-mode"] if given.cluster else []
    if given.cluster == "three":
        for test, why in cluster_differences.SKIPPED.items():
            print(f"left out, on both sides: {test}: {why}")
            options += ["--skiptest", test]
    if units != every:
        options += [part for unit in units for part in ("--single", unit)]
    return units, options


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"without what the suite tags as slow, and without {', '.join(SLOW_UNITS)}",
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="UNIT", help="may be repeated"
    )
    parser.add_argument("--singledb", action="store_true", help="the suite's own: without SELECT")
    parser.add_argument(
        "--list-skipped", action="store_true", help="name each test that external mode leaves out"
    )
    parser.add_argument(
        "--cluster", choices=cluster_differences.MASTERS, help="in the suite's cluster mode"
    )
    parser.add_argument("--upstream", choices=("dedicated", "shared"), default="dedicated")
    parser.add_argument("--direct-only", action="store_true", help="without agents: the baseline")
    given = parser.parse_args()
    foreign.end_cleanly()
    foreign.install("redis", "test", "compat")
    source = foreign.source("redis", "redis-server")
    units, options = choose(parser, given, source)
    print(f"the test suite of {source.name}, {len(units)} units", flush=True)
    try:
        modes = [mode for mode in ("quick", "singledb", "only", "cluster") if getattr(given, mode)]
        modes += ["shared"] * (given.upstream == "shared")
        folder = foreign.results_folder("-".join(["redis", *modes]))
        sides = SIDES[:1] if given.direct_only else SIDES
        suite = Suite(
            source, folder, cluster_differences.MASTERS.get(given.cluster, 0), sides, given.upstream
        )
        passed, failed = compare(suite, options, units, given.list_skipped)
    except Failure as failure:
        print(f"FAILED  {failure}")
        passed, failed = 0, 1
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
