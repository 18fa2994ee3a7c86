"""Goal: the server agent knows the commands that its Redis has, not only those of its own table:
renamed ones fall under the rules of what they are, those of modules have keys and categories, and
after a restart, a reload or a module that is loaded the agent knows what changed. Where Redis
doesn't tell, the built-in table stays in use and the log says why.
"""

import re
import socket
import threading

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal, check_in, wait_until
from wire import Wire

NO_WIPES = {
    "version": 1,
    "default": "allow",
    "rules": [
        {"id": "no-wipes", "action": "deny", "commands": ["flushall", "config|set"]},
        {"id": "ours", "action": "deny", "commands": ["json.set"], "keys": ["secret:*"]},
    ],
}
DENIED = b"-NOPERM redwall: 'flushall' is denied by rule 'no-wipes'\r\n"


def renamed(name, other):
    return ["--rename-command", name, other]


def said(pair, text):
    pair.server.wait_for_log(re.escape(text))


def test_a_renamed_command_is_what_it_is(scene):
    redis = scene.redis(options=[*renamed("FLUSHALL", "wipe"), *renamed("CONFIG", "konf")])
    pair = scene.pair(redis, policy=NO_WIPES)
    said(pair, "Redis has ")
    with pair.wire() as wire:
        check_equal(wire.call("SET", "a", "1"), b"+OK\r\n", "SET")
        # Unknown so far, and refused for that; Redis is asked what it is.
        check_in(b"NOPERM redwall: 'wipe'", wire.call("wipe"), "the first time")
        wait_until(lambda: wire.call("WIPE") == DENIED, "wipe to be known as flushall")
        check_in(b"NOPERM", wire.call("konf", "GET", "maxmemory"), "the first time")
        wait_until(
            lambda: wire.call("konf", "get", "maxmemory").startswith(b"*2"), "konf to be allowed"
        )
        check_in(b"'config|set'", wire.call("konf", "set", "maxmemory", "0"), "konf set")
        check_equal(wire.call("EXISTS", "a"), b":1\r\n", "what was to be wiped")
    pair.check_sound()


def test_names_that_were_swapped_mean_what_they_do(scene):
    swapped = [*renamed("GET", "read"), *renamed("FLUSHALL", "get")]
    pair = scene.pair(scene.redis(options=swapped), policy=NO_WIPES)
    said(pair, "under another name")
    with pair.wire() as wire:
        check_equal(wire.call("SET", "a", "1"), b"+OK\r\n", "SET")
        check_equal(wire.call("GET"), DENIED, "what GET has become")
        check_equal(wire.call("EXISTS", "a"), b":1\r\n", "what was to be wiped")


UNKNOWN_MAY = {**NO_WIPES, "unknown": "allow"}


def test_an_unknown_name_passes_only_once_redis_has_said_that_it_is_none(scene):
    """And what it said before a restart no longer counts: a client keeps asking meanwhile."""
    redis = scene.redis()
    pair = scene.pair(redis, policy=UNKNOWN_MAY)
    with pair.wire() as wire:
        check_in(b"ERR unknown command", wire.call("wipe"), "where there is no such command")
        check_in(b"ERR unknown", wire.call("CONFIG", "NOSUCH"), "an unknown sub-command")
        redis.stop()
    redis.options = renamed("FLUSHALL", "wipe")
    redis.start()
    pair.eventually_ping()
    with pair.wire() as wire:
        check_equal(wire.call("SET", "a", "1"), b"+OK\r\n", "SET")
        for i in range(20):
            check_equal(wire.call("wipe"), DENIED, f"wipe, after the restart ({i})")
            check_in(b"ERR unknown", wire.call(f"nosuch{i % 2}"), "another unknown name")
        check_equal(wire.call("EXISTS", "a"), b":1\r\n", "what was to be wiped")


def test_a_restarted_redis_is_asked_again(scene):
    redis = scene.redis()
    pair = scene.pair(redis, policy=NO_WIPES)
    said(pair, "Redis has ")
    with pair.wire() as wire:
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING")
        redis.stop()
    redis.options = renamed("FLUSHALL", "wipe")
    redis.start()
    pair.eventually_ping()
    with pair.wire() as wire:
        wait_until(lambda: wire.call("wipe") == DENIED, "wipe to be known as flushall")
    said(pair, "under another name")


