#!/usr/bin/python3
"""Clients that write while sentinels replace the master they write to, directly and through both
agents: how soon are they back, and what is lost of what was acknowledged?

    tests/compat/sentinel_clients.py [--direct-only] [--quick] [--run RUN]...

Two runs: `fail-over` has the sentinels replace a master that is alive, `kill` kills it. Three ways:
redis-py's own Sentinel client straight to sentinels and servers, which is the baseline; the same
through a listener of the client agent; and an ordinary client with retries that knows nothing but
the listener. Redis itself may lose what a master acknowledged last, on any way. What must never be:
a number that nobody wrote, a client that doesn't come back, or an error when all is well again. The
binary is build/release/bin/redwall, or the one that REDWALL_BIN names. Exit status: 0 all well, 1
not, 2 bad usage.
"""

import argparse
import sys
import time

import foreign  # first: it finds tests/support
from drives import writers
from harness import Scene
from processes import Failure, check, check_equal, wait_until
from route_pair import RoutePair, node_ports
from sentinels import Sentinels

RUNS = ("fail-over", "kill")
WAYS = ("direct", "ordinary", "sentinel")


def through(scene, watched):
    """Both agents in front of what the sentinels watch: a listener for the master, and one that is
    a sentinel to its clients."""
    routes = {"sessions": {"sentinel": watched.addresses, "master": watched.name}}
    sentinel = {"route": "sessions", "role": "sentinel", "node_ports": node_ports()}
    return RoutePair(
        scene, routes, [{"route": "sessions"}, sentinel], audit=True, policy=foreign.ALLOW_ALL
    )


def switched(watched, old):
    """Waits until the first sentinel names another master; the moment on the monotonic clock."""
    wait_until(lambda: watched.master_addresses() != {old.address}, "a sentinel to switch")
    return time.monotonic()


def replace(watched, drive, event):
    """One master for another; the drive is told the moment of the switch."""
    drive.phase("away")
    old = watched.master()
    if event == "kill":
        watched.kill_master()
    else:
        watched.start_failover()
    moment = switched(watched, old)
    drive.phase(f"switched {moment}")
    watched.wait_switched(old)
    if event == "kill":
        drive.phase("return")
        watched.restart(old)


def run(event, way, options):
    """One run: the drive's result, which is told."""
    numbers = 400 if options.quick else 2000
    with Scene(way) as scene:
        watched, pair = Sentinels(scene, replicas=2), None
        where = {"sentinels": watched.addresses, "master": watched.name}
        if way != "direct":
            pair = through(scene, watched)
            where = {"address": pair.fronts[0]}
        if way == "sentinel":
            where = {"sentinels": [pair.fronts[1]], "master": watched.name}
        drive = writers(scene, where)
        drive.wait_done(numbers)
        replace(watched, drive, event)
        drive.phase("recovery")
        drive.wait_done(numbers)
        drive.phase("afterwards")
        drive.wait_done(numbers)
        result = drive.finish()
        tell(way, result)
        if pair:
            pair.check_sound()
            foreign.check_audited(pair)
    return result


def tell(way, result):
    print(
        f"  {way:8} {result['operations']} numbers in {result['seconds']} s, "
        f"{result['acknowledged']} acknowledged: {result['lost']} lost, "
        f"{result['repeated']} repeated, {result['wrong']} wrong; "
        f"back {result['back_ms'].get('switched')} ms after the switch"
    )
    for phase, errors in result["errors"].items():
        for kind, count in errors.items():
            print(f"           {count} errors, {phase}: {kind}", flush=True)


def judge(result):
    """Fails where a result is not as it must be."""
    check_equal(result["wrong"], 0, "numbers that nobody wrote")
    check(result["back_ms"].get("switched") is not None, "a client did not come back")
    for phase in ("start", "afterwards"):
        check_equal(result["errors"].get(phase, {}), {}, f"errors in the phase {phase}")


def compare(event, options):
    """True where all is well on every way."""
    print(event, flush=True)
    well = True
    for way in WAYS[:1] if options.direct_only else WAYS:
        try:
            judge(run(event, way, options))
        except Failure as failure:
            print(f"FAILED  {event}, {way}: {failure}", flush=True)
            well = False
    return well


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--direct-only", action="store_true", help="without agents: the baseline")
    parser.add_argument("--quick", action="store_true", help="fewer numbers")
    parser.add_argument("--run", action="append", choices=RUNS, help="may be repeated")
    options = parser.parse_args()
    foreign.end_cleanly()
    results = [compare(event, options) for event in options.run or RUNS]
    print(f"{sum(results)} passed, {results.count(False)} failed")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
