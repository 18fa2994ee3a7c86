"""The frame of the end-to-end scenarios.

A scenario is a file tests/e2e/NN_name.py: a docstring with its goal, and functions
`test_...(scene)`. Each function gets a Scene of its own: a temporary folder, private Redis servers,
agents, sockets. When the function is over, however it ends, all of that is gone. Nothing that the
scene did not start is touched.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import redis as redis_py

from processes import Agent, RedisServer, binary, check, check_equal, free_port, wait_until
from relay import Relay
from wire import Wire

REDIS_GREETING = re.compile(
    r"oO0Oo|Redis version=|onfiguration loaded|Server initialized|overcommit"
)
MAX_UNIX_PATH = 100  # bytes of a socket's path that fit everywhere


class Scene:
    """What one test function may use. A context manager; leaving it ends and removes everything."""

    def __init__(self, name="scene"):
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="redwall-"))
        self.processes = []
        self.name = name
        self._count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.stack.close()
            for process in reversed(self.processes):
                process.stop()
        finally:
            for process in self.processes:
                process.kill()
            shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self, thing):
        """`thing.close()` is called when the scene ends."""
        self.stack.callback(thing.close)
        return thing

    def path(self, name):
        return str(self.folder / name)

    def write(self, name, content, mode=0o600):
        """Writes a file of the scene: bytes, text, or anything else as JSON. Returns its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, (bytes, str)):
            content = json.dumps(content, indent=2)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return str(path)

    def key(self, name="site.key"):
        return self.write(name, os.urandom(32))

    def redis(self, name="redis", **options):
        """A running private Redis."""
        server = RedisServer(self.folder, name, **options)
        self.processes.append(server)
        return server.start()

    def idle_redis(self, name="redis", **options):
        """A private Redis that has yet to be started."""
        server = RedisServer(self.folder, name, **options)
        self.processes.append(server)
        return server

    def agent(self, *args, name=None, ready=True, **options):
        """Starts `redwall ARGS`; waits until it is ready for work unless told otherwise."""
        self._count += 1
        agent = Agent(f"{name or args[0]}-{self._count}", [*args], self.folder, **options)
        self.processes.append(agent)
        if ready:
            agent.wait_ready()
        return agent

    def relay(self, target, **options):
        return self.keep(Relay(target, **options).start())

    def pair(self, redis, **options):
        return Pair(self, redis, **options).start()

    def run(self, *args, **options):
        """Runs `redwall ARGS` to its end: a CompletedProcess with text in stdout and stderr."""
        options.setdefault("timeout", 60)
        options.setdefault("cwd", self.folder)
        return subprocess.run(
            [binary(), *[str(a) for a in args]],
            stdin=subprocess.DEVNULL,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
            **options,
        )

    def refused(self, status, *args, says=(), **options):
        """Runs `redwall ARGS`, which must end with `status` and a sentence on stderr that holds
        each text of `says`: `redwall: ...` for usage and configuration, maybe an error in the log
        for what failed later.
        """
        done = self.run(*args, **options)
        said = done.stderr.strip()
        check_equal(
            done.returncode,
            status,
            f"exit status of redwall {' '.join(map(str, args))} " f"(it said {said!r})",
        )
        check(
            re.search("redwall: " if status == 2 else r"redwall: |^\S+ error ", said, re.M),
            f"no sentence on stderr: {said!r}",
        )
        for text in [says] if isinstance(says, str) else says:
            check(text in said, f"{text!r} is missing in: {said!r}")
        return said

    def client(self, address, **options):
        """A redis-py client of `address` ("host:port" or "unix:/path")."""
        options.setdefault("socket_timeout", 60)
        if address.startswith("unix:"):
            client = redis_py.Redis(unix_socket_path=address[5:], **options)
        else:
            host, _, port = address.rpartition(":")
            client = redis_py.Redis(host=host.strip("[]"), port=int(port), **options)
        self.stack.callback(disconnect, client)
        return client

    def wire(self, address, **options):
        return self.keep(Wire(address, **options))

    def logs(self, lines=25):
        """The last lines of everything that ran here, for a failure's report."""
        parts = []
        for process in self.processes:
            process = getattr(process, "process", process)
            if process is None:
                continue
            for path in (process.stderr_path, process.stdout_path):
                text = path.read_text("utf-8", "replace")
                tail = [line for line in text.splitlines() if not REDIS_GREETING.search(line)][
                    -lines:
                ]
                if tail:
                    parts.append(
                        f"    --- {path.name}\n" + "\n".join("    " + line for line in tail)
                    )
        return "\n".join(parts)

    def check_agents(self):
        """No agent may end a scene with a sanitizer's report."""
        for process in self.processes:
            if isinstance(process, Agent):
                process.check_sanitizers()


