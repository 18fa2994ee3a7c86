#!/usr/bin/python3
"""A TCP relay that is a long line on a bad day: delay, rate, slices, stalls, resets, blackholes.

From a test:  line = Chaos("127.0.0.1:6479", delay=0.05, rate=40e6).start(); line.address;
              line.cut(); line.stall(); line.resume(); line.close()
By hand:      chaos.py --listen 6480 --to 127.0.0.1:6479 --delay-ms 50 --rate-mbit 100 \\
                  --reset-every 2s --seed 1

"up" is the way from who connected to the relay towards the target, "down" the way back. The line is
shared: all connections together get its rate. It never loses a byte of a connection that lives;
when its queue is full it reads no more, as TCP would make a sender wait. What is under way is
bounded by rate times delay plus the queue. All is done by one thread. For faults inside a
connection's bytes, and for recording them, there is relay.py.
"""

import argparse
import collections
import json
import re
import signal
import sys
import threading
import time

from chaos_line import Line, pair
from chaos_script import LASTING, MBIT, NEED_A_CONNECTION, for_ever, load_script, read_script


class Chaos(Line):
    """Listens on `listen`, connects each newcomer to `target`. Close it when done.

    delay: seconds each way; rate: bytes a second each way, 0 for any; either may be a pair (up,
    down); queue: bytes of the router's queue each way; slices: sends pieces of 1 to so many bytes,
    0 for as they come; script: see chaos_script.py, or an iterator over Steps. The methods may be
    called from any thread; `bytes`, `cuts`, `accepted` and `script_over` may be read by any.
    """

    def __init__(
        self, target, listen="0", delay=0, rate=0, queue=None, slices=0, script=None, seed=0
    ):
        if slices < 0:
            raise ValueError("slices can't be negative")
        self._steps = steps_of(script)
        self._step, self._step_at, self._step_bytes = None, 0.0, 0
        self.script_over = False
        self.cuts = 0
        self.happened = collections.Counter()  # how often what went wrong
        super().__init__(target, listen, delay, rate, queue, slices, seed)

    # What tests call

    def cut(self, kind="reset"):
        """Ends every connection with RST, or with FIN for "close"; returns how many."""
        return self.call(lambda: self._cut(kind))

    def half_close(self, way="up"):
        """FIN in one direction of every connection, behind what is under way; returns how many."""
        return self.call(lambda: self._half_close(way))

    def stall(self):
        """From now on nothing passes; both ends stay open."""
        self.call(lambda: self._stall(True))

    def blackhole(self):
        """A stall, and newcomers are accepted and never hear anything, not even after it."""
        self.call(lambda: self._stall(True, blackhole=True))

    def resume(self):
        """Ends a stall or a blackhole; what was under way arrives."""
        self.call(lambda: self._stall(False))

    def change_line(self, delay=None, rate=None):
        """Another delay or rate, for what enters from now on."""
        self.call(lambda: self._change_line(delay, rate))

    def play(self, script):
        """From now on this script instead of what is left of the one before."""
        steps = steps_of(script)

        def begin():
            self._steps = steps
            self._next_step(time.monotonic())

        self.script_over = False
        self.call(begin)

    # What goes wrong

    def _cut(self, kind):
        every = self.connections()
        for connection in every:
            self.end(connection, reset=kind == "reset")
        self.cuts += len(every)
        self.happened[kind] += len(every)
        return len(every)

    def _half_close(self, way):
        pipes = [connection.pipes[way] for connection in self.connections()]
        pipes = [pipe for pipe in pipes if pipe.reading]
        now = time.monotonic()
        for pipe in pipes:
            pipe.reading = False
            pipe.queue.append((pipe.link.enter(now, 0), "half_close"))
            self.deliver(pipe, now)
            self.update(pipe.connection)
        self.happened["half_close"] += len(pipes)
        return len(pipes)

    def _stall(self, on, blackhole=False):
        self._stalled, self._blackhole = on, on and blackhole
        if on:
            self.happened["blackhole" if blackhole else "stall"] += 1
            return
        now = time.monotonic()
        for connection in self.connections():
            for pipe in connection.pipes.values():
                if connection.alive:
                    self.deliver(pipe, now)
            self.update(connection)

    def _change_line(self, delay, rate):
        for index, link in enumerate(self.links.values()):
            link.change(
                link.delay if delay is None else pair(delay)[index],
                link.rate if rate is None else pair(rate)[index],
            )

    # The script

    def begin(self, now):
        self._next_step(now)

    def _next_step(self, now):
        self._step = next(self._steps, None)
        self.script_over = self._step is None
        self._step_bytes = sum(self.bytes.values())
        self._step_at = now + self._step.after_s if self._step else 0
        if self._step:
            self.at(self._step_at, self.look_at_script)

    def bytes_to_next_step(self):
        """0 where no step waits for bytes."""
        if self._step is None or not self._step.after_bytes:
            return 0
        return max(0, self._step.after_bytes - (sum(self.bytes.values()) - self._step_bytes))

    def look_at_script(self, now):
        """Does the next step where its time and bytes have come."""
        step = self._step
        if step is None or now < self._step_at or self.bytes_to_next_step():
            return
        if step.do in NEED_A_CONNECTION and not self._connections:
            self.at(now + 0.01, self.look_at_script)
            return
        self._step = None
        {
            "reset": lambda: self._cut("reset"),
            "close": lambda: self._cut("close"),
            "half_close": lambda: self._half_close(step.way),
            "stall": lambda: self._stall(True),
            "blackhole": lambda: self._stall(True, blackhole=True),
            "line": lambda: self._change_line(
                None if step.delay_ms is None else step.delay_ms / 1000,
                None if step.rate_mbit is None else step.rate_mbit * MBIT,
            ),
        }[step.do]()
        if step.do in LASTING:
            self.at(now + step.for_s, self._over)
        else:
            self._next_step(now)

    def _over(self, now):
        self._stall(False)
        self._next_step(now)


