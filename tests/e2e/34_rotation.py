"""Goal: a key is replaced, a shared one or an identity, the agent's or the server's, and no Redis
client sees an error: the server takes both, the client agent changes over, the old one goes. Which
key is in use stands in log and audit. An agent is shut out at once when its key is taken away, when
its time is over, and where it comes from elsewhere than it may.
"""

import datetime
import hashlib
import os
import shutil
import signal
import threading

import scenario  # noqa: F401, finds tests/support
from harness import read_audit, run_tests
from processes import check, check_equal, check_in, free_port, wait_until
from wire import Wire


class Worker:
    """A Redis client that works on one connection, with a transaction now and then, until told to
    stop. Any error is its end."""

    def __init__(self, client):
        self.client, self.steps, self.error = client, 0, None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self):
        try:
            connection = self.client.client_id()
            while not self._over.is_set():
                with self.client.pipeline(transaction=True) as pipe:
                    pipe.incr("steps").client_id()
                    check_equal(pipe.execute(), [self.steps + 1, connection], "INCR, CLIENT ID")
                self.steps += 1
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def wait_for_steps(self, count=50):
        """Until so many more have been done, or one went wrong."""
        goal = self.steps + count
        wait_until(lambda: self.error or self.steps >= goal, "the client to go on working")
        if self.error:
            raise self.error

    def finish(self):
        self.wait_for_steps()
        self._over.set()
        self._thread.join(60)
        if self.error:
            raise self.error


def reload(agent, sentence="reloaded"):
    mark = agent.mark()
    agent.send_signal(signal.SIGHUP)
    agent.wait_for_log(sentence, since=mark)


def hint_of(path):
    """What `b2sum -l 32 FILE` prints."""
    with open(path, "rb") as file:
        return hashlib.blake2b(file.read(), digest_size=4).hexdigest()


def events(path, *names):
    return read_audit(path, select=lambda record: record.get("event") in names)


def wait_for_key(audit, field, value):
    """Until the last tunnel in the audit was made, or resumed, with this key."""

    def used():
        found = events(audit, "tunnel-up", "tunnel-resumed")
        return found and found[-1].get(field) == value

    wait_until(used, f"{field} {value} in {os.path.basename(audit)}")


def test_a_shared_key_is_replaced(scene):
    """docs/operations.md, step by step."""
    redis = scene.redis()
    new = scene.key("new/site.key")
    paths = [scene.key("current/site.key"), scene.path("next/site.key")]
    os.mkdir(scene.path("next"))
    shutil.copy(paths[0], paths[1])
    mine = scene.write("client/site.key", open(paths[0], "rb").read())
    audits = [scene.path("server.jsonl"), scene.path("client.jsonl")]
    address = f"127.0.0.1:{free_port()}"
    keys = ["-k", paths[0], "-k", paths[1], "--audit", audits[0]]
    server = scene.agent("server", "-s", address, "-t", redis.address, *keys)
    client = scene.agent(
        "client", "-s", "127.0.0.1:0", "-t", address, "-k", mine, "--audit", audits[1]
    )
    old_name, new_name = f"site {hint_of(mine)}", f"site {hint_of(new)}"
    for audit in audits:
        wait_for_key(audit, "shared_key", old_name)
    check_in(old_name, client.log(), "the client agent's log")
    check_in(old_name, server.log(), "the server agent's log")
    worker = Worker(scene.client(client.addresses()[0]))
    worker.wait_for_steps()
    shutil.copy(new, paths[1])
    reload(server)
    worker.wait_for_steps()
    shutil.copy(new, mine)
    reload(client, "change over")
    for audit in audits:
        wait_for_key(audit, "shared_key", new_name)
    worker.wait_for_steps()
    shutil.copy(new, paths[0])
    reload(server)
    worker.finish()
    check_equal(events(audits[0], "tunnel-down"), [], "tunnels that went down meanwhile")
    for agent in (server, client):
        agent.check_sound()


