"""Goal: an identity for each agent instead of (or besides) a shared key: keygen --identity, pubkey,
and authorized.json. The identity's name stands in the audit and decides in the policy; an unknown
identity, or a client that expects another server, gets no byte.
"""

import os
import json
import re

import scenario  # noqa: F401, finds tests/support
from harness import read_audit, run_tests
from processes import check, check_equal, free_port, wait_until
from wire import Wire


def make_identity(scene, name):
    """redwall keygen --identity: (path, public key)."""
    path = scene.path(name)
    done = scene.run("keygen", "--identity", path)
    check_equal(done.returncode, 0, f"exit status of keygen ({done.stderr!r})")
    public = done.stdout.strip().split()[-1]
    check(re.fullmatch(r"[A-Za-z0-9+/]{43}=", public), f"not a public key: {done.stdout!r}")
    check_equal(scene.run("pubkey", path).stdout.strip(), public, "what redwall pubkey prints")
    return path, public


def site(scene, redis, agents, key=None, **extra):
    """A server agent with an identity that lets in `agents` ({name: public key}): (process,
    address, key).
    """
    identity, public = make_identity(scene, "server.id")
    port = free_port()
    authorized = {"agents": [{"name": name, "public_key": agent} for name, agent in agents.items()]}
    config = {
        "listen": [f"127.0.0.1:{port}"],
        "identity": identity,
        "authorized": scene.write("authorized.json", authorized),
        "routes": {"default": {"redis": redis.address}},
        **extra,
    }
    if key:
        config["keys"] = [key]
    return (
        scene.agent("server", "--config", scene.write("server.json", config)),
        f"127.0.0.1:{port}",
        public,
    )


def client_of(scene, address, identity, server_key, key=None, ready=True):
    config = {
        "servers": [address],
        "identity": identity,
        "server_key": server_key,
        "listeners": [{"listen": "127.0.0.1:0", "route": "default"}],
    }
    if key:
        config["keys"] = [key]
    scene.write(f"client-{len(scene.processes)}.json", config)
    return scene.agent(
        "client", "--config", scene.path(f"client-{len(scene.processes)}.json"), ready=ready
    )


def test_identities_without_a_shared_key(scene):
    redis = scene.redis()
    identity, public = make_identity(scene, "site-a.id")
    audit = scene.path("audit.jsonl")
    policy = scene.write(
        "policy.json",
        {
            "version": 1,
            "default": "allow",
            "rules": [
                {
                    "id": "a-reads",
                    "action": "deny",
                    "identities": ["site-a"],
                    "commands": ["@write"],
                }
            ],
        },
    )
    server, address, server_key = site(
        scene, redis, {"site-a": public}, policy=policy, audit={"file": audit}
    )
    client = client_of(scene, address, identity, server_key)
    with Wire(client.addresses()[0]) as wire:
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING")
        check(
            wire.call("SET", "a", "b").startswith(
                b"-NOPERM redwall: 'set' is denied by rule 'a-reads'"
            ),
            "site-a could write",
        )
    records = read_audit(audit, 2)
    check_equal({record["identity"] for record in records}, {"site-a"}, "identities in the audit")
    server.check_sound()


def test_identities_with_a_shared_key_as_well(scene):
    redis, key = scene.redis(), scene.key()
    identity, public = make_identity(scene, "site-a.id")
    _, address, server_key = site(scene, redis, {"site-a": public}, key=key)
    client = client_of(scene, address, identity, server_key, key=key)
    with Wire(client.addresses()[0]) as wire:
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING")


def refused(scene, address, *client_options, **client_settings):
    """A client agent that the server must not answer."""
    relay = scene.relay(address)
    client = client_of(scene, relay.address, *client_options, ready=False, **client_settings)
    wait_until(lambda: len(relay.connections) >= 2, "two attempts")
    for connection in relay.connections:
        check_equal(bytes(connection.down.received), b"", "bytes from the server agent")
    client.check_sound()


def test_an_unknown_identity_gets_no_byte(scene):
    redis = scene.redis()
    _, public = make_identity(scene, "site-a.id")
    stranger, _ = make_identity(scene, "stranger.id")
    server, address, server_key = site(scene, redis, {"site-a": public})
    refused(scene, address, stranger, server_key)
    server.wait_for_log(r"(?i)authori|unknown|refus")
    server.check_sound()


