#!/usr/bin/python3
"""redwall beside its peers: throughput, latency, CPU time and memory, each to each on one machine.

    peers.py [--quick] [--rounds N] [--seconds S] [--only WORKLOAD ...] [--sides A,B,...]
             [--out DIR | --write]

Starts, for each workload anew, one private Redis and, in front of it, two plain TCP forwarders in a
row, redwall's two agents (default policy, audit of all commands at both), spiped, stunnel and
haproxy with TLS and certificates at both ends; and Redis's own TLS. All of them are driven in turn,
a round after the other, by redis-benchmark (pub/sub and 1,000 clients: by drivers of our own).
Printed are medians, and medians of ratios of the same round; the last table compares them with the
project's goals. Without --out (a folder) or --write (docs/) nothing else is left behind. What is
missing is installed and built first; redwall, too, unless REDWALL_BIN names one.

Exit status 0 unless something broke: figures are not judged. docs/benchmarks.md tells the rest.
"""

import argparse
import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import resource
import shlex
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

# pylint: disable=wrong-import-position
import peers_plots
import peers_report
import peers_sides
import peers_workloads
from bench_build import build
from harness import Scene
from peers_certificates import Certificates
from processes import Failure, binary

DOCUMENT = ROOT / "docs/benchmarks.md"


def say(line):
    print(line, file=sys.stderr, flush=True)


class Comparison:
    """Runs workloads; `results` is {workload: {side: [Figures of each round]}}."""

    def __init__(self, options, programs):
        self.options, self.programs = options, programs
        self.workloads = peers_workloads.workloads(programs)
        self.results, self.broken = {}, []

    def run(self, name):
        """One workload, by processes of its own, so that none pays for what was before."""
        with Scene("peers") as scene:
            certificates = Certificates(scene)
            redis = peers_sides.start_redis(scene, certificates)
            admin = scene.client(redis.address)
            starts = peers_sides.sides(self.programs["forwarder"])
            sides = {}
            for side in self.options.sides:
                sides[side] = starts[side](scene, redis, certificates)
                peers_sides.check_works(scene, redis, side, sides[side])
            self.workloads[name].fill(admin)
            rounds = self._rounds(name, sides, redis, admin)
        if rounds:
            self.results[name] = rounds

    def _rounds(self, name, sides, redis, admin):
        """{side: [Figures of each round]}. A side that breaks is left out of this workload."""
        workload, rounds, counts = self.workloads[name], {}, {}
        for side in sides:
            with self._noting_failures(name, side):
                counts[side] = peers_workloads.count_for(
                    workload, sides[side], redis, admin, self.options.seconds
                )
                rounds[side] = []
        for number in range(self.options.rounds):
            for side in list(rounds):
                with self._noting_failures(name, side, rounds):
                    figures = peers_workloads.run(workload, sides[side], redis, admin, counts[side])
                    rounds[side].append(figures)
                    say(f"{name:9} round {number + 1}: {side:14} {figures.rate:12,.0f} a second")
        return rounds

    @contextlib.contextmanager
    def _noting_failures(self, name, side, rounds=None):
        try:
            yield
        except (Failure, ValueError) as failure:
            self.broken.append(f"{name}, {side}: {failure}")
            say(f"BROKEN  {self.broken[-1]}")
            if rounds is not None:
                del rounds[side]


def about(options):
    """{what: text} that whoever reads figures has to know."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    version = subprocess.run(
        [binary(), "--version"], capture_output=True, text=True, check=False
    ).stdout.strip()
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "taken": f"{now:%Y-%m-%d %H:%M} UTC",
        "command": shlex.join(["tests/bench/peers.py", *sys.argv[1:]]),
        "rounds": f"{options.rounds}, about {options.seconds:g} s for each run",
        "processors": f"{os.cpu_count()} x {models[0] if models else platform.machine()}",
        "load before": f"{os.getloadavg()[0]:.2f} (average of a minute)",
        "system": f"{platform.system()} {platform.release()}",
        "redwall": version,
        **peers_sides.versions(),
    }


def as_json(comparison, facts, titles):
    return {
        "about": facts,
        "units": "commands a second; milliseconds; microseconds a command; MiB",
        "workloads": {
            name: {
                "title": titles[name],
                "sides": {s: [dataclasses.asdict(f) for f in r] for s, r in rounds.items()},
            }
            for name, rounds in comparison.results.items()
        },
        "broken": comparison.broken,
    }


def publish(comparison, facts, options):
    """Prints; writes files where it was asked for."""
    titles = {name: workload.title for name, workload in comparison.workloads.items()}
    redwalls = [
        side
        for side in peers_report.sides_of(comparison.results)
        if side.startswith(peers_sides.REDWALL)
    ]
    parts = peers_report.sections(comparison.results, titles, redwalls)
    print("\n".join(f"{what}: {text}" for what, text in facts.items()))
    print(f"\n{peers_report.as_text(parts)}")
    folder = ROOT / "docs/benchmarks" if options.write else options.out
    if folder is None:
        return
    plots = peers_plots.plots(comparison.results)
    for name, text in plots.items():
        peers_report.write(folder / name, text)
    data = as_json(comparison, facts, titles)
    peers_report.write(folder / "peers.json", json.dumps(data, indent=1) + "\n")
    shown = {name: title for name, title in peers_plots.titles().items() if name in plots}
    if options.write:
        figures = peers_report.as_markdown(parts, facts, shown, "benchmarks/")
        document = peers_report.replace_figures(DOCUMENT.read_text("utf-8"), figures)
        peers_report.write(DOCUMENT, document)
    else:
        figures = peers_report.as_markdown(parts, facts, shown, "")
        peers_report.write(folder / "benchmarks.md", figures + "\n")


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, help="of each workload (5; with --quick 2)")
    parser.add_argument("--seconds", type=float, help="of each run, about (2; with --quick 0.5)")
    parser.add_argument("--quick", action="store_true", help="shorter, and less certain")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=peers_workloads.NAMES,
        default=peers_workloads.NAMES,
        metavar="WORKLOAD",
        help=", ".join(peers_workloads.NAMES),
    )
    parser.add_argument("--sides", default=",".join(peers_sides.NAMES), help="all: %(default)s")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--out", type=pathlib.Path, metavar="DIR", help="write figures, plots, JSON")
    where.add_argument("--write", action="store_true", help="the same, to docs/")
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = 2 if options.quick else 5
    if options.seconds is None:
        options.seconds = 0.5 if options.quick else 2
    options.sides = options.sides.split(",")
    for side in options.sides:
        if side not in peers_sides.NAMES:
            parser.error(f"--sides: {side!r} is none of {', '.join(peers_sides.NAMES)}")
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds, --seconds: more than 0")
    return options


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    targets = ["forwarder", *peers_workloads.PROGRAMS]
    if "REDWALL_BIN" not in os.environ:
        targets.append("redwall")
    programs = dict(zip(targets, build(*targets)))
    if "redwall" in programs:
        os.environ["REDWALL_BIN"] = str(programs["redwall"])
    facts = about(options)
    comparison = Comparison(options, programs)
    start = time.monotonic()
    try:
        for name in options.only:
            comparison.run(name)
    except KeyboardInterrupt:
        return 130
    except Failure as failure:
        say(f"peers.py: {failure}")
        return 1
    publish(comparison, facts, options)
    print(f"\n{len(comparison.broken)} broken, in {time.monotonic() - start:.0f} s")
    return 1 if comparison.broken else 0


if __name__ == "__main__":
    sys.exit(main())
