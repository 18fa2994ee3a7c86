#!/usr/bin/python3
"""How much memory do the agents take, and do they keep to their limits?

    memory.py [--quick] [--only WHAT ...]

Starts a private Redis and both agents, and measures how far each agent's memory grows while

  one     a value of 512 MB is SET, and while it is fetched by GET
  ten     ten such values are SET at once, and fetched at once
  idle    10,000 clients are connected, and idle after one PING; then, for information, after each
          has done what needs large buffers, and how much is still held when all are closed
  slow    a client sends 100,000 GETs of 10 KB and reads nothing, while 100 others go on: their
          median latency with and without it, in turns, the median of five

and prints a line for each figure beside its limit. --quick does the same with 64 MB, 1,000 clients,
20,000 GETs, and windows that don't grow. Latencies are printed and decide nothing. The binary is
the release build's, or REDWALL_BIN. Exit status 1 where a limit doesn't hold; the last line is
`N passed, N failed`.
"""

import argparse
import contextlib
import pathlib
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

# pylint: disable=wrong-import-position
from footprint import KB, MB, Footprints, Pattern, receive_bulk, send_set
from harness import Scene
from processes import check, check_equal, wait_until
from wire import Wire, encode

SPARE_FILES = 200  # descriptors that a process needs beside its clients'

# What leaves buffers behind that an idle connection has no use for: (what, requests, size of their
# replies). "value" has 3 KB.
NESTED = "local t = {} local c = t for i = 1, 2000 do local n = {} c[1] = n c = n end return t"
WORK = [
    ("3 KB each way", encode("SET", "x", b"v" * 3000) + encode("GET", "value"), 5 + 9 + 3072),
    ("a pipeline of 200", encode("PING") * 200, 200 * len("+PONG\r\n")),
    ("a long inline command", b"SET x " + b"v" * 10_000 + b"\r\n", 5),
    ("1,000 keys", encode("MGET", *["none"] * 1000), len("*1000\r\n") + 1000 * 5),
    ("a deeply nested reply", encode("EVAL", NESTED, "0"), 2000 * 4 + 4),
]


class Table:
    """The figures, printed as they come."""

    def __init__(self):
        self.passed = self.failed = 0

    def line(self, what, who, figure, limit="", verdict=""):
        print(f"{what:<44} {who:<13} {figure:>14} {limit:>14} {verdict}", flush=True)

    def judge(self, what, growth, limit, unit=MB, counts=True):
        """A line for each agent; `growth` and `limit` in bytes."""
        name = {MB: "MiB", KB: "KiB"}[unit]
        for who, grown in growth.items():
            holds = grown < limit
            if counts:
                self.passed, self.failed = self.passed + holds, self.failed + (not holds)
            self.line(
                what,
                who,
                f"{grown / unit:.2f} {name}",
                f"< {limit / unit:.0f} {name}",
                ("ok" if holds else "TOO MUCH") if counts else "" if holds else "(more)",
            )


def together(tasks):
    """Runs all at once; the first error is raised when all are over."""
    errors = []

    def run(task):
        try:
            task()
        except Exception as error:  # pylint: disable=broad-except
            errors.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


WINDOW = 256 * 1024
# In CI the machine is busy, and the way between the agents takes as long as on a far link, for
# which windows would grow.
STEADY = "--quick" in sys.argv


def start(scene, server_limits=(), **limits):
    """A Redis and both agents that allow as many clients as this process may have."""
    redis = scene.redis(options=["--maxclients", resource.getrlimit(resource.RLIMIT_NOFILE)[1]])
    windows = {"max_stream_window_bytes": WINDOW} if STEADY else {}
    files = [
        scene.write(f"{side}.json", {"limits": {**windows, **limits, **dict(which)}})
        for side, which in (("server", server_limits), ("client", ()))
    ]
    pair = scene.pair(
        redis,
        server_options=["--config", files[0]],
        client_options=["--config", files[1]],
    )
    with Wire(pair.address) as wire:
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING")
    return redis, pair


def huge(table, options, count, limit):
    """`count` huge values both ways at once."""
    with Scene() as scene:
        _, pair = start(scene)
        prints = Footprints(pair)
        wires = [pair.wire() for _ in range(count)]
        values = [Pattern(options.value, seed) for seed in range(count)]
        title = f"{count} x {options.value // MB} MB"

        def put(number):
            send_set(wires[number], b"big:%d" % number, values[number])
            check_equal(wires[number].reply(), b"+OK\r\n", "SET")

        def get(number):
            wires[number].send(encode("GET", "big:%d" % number))
            receive_bulk(wires[number], values[number])

        for name, task in (("SET", put), ("SET and GET", get)):
            together([lambda n=n, task=task: task(n) for n in range(count)])
            table.judge(f"{title}: peak growth, {name}", prints.growth(), limit)
        pair.check_sound()


