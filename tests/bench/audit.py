#!/usr/bin/python3
"""What the audit costs: throughput and CPU time through both agents with it, and without.

    audit.py [--runs 5] [--requests 200000] [--clients 50] [--depth 1] [--when-full block|drop]

Three pairs of agents stand side by side in front of one Redis: without an audit, with one at both
sites that has every command with its keys, and with one that is signed and rotated, too.
redis-benchmark drives them in turns with SET and GET of random keys. Printed are medians: of the
rates, of their ratios to the pair without in the same round, and of the CPU time of both agents
together, in microseconds a command. That last one depends least on what else the machine does. The
binary is the release build's, or REDWALL_BIN.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
sys.path.insert(0, str(SUPPORT))

# pylint: disable=wrong-import-position
from harness import Pair, Scene
from processes import cpu_ns

POLICY = {"version": 1, "default": "allow", "audit": {"events": "all", "arguments": "keys"}}


def audit_of(scene, name, side, options):
    """The "audit" of a configuration; None: there is none."""
    if name == "none":
        return None
    audit = {"file": scene.path(f"{name}-{side}.jsonl"), "when_full": options.when_full}
    if name == "signed":
        audit["sign"] = scene.path("audit.key")
        audit["rotate"] = {"max_bytes": 64 << 20, "keep": 2}
    return audit


def start_pair(scene, redis, name, options):
    flags = {}
    for side in ("server", "client"):
        flags[side] = ["--policy", scene.path("policy.json")]
        audit = audit_of(scene, name, side, options)
        if audit is not None:
            config = scene.write(f"{name}-{side}.json", json.dumps({"audit": audit}))
            flags[side] += ["--config", config]
    return Pair(
        scene, redis, server_options=flags["server"], client_options=flags["client"]
    ).start()


def requests_per_second(pair, options):
    """{"SET": ..., "GET": ...} by redis-benchmark."""
    port = pair.address.rsplit(":", 1)[1]
    command = ["redis-benchmark", "-p", port, "-n", options.requests, "-c", options.clients]
    command += ["-P", options.depth, "-t", "set,get", "-r", 100000, "-d", 100, "--csv"]
    out = subprocess.run(
        [str(word) for word in command], check=True, capture_output=True, text=True
    ).stdout
    rows = [row.replace('"', "").split(",") for row in out.splitlines()[1:]]
    return {row[0]: float(row[1]) for row in rows}


def measure(pair, options):
    """What requests_per_second says, and "CPU": microseconds of both agents a command."""
    agents = (pair.server, pair.client)
    before = sum(cpu_ns(agent.pid) for agent in agents)
    rates = requests_per_second(pair, options)
    used = sum(cpu_ns(agent.pid) for agent in agents) - before
    return {**rates, "CPU": used / 1000 / options.requests / len(rates)}


def in_turns(pairs, options):
    """{name: [what was measured, a round each]}; each second round goes backwards."""
    rounds = {name: [] for name in pairs}
    for number in range(options.runs):
        for name in sorted(pairs, reverse=number % 2 == 1):
            rounds[name].append(measure(pairs[name], options))
    return rounds


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="of each pair (5)")
    parser.add_argument("--requests", type=int, default=200000, help="a run and command (200000)")
    parser.add_argument("--clients", type=int, default=50, help="at once (50)")
    parser.add_argument("--depth", type=int, default=1, help="requests in a pipeline (1)")
    parser.add_argument("--when-full", choices=("block", "drop"), default="block")
    options = parser.parse_args()
    if min(options.runs, options.requests, options.clients, options.depth) < 1:
        parser.error("each number is at least 1")
    return options


def print_figures(rounds):
    print(f"{'':12}{'a second':>12}{'to none':>9}")
    for command in ("SET", "GET"):
        for name, measured in rounds.items():
            rate = statistics.median(figures[command] for figures in measured)
            pairs_of_figures = zip(measured, rounds["none"])
            ratio = statistics.median(it[command] / none[command] for it, none in pairs_of_figures)
            print(f"{command:4} {name:7}{rate:12.0f}{ratio:9.3f}")
    print(f"{'':12}{'us of CPU':>12}{'more':>9}")
    for name, measured in rounds.items():
        used = [figures["CPU"] for figures in measured]
        more = statistics.median(it - none["CPU"] for it, none in zip(used, rounds["none"]))
        print(f"{'both':4} {name:7}{statistics.median(used):12.2f}{more:9.2f}")


def main():
    options = arguments()
    with Scene("audit-bench") as scene:
        scene.write("policy.json", json.dumps(POLICY))
        scene.run("keygen", "--signing", scene.path("audit.key"))
        redis = scene.redis()
        names = ("none", "plain", "signed")
        pairs = {name: start_pair(scene, redis, name, options) for name in names}
        rounds = in_turns(pairs, options)
    print_figures(rounds)


if __name__ == "__main__":
    main()
