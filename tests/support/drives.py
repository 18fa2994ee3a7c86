"""Programs that work on a Redis and check what they get, while the test does something to it:
cluster_drive.py, sentinel_drive.py, and those for Node.js, all in tests/compat.

    drive = Drive(scene, "redis-py", [PYTHON, COMPAT / "cluster_drive.py"], {"nodes": [...]})
    drive.wait_done(1000); drive.phase("reshard"); ...; result = drive.finish()
"""

import json
import subprocess

from processes import REPO, Failure, Process, wait_until

PYTHON = "/usr/bin/python3"  # Debian's own: it is the one that has python3-redis
COMPAT = REPO / "tests" / "compat"


class Drive(Process):
    """A drive at work. `options` are its own (see there); it works until finish()."""

    def __init__(self, scene, name, command, options, **more):
        self.told = {"until_told": True, **options}
        args = [*command, json.dumps(self.told)]
        super().__init__(name, args, scene.folder, stdin=subprocess.PIPE, **more)
        scene.processes.append(self)
        scene.stack.callback(self._release)

    def lines(self):
        """What it has said, as dictionaries."""
        with open(self.stdout_path, "rb") as file:
            return [json.loads(line) for line in file if line.endswith(b"\n")]

    def done(self):
        """How many operations it has said that it has done."""
        return max((line["done"] for line in self.lines() if "done" in line), default=0)

    def wait_done(self, more):
        """Until it has done about so many operations more: as long as it goes on at all."""
        done = self.done()
        goal = done + more
        while done < goal:
            self._wait(lambda known=done: self.done() > known, f"{self.name} to go on")
            done = self.done()

    def phase(self, name):
        """From here on its errors are counted under this name."""
        self.popen.stdin.write(name.encode() + b"\n")
        self.popen.stdin.flush()
        said = {"phase": name}
        self._wait(lambda: said in self.lines(), f"{self.name} to begin the phase {name}")

    def finish(self):
        """Tells it to come to its end, and returns its result."""
        self._release()
        self.expect_exit(0)
        return next(line["result"] for line in self.lines() if "result" in line)

    def _wait(self, condition, what):
        def look():
            if condition():
                return True
            if not self.running():
                raise Failure(f"{self.name} ended with {self.popen.returncode}: {self.log()}")
            return False

        wait_until(look, what)

    def _release(self):
        try:
            self.popen.stdin.close()
        except BrokenPipeError:
            pass


def redis_py_on_cluster(scene, nodes, **options):
    """redis-py's RedisCluster at work. `nodes`: the addresses that it is told."""
    command = [PYTHON, "-B", COMPAT / "cluster_drive.py"]
    return Drive(scene, "redis-py", command, {"nodes": nodes, "count": 0, **options})


def redis_cli_on_cluster(scene, nodes, **options):
    """redis-cli -c at work, a process a worker, beginning at the first of the nodes."""
    return redis_py_on_cluster(scene, nodes, redis_cli=True, **options)


def ioredis_on_cluster(scene, nodes, node_modules, module="ioredis", **options):
    """ioredis's Cluster at work; where its packages are, tests/compat/node_clients.py knows."""
    command = ["node", COMPAT / "node" / "ioredis_cluster_drive.js"]
    told = {"nodes": nodes, "count": 0, "module": module, **options}
    environment = {"PATH": "/usr/bin:/bin", "NODE_PATH": str(node_modules)}
    return Drive(scene, module, command, told, env=environment)


def writers(scene, where, **options):
    """redis-py appending numbers: `where` is {"address": ...} or {"sentinels": [...], "master":
    name}."""
    command = [PYTHON, "-B", COMPAT / "sentinel_drive.py"]
    return Drive(scene, "writers", command, {**where, "count": 0, **options})
