"""Child processes of the tests: a Redis of our own, and redwall agents.

Each process writes what it says to a file in its scene's folder; waiting means reading that file
until a line is there. A process is ended by the object that started it and by nothing else.
"""

import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
# Of what is tried by the thousand every so manieth: for the slow builds of the sanitizers.
SHARE = int(os.environ.get("REDWALL_TEST_SHARE", "1"))
PATIENCE = float(os.environ.get("REDWALL_TEST_PATIENCE", "60"))  # seconds until a wait is a failure


class Failure(AssertionError):
    """A scenario found something that isn't as it should be. The text is for people."""


def check(condition, what):
    """Fails with `what` unless `condition` holds."""
    if not condition:
        raise Failure(what)


def check_equal(got, expected, what):
    """Fails with both values unless they are equal."""
    if got != expected:
        raise Failure(f"{what}:\n      expected {shorten(expected)}\n      got      {shorten(got)}")


def check_in(part, whole, what):
    """Fails with both unless `part` is in `whole`."""
    if part not in whole:
        raise Failure(f"{what}:\n      expected {shorten(part)}\n      in       {shorten(whole)}")


def shorten(value, limit=600):
    """repr(value), its middle left out where it is long."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit // 2]} ... {text[-limit // 2:]}"


def wait_until(condition, what, seconds=None):
    """Calls `condition` until it returns something true, and returns that. A failure after a
    while.
    """
    deadline = time.monotonic() + (PATIENCE if seconds is None else seconds)
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failure(f"waited in vain: {what}")
        time.sleep(0.02)


def binary():
    """The redwall binary under test: REDWALL_BIN, or the release build's."""
    path = pathlib.Path(os.environ.get("REDWALL_BIN", REPO / "build/release/bin/redwall")).resolve()
    if not path.exists():
        raise SystemExit(f"{path} is missing: build it first (tests/run does), or set REDWALL_BIN")
    return str(path)


