"""Goal: copies of the audit's lines reach a Redis stream, standard output and the system logger,
each line in its order; a copy that is in trouble holds nobody up, catches up by itself, and what it
lost is told. The password of the stream's Redis is never shown.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import redis as redis_py

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import binary, check, check_equal, check_in, free_port, wait_until
from wire import encode

SECRET = "correct-horse-battery-staple"
STREAM = "redwall:audit"
MEASURE = 1000  # commands in one go, fewer than wait for a reply at most


class Site:
    """Both agents, configured by files, with the sinks that are named."""

    def __init__(self, scene, redis, sinks, server_audit=None, start=True, **options):
        self.scene = scene
        self.tunnel, self.front = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self.files = {side: scene.path(f"{side}.jsonl") for side in ("server", "client")}
        key = scene.key()
        self.configs = {
            "server": {
                "listen": [self.tunnel],
                "keys": [key],
                "routes": {"default": {"redis": redis.address}},
                "audit": {"file": self.files["server"], "sinks": sinks, **(server_audit or {})},
            },
            "client": {
                "servers": [self.tunnel],
                "keys": [key],
                "listeners": [{"listen": self.front, "route": "default"}],
                "audit": {"file": self.files["client"], "sinks": sinks},
            },
        }
        self.paths = {
            side: scene.write(f"{side}.json", config) for side, config in self.configs.items()
        }
        self.server = self.client = None
        if start:
            self.server = scene.agent("server", "--config", self.paths["server"], **options)
            self.client = scene.agent("client", "--config", self.paths["client"], **options)

    def lines(self, side):
        """The lines of one side's file so far."""
        with open(self.files[side], encoding="utf-8") as file:
            return [line.rstrip("\n") for line in file if line.endswith("\n")]

    def load(self, commands, connections=4):
        """So many commands through both agents, all answered."""
        wires = [self.scene.wire(self.front) for _ in range(connections)]
        rest = commands // connections
        while rest:
            some = min(rest, MEASURE)
            for number, wire in enumerate(wires):
                wire.send(encode("INCRBY", f"counter:{number}", "1") * some)
            for wire in wires:
                wire.replies(some)
            rest -= some
        for wire in wires:
            wire.close()

    def end(self):
        """Both agents, as SIGTERM ends them."""
        for agent in (self.client, self.server):
            agent.send_signal(signal.SIGTERM)
            agent.expect_exit(0)
            agent.check_sanitizers()


def redis_sink(redis, **options):
    return {"redis": redis.address, "stream": STREAM, **options}


def entries(client, side=None, stream=STREAM):
    """The stream's entries as dicts of text, in its order."""
    found = [
        {name.decode(): value.decode() for name, value in fields.items()}
        for _, fields in client.xrange(stream)
    ]
    return [entry for entry in found if side in (None, entry["side"])]


def first_time(seqs):
    """Each number once, where it was seen first."""
    return list(dict.fromkeys(seqs))


def events(lines, name):
    return [record for record in map(json.loads, lines) if record.get("event") == name]


def seqs_of(lines):
    return [json.loads(line)["seq"] for line in lines]


def test_two_sites_come_together_in_one_stream(scene):
    stream = scene.redis("stream")
    client = scene.client(stream.address)
    site = Site(scene, scene.redis(), [redis_sink(stream, maxlen=1000000)])
    site.load(20_000)
    site.end()
    total = 0
    for side in ("server", "client"):
        lines, copies = site.lines(side), entries(client, side)
        check(len(lines) > 20_000, f"only {len(lines)} lines in the {side}'s file")
        check_equal(len(copies), len(lines), f"entries of the {side} in the stream")
        check(
            [entry["line"] for entry in copies] == lines,
            f"the {side}'s lines in the stream aren't those of its file, in its order",
        )
        check_equal(
            [int(entry["seq"]) for entry in copies], seqs_of(lines), f"field seq of the {side}"
        )
        check_equal(
            {entry["agent"] for entry in copies},
            {json.loads(lines[0])["agent"]},
            "field agent",
        )
        check_equal(events(lines, "sink-gap"), [], f"gaps in the {side}'s audit")
        total += len(lines)
    check_equal(client.xlen(STREAM), total, "entries in the stream")