def steps_of(script):
    return script if hasattr(script, "__next__") else read_script(script)


def amount(text):
    """ "2s", "500ms" or "100kb" -> {"every_s": 2.0} or {"every_bytes": 100000}."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|kb|mb)", text.strip().lower())
    if match is None or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected something like 2s, 500ms or 100kb")
    number = float(match[1])
    if match[2] in ("s", "ms"):
        return {"every_s": number / (1000 if match[2] == "ms" else 1)}
    return {"every_bytes": max(1, int(number * (1e3 if match[2] == "kb" else 1e6)))}


def both_ways(text):
    """ "50" or "50,20" (up, down) -> a pair of numbers."""
    values = [float(part) for part in text.split(",")]
    if len(values) > 2 or any(value < 0 for value in values):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number, or two: up,down")
    return values[0], values[-1]


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", maxsplit=1)[0],
        epilog="Signals: USR1 resets every connection, USR2 stalls the line and lets it go on. "
        "SIGINT or SIGTERM ends it, with a line of counters. A script: see chaos_script.py.",
    )
    add = parser.add_argument
    add("--listen", required=True, metavar="[HOST:]PORT", help="0 takes any port, and prints it")
    add("--to", required=True, metavar="HOST:PORT", help="connects everybody to this")
    add("--delay-ms", type=both_ways, default=0, metavar="MS[,MS]", help="each way, or up,down")
    add("--rate-mbit", type=both_ways, default=0, metavar="MBIT[,MBIT]", help="0: any")
    add("--queue-kb", type=float, metavar="KB", help="the router's queue (20 ms of the rate)")
    add("--slices", type=int, default=0, metavar="N", help="sends pieces of 1 to N bytes")
    add("--reset-every", type=amount, metavar="2s|100kb", help="resets everything, on average")
    add("--script", metavar="JSON|FILE", help="what goes wrong, and when")
    add("--seed", type=int, default=0, help="for all random choices")
    options = parser.parse_args()
    if options.script and options.reset_every:
        parser.error("--script and --reset-every exclude each other")
    return options


def from_options(options):
    script = load_script(options.script) if options.script else None
    if options.reset_every:
        script = for_ever("reset", options.seed, **options.reset_every)
    return Chaos(
        options.to,
        options.listen,
        delay=tuple(ms / 1000 for ms in pair(options.delay_ms)),
        rate=tuple(mbit * MBIT for mbit in pair(options.rate_mbit)),
        queue=int(options.queue_kb * 1000) if options.queue_kb else None,
        slices=options.slices,
        script=script,
        seed=options.seed,
    )


def main():
    options = arguments()
    try:
        relay = from_options(options).start()
    except (ValueError, OSError) as error:
        print(f"chaos.py: {error}", file=sys.stderr)
        sys.exit(2)
    over, stalled = threading.Event(), threading.Event()

    def toggle(*_):
        (stalled.clear if stalled.is_set() else stalled.set)()
        (relay.stall if stalled.is_set() else relay.resume)()

    signal.signal(signal.SIGUSR1, lambda *_: relay.cut())
    signal.signal(signal.SIGUSR2, toggle)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    print(f"listening on {relay.address}", flush=True)
    over.wait()
    relay.close()
    print(
        json.dumps(
            {
                "connections": relay.accepted,
                "cuts": relay.cuts,
                "bytes": relay.bytes,
                "happened": relay.happened,
            }
        )
    )


if __name__ == "__main__":
    main()
