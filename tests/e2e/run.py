#!/usr/bin/python3
"""Runs the end-to-end scenarios: all of them, or those whose number or name is given.

    tests/e2e/run.py [-j JOBS] [--timeout SECONDS] [NAME...]

Each scenario is a process of its own in a process group of its own, so that nothing of it can
outlive it. A line for each, what it said where it failed, and at the end `N passed, N failed`,
counted in test functions. The binary is build/release/bin/redwall, or the one that REDWALL_BIN
names.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

FOLDER = pathlib.Path(__file__).resolve().parent
RUNNING = set()
LOCK = threading.Lock()


def scenarios(names):
    """The files of the scenarios, in order. Names may be numbers, names, or paths."""
    every = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
    if not names:
        return every
    chosen = []
    for name in names:
        found = [
            path
            for path in every
            if path.stem == pathlib.Path(name).stem or name in (path.stem[:2], path.stem[3:])
        ]
        if not found:
            sys.exit(
                f"run.py: there is no scenario {name}; there are {', '.join(p.stem for p in every)}"
            )
        chosen += [path for path in found if path not in chosen]
    return chosen


def end_group(popen):
    """Whatever is left of the scenario's processes."""
    try:
        os.killpg(popen.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run(path, seconds):
    """(passed, failed, what it said)"""
    popen = subprocess.Popen(
        [sys.executable, "-B", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    with LOCK:
        RUNNING.add(popen)
    try:
        out, late = popen.communicate(timeout=seconds)[0], ""
    except subprocess.TimeoutExpired:
        popen.terminate()  # it cleans up after itself
        late = f"\nended after {seconds} seconds\n"
        try:
            out = popen.communicate(timeout=20)[0]
        except subprocess.TimeoutExpired:
            end_group(popen)
            out = popen.communicate()[0]
    finally:
        end_group(popen)
        with LOCK:
            RUNNING.discard(popen)
    text = out.decode("utf-8", "replace") + late
    counts = re.search(r"^(\d+) passed, (\d+) failed$", text, re.M)
    passed, failed = map(int, counts.groups()) if counts else (0, 1)
    if not counts:
        passed = len(re.findall(r"^  ok ", text, re.M))
    elif popen.returncode and not failed:
        failed = 1
    return passed, failed, text


def report(path, passed, failed, text, seconds):
    name = path.stem.replace("_", " ")
    if failed:
        print(f"FAILED  {name} ({passed} passed, {failed} failed)\n{text.rstrip()}", flush=True)
    else:
        print(f"ok      {name} ({passed}, {seconds:.0f} s)", flush=True)


def stop_all(*_):
    with LOCK:
        for popen in RUNNING:
            popen.terminate()
    sys.exit(130)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-j", "--jobs", type=int, default=1, help="how many at a time")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for one scenario")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a number, a name, or a file")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, stop_all)

    def one(path):
        start = time.monotonic()
        result = run(path, options.timeout)
        with LOCK:
            report(path, *result, time.monotonic() - start)
        return result

    with concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool:
        try:
            results = list(pool.map(one, scenarios(options.names)))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            stop_all()
    passed, failed = (sum(result[i] for result in results) for i in (0, 1))
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