def test_the_stream_has_a_limit(scene):
    stream = scene.redis("stream", options=["--stream-node-max-entries", "10"])
    client = scene.client(stream.address)
    site = Site(scene, scene.redis(), [redis_sink(stream, maxlen=500)])
    site.load(4_000)
    site.end()
    check(500 <= client.xlen(STREAM) <= 520, f"{client.xlen(STREAM)} entries, asked for 500")
    lines = set(site.lines("server") + site.lines("client"))
    check(
        {entry["line"] for entry in entries(client)} <= lines, "a line of the stream is in no file"
    )
    check_in(
        site.lines("server")[-1], [entry["line"] for entry in entries(client)], "the last line"
    )


def check_nothing_is_silent(site, client, again):
    """Each line of the files is in the stream or counted by a sink-gap. `again`: some may be there
    twice. Yields (side, its gaps).
    """
    for side in ("server", "client"):
        lines, copies = site.lines(side), entries(client, side)
        numbers = [int(entry["seq"]) for entry in copies]
        gaps = events(lines, "sink-gap")
        lost = sum(gap["lost"] for gap in gaps)
        check_equal(len(set(numbers)) + lost, len(lines), f"{side}: lines in the stream, and lost")
        check(
            {entry["line"] for entry in copies} <= set(lines),
            f"a line of the {side} in the stream isn't in its file",
        )
        check_equal(
            first_time(numbers), sorted(set(numbers)), f"the order of the {side}'s lines"
        )
        check(again or len(numbers) == len(set(numbers)), f"lines of the {side} are there twice")
        yield side, gaps


def has_loaded(client):
    try:
        return client.ping()
    except redis_py.exceptions.BusyLoadingError:
        return False


def test_redis_dies_under_load_and_comes_back(scene):
    stream = scene.idle_redis("stream", options=["--appendonly", "yes"])
    stream.start()
    client = scene.client(stream.address)
    site = Site(scene, scene.redis(), [redis_sink(stream)])
    site.load(4_000)
    wait_until(lambda: client.xlen(STREAM) > 2_000, "the first lines in the stream")
    load = threading.Thread(target=site.load, args=(60_000,))
    load.start()
    before = client.xlen(STREAM)
    wait_until(lambda: client.xlen(STREAM) > before, "lines while the load is on")
    stream.kill()
    load.join()  # all 60,000 are answered while nobody takes the copies
    for agent in (site.server, site.client):
        agent.wait_for_log(rf"{stream.address}: connection refused")
        agent.check_sound()
    stream.start()
    client = scene.client(stream.address)
    wait_until(lambda: has_loaded(client), "Redis to have read its file")
    before = client.xlen(STREAM)
    wait_until(lambda: client.xlen(STREAM) > before + 1_000, "lines after the new start")
    site.load(400)
    for side in ("server", "client"):
        wait_until(
            lambda side=side: events(site.lines(side), "sink-gap"), f"a gap in the {side}'s audit"
        )
    site.end()
    for side, gaps in check_nothing_is_silent(site, client, again=True):
        check(gaps[0]["lost"] > 0, f"{side}: {gaps[0]}")
        check_in(stream.address, gaps[0]["sink"], f"{side}: the sink of the gap")
        check(
            re.search(rf"queue .* was full: {stream.address}: .*connection", gaps[0]["why"]),
            f"{side}: the gap's reason: {gaps[0]['why']!r}",
        )
        last = entries(client, side)[-1]["line"]
        check_equal(last, site.lines(side)[-1], f"the last line of the {side}")


def test_a_redis_that_hangs_holds_nobody_up(scene):
    stream = scene.redis("stream")
    client = scene.client(stream.address)
    site = Site(scene, scene.redis(), [redis_sink(stream)])
    site.load(400)
    stream.pause()
    try:
        site.load(8_000)  # fits into the queues
    finally:
        stream.resume()
    site.load(400)
    site.end()
    for side, gaps in check_nothing_is_silent(site, client, again=True):
        check_equal(gaps, [], f"gaps in the {side}'s audit")


