"""The arithmetic of peers.py: what a run has measured, ratios of the same round, medians, goals.

`rounds` is, everywhere here, what one workload has given: {side: [a Figures for each round]}. All
sides have the same number of rounds, and figures at the same place were taken one after another.
"""

import csv
import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Figures:
    """What one run of one workload at one side has measured. None: there is no such thing."""

    rate: float  # commands a second; of pub/sub: messages delivered a second. Of the steady part
    whole: float  # likewise, of the whole run, setting up its connections included
    samples: int  # how many of them were in the steady part
    p50: float  # milliseconds
    p99: float  # milliseconds
    cpu: float | None  # microseconds a command, all processes between client and Redis
    redis_cpu: float  # likewise, Redis
    memory: float | None  # MiB, the sum of the processes' peaks, those between client and Redis


METRICS = {
    "rate": "throughput",
    "p50": "median latency",
    "p99": "99th percentile of latency",
    "cpu": "CPU time a command",
    "memory": "peak memory",
}
MORE_IS_BETTER = {"rate"}

PAIRS = ("spiped", "stunnel", "haproxy")  # two programs with an encrypted connection between
BEST = "best pair"  # the best of PAIRS in the same round, metric by metric
BASES = ("direct", "forwarders", "spiped", BEST, "redis-tls")


def read_csv(text):
    """(rate, p50, p99) of redis-benchmark --csv with a single test."""
    lines = [line for line in text.splitlines() if line.startswith('"')]
    rows = list(csv.DictReader(lines))
    if len(rows) != 1:
        raise ValueError(f"expected one line of figures, got {len(rows)} in {text[-500:]!r}")
    names = ("rps", "p50_latency_ms", "p99_latency_ms")
    return tuple(float(rows[0][name]) for name in names)


@dataclasses.dataclass(frozen=True)
class Sample:
    """How far a run is."""

    seconds: float  # since any moment
    count: int  # commands that Redis has done
    cpu: float  # seconds, all processes between client and Redis
    redis_cpu: float


STEADY = 0.4, 0.95  # which part of a run's commands counts


def steady(samples, count):
    """The samples of the part of a run of `count` commands in which nobody connects any more and
    everybody still works. Empty where there aren't two at different counts."""
    low, high = (count * share for share in STEADY)
    inside = [sample for sample in samples if low <= sample.count <= high]
    return inside if inside and inside[-1].count > inside[0].count else []


def figures_of(samples, count, printed, memory):
    """The Figures of a run of `count` commands: `printed` as read_csv() has it, `memory` None where
    nothing is between client and Redis. Where nothing was steady, of all of the run."""
    whole, p50, p99 = printed
    inside = steady(samples, count)
    first, last = (inside[0], inside[-1]) if inside else (samples[0], samples[-1])
    done = last.count - first.count
    return Figures(
        rate=done / (last.seconds - first.seconds) if inside else whole,
        whole=whole,
        samples=len(inside),
        p50=p50,
        p99=p99,
        cpu=(last.cpu - first.cpu) * 1e6 / done if memory is not None else None,
        redis_cpu=(last.redis_cpu - first.redis_cpu) * 1e6 / done,
        memory=memory,
    )


def median_of(rounds, side, metric):
    """None where the side wasn't measured, or has no such thing."""
    values = [getattr(figures, metric) for figures in rounds.get(side, ())]
    return None if not values or None in values else statistics.median(values)


def base_of(rounds, base, metric, number):
    """What `base` has measured in round `number`; None where it has nothing."""
    if base != BEST:
        return getattr(rounds[base][number], metric) if base in rounds else None
    values = [getattr(rounds[side][number], metric) for side in PAIRS if side in rounds]
    if not values:
        return None
    return max(values) if metric in MORE_IS_BETTER else min(values)


def ratio(rounds, side, base, metric):
    """The median of the ratios to `base`, each of the same round; None where there are none."""
    ratios = []
    for number, figures in enumerate(rounds.get(side, ())):
        value, other = getattr(figures, metric), base_of(rounds, base, metric, number)
        if value is None or not other:
            return None
        ratios.append(value / other)
    return statistics.median(ratios) if ratios else None


@dataclasses.dataclass(frozen=True)
class Goal:
    """A ratio that redwall is to reach: at least where more is better, else at most."""

    workload: str
    metric: str
    base: str
    limit: float

    def reached(self, value):
        return value >= self.limit if self.metric in MORE_IS_BETTER else value <= self.limit

    def text(self):
        return f"{'>=' if self.metric in MORE_IS_BETTER else '<='} {self.limit:g}"


GOALS = (
    *(
        Goal(f"{command}-{depth}", "rate", base, limit)
        for depth, limits in ((1, (1.25, 2.5)), (16, (1.1, 1.5)))
        for base, limit in zip(("forwarders", BEST), limits)
        for command in ("get", "set")
    ),
    Goal("thousand", "rate", "forwarders", 1.3),
    Goal("thousand", "rate", BEST, 2.5),
    Goal("one", "p50", "forwarders", 1.1),
    Goal("get-64k", "rate", BEST, 1.5),
    Goal("set-64k", "rate", BEST, 1.5),
    Goal("connect", "rate", "spiped", 10),
    Goal("connect", "rate", "direct", 0.35),
    Goal("get-16", "cpu", "spiped", 0.35),
    Goal("set-16", "cpu", "spiped", 0.35),
)


def goals_of(results, side):
    """[(goal, ratio)] of what was measured; `results` is {workload: rounds}."""
    found = []
    for goal in GOALS:
        value = ratio(results.get(goal.workload, {}), side, goal.base, goal.metric)
        if value is not None:
            found.append((goal, value))
    return found
