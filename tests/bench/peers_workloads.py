"""What peers.py drives its sides with, and how one run is measured.

Every run is of one workload at one side. Afterwards Redis itself says whether the commands arrived,
all of them, and found what they asked for: a run in which they didn't is a failure, not a figure.
"""

import contextlib
import dataclasses
import os
import pathlib
import subprocess
import time

from footprint import MB
from peers_figures import Sample, figures_of, read_csv
from processes import Failure, check

TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 300  # seconds until a run is given up
INTERVAL = 0.05  # seconds between samples
ENOUGH = 3  # samples of the steady part, to believe what they say
TRIES = 6  # until the length of a run is right
LONGEST = 20  # seconds that a run is made to take for its connections' sake
SUBSCRIBERS = 200


@dataclasses.dataclass(frozen=True)
class Workload:
    """`command` is what Redis counts it as; `first`: commands of the first, short run, from which
    the number of the following ones is taken."""

    title: str
    command: str
    clients: int = 50
    depth: int = 1
    size: int = 100  # bytes of a value
    keys: int = 10_000
    first: int = 2_000
    options: tuple = ()
    unit: int = 1  # how much a command of `command` counts

    def benchmark(self, side, count):
        """The command line that drives `side` with `count` commands."""
        words = ["redis-benchmark", "-h", "127.0.0.1", "-p", side.port, "--csv"]
        words += ["-t", self.command, "-n", count, "-c", self.clients, "-P", self.depth]
        words += ["-d", self.size, "-r", self.keys, *self.options]
        if side.tls is not None:
            words += ["--tls", "--cacert", side.tls.authority]
            words += ["--cert", side.tls.certificate("client"), "--key", side.tls.key("client")]
        return words

    def fill(self, admin):
        """What GETs are to find."""
        admin.flushall()
        value = b"v" * self.size
        batch = admin.pipeline(transaction=False)
        for number in range(self.keys):
            batch.set(f"key:{number:012}", value)
        batch.execute()


@dataclasses.dataclass(frozen=True)
class Driven(Workload):
    """By a program of our own, which prints what redis-benchmark does."""

    driver: object = None

    def arguments(self, count):
        """What the program is told besides the port."""
        raise NotImplementedError

    def benchmark(self, side, count):
        words = [self.driver, side.port, *self.arguments(count)]
        if side.tls is not None:
            words += [side.tls.authority, side.tls.certificate("client"), side.tls.key("client")]
        return words


class PubSub(Driven):
    """One publisher, many subscribers (pubsub_load.cc). What is counted is messages that a
    subscriber got."""

    def arguments(self, count):
        return self.unit, count // self.unit


class Crowd(Driven):
    """GETs of many clients that don't connect all at once (crowd_load.cc)."""

    def arguments(self, count):
        return self.clients, count, self.keys, self.size


def workloads(programs):
    """{name: Workload}, in the order in which they run; `programs`: {name: path}."""
    found = {}
    for depth in (1, 16, 100):
        for command in ("get", "set"):
            title = f"{command.upper()}, 100 bytes, 50 clients, "
            title += f"pipelines of {depth}" if depth > 1 else "no pipeline"
            found[f"{command}-{depth}"] = Workload(title, command, depth=depth, first=2000 * depth)
    found["one"] = Workload("GET, 100 bytes, one client", "get", clients=1)
    found["thousand"] = Crowd(
        "GET, 100 bytes, 1,000 clients",
        "get",
        clients=1000,
        first=20_000,
        driver=programs.get("crowd_load"),
    )
    for command in ("get", "set"):
        title = f"{command.upper()}, 64 KB, 50 clients"
        found[f"{command}-64k"] = Workload(title, command, size=65536, keys=100)
    title = "GET, 100 bytes, 50 clients, a new connection for each command"
    found["connect"] = Workload(title, "get", first=500, options=("-k", "0"))
    title = f"pub/sub, 100 bytes, {SUBSCRIBERS} subscribers: messages delivered"
    found["pubsub"] = PubSub(
        title,
        "publish",
        keys=0,
        first=50 * SUBSCRIBERS,
        unit=SUBSCRIBERS,
        driver=programs.get("pubsub_load"),
    )
    found["mset"] = Workload("MSET of 10 keys, 100 bytes each, 50 clients", "mset")
    return found


NAMES = tuple(workloads({}))
PROGRAMS = ("crowd_load", "pubsub_load")


def cpu_seconds(pid):
    """CPU time of a process with all its threads, those that have ended, too."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    user, system = text.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS


def peak_memory(pid):
    """Bytes, since forget_peak()."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM:"))


def forget_peak(pid):
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")


class Run:
    """One run: the program that drives, and samples of how far it is."""

    def __init__(self, workload, side, redis, admin):
        self.workload, self.side, self.admin = workload, side, admin
        self.pids, self.redis_pid = side.pids(), redis.process.pid
        self.samples = []

    def sample(self):
        cpu = sum(map(cpu_seconds, self.pids))
        redis_cpu = cpu_seconds(self.redis_pid)
        stats = self.admin.info("commandstats").get(f"cmdstat_{self.workload.command}", {})
        done = stats.get("calls", 0) * self.workload.unit
        self.samples.append(Sample(time.monotonic(), done, cpu, redis_cpu))

    def drive(self, words):
        """What the program prints. A failure with its last words where it fails."""
        words = [str(word) for word in words]
        self.sample()
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
            try:
                out, err = self._watch(program)
            finally:
                program.kill()
        self.sample()
        if program.returncode:
            said = (out[-300:] + err[-300:]).decode("utf-8", "replace").strip()
            raise Failure(f"{os.path.basename(words[0])} ended with {program.returncode}: {said}")
        return out.decode("utf-8", "replace")

    def _watch(self, program):
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return program.communicate(timeout=INTERVAL)
            if time.monotonic() > deadline:
                raise Failure(f"it took more than {PATIENCE} seconds")
            self.sample()

    def check_arrived(self, count):
        """All commands, and no GET of a key that isn't there."""
        done = self.samples[-1].count
        check(done >= count, f"of {count} commands {done} have arrived at Redis")
        missed = self.admin.info("stats")["keyspace_misses"]
        check(missed == 0, f"{missed} GETs have found nothing")


def run(workload, side, redis, admin, count):
    """The Figures of `count` commands."""
    admin.config_resetstat()
    for pid in side.pids():
        forget_peak(pid)
    this = Run(workload, side, redis, admin)
    printed = read_csv(this.drive(workload.benchmark(side, count)))
    side.check_running()
    this.check_arrived(count)
    memory = sum(map(peak_memory, side.pids())) / MB if side.processes else None
    return figures_of(this.samples, count, printed, memory)


def count_for(workload, side, redis, admin, seconds):
    """How many commands take `seconds`, or longer where setting up the connections does, so that
    the steady part of a run is behind it. From shorter runs, which warm up as well.
    """
    count = workload.first
    for _ in range(TRIES):
        figures = run(workload, side, redis, admin, count)
        if figures.samples < ENOUGH:
            count *= 4
            continue
        setting_up = max(count / figures.whole - count / figures.rate, 0)
        lasting = min(max(seconds, 4 * setting_up), LONGEST)
        wanted = max(workload.first, int(figures.rate * lasting))
        wanted -= wanted % workload.unit
        if wanted < 2 * count:
            return wanted
        count = wanted
    return count
