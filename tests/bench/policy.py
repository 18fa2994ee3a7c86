#!/usr/bin/python3
"""What deciding on a GET costs with 10, 1,000 and 10,000 rules.

    tests/bench/policy.py [--runs N]

Builds tests/bench/policy_decide.cc and runs it N times (7 if not said), the sizes in turn; prints
the median of each in nanoseconds and its ratio to 10 rules. The numbers are the machine's; the
ratios are what counts.
"""

import json
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from bench_build import build, wanted_runs


def measure(program, runs):
    """{name: [nanoseconds of each run]}; CPU time, which others' work touches least."""
    times = {}
    for _ in range(runs):
        out = subprocess.run(
            [program, "--benchmark_format=json", "--benchmark_min_time=0.1"],
            check=True,
            capture_output=True,
        ).stdout
        for entry in json.loads(out)["benchmarks"]:
            if entry.get("error_occurred"):
                sys.exit(f"policy.py: {entry['name']}: {entry['error_message']}")
            times.setdefault(entry["name"], []).append(entry["cpu_time"])
    return times


def main():
    runs = wanted_runs(__doc__)
    (program,) = build("policy_decide")
    times = measure(program, runs)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"{'':24}{'ns':>8}  to 10 rules")
    for name, median in medians.items():
        base = medians.get(name.split("/")[0] + "/10", median)
        print(f"{name:24}{median:8.1f}  {median / base:.2f}")


if __name__ == "__main__":
    main()