def one(table, options):
    huge(table, options, 1, 4 * MB)


def ten(table, options):
    huge(table, options, 10, 16 * MB)


def idle(table, options):
    """What a connected client costs that does nothing."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = min(options.clients, limit - SPARE_FILES)
    if count < options.clients:
        print(f"only {count} clients: a process may have {limit} files (ulimit -Hn)")
    with Scene() as scene, contextlib.ExitStack() as stack:
        redis, pair = start(scene, server_limits={"max_streams": count + 100}.items())
        admin = scene.client(redis.address)
        admin.set("value", bytes(3 * KB))
        prints = Footprints(pair)
        before = prints.own()
        wires = []
        for _ in range(count):
            wires.append(stack.enter_context(Wire(pair.address)))
            check_equal(wires[-1].call("PING"), b"+PONG\r\n", "PING")

        def cost():
            time.sleep(0.3)  # the last replies' credit and acknowledgements
            return {who: (own - before[who]) / count for who, own in prints.own().items()}

        table.judge(f"{count} idle clients, of each", cost(), 8 * KB, KB)
        for title, batch, size in WORK:
            for wire in wires:
                wire.send(batch)
                check(len(wire.exactly(size)) == size and not wire.buffer, f"replies to {title}")
            table.judge(f"the same, each after {title}", cost(), 8 * KB, KB, counts=False)
        peak = {who: own - before[who] for who, own in prints.own().items()}
        stack.close()
        wait_until(
            lambda: admin.info("clients")["connected_clients"] < 5,
            "all connections to Redis to be closed",
        )
        time.sleep(0.3)
        for who, own in prints.own().items():
            left = own - before[who]
            table.line(
                "all closed again, of that still held", who, f"{100 * left / peak[who]:.0f} %"
            )
        pair.check_sound()


def median_latency(address):
    """The median of 100 clients that GET, each again as soon as it is answered; milliseconds."""
    host, _, port = address.rpartition(":")
    done = subprocess.run(
        f"redis-benchmark -h {host} -p {port} -c 100 -n 30000 -t get -d 100 --csv".split(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        timeout=300,
    )
    head, row = [
        line.replace('"', "").split(",") for line in done.stdout.splitlines() if line[:1] == '"'
    ][-2:]
    return float(row[head.index("p50_latency_ms")])


def stuck_reader(address, count):
    """A client that has sent `count` GETs and reads nothing."""
    sock = socket.create_connection(address.rsplit(":", 1), 60)
    sock.sendall(encode("GET", "value") * count)
    return sock


def wait_until_stuck(admin):
    """Until what Redis holds for its clients doesn't change any more."""
    held = [0]

    def unchanged():
        time.sleep(0.1)
        held.append(sum(int(client["omem"]) for client in admin.client_list()))
        return held[-1] > 0 and held[-1] == held[-2]

    wait_until(unchanged, "the client that doesn't read to be stuck")


def slow(table, options):
    """One client doesn't read. What that costs the agents, and the others."""
    with Scene() as scene:
        redis, pair = start(scene)
        admin = scene.client(redis.address)
        admin.set("value", bytes(10_000))
        prints = Footprints(pair)
        for where, address in (("direct", redis.address), ("through both", pair.address)):
            rounds = []
            for _ in range(options.rounds):
                alone = median_latency(address)
                with contextlib.closing(stuck_reader(address, options.gets)):
                    beside = median_latency(address)
                    wait_until_stuck(admin)
                    rounds.append((alone, beside, median_latency(address)))
                wait_until(
                    lambda: admin.info("clients")["connected_clients"] < 5, "the clients to leave"
                )
            alone, beside, stuck = (statistics.median(column) for column in zip(*rounds))
            title = f"median GET of 100 clients, {where}"
            table.line(title, "alone", f"{alone:.3f} ms")
            for what, latency in (("while its GETs come", beside), ("when it is stuck", stuck)):
                ratio = latency / alone
                table.line(f"  {what}", "beside it", f"{latency:.3f} ms", f"x {ratio:.2f}")
        # What is kept of each request that has no reply (a slot), and what one window lets through.
        bound = 4 * MB + options.gets * 512
        table.judge(f"a reader that doesn't take {options.gets} replies", prints.growth(), bound)
        pair.check_sound()


PARTS = {"one": one, "ten": ten, "idle": idle, "slow": slow}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller figures, for CI")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="WHAT", help=", ".join(PARTS))
    options = parser.parse_args()
    options.value = (64 if options.quick else 512) * MB
    options.clients = 1_000 if options.quick else 10_000
    options.gets = 20_000 if options.quick else 100_000
    options.rounds = 1 if options.quick else 5
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    table = Table()
    for name in options.only or PARTS:
        PARTS[name](table, options)
    print(f"{table.passed} passed, {table.failed} failed")
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