class Site:
    """A server agent with identities, its authorized.json, and client agents for it."""

    def __init__(self, scene, redis, **config):
        self.scene = scene
        self.address = f"127.0.0.1:{free_port()}"
        self.audit = scene.path("server.jsonl")
        self.identity, self.public = self.keygen("server.id")
        config.setdefault("identity", self.identity)
        self.config = {
            "listen": [self.address],
            "authorized": scene.path("authorized.json"),
            "routes": {"default": {"redis": redis.address}},
            "audit": {"file": self.audit},
            **config,
        }
        self.server = None

    def keygen(self, name):
        """(path, public key) of a new identity."""
        path = self.scene.path(name)
        done = self.scene.run("keygen", "--identity", path)
        check_equal(done.returncode, 0, "exit status of keygen")
        return path, done.stdout.strip().split()[-1]

    def authorize(self, *agents):
        self.scene.write("authorized.json", {"agents": list(agents)})
        if self.server:
            reload(self.server)

    def start(self):
        self.server = self.scene.agent("server", "--config", self.scene.write("s.json", self.config))
        return self

    def client(self, identity, server_key=None, ready=True, target=None):
        options = ["--identity", identity, "--server-key", server_key or self.public]
        target = target or self.address
        return self.scene.agent(
            "client", "-s", "127.0.0.1:0", "-t", target, *options, ready=ready
        )


def test_an_agents_identity_is_replaced(scene):
    site = Site(scene, scene.redis())
    mine, old_public = site.keygen("a.id")
    new, new_public = site.keygen("a-new.id")
    site.authorize({"name": "a", "public_keys": [old_public]})
    site.start()
    client = site.client(mine)
    check_in(old_public, client.log(), "the client agent's log")
    wait_for_key(site.audit, "public_key", old_public)
    worker = Worker(scene.client(client.addresses()[0]))
    worker.wait_for_steps()
    site.authorize({"name": "a", "public_keys": [old_public, new_public]})
    worker.wait_for_steps()
    shutil.copy(new, mine)
    reload(client, "change over")
    wait_for_key(site.audit, "public_key", new_public)
    site.authorize({"name": "a", "public_key": new_public})
    worker.finish()
    check_equal(events(site.audit, "tunnel-down"), [], "tunnels that went down meanwhile")
    site.server.check_sound()


def test_the_servers_identity_is_replaced(scene):
    redis = scene.redis()
    paths = [scene.path("current.id"), scene.path("next.id")]
    site = Site(scene, redis, identities=paths)
    del site.config["identity"]
    shutil.copy(site.identity, paths[0])
    shutil.copy(site.identity, paths[1])
    new, new_public = site.keygen("server-new.id")
    mine, public = site.keygen("a.id")
    site.authorize({"name": "a", "public_key": public})
    site.start()
    client = site.client(mine, scene.write("server.pub", site.public + "\n"))
    wait_for_key(site.audit, "server_key", site.public)
    worker = Worker(scene.client(client.addresses()[0]))
    worker.wait_for_steps()
    shutil.copy(new, paths[1])
    reload(site.server)
    scene.write("server.pub", new_public + "\n")
    reload(client, "change over")
    wait_for_key(site.audit, "server_key", new_public)
    shutil.copy(new, paths[0])
    reload(site.server)
    worker.finish()
    check_equal(events(site.audit, "tunnel-down"), [], "tunnels that went down meanwhile")
    late = site.client(mine, site.public, ready=False)
    late.wait_for_log("no tunnel to")
    site.server.wait_for_log("called another server")


def test_the_same_keys_leave_the_connection_as_it_is(scene):
    site = Site(scene, scene.redis())
    mine, public = site.keygen("a.id")
    site.authorize({"name": "a", "public_key": public})
    site.start()
    client = site.client(mine)
    reload(client, "the keys are the same")
    with Wire(client.addresses()[0]) as wire:
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING")
    check_equal(events(site.audit, "tunnel-lost", "tunnel-resumed"), [], "changes of connection")