def test_credentials_and_refusals_of_the_streams_redis(scene):
    stream = scene.redis("stream")
    admin = scene.client(stream.address)
    admin.execute_command(
        "ACL", "SETUSER", "audit", "on", ">" + SECRET, "~" + STREAM, "+xadd", "-@all", "+xadd"
    )
    admin.execute_command("ACL", "SETUSER", "default", "on", "nopass", "+@all")
    password = scene.write("audit.password", SECRET + "\n")
    sink = redis_sink(stream, user="audit", password_file=password)
    site = Site(scene, scene.redis(), [sink])
    site.load(400)
    wait_until(lambda: len(entries(admin, "server")) > 400, "lines by the user of the sink")
    admin.execute_command("ACL", "SETUSER", "audit", "resetkeys")
    site.load(400)
    site.server.wait_for_log(r"Redis refused XADD: NOPERM")
    admin.execute_command("ACL", "SETUSER", "audit", "~" + STREAM)
    wait_until(lambda: len(entries(admin, "server")) > 800, "lines after the right was given back")
    admin.execute_command("ACL", "SETUSER", "audit", "resetpass", ">" + SECRET + "2")
    site.load(400)
    site.server.wait_for_log(r"the login was refused: WRONGPASS")
    admin.execute_command("ACL", "SETUSER", "audit", "nopass")
    site.end()
    for side, gaps in check_nothing_is_silent(site, admin, again=False):
        check_equal(gaps, [], f"gaps in the {side}'s audit")
    for agent in (site.server, site.client):
        check(SECRET not in agent.log(), f"{agent.name} has logged the password")
    for side in ("server", "client"):
        check(SECRET not in "\n".join(site.lines(side)), f"the {side}'s audit has the password")


def test_standard_output_has_the_lines_of_the_file(scene):
    site = Site(scene, scene.redis(), ["stdout"])
    site.load(4_000)
    site.end()
    for side, agent in (("server", site.server), ("client", site.client)):
        check(len(site.lines(side)) > 4_000, f"too few lines in the {side}'s file")
        check(
            agent.stdout().splitlines() == site.lines(side),
            f"standard output of the {side} has other lines than its file",
        )