def test_the_wrong_server_key_gets_no_byte(scene):
    redis = scene.redis()
    identity, public = make_identity(scene, "site-a.id")
    _, not_the_server = make_identity(scene, "other.id")
    server, address, _ = site(scene, redis, {"site-a": public})
    refused(scene, address, identity, not_the_server)
    server.check_sound()


def test_the_wrong_shared_key_beside_a_right_identity_gets_no_byte(scene):
    redis = scene.redis()
    identity, public = make_identity(scene, "site-a.id")
    server, address, server_key = site(scene, redis, {"site-a": public}, key=scene.key())
    refused(scene, address, identity, server_key, key=scene.key("other.key"))
    server.check_sound()


def test_sighup_lets_a_new_identity_in(scene):
    redis = scene.redis()
    _, public = make_identity(scene, "site-a.id")
    newcomer, newcomer_public = make_identity(scene, "site-b.id")
    server, address, server_key = site(scene, redis, {"site-a": public})
    client = client_of(scene, address, newcomer, server_key, ready=False)
    client.addresses()
    scene.write("authorized.json", {"agents": [{"name": "site-b", "public_key": newcomer_public}]})
    server.send_signal(1)
    client.wait_ready()
    with Wire(client.addresses()[0]) as wire:
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING of the new identity")


def test_sighup_ends_the_tunnel_of_who_is_let_in_no_more(scene):
    """Also where the name stays and only its key is another one."""
    redis = scene.redis()
    identity, public = make_identity(scene, "site-a.id")
    _, other = make_identity(scene, "other.id")
    server, address, server_key = site(scene, redis, {"site-a": public})
    client = client_of(scene, address, identity, server_key)
    with Wire(client.addresses()[0]) as wire:
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING while it is let in")
        scene.write("authorized.json", {"agents": [{"name": "site-a", "public_key": other}]})
        server.send_signal(1)
        check_equal(wire.rest(), b"", "bytes after the identity was taken away")
    server.wait_for_log("taken away")
    server.check_sound()


def test_a_shared_key_alone_is_no_proof_where_identities_are(scene):
    redis, key = scene.redis(), scene.key()
    _, public = make_identity(scene, "site-a.id")
    server, address, _ = site(scene, redis, {"site-a": public}, key=key)
    relay = scene.relay(address)
    options = ("client", "-s", "127.0.0.1:0", "-t", relay.address, "-k", key)
    scene.agent(*options, ready=False)
    wait_until(lambda: len(relay.connections) >= 2, "two attempts")
    for connection in relay.connections:
        check_equal(bytes(connection.down.received), b"", "bytes from the server agent")
    config = json.loads(open(scene.path("server.json"), encoding="utf-8").read())
    server.send_signal(15)
    server.expect_exit(0)
    config["shared_key_agents"] = True
    scene.agent("server", "--config", scene.write("server.json", config))
    client = scene.agent("client", "-s", "127.0.0.1:0", "-t", address, "-k", key)
    with Wire(client.addresses()[0]) as wire:
        check_equal(wire.call("PING"), b"+PONG\r\n", "PING where it is allowed")


def test_keygen_makes_files_that_only_the_owner_can_read(scene):
    for name, options in (("shared.key", ()), ("agent.id", ("--identity",))):
        path = scene.path(name)
        done = scene.run("keygen", *options, path, umask=0)
        check_equal((done.returncode, done.stderr), (0, ""), f"keygen {name}")
        check_equal(oct(os.stat(path).st_mode & 0o777), "0o600", f"mode of {name}")
    check_equal(os.path.getsize(scene.path("shared.key")), 32, "bytes in a shared key")
    scene.refused(1, "pubkey", scene.path("shared.key"), says="shared.key")
    scene.refused(1, "keygen", scene.path("nowhere/site.key"), says="nowhere/site.key")


def test_keygen_never_overwrites(scene):
    for option in ((), ("--identity",)):
        path = scene.write("precious", b"precious bytes, thirty-two or more of them")
        scene.refused(1, "keygen", *option, path, says="precious")
        with open(path, "rb") as file:
            check_equal(file.read(), b"precious bytes, thirty-two or more of them", "the file")


if __name__ == "__main__":
    run_tests(globals())
