"""A master, its replicas, and the sentinels that watch them, all private, for tests.

    watched = Sentinels(scene)          # a master, a replica, three sentinels, a quorum of two
    watched.failover()                  # SENTINEL FAILOVER: both servers stay alive
    old = watched.kill_master(); watched.wait_switched(old); watched.restart(old)

Every function that changes something returns when all sentinels agree on it and the replicas follow
the master that they name.
"""

import redis as redis_py

from processes import Failure, Process, free_port, wait_until
from redis_nodes import Node

DOWN_AFTER = 1000  # milliseconds without an answer until a sentinel takes a server for dead
FAILOVER_TIMEOUT = 10000  # milliseconds; a fail-over that failed is tried again after twice that
# Sentinels look round every few seconds; these do so ten times as often (milliseconds). A busy
# machine doesn't make them mistrust their clock.
HASTE = {"info-period": 500, "publish-period": 200, "ping-period": 200, "ask-period": 200}
HASTE |= {"tilt-trigger": 60000}

CONFIG = """\
port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor {watched} 127.0.0.1 {master} {quorum}
sentinel down-after-milliseconds {watched} {down_after}
sentinel failover-timeout {watched} {failover_timeout}
sentinel parallel-syncs {watched} 1
"""


class Sentinel:
    """One redis-sentinel: redis-server under its other name. Its process is the scene's."""

    def __init__(self, scene, name, password, **config):
        self.scene, self.name = scene, name
        self.port = free_port()
        folder = scene.folder / name
        folder.mkdir(mode=0o700)
        text = CONFIG.format(port=self.port, folder=folder, **config)
        if password:
            text += f"sentinel auth-pass {config['watched']} {password}\n"
        self.config = scene.write(f"{name}/sentinel.conf", text)
        self._client = scene.client(self.address, decode_responses=True)
        self._client.response_callbacks = {}
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self.process = Process(
            self.name, ["redis-server", self.config, "--sentinel"], self.scene.folder
        )
        self.scene.processes.append(self.process)
        wait_until(self._answers, f"{self.name} to answer on port {self.port}")
        self.call("SENTINEL", "DEBUG", *[part for pair in HASTE.items() for part in pair])
        return self

    def kill(self):
        self.process.kill()

    def running(self):
        return self.process is not None and self.process.running()

    def call(self, *arguments):
        return self._client.execute_command(*arguments)

    def table(self, *arguments):
        """The reply of SENTINEL MASTER and its like as a dictionary."""
        flat = self.call("SENTINEL", *arguments)
        return dict(zip(flat[::2], flat[1::2]))

    def _answers(self):
        if not self.running():
            raise Failure(f"{self.name} did not start:\n{self.process.stdout()[-2000:]}")
        try:
            return self.call("PING") in ("PONG", True)
        except redis_py.ConnectionError:
            return False