def test_a_reader_of_standard_output_that_hangs_holds_nobody_up(scene):
    site = Site(scene, scene.redis(), ["stdout"], start=False)
    server = subprocess.Popen(  # pylint: disable=consider-using-with
        [binary(), "server", "--config", site.paths["server"]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    scene.stack.callback(server.wait)
    scene.stack.callback(server.kill)
    scene.stack.callback(server.stdout.close)
    site.client = scene.agent("client", "--config", site.paths["client"])
    site.load(8_000)  # far more than a pipe holds, and nobody has read a byte
    got = []
    reader = threading.Thread(target=lambda: got.append(server.stdout.read()))
    reader.start()
    server.terminate()
    reader.join()
    check_equal(server.wait(), 0, "exit status")
    check(
        got[0].decode().splitlines() == site.lines("server"),
        "standard output has other lines than the file",
    )


PRIVATE_DEV = """
set -e
mount --make-rprivate /
mkdir "$1/devices"
mount --bind /dev "$1/devices"
mount -t tmpfs -o mode=755 tmpfs /dev
for name in null zero random urandom; do
  touch "/dev/$name"
  mount --bind "$1/devices/$name" "/dev/$name"
done
umount -l "$1/devices"
rmdir "$1/devices"
ln -s "$1/log" /dev/log
shift
exec "$@"
"""


def can_have_its_own_dev(scene):
    """Whether a child may have a /dev of its own: root, in a mount namespace."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", PRIVATE_DEV, "sh", scene.path(""), "test", "-L", "/dev/log"],
        stderr=subprocess.PIPE,
        check=False,
    )
    return done.returncode == 0


class Logger:
    """A system logger of the test's own: a datagram socket."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.socket.settimeout(0.2)
        self.messages = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while True:
            try:
                self.messages.append(self.socket.recv(1 << 20).decode())
            except socket.timeout:
                if self.ended.is_set():
                    return

    def close(self):
        """After what waits has been read."""
        self.ended.set()
        self.thread.join()
        self.socket.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def test_the_system_logger_gets_a_message_a_line(scene):
    if not can_have_its_own_dev(scene):
        # What the sink sends to a logger is tested by tests/gateway/agent/copies_test.cc too.
        print("          (no /dev of its own can be had here: only that nobody is held up)")
        site = Site(scene, scene.redis(), [{"syslog": "local3"}])
        site.load(4_000)
        site.end()
        return
    site = Site(scene, scene.redis(), [{"syslog": "local3"}], start=False)
    path = scene.path("log")
    logger = scene.keep(Logger(path))
    inside = ["unshare", "-m", "sh", "-c", PRIVATE_DEV, "sh", scene.path("")]
    log = open(scene.path("server.stderr"), "wb")  # pylint: disable=consider-using-with
    scene.keep(log)
    server = subprocess.Popen(  # pylint: disable=consider-using-with
        [*inside, binary(), "server", "--config", site.paths["server"]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,
    )
    scene.stack.callback(server.wait)
    scene.stack.callback(server.kill)

    def said(text):
        with open(scene.path("server.stderr"), encoding="utf-8") as file:
            return text in file.read()

    site.client = scene.agent("client", "--config", site.paths["client"])
    site.load(2_000)
    wait_until(lambda: len(logger.messages) >= 2_000, "the logger's messages")
    first = logger.messages
    logger.close()  # the logger is restarted: nobody listens meanwhile
    site.load(2_000)
    wait_until(lambda: said("no system logger can be reached"), "trouble in the log")
    logger = scene.keep(Logger(path))
    site.load(2_000)
    site.client.send_signal(signal.SIGTERM)
    server.send_signal(signal.SIGTERM)
    check_equal(server.wait(), 0, "exit status")
    logger.close()
    messages = first + logger.messages
    check(
        all(message.startswith("<158>") for message in messages), "priority: local3 and info"
    )
    lines = [message[message.index("]: ") + 3 :] for message in messages]
    check(f" redwall[{server.pid}]: " in messages[0], f"the message's head: {messages[0][:60]!r}")
    check(len(site.lines("server")) > 6_000, "too few lines in the file")
    check(lines == site.lines("server"), "the logger got other lines than the file has")


def test_mistakes_in_the_sinks_are_told_with_their_place(scene):
    redis = scene.redis()
    address = redis.address
    for sinks, says in (
        (["stdin"], '[0]: expected "stdout", {"syslog": FACILITY} or {"redis": ADDR}'),
        ([{"syslog": "local9"}], "[0].syslog: expected one of auth, authpriv, "),
        (["stdout", {"redis": "nowhere"}], "[1].redis: 'nowhere' is not an address: "),
        ([{"redis": address, "maxlen": 0}], "[0].maxlen: expected a whole number from 1 "),
        ([{"redis": address, "password": SECRET}], "[0].password: unknown name; "),
        ([{"redis": address, "user": "me"}], '[0]: a "user" needs a "password_file"'),
        (["stdout", "stdout"], "[1]: is there already"),
    ):
        site = Site(scene, redis, sinks, start=False)
        said = scene.refused(
            2, "server", "--config", site.paths["server"], says="server.json: audit.sinks" + says
        )
        check(SECRET not in said, "the error quotes a password")
    secret = scene.write("open.password", SECRET, mode=0o644)
    site = Site(scene, redis, [redis_sink(redis, password_file=secret)], start=False)
    says = "audit.sinks[0].password_file: "
    said = scene.refused(2, "server", "--config", site.paths["server"], says=says)
    check_in("chmod 600", said, "how to mend a password file that others may read")
    check(SECRET not in said, "the error quotes the password")


if __name__ == "__main__":
    run_tests(globals())