class Pair:
    """Both agents and, where asked for, a recording relay between them.

    server_options and client_options are further command line arguments. `policy` (an object or a
    text) is given to the server agent, `client_policy` to the client agent; with `audit` both write
    an audit file.
    """

    def __init__(
        self,
        scene,
        redis,
        server_options=(),
        client_options=(),
        relay=None,
        policy=None,
        client_policy=None,
        audit=False,
        key=None,
    ):
        self.scene = scene
        self.key = key or scene.key()
        self.server_address = f"127.0.0.1:{free_port()}"
        self.address = f"127.0.0.1:{free_port()}"
        self.relay_options = relay
        self.relay = None
        self.server = self.client = None
        target = redis if isinstance(redis, str) else redis.address
        self.server_args = [
            "server",
            "-s",
            self.server_address,
            "-t",
            target,
            "-k",
            self.key,
            *server_options,
        ]
        self.client_options = ["-k", self.key, *client_options]
        if policy is not None:
            self.policy_path = scene.write("policy.json", policy)
            self.server_args += ["--policy", self.policy_path]
        if client_policy is not None:
            self.client_policy_path = scene.write("client-policy.json", client_policy)
            self.client_options += ["--policy", self.client_policy_path]
        if audit:
            self.server_audit, self.client_audit = scene.path("server.jsonl"), scene.path(
                "client.jsonl"
            )
            self.server_args += ["--audit", self.server_audit]
            self.client_options += ["--audit", self.client_audit]

    def start(self):
        self.start_server()
        if self.relay_options is not None:
            self.relay = self.scene.relay(self.server_address, **self.relay_options)
        self.start_client()
        return self

    def start_server(self):
        self.server = self.scene.agent(*self.server_args)

    def start_client(self, ready=True):
        target = self.relay.address if self.relay else self.server_address
        self.client = self.scene.agent(
            "client", "-s", self.address, "-t", target, *self.client_options, ready=ready
        )

    def redis(self, **options):
        """A redis-py client through both agents."""
        return self.scene.client(self.address, **options)

    def wire(self):
        return self.scene.wire(self.address)

    def eventually_ping(self):
        """Waits until a client gets its PONG again (after something was cut or killed)."""

        def attempt():
            try:
                with Wire(self.address) as wire:
                    return wire.call("PING") == b"+PONG\r\n"
            except (OSError, Exception):  # pylint: disable=broad-except
                return False

        wait_until(attempt, "a PING to be answered through both agents again")

    def check_sound(self):
        self.server.check_sound()
        self.client.check_sound()

    def records(self, side, count=None):
        """The audit's command records of one side, once there are `count`."""
        path = self.server_audit if side == "server" else self.client_audit
        return read_audit(path, count)


def read_audit(path, count=None, select=lambda record: "cmd" in record):
    """The records of an audit file that `select` picks; waits until there are `count`."""

    def read():
        try:
            with open(path, encoding="utf-8") as file:
                lines = [line for line in file if line.endswith("\n")]
        except FileNotFoundError:
            lines = []
        return [record for record in map(json.loads, lines) if select(record)]

    if count is not None:
        wait_until(lambda: len(read()) >= count, f"{count} records in {os.path.basename(path)}")
        time.sleep(0.1)  # one too many would be as wrong as one too few
        check_equal(len(read()), count, f"records in {os.path.basename(path)}")
    return read()


def disconnect(client):
    """Closes all connections of a redis-py client (its own close() keeps those of its pool)."""
    with contextlib.suppress(Exception):  # a thread that a failure left behind may be using it
        client.connection_pool.disconnect()


def stay_root_out():
    """Arguments for subprocess that run a program as nobody, or None where this user can't."""
    return {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else None


def run_tests(names):
    """What each scenario file ends with: `run_tests(globals())`. Runs its test functions, or those
    named on the command line; prints a line for each; exits with 1 where one failed.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    chosen = sys.argv[1:]
    tests = [
        (name, test)
        for name, test in names.items()
        if name.startswith("test_") and callable(test) and (not chosen or name in chosen)
    ]
    failed = 0
    for name, test in tests:
        with Scene(name) as scene:
            try:
                test(scene)
                scene.check_agents()
                print(f"  ok      {name}", flush=True)
            except Exception:  # pylint: disable=broad-except
                failed += 1
                print(f"  FAILED  {name}\n{traceback.format_exc()}{scene.logs()}", flush=True)
    print(f"{len(tests) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not tests else 0)
