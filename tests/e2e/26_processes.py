"""Goal: the agents behave as services: --daemon with a pidfile that is there when the parent ends
and gone when the agent is, -u gives up root and is refused where there is none, the log in JSON,
-F, the standard streams; too few file descriptors.
"""

import json
import os
import resource
import shutil
import signal
import subprocess

import scenario  # noqa: F401, finds tests/support
from footprint import sanitized
from harness import run_tests, stay_root_out
from processes import binary, check, check_equal, free_port, wait_until
from wire import Wire, encode


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"


def read_pid(path):
    with open(path, encoding="ascii") as file:
        text = file.read()
    check(text.strip().isdigit(), f"the pidfile holds {text!r}")
    return int(text)


class Daemon:
    """An agent in the background, known by its pidfile. Ended with the scene."""

    def __init__(self, scene, *arguments):
        self.pidfile = scene.path(f"{arguments[0]}.pid")
        done = scene.run(*arguments, "--daemon", "-p", self.pidfile)
        check_equal(done.returncode, 0, f"exit status of --daemon ({done.stderr!r})")
        self.pid = read_pid(self.pidfile)
        scene.keep(self)

    def close(self):
        if alive(self.pid):
            os.kill(self.pid, signal.SIGKILL)


def test_daemons_with_pidfiles(scene):
    redis, key, tunnel, front = scene.redis(), scene.key(), free_port(), free_port()
    server = Daemon(scene, "server", "-s", f"127.0.0.1:{tunnel}", "-t", redis.address, "-k", key)
    client = Daemon(
        scene, "client", "-s", f"127.0.0.1:{front}", "-t", f"127.0.0.1:{tunnel}", "-k", key
    )
    with Wire(f"127.0.0.1:{front}") as wire:  # it listens by the time the parent has ended
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING through two daemons")
    for daemon in (client, server):
        check_equal(os.getsid(daemon.pid), daemon.pid, "the daemon's session is its own")
        os.kill(daemon.pid, signal.SIGTERM)
        wait_until(lambda daemon=daemon: not alive(daemon.pid), "the daemon to end")
        check(not os.path.exists(daemon.pidfile), "the pidfile is left behind")


def test_a_daemon_that_cannot_start_says_so_in_the_foreground(scene):
    redis, key = scene.redis(), scene.key()
    pair = scene.pair(redis)
    pidfile = scene.path("taken.pid")
    scene.refused(
        1,
        "server",
        "-s",
        pair.server_address,
        "-t",
        redis.address,
        "-k",
        key,
        "--daemon",
        "-p",
        pidfile,
        says="in use",
    )
    check(not os.path.exists(pidfile), "a pidfile of a daemon that never was")


def test_a_pidfile_in_the_foreground(scene):
    redis, key, pidfile = scene.redis(), scene.key(), scene.path("server.pid")
    agent = scene.agent(
        "server", "-s", "127.0.0.1:0", "-t", redis.address, "-k", key, "-F", "-p", pidfile
    )
    # It listens first: whose port is taken must not leave a pidfile.
    wait_until(lambda: os.path.exists(pidfile) and os.path.getsize(pidfile), "the pidfile")
    check_equal(read_pid(pidfile), agent.pid, "the process id in the pidfile")
    agent.send_signal(signal.SIGTERM)
    agent.expect_exit(0)
    check(not os.path.exists(pidfile), "the pidfile is left behind")
    scene.refused(
        1,
        "server",
        "-s",
        "127.0.0.1:0",
        "-t",
        redis.address,
        "-k",
        key,
        "-p",
        scene.path("nowhere/server.pid"),
        says="nowhere/server.pid",
    )


def test_u_is_refused_without_root(scene):
    key = scene.key()
    arguments = ["server", "-s", f"127.0.0.1:{free_port()}", "-t", "127.0.0.1:6379", "-u", "nobody"]
    as_nobody = stay_root_out()
    program = binary()
    if as_nobody:  # a place that nobody can reach, whatever the way to the build folder is like
        program = scene.path("redwall")
        shutil.copy(binary(), program)
        os.chmod(scene.folder, 0o755)
        os.chown(key, 65534, 65534)
    done = subprocess.run(
        [program, *arguments, "-k", key],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **(as_nobody or {}),
    )
    check(done.returncode in (1, 2), f"exit status {done.returncode}")
    check("nobody" in done.stderr and "root" in done.stderr, f"it says {done.stderr!r}")