def test_a_redis_that_needs_a_password_that_the_agent_lacks(scene):
    redis = scene.redis(options=["--requirepass", "pw"])
    pair = scene.pair(redis, policy=NO_WIPES)
    said(pair, "Redis's own command table can't be had")
    said(pair, "NOAUTH")
    with pair.wire() as wire:
        check_equal(wire.call("AUTH", "pw"), b"+OK\r\n", "AUTH")
        check_equal(wire.call("FLUSHALL"), DENIED, "the built-in table")
        check_equal(wire.call("SET", "a", "1"), b"+OK\r\n", "SET")


def test_without_redis_the_agent_starts_and_asks_later(scene):
    redis = scene.idle_redis()
    pair = scene.pair(redis, policy=NO_WIPES)
    said(pair, "Redis's own command table can't be had")
    redis.start()
    pair.eventually_ping()
    said(pair, "Redis has ")


def test_the_agent_leaves_no_trace_while_nothing_changes(scene):
    redis = scene.redis()
    pair = scene.pair(redis, policy=NO_WIPES)
    said(pair, "Redis has ")
    client = scene.client(redis.address)
    client.config_resetstat()
    with pair.wire() as wire:
        for _ in range(50):
            wire.call("PING")
        names = {row["name"] for row in client.client_list()}
        check_equal(len(client.client_list()), 2, f"connections ({names})")
    with pair.wire() as wire:
        wire.call("PING")
    stats = client.info("commandstats")
    check("cmdstat_command" not in stats, f"the agent asked again: {sorted(stats)}")


class ModuleRedis:
    """A server that says PONG, and in answer to COMMAND that it has GET and JSON.SET."""

    ENTRIES = {
        b"get": b"*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
        b"*1\r\n+@read\r\n*0\r\n*0\r\n*0\r\n",
        b"json.set": b"*10\r\n$8\r\njson.set\r\n:-4\r\n*2\r\n+write\r\n+denyoom\r\n:1\r\n:1\r\n:1\r\n"
        b"*2\r\n+@write\r\n+@slow\r\n*0\r\n"
        b"*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RW\r\n+update\r\n"
        b"$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n"
        b"*2\r\n$5\r\nindex\r\n:1\r\n"
        b"$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n"
        b"*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n"
        b"*0\r\n",
    }

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        seen = b""
        with sock:
            while data := sock.recv(65536):
                seen += data
                while b"\r\n" in seen:
                    command, seen = self.take(seen)
                    if command is None:
                        break
                    if not command:
                        continue  # in place of a refused one
                    name = command[0].upper()
                    if name == b"COMMAND":
                        sock.sendall(self.about(command[2:] or list(self.ENTRIES)))
                    elif name == b"PING":
                        sock.sendall(b"+PONG\r\n")
                    else:
                        sock.sendall(b"+OK\r\n")

    def about(self, names):
        """The answer to COMMAND, or to COMMAND INFO for some names."""
        entries = [self.ENTRIES.get(name.lower(), b"*-1\r\n") for name in names]
        return b"*%d\r\n" % len(entries) + b"".join(entries)

    @staticmethod
    def take(data):
        """The first command of `data` and what follows, or None where it isn't whole."""
        lines = data.split(b"\r\n")
        count = int(lines[0][1:])
        if len(lines) < 2 + 2 * count:
            return None, data
        return lines[2 : 2 + 2 * count : 2], b"\r\n".join(lines[1 + 2 * count :])


def test_the_commands_of_a_module_have_keys(scene):
    module = scene.keep(ModuleRedis())
    pair = scene.pair(module.address, policy=NO_WIPES, audit=True)
    said(pair, "1 of them unknown to Redis 7.0")
    with Wire(pair.address) as wire:
        check_equal(wire.call("JSON.SET", "free:1", "$", "1"), b"+OK\r\n", "an allowed key")
        check_in(b"'ours'", wire.call("json.set", "secret:1", "$", "1"), "a key that is denied")
        check_equal(wire.call("GET", "secret:1"), b"+OK\r\n", "a command of Redis's own")
    records = pair.records("server", 3)
    check_equal([record["keys"] for record in records][0], ["free:1"], "keys in the audit")


if __name__ == "__main__":
    run_tests(globals())