def cpu_ns(pid):
    """CPU time of all threads of a process so far, in nanoseconds."""
    folder = pathlib.Path(f"/proc/{pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in folder.iterdir())


_given_ports = set()
_random = random.Random(os.getpid() ^ time.time_ns())


def check_few_lines(process, word):
    """Its log doesn't have a line with `word` for each of many clients. What it limits is logged
    once in ten seconds, which a test may last."""
    lines = [line for line in process.log().splitlines() if word in line]
    check(len(lines) <= 6, f"{process.name} has logged {len(lines)} lines with {word!r}: {lines}")


def free_port():
    """A TCP port that nobody listens on. From below the range that outgoing connections take theirs
    from, so that it is still free when an agent is started again."""
    while True:
        port = _random.randrange(17000, 32000)
        if port in _given_ports or not _can_bind(port):
            continue
        _given_ports.add(port)
        return port


def free_port_range(count):
    """The first of `count` ports in a row that nobody listens on. Below those of free_port(), for
    they may be used much later than they are chosen."""
    while True:
        first = _random.randrange(10000, 17000 - count)
        ports = range(first, first + count)
        if _given_ports.isdisjoint(ports) and all(map(_can_bind, ports)):
            _given_ports.update(ports)
            return first


def _can_bind(port):
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


class Process:
    """A running program. stdout and stderr go to files in `folder`, named after `name`."""

    def __init__(self, name, args, folder, **options):
        self.name = name
        self.args = [str(part) for part in args]
        self.stdout_path = pathlib.Path(folder) / f"{name}.stdout"
        self.stderr_path = pathlib.Path(folder) / f"{name}.stderr"
        with open(self.stdout_path, "ab") as out, open(self.stderr_path, "ab") as err:
            self._log_start = err.tell()
            options.setdefault("stdin", subprocess.DEVNULL)
            self.popen = subprocess.Popen(self.args, stdout=out, stderr=err, **options)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def log(self):
        """What it has written to stderr since it was started."""
        with open(self.stderr_path, "rb") as file:
            file.seek(self._log_start)
            return file.read().decode("utf-8", "replace")

    def stdout(self):
        return self.stdout_path.read_text("utf-8", "replace")

    def mark(self):
        """Where the log ends now; an argument for wait_for_log."""
        return len(self.log())

    def wait_for_log(self, pattern, since=0, seconds=None):
        """Waits for a match of the regular expression in the log behind `since`; returns the
        match.
        """

        def look():
            text = self.log()
            match = re.search(pattern, text[since:])
            if match is None and not self.running():
                raise Failure(
                    f"{self.name} ended with {self.popen.returncode} without having "
                    f"logged /{pattern}/:\n{text[-2000:]}"
                )
            return match

        try:
            return wait_until(look, f"{self.name} to log /{pattern}/", seconds)
        except Failure as failure:
            raise Failure(f"{failure}\n{self.log()[-2000:]}") from None

    def send_signal(self, number):
        self.popen.send_signal(number)

    def wait(self, seconds=None):
        """Waits for the end; returns the exit status."""
        try:
            return self.popen.wait(PATIENCE if seconds is None else seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end:\n{self.log()[-2000:]}") from None

    def expect_exit(self, status, seconds=None):
        got = self.wait(seconds)
        check(
            got == status, f"{self.name} ended with {got}, expected {status}:\n{self.log()[-2000:]}"
        )

    def kill(self):
        """kill -9; returns when it is gone."""
        if self.running():
            self.popen.kill()
        self.popen.wait()

    def stop(self):
        """Ends it kindly, then not so kindly. Never fails."""
        if self.running():
            self.popen.terminate()
            try:
                self.popen.wait(3)
            except subprocess.TimeoutExpired:
                pass
        self.kill()


class Agent(Process):
    """A redwall agent (`redwall server ...` or `redwall client ...`) in the foreground."""

    def __init__(self, name, args, folder, **options):
        super().__init__(name, [binary(), *args], folder, **options)

    def addresses(self, count=1):
        """The addresses it listens on, `count` of them, as its log names them."""

        def look():
            found = re.findall(r"listening on (\S+)", self.log())
            return found if len(found) >= count or not self.running() else None

        found = wait_until(look, f"{self.name} to listen") or []
        if len(found) < count:
            raise Failure(
                f"{self.name} ended with {self.popen.returncode} before it listened:\n"
                f"{self.log()[-2000:]}"
            )
        return found

    def wait_ready(self):
        """Until it listens, and, for a client agent, has its tunnel."""
        self.wait_for_log(r"listening on ")
        if self.args[1] == "client":
            self.wait_for_log(r"tunnel to \S+ is up")

    def check_sound(self):
        """Fails when it has ended, or a sanitizer has spoken."""
        check(self.running(), f"{self.name} ended with {self.popen.poll()}:\n{self.log()[-3000:]}")
        self.check_sanitizers()

    def check_sanitizers(self):
        text = self.log()
        check(
            "Sanitizer" not in text and "runtime error:" not in text,
            f"{self.name}: a sanitizer has found something:\n{text[-6000:]}",
        )


class RedisServer:
    """A private redis-server that keeps nothing on disk but what a test asks it to."""

    def __init__(self, folder, name="redis", port=None, options=()):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(mode=0o700)
        self.name = name
        self.port = port or free_port()
        self.options = [str(option) for option in options]
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        """Starts it (again, on the same port) and waits until it answers."""
        args = [
            "redis-server",
            "--port",
            self.port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            self.folder,
            "--daemonize",
            "no",
            "--loglevel",
            "warning",
            "--enable-debug-command",
            "yes",
            *self.options,
        ]
        self.process = Process(self.name, args, self.folder.parent)
        wait_until(self._answers, f"{self.name} to answer on port {self.port}")
        return self

    def _answers(self):
        if not self.process.running():
            raise Failure(f"{self.name} did not start:\n{self.process.stdout()[-2000:]}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(5)[:1] in (b"+", b"-")
        except OSError:
            return False

    def stop(self):
        """SIGTERM, and gone. May be called when it isn't running."""
        if self.process is not None:
            self.process.stop()

    def kill(self):
        if self.process is not None:
            self.process.kill()

    def pause(self):
        """SIGSTOP: the port is open and nobody answers."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