def test_u_gives_up_root(scene):
    if os.geteuid() != 0:
        scene.refused(
            1, "server", "-s", "127.0.0.1:0", "-t", "127.0.0.1:1", "-k", scene.key(), "-u", "nobody"
        )
        return
    redis, key = scene.redis(), scene.key()
    server = scene.agent(
        "server", "-s", "127.0.0.1:0", "-t", redis.address, "-k", key, "-u", "nobody"
    )
    server.wait_for_log("listening")

    def ids(kind):
        with open(f"/proc/{server.pid}/status", encoding="ascii") as file:
            return next(line for line in file if line.startswith(kind)).split()[1:]

    wait_until(lambda: set(ids("Uid:")) == {"65534"}, "the agent to become nobody")
    check_equal(set(ids("Gid:")), {"65534"}, "group ids of the agent")
    check("0" not in ids("Groups:"), "the group root is still there")
    client = scene.agent("client", "-s", "127.0.0.1:0", "-t", server.addresses()[0], "-k", key)
    check_equal(scene.client(client.addresses()[0]).ping(), True, "ping() through who was root")
    scene.refused(
        1,
        "server",
        "-s",
        "127.0.0.1:0",
        "-t",
        redis.address,
        "-k",
        key,
        "-u",
        "no-such-user",
        says="no-such-user",
    )


def test_the_log_in_json(scene):
    redis, key = scene.redis(), scene.key()
    server = scene.agent(
        "server", "-s", "127.0.0.1:0", "-t", redis.address, "-k", key, "--log-json"
    )
    server.send_signal(signal.SIGTERM)
    server.expect_exit(0)
    lines = [json.loads(line) for line in server.log().splitlines()]
    check(
        any("listening on" in json.dumps(line) for line in lines),
        f"no line says where it listens: {lines}",
    )
    check(
        all("info" in json.dumps(line) or "warn" in json.dumps(line) for line in lines),
        "a line has no level",
    )


def test_the_log_level(scene):
    redis, key, port = scene.redis(), scene.key(), free_port()
    server = scene.agent(
        "server",
        "-s",
        f"127.0.0.1:{port}",
        "-t",
        redis.address,
        "-k",
        key,
        "--log-level",
        "error",
        ready=False,
    )
    client = scene.agent(
        "client", "-s", "127.0.0.1:0", "-t", f"127.0.0.1:{port}", "-k", key, "--log-level", "debug"
    )
    check_equal(scene.client(client.addresses()[0]).ping(), True, "ping()")
    check_equal(server.log(), "", "the log at level error")
    scene.refused(
        2,
        "server",
        "-s",
        "127.0.0.1:0",
        "-t",
        redis.address,
        "-k",
        key,
        "--log-level",
        "loud",
        says="--log-level",
    )


def test_closed_standard_streams_do_no_harm(scene):
    """Started with nothing open, it must not take a socket for its log."""
    redis, front = scene.redis(), free_port()
    pair = scene.pair(redis)
    start = f'exec "{binary()}" client -s 127.0.0.1:{front} -t {pair.server_address} -k "$1"'
    command = start + " <&- >&- 2>&-"
    popen = subprocess.Popen(["sh", "-c", command, "sh", pair.key])
    try:

        def pong():
            try:
                with Wire(f"127.0.0.1:{front}") as wire:
                    return wire.call("PING") == b"+PONG\r\n"
            except OSError:
                return False

        wait_until(pong, "a PING through an agent without standard streams")
    finally:
        popen.kill()
        popen.wait()


def test_without_descriptors_newcomers_wait_and_the_others_are_served(scene):
    """It says at the start that there are too few of them."""
    few = 64

    def with_few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (few // 2, few))

    pair = scene.pair(scene.redis())
    client = scene.agent(
        *("client", "-s", "127.0.0.1:0", "-t", pair.server_address, "-k", pair.key, "-n", 500),
        preexec_fn=with_few,
    )
    client.wait_for_log(rf"have {few} file descriptors, and it needs \d+ .*: 500 for clients")
    if sanitized(client):  # it asks by a pipe whether memory is there, and has no descriptor for it
        return
    address = client.addresses()[0]
    first = scene.wire(address)
    check_equal(first.call("PING"), b"+PONG\r\n", "PING of the first client")
    crowd = [scene.wire(address) for _ in range(2 * few)]
    client.wait_for_log("has to wait: too many open files")
    for wire in crowd:
        wire.send(encode("PING"))
    check_equal(first.call("PING"), b"+PONG\r\n", "PING in a crowd")
    for wire in crowd:  # those that came first have places, and make room
        check_equal(wire.replies(1), [b"+PONG\r\n"], "PING of one in the crowd")
        wire.close()
    check("file descriptors" not in pair.client.log(), "a warning where there are enough")
    client.check_sound()


if __name__ == "__main__":
    run_tests(globals())