def expect_shut_out(site, client, sentence):
    """Its client is closed, a new attempt is refused, and both are recorded with the reason."""
    site.server.wait_for_log(f"agent 'a' from \\S+ was refused: {sentence}")
    refused = events(site.audit, "auth-refused")
    check(refused, "no auth-refused event")
    check_equal(refused[0]["identity"], "a", "who was refused")
    check(refused[0]["public_key"] and refused[0]["peer"], f"key or peer is missing: {refused[0]}")
    check_in(sentence.replace("\\", "")[:20], refused[0]["why"], "why it was refused")
    with Wire(client.addresses()[0]) as wire:
        wire.send(b"*1\r\n$4\r\nPING\r\n")
        check_equal(wire.rest(), b"", "what a client gets now")


def test_a_key_that_is_taken_away_ends_its_sessions_at_once(scene):
    site = Site(scene, scene.redis())
    mine, public = site.keygen("a.id")
    other, other_public = site.keygen("b.id")
    site.authorize(
        {"name": "a", "public_keys": [public]}, {"name": "b", "public_key": other_public}
    )
    site.start()
    client, bystander = site.client(mine), site.client(other)
    worker = Worker(scene.client(bystander.addresses()[0]))
    with Wire(client.addresses()[0]) as wire:
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING while it is let in")
        site.authorize({"name": "b", "public_key": other_public})
        check_equal(wire.rest(), b"", "bytes after the key was taken away")
    down = events(site.audit, "tunnel-down")
    check_equal([record["why"] for record in down], ["its key was taken away"], "what went down")
    worker.finish()


def test_from_elsewhere_an_agent_is_refused(scene):
    site = Site(scene, scene.redis())
    mine, public = site.keygen("a.id")
    elsewhere = {"name": "a", "public_key": public, "from": ["127.0.0.2", "10.0.0.0/8"]}
    site.authorize(elsewhere)
    site.start()
    client = site.client(mine, ready=False)
    expect_shut_out(site, client, "it may not connect from here")
    relay = scene.relay(site.address, source="127.0.0.2")
    inside = site.client(mine, target=relay.address)
    with Wire(inside.addresses()[0]) as wire:
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING from where it may come")
        site.authorize({**elsewhere, "from": ["10.0.0.0/8"]})
        check_equal(wire.rest(), b"", "bytes after its network was taken away")
    site.server.check_sound()


def test_an_agents_time_ends(scene):
    """Its tunnel with it, without anybody doing anything."""
    site = Site(scene, scene.redis())
    mine, public = site.keygen("a.id")
    site.authorize({"name": "a", "public_key": public, "not_after": "2200-01-01T00:00:00Z"})
    site.start()
    client = site.client(mine)
    with Wire(client.addresses()[0]) as wire:
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING before the end")
        end = datetime.datetime.utcnow() + datetime.timedelta(seconds=3)
        text = end.isoformat(timespec="microseconds") + "Z"
        site.authorize({"name": "a", "public_key": public, "not_after": text})
        check_equal(wire.rest(), b"", "bytes after its time")
    expect_shut_out(site, client, "its time was over at ")
    check_in("not_after", events(site.audit, "tunnel-down")[0]["why"], "why its tunnel went down")
    site.authorize({"name": "a", "public_key": public, "not_after": "2200-01-01T00:00:00Z"})
    mark = client.mark()
    client.wait_for_log("is up", since=mark)
    site.server.check_sound()


def test_a_bad_line_changes_nothing(scene):
    site = Site(scene, scene.redis())
    mine, public = site.keygen("a.id")
    site.authorize({"name": "a", "public_key": public})
    site.start()
    client = site.client(mine)
    wire = scene.wire(client.addresses()[0])
    for line, says in (
        ({"from": ["10.1.2.3/8"]}, "agents[0].from[0]: '10.1.2.3/8' is not a network"),
        ({"not_after": "tomorrow"}, "agents[0].not_after: expected a time in UTC"),
        ({"redis_user": "app"}, "agents[0].redis_user: not supported by this version yet"),
    ):
        scene.write("authorized.json", {"agents": [{"name": "a", "public_key": public, **line}]})
        mark = site.server.mark()
        site.server.send_signal(signal.SIGHUP)
        site.server.wait_for_log("nothing was reloaded", since=mark)
        check_in(f"authorized.json: {says}", site.server.log()[mark:], "the log")
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING after a bad reload")


if __name__ == "__main__":
    run_tests(globals())
