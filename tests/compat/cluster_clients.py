#!/usr/bin/python3
"""Cluster-aware clients on a Redis Cluster of three masters and three replicas, directly and
through both agents, while slots are moved and while a master dies: is each answer right, which
errors do they see?

    tests/compat/cluster_clients.py [--direct-only] [--quick | --operations N] [--seed N]
                                    [--run RUN] [CLIENT...]

redis-py, redis-cli -c and, where Node.js and the npm registry are there, ioredis in two
generations. Two runs of each: `reshard` moves 1,000 slots with their keys, and nothing may go
wrong; `fail-over` kills a master, has its replica take over and lets it come back. There clients
see errors, and Redis itself may lose what was acknowledged last: the direct run tells how many, for comparison. What must never
be is a wrong answer, or an error when all is well again. The binary is build/release/bin/redwall,
or the one that REDWALL_BIN names. Exit status: 0 all well, 1 not, 2 bad usage.
"""

import argparse
import sys

import foreign  # first: it finds tests/support
import node_clients
from cluster import Cluster
from drives import ioredis_on_cluster, redis_cli_on_cluster, redis_py_on_cluster
from harness import Scene
from processes import Failure, check, check_equal
from route_pair import cluster_pair

CLIENTS = ("redis-py", "redis-cli", "ioredis", "ioredis-6")
RUNS = ("reshard", "fail-over")
PARTS = 3  # of a run's operations: before the event, during and after it, when all is well again
MOVED_SLOTS = 1000
# Many, so that clients meet slots that are on their way. With more of them, a command with several
# keys has to wait for its slot for longer than clients try.
MOVED_AT_ONCE = 64


def start_drive(scene, client, address, seed):
    if client == "redis-py":
        return redis_py_on_cluster(scene, [address], seed=seed)
    if client == "redis-cli":
        return redis_cli_on_cluster(scene, [address], seed=seed)
    modules = node_clients.BUILD / "node_modules"
    return ioredis_on_cluster(scene, [address], modules, client, seed=seed)


def reshard(cluster, drive):
    drive.phase("reshard")
    source, target = cluster.masters()[:2]
    cluster.move_slots(MOVED_SLOTS, source, target, at_once=MOVED_AT_ONCE)


def fail_over(cluster, drive):
    drive.phase("fail-over")
    master = cluster.masters()[0]
    cluster.kill(master)
    cluster.wait_replaced(master)
    drive.phase("return")
    cluster.restart(master)


def run(client, event, side, options):
    """One run: the drive's result, which is told."""
    operations = 1000 if options.quick else -(-options.operations // PARTS)
    with Scene(side) as scene:
        cluster = Cluster(scene)
        address, pair = cluster.addresses[0], None
        if side == "through":
            pair = cluster_pair(scene, cluster, audit=True, policy=foreign.ALLOW_ALL)
            address = pair.fronts[0]
        drive = start_drive(scene, client, address, options.seed)
        drive.wait_done(operations)
        {"reshard": reshard, "fail-over": fail_over}[event](cluster, drive)
        drive.phase("recovery")  # a client may still find out
        drive.wait_done(operations)
        drive.phase("afterwards")
        drive.wait_done(operations)
        peers = cluster.all_peers()
        result = drive.finish()
        tell(side, result)
        if pair:
            pair.check_sound()
            foreign.check_audited(pair)
            if client == "redis-cli":  # too short a connection for its owner to be looked up
                dialled = set(result["redirected_to"]) & set(cluster.addresses)
                check_equal(dialled, set(), "nodes that redis-cli was sent to")
            else:
                check_equal(set(peers), {pair.server.pid}, f"who is connected to nodes: {peers}")
    return result


def tell(side, result):
    found = ", ".join(f"{count} {kind}" for kind, count in result["findings"].items())
    print(
        f"  {side:8} {result['operations']} operations in {result['seconds']} s, "
        f"{result['slots']} slots; {found}; longest pause {result['longest_pause_ms']} ms"
    )
    for kind, count in result["redirects"].items():
        print(f"           {count} times dealt with: {kind}")
    for phase, errors in result["errors"].items():
        for kind, count in errors.items():
            print(f"           {count} errors, {phase}: {kind}")
    for example in result["examples"]:
        print(f"           {example}", flush=True)


def judge(event, result):
    """Fails where a result is not as it must be."""
    findings = result["findings"]
    check_equal(findings["wrong"], 0, "wrong answers")
    for phase in ("start", "afterwards"):
        check_equal(result["errors"].get(phase, {}), {}, f"errors in the phase {phase}")
    if event == "reshard":
        check_equal(result["errors"], {}, "errors while slots were moved")
        check(not any(findings.values()), f"found while slots were moved: {findings}")


def compare(client, event, options):
    """True where all is well on both sides."""
    print(f"{client}, {event}", flush=True)
    well = True
    for side in ["direct"] if options.direct_only else ["direct", "through"]:
        try:
            judge(event, run(client, event, side, options))
        except Failure as failure:
            print(f"FAILED  {client}, {event}, {side}: {failure}", flush=True)
            well = False
    return well


def available(wanted):
    """Those of the clients that can be run here."""
    if set(wanted) <= {"redis-py", "redis-cli"}:
        return wanted, 0
    try:
        version = node_clients.node_version()
        node_clients.install()
    except node_clients.Unavailable as why:
        print(f"skipped: {why}")
        version = 0
    oldest = {"redis-py": 0, "redis-cli": 0, **{known[2]: known[4] for known in node_clients.KNOWN}}
    found = [client for client in wanted if oldest[client] <= version]
    return found, len(wanted) - len(found)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--direct-only", action="store_true", help="without agents: the baseline")
    parser.add_argument("--quick", action="store_true", help="fewer operations")
    parser.add_argument(
        "--operations", type=int, default=15000, help="of each run, at least (default: 15000)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run", action="append", choices=RUNS, help="may be repeated")
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=", ".join(CLIENTS))
    options = parser.parse_args()
    if unknown := set(options.clients) - set(CLIENTS):
        parser.error(f"there is no client {', '.join(unknown)}; there are {', '.join(CLIENTS)}")
    foreign.end_cleanly()
    clients, skipped = available(options.clients or list(CLIENTS))
    results = [
        compare(client, event, options) for client in clients for event in options.run or RUNS
    ]
    skipped = f", {skipped * len(options.run or RUNS)} skipped" if skipped else ""
    print(f"{sum(results)} passed, {results.count(False)} failed{skipped}")
    sys.exit(0 if all(results) and results else 1)


if __name__ == "__main__":
    main()
