#!/usr/bin/python3
"""hiredis's own tests: does each one come out through both agents as on a direct connection?

    tests/compat/hiredis_suite.py [--skip-throughput]

Builds test.c of Debian's source package of hiredis (fetched to build/compat/) with the installed
libhiredis, and runs it over TCP and over a unix socket: straight to a private Redis, and through a
client agent and a server agent with a policy that allows all and an audit at both. A test that
passes directly and doesn't through the agents is a difference; it counts when it is one twice in
three more runs (some of hiredis's tests give a reply 10 ms to come). The binary is
build/release/bin/redwall, or the one that REDWALL_BIN names. What the tests said stays in
build/compat/hiredis-results/. Exit status: 0 no difference, 1 a difference, 2 bad usage.
"""

import argparse
import re
import subprocess
import sys
import time

import foreign  # first: it finds tests/support

SECONDS = 300  # until a run is taken for one that never ends; it takes 8 or so
CONCLUSION = re.compile(r"^(ALL TESTS PASSED|\*\*\* \d+ TESTS FAILED \*\*\*)$", re.M)


def build():
    """The test program; it is built once for each version."""
    folder = foreign.source("hiredis", "libhiredis-dev")
    program = folder / "redwall-hiredis-test"
    # test.c looks at hiredis's headers in its own folder; the library is the one that is installed.
    command = ["gcc", "-std=gnu99", "-O1", "-o", program, folder / "test.c", "-lhiredis"]
    foreign.run_or_exit("building hiredis's test.c", command)
    return program


def parse(text):
    """[(name, verdict)] in the order of the tests. The name says over what kind of connection; the
    verdict is "passed", "failed", or "ran" for what hiredis gives no verdict on.
    """
    results, over = [], "offline"
    for piece in re.split(r"^(?=Testing against )|(?=#\d+ )", text, flags=re.M):
        section = re.match(r"Testing against (TCP|Unix|inherited fd)", piece)
        if section:
            over = section.group(1)
        test = re.match(r"#\d+ (.+?): *(?:\n|$|(?:\033\[[\d;]+m)?(PASSED|FAILED)?)", piece)
        if test:
            results.append((f"{over}: {test.group(1)}", (test.group(2) or "ran").lower()))
    return results


def run(program, port, socket_path, log, options):
    """Runs the tests once; returns what parse() says, and how it ended as a last test."""
    # Unbuffered, so that what was said before a failed assert() isn't lost.
    command = ["stdbuf", "-o0", program, "-h", "127.0.0.1", "-p", port, "-s", socket_path, *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    start, late = time.monotonic(), ""
    with foreign.group(command, **pipes) as popen:
        try:
            out = popen.communicate(timeout=SECONDS)[0]
        except subprocess.TimeoutExpired:
            popen.kill()
            out, late = popen.communicate()[0], f"\nended after {SECONDS} seconds\n"
    text = out.decode("utf-8", "replace") + late
    log.write_text(text, "utf-8")
    results = parse(text)
    results.append(("runs to its end", "passed" if CONCLUSION.search(text) else "failed"))
    return results, time.monotonic() - start


def both_sides(program, folder, attempt, options):
    """Runs the tests directly and through the agents, each on a Redis of its own: the results and
    seconds of each side."""
    sides = {}
    for side in ("direct", "through"):
        with foreign.harness.Scene(side) as scene:
            redis = scene.redis(options=["--unixsocket", scene.path("redis.sock")])
            port, path, pair = redis.port, scene.path("redis.sock"), None
            if side == "through":
                pair = foreign.pair(scene, redis, "unix:front.sock")
                port, path = pair.address.rpartition(":")[2], scene.path("front.sock")
            log = folder / f"{side}-{attempt}.log"
            sides[side] = run(program, port, path, log, options)
            if pair:
                pair.check_sound()
                foreign.check_audited(pair)
    return sides


def differences(sides):
    """Names of tests that pass directly and don't through the agents, or that only one side has."""
    (direct, _), (through, _) = sides["direct"], sides["through"]
    theirs = {}
    for name, verdict in through:  # a name stands for one test of each kind of connection
        theirs[name] = verdict
    return [name for name, verdict in direct if verdict != "failed" and theirs.get(name) != verdict]


def tell(side, results, seconds):
    counts = {v: sum(verdict == v for _, verdict in results) for v in ("passed", "failed", "ran")}
    print(
        f"{side:8} {counts['passed']} passed, {counts['failed']} failed, "
        f"{counts['ran']} without a verdict of hiredis's ({seconds:.0f} s)",
        flush=True,
    )


def confirmed(program, folder, options, suspects):
    """Those of the suspects that are a difference in at least two of three more runs."""
    print(f"differ, so all is run three times more: {'; '.join(suspects)}", flush=True)
    again = [differences(both_sides(program, folder, n, options)) for n in (2, 3, 4)]
    return [name for name in suspects if sum(name in found for found in again) >= 2]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--skip-throughput", action="store_true", help="hiredis's own option: no pipelines"
    )
    given = parser.parse_args()
    options = ["--skip-throughput"] if given.skip_throughput else []
    foreign.end_cleanly()
    foreign.install("redis", "test", "compat")
    program, folder = build(), foreign.results_folder("hiredis")
    sides = both_sides(program, folder, 1, options)
    for side, (results, seconds) in sides.items():
        tell(side, results, seconds)
    suspects = differences(sides)
    different = confirmed(program, folder, options, suspects) if suspects else []
    for name in suspects:
        print(f"FAILED  {name}" if name in different else f"unsteady: {name}")
    for name, verdict in sides["direct"][0]:
        if verdict == "failed":
            print(f"fails directly, so says nothing about redwall: {name}")
    passed = [name for name, verdict in sides["direct"][0] if verdict != "failed"]
    print(f"{len(passed) - len(different)} passed, {len(different)} failed")
    sys.exit(1 if different or not passed else 0)


if __name__ == "__main__":
    main()
