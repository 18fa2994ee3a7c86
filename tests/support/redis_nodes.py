"""Redis servers that belong together: what cluster.py and sentinels.py have in common."""

from processes import RedisServer


class Node(RedisServer):
    """A private Redis that the test itself can talk to, past every agent: `call("GET", "a")`."""

    def __init__(self, scene, name, options=(), password=None):
        secrets = ["--requirepass", password, "--masterauth", password] if password else []
        quick = ["--repl-diskless-sync-delay", "0", "--repl-diskless-load", "swapdb"]
        super().__init__(scene.folder, name, options=[*quick, *secrets, *options])
        scene.processes.append(self)
        self._client = scene.client(self.address, password=password, decode_responses=True)
        self._client.response_callbacks = {}  # replies as they are

    def running(self):
        return self.process is not None and self.process.running()

    def call(self, *arguments):
        """The reply as Redis gave it, texts decoded."""
        return self._client.execute_command(*arguments)

    def call_all(self, commands):
        """Several commands at once; their replies. The first error is raised."""
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.response_callbacks = {}
            for command in commands:
                pipeline.execute_command(*command)
            return pipeline.execute()

    def info(self, section):
        """{name: text} of a section of INFO."""
        lines = self.call("INFO", section).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def in_sync(self):
        """True for a master, and for a replica that has all that its master had to give."""
        state = self.info("replication")
        if state["role"] == "master":
            return True
        return state["master_link_status"] == "up" and state["master_sync_in_progress"] == "0"
