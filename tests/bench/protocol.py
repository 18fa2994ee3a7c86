#!/usr/bin/python3
"""What finding commands and replies costs, beside hiredis's reader on the same bytes.

    tests/bench/protocol.py [--runs N]

Builds tests/bench/protocol.cc and runs it N times (7 if not said). Prints medians, of CPU time:
nanoseconds a command (a SET of 100 bytes), gigabytes a second of replies (1 KB each), and how many
times faster redwall is than hiredis's reader, once as it is used and once without building
replies; the latter ratios are of the same run.
"""

import json
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from bench_build import build, wanted_runs

READERS = {"Hiredis": "hiredis", "HiredisBare": "hiredis, no replies built"}


def measure(program):
    """{name: (items a second, bytes a second)} of one run."""
    out = subprocess.run(
        [program, "--benchmark_format=json", "--benchmark_min_time=0.1"],
        check=True,
        capture_output=True,
    ).stdout
    found = {}
    for entry in json.loads(out)["benchmarks"]:
        if entry.get("error_occurred"):
            sys.exit(f"protocol.py: {entry['name']}: {entry['error_message']}")
        found[entry["name"]] = entry["items_per_second"], entry["bytes_per_second"]
    return found


def print_figures(runs):
    print(f"{'':34}{'ns each':>9}{'GB/s':>8}   redwall's speed to it")
    for what in ("Commands", "Replies"):
        for reader, title in {"Redwall": "redwall", **READERS}.items():
            items, size = (
                statistics.median(run[f"{what}By{reader}"][column] for run in runs)
                for column in (0, 1)
            )
            ratio = statistics.median(
                run[f"{what}ByRedwall"][0] / run[f"{what}By{reader}"][0] for run in runs
            )
            name = f"{what.lower()} by {title}"
            print(f"{name:34}{1e9 / items:9.1f}{size / 1e9:8.2f}   {ratio:.2f}")


def main():
    runs = wanted_runs(__doc__)
    (program,) = build("protocol")
    print_figures([measure(program) for _ in range(runs)])


if __name__ == "__main__":
    main()
