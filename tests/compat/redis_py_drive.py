"""Puts redis-py through its API and writes a transcript: started by tests/compat/redis_py.py, which
compares two of them (see transcripts.py for what it is told and what it says).
"""

import json
import os
import sys

sys.dont_write_bytecode = True

import redis  # noqa: E402
from redis.connection import Connection, UnixDomainSocketConnection  # noqa: E402

import redis_py_clients  # noqa: E402
import redis_py_collections  # noqa: E402
import redis_py_messages  # noqa: E402
import redis_py_server  # noqa: E402
import redis_py_sessions  # noqa: E402
import redis_py_values  # noqa: E402
from redis_py_resp3 import Resp3Connection, Resp3UnixConnection, without_callbacks  # noqa: E402
from redis_py_steps import PATIENCE, Recorder, Steps  # noqa: E402

TOPICS = [
    *redis_py_values.TOPICS,
    *redis_py_collections.TOPICS,
    *redis_py_sessions.TOPICS,
    *redis_py_messages.TOPICS,
    *redis_py_server.TOPICS,
    *redis_py_clients.TOPICS,
]


class Place:
    """Where a topic works: an empty Redis, and connections that end with the topic."""

    def __init__(self, where, recorder):
        self.where = where
        self.protocol = where["protocol"]
        self.recorder = recorder
        self.kept = []
        self.control = self.keep(redis.Redis(**self.address()))  # unseen: polls, and cleans up
        self.control.flushall()
        self.client = self.connect()
        self.do = Steps(recorder, self.client)

    def address(self):
        return {"host": self.where["host"], "port": self.where["port"]}

    def connect(self, unix=False, single=False, **options):
        options = {"socket_timeout": PATIENCE, **options}
        if unix:
            kind = Resp3UnixConnection if self.protocol == 3 else UnixDomainSocketConnection
            options["path"] = self.where["unix"]
            options.pop("socket_connect_timeout", None)
        else:
            kind = Resp3Connection if self.protocol == 3 else Connection
            options.update(self.address())
        pool = redis.ConnectionPool(connection_class=kind, **options)
        client = self.keep(redis.Redis(connection_pool=pool, single_connection_client=single))
        return without_callbacks(client) if self.protocol == 3 else client

    def keep(self, client):
        self.kept.append(client)
        return client

    def drop(self, client):
        """Closes all that it has."""
        if hasattr(client, "reset") and hasattr(client, "channels"):
            client.reset()
        else:
            client.connection_pool.disconnect()

    def note(self, do, action, wants_error=False):
        return self.recorder.step(do, action, wants_error)

    def names(self, prefix):
        """The names of connections that start so."""
        lines = self.control.client_list()
        return [line["name"] for line in lines if line["name"].startswith(prefix)]

    def state(self, name):
        """What CLIENT LIST says of the connection with this name; nothing where there is none."""
        lines = [line for line in self.control.client_list() if line["name"] == name]
        return lines[0] if lines else {}

    def close(self):
        for client in self.kept:
            self.drop(client)


def api():
    """The methods of redis-py that send a command of Redis itself."""
    found = set()
    for kind in (
        redis.commands.core.CoreCommands.__mro__ + redis.commands.core.ModuleCommands.__mro__
    ):
        if kind.__module__ == "redis.commands.core":
            found |= {name for name in vars(kind) if not name.startswith("_")}
    return found


def main():
    where = json.loads(os.environ["REDWALL_DRIVE"])
    recorder = Recorder()
    for topic in TOPICS:
        if where["topics"] and topic.__name__ not in where["topics"]:
            continue
        recorder.topic = topic.__name__
        place = Place(where, recorder)
        try:
            topic(place)
        finally:
            place.close()
    print(json.dumps({"about": f"{len(recorder.methods & api())} of {len(api())} command methods"}))


if __name__ == "__main__":
    main()