class Sentinels:
    """`name`: what the sentinels call the master. `password`: of the servers, not of the
    sentinels. In it: servers (Node), sentinels (Sentinel), addresses (the sentinels')."""

    def __init__(
        self,
        scene,
        replicas=1,
        sentinels=3,
        quorum=2,
        name="mymaster",
        password=None,
        down_after=DOWN_AFTER,
        failover_timeout=FAILOVER_TIMEOUT,
        options=(),
    ):
        self.name = name
        master = Node(scene, "server-1", options, password).start()
        self.servers = [master]
        for number in range(2, replicas + 2):
            follow = ["--replicaof", f"127.0.0.1 {master.port}"]
            self.servers.append(Node(scene, f"server-{number}", [*options, *follow], password))
            self.servers[-1].start()
        wait_until(lambda: self._follow(master), "the replicas to be in sync")
        config = {
            "watched": name,
            "master": master.port,
            "quorum": quorum,
            "down_after": down_after,
            "failover_timeout": failover_timeout,
        }
        self.sentinels = [
            Sentinel(scene, f"sentinel-{number}", password, **config).start()
            for number in range(1, sentinels + 1)
        ]
        self.wait_settled()

    @property
    def addresses(self):
        return [sentinel.address for sentinel in self.running_sentinels()]

    def running(self):
        return [server for server in self.servers if server.running()]

    def running_sentinels(self):
        return [sentinel for sentinel in self.sentinels if sentinel.running()]

    def master_addresses(self):
        """What the sentinels say, each for itself: a set of addresses."""
        ask = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name)
        return {":".join(sentinel.call(*ask)) for sentinel in self.running_sentinels()}

    def master_address(self):
        """What all sentinels say; None while they don't agree."""
        found = self.master_addresses()
        return found.pop() if len(found) == 1 else None

    def master(self):
        """The server that all sentinels take for the master, once they agree."""
        return self.server(wait_until(self.master_address, "the sentinels to agree on a master"))

    def replicas(self):
        """The servers that run and are not the master."""
        master = self.master()
        return [server for server in self.running() if server is not master]

    def server(self, address):
        return next(server for server in self.servers if server.address == address)

    def failover(self):
        """SENTINEL FAILOVER. Returns the new master; the old one runs on as its replica."""
        old = self.master()

        def attempt():
            self.start_failover()
            try:
                return wait_until(lambda: self._left(old), "a switch", seconds=10)
            except Failure:  # the sentinel has given it up: it found no replica good enough
                return False

        wait_until(attempt, f"the sentinels to leave {old.name}")
        return self.wait_switched(old)

    def start_failover(self):
        """SENTINEL FAILOVER; nothing is waited for but the sentinels' consent."""
        self.wait_settled()

        def attempt():
            try:
                self.running_sentinels()[0].call("SENTINEL", "FAILOVER", self.name)
                return True
            except redis_py.ResponseError as error:
                if not str(error).startswith(("INPROG", "NOGOODSLAVE")):
                    raise
                return False

        wait_until(attempt, "the sentinels to begin a fail-over")

    def _left(self, old):
        return self.master_address() not in (None, old.address)

    def kill_master(self):
        """kill -9. Returns the server that was killed."""
        master = self.master()
        master.kill()
        return master

    def wait_switched(self, old):
        """Until all sentinels name another master than `old`, and all is settled. Returns it."""
        wait_until(lambda: self._left(old), f"the sentinels to leave {old.name}")
        self.wait_settled()
        return self.master()

    def restart(self, server):
        """Starts a server that was killed; the sentinels make it a replica."""
        server.start()
        self.wait_settled()

    def wait_settled(self):
        """Until all sentinels know each other and the replicas, agree on a master, and every other
        server that runs is its replica, in sync."""
        wait_until(self._settled, "sentinels, master and replicas to settle")

    def _settled(self):
        address = self.master_address()
        if address is None or not self._follow(self.server(address)):
            return False
        return all(self._knows_all(sentinel) for sentinel in self.running_sentinels())

    def _knows_all(self, sentinel):
        """True when it could replace the master at once: it has fresh news of the others."""
        said = sentinel.table("MASTER", self.name)
        others = int(said["num-other-sentinels"])
        if said["flags"] != "master" or others < len(self.sentinels) - 1:
            return False
        lists = sentinel.call("SENTINEL", "REPLICAS", self.name)
        replicas = [dict(zip(flat[::2], flat[1::2])) for flat in lists]
        good = {
            int(replica["port"])
            for replica in replicas
            if replica["flags"] == "slave"
            and replica["master-link-status"] == "ok"
            and 0 < int(replica["info-refresh"]) < 2 * HASTE["info-period"]
        }
        return {server.port for server in self.running()} - good <= {int(said["port"])}

    def _follow(self, master):
        """True when `master` is one, and everybody else that runs is its replica and in sync."""
        try:
            if not master.running() or master.call("ROLE")[0] != "master":
                return False
            for server in self.running():
                state = server.info("replication")
                if server is not master and (
                    state["role"] != "slave"
                    or int(state["master_port"]) != master.port
                    or not server.in_sync()
                ):
                    return False
            return True
        except redis_py.RedisError:  # one that has just ended, or is loading
            return False
