"""Goal: a configuration file says all that the flags say, with comments; what it doesn't know is an
error that names the file and the place; relative paths start at the file's own folder; `config
check` says the same as a start would, without starting.
"""

import json
import os

import scenario  # noqa: F401, finds tests/support
from harness import read_audit, run_tests
from processes import check, check_equal, free_port

SERVER = """
// The server site.
{ "listen": ["127.0.0.1:%(tunnel)d"],     // where the client agents come in
  "keys": ["keys/site.key"],
  "routes": { "default": {"redis": "127.0.0.1:%(redis)d"} },   /* the one Redis */
  "policy": "policies/policy.json",
  "audit": {"file": "server.jsonl"} }
"""
CLIENT = """
{ "servers": ["127.0.0.1:%(tunnel)d"], "keys": ["keys/site.key"],
  // two doors
  "listeners": [ {"listen": "127.0.0.1:%(front)d", "route": "default"},
                 {"listen": "unix:front.sock", "route": "default", "mode": "0660"} ] }
"""
POLICY = """
{ "version": 1, "default": "allow",
  "rules": [ {"id": "no", "action": "deny", "commands": ["flushall"]} ] } // that is all
"""


def folder(scene):
    """A folder with both configurations; returns (path of each, front address)."""
    redis, ports = scene.redis(), {"tunnel": free_port(), "front": free_port()}
    scene.write("conf/keys/site.key", os.urandom(32))
    scene.write("conf/policies/policy.json", POLICY)
    server = scene.write("conf/server.json", SERVER % {"redis": redis.port, **ports})
    client = scene.write("conf/client.json", CLIENT % ports)
    return server, client, f"127.0.0.1:{ports['front']}"


def test_both_agents_from_their_files(scene):
    server, client, front = folder(scene)
    os.mkdir(scene.path("elsewhere"))
    for path in (server, client):
        done = scene.run("config", "check", path, cwd=scene.path("elsewhere"))
        check_equal((done.returncode, done.stderr), (0, ""), f"config check {path}")
    check("server.jsonl" not in os.listdir(scene.path("conf")), "config check made the audit file")
    scene.agent("server", "--config", server, cwd=scene.path("elsewhere"))
    agent = scene.agent("client", "--config", client, cwd=scene.path("elsewhere"))
    check_equal(len(agent.addresses(2)), 2, "listeners")
    check_equal(scene.client(front).set("a", "b"), True, "SET")
    socket_path = scene.path("conf/front.sock")
    check_equal(oct(os.stat(socket_path).st_mode & 0o777), "0o660", "mode of the socket")
    check_equal(scene.client(f"unix:{socket_path}").get("a"), b"b", "GET through the unix socket")
    with scene.wire(front) as wire:
        check(
            wire.call("FLUSHALL").startswith(b"-NOPERM"), "the policy of the file is not in force"
        )
    check_equal(
        [r["cmd"] for r in read_audit(scene.path("conf/server.jsonl"), 3)],
        ["set", "get", "flushall"],
        "commands in the audit of the file",
    )


def both_refuse(scene, side, content, says):
    path = scene.write(f"conf/{side}.json", content)
    for command in ((side, "--config", path), ("config", "check", path)):
        scene.refused(2, *command, says=[f"{side}.json", *says])


def test_mistakes_name_the_place(scene):
    _, client, _ = folder(scene)
    server = {
        "listen": ["127.0.0.1:7000"],
        "keys": ["keys/site.key"],
        "routes": {"default": {"redis": "127.0.0.1:6379"}},
    }
    both_refuse(scene, "server", {**server, "lisen": []}, ["lisen"])
    both_refuse(scene, "server", {**server, "listen": ["127.0.0.1"]}, ["listen[0]", "127.0.0.1"])
    both_refuse(scene, "server", {**server, "listen": "127.0.0.1:7000"}, ["listen", "array"])
    both_refuse(scene, "server", {**server, "keys": ["keys/none.key"]}, ["none.key"])
    both_refuse(
        scene,
        "server",
        {**server, "routes": {"default": {"redis": "127.0.0.1:6379", "reddis": 1}}},
        ["routes.default", "reddis"],
    )
    both_refuse(
        scene,
        "server",
        {**server, "routes": {"default": {"redis": 6379}}},
        ["routes.default.redis"],
    )
    both_refuse(scene, "server", {**server, "policy": "policies/none.json"}, ["none.json"])
    both_refuse(scene, "server", {**server, "limits": {"colour": 1}}, ["limits", "colour"])
    both_refuse(scene, "server", json.dumps(server)[:-1], [])
    both_refuse(scene, "server", json.dumps(server)[:-1] + ', "listen": []}', ["listen"])
    del server["routes"]
    both_refuse(scene, "server", server, ["routes"])
    with open(client, encoding="utf-8") as file:
        text = file.read()
    both_refuse(scene, "client", text.replace('"0660"', '"rw-rw"'), ["listeners[1].mode"])
    both_refuse(scene, "client", text.replace('"servers"', '"server"'), ["server"])
    both_refuse(
        scene,
        "client",
        text.replace('"listen": "unix:front.sock"', '"listen": "unix:"'),
        ["listeners[1].listen"],
    )


def test_what_is_for_later_is_refused_not_ignored(scene):
    folder(scene)
    server = {
        "listen": ["127.0.0.1:7000"],
        "keys": ["keys/site.key"],
        "routes": {"default": {"redis": "127.0.0.1:6379"}},
    }
    both_refuse(scene, "server", {**server, "admin": "127.0.0.1:9121"}, ["admin", "not supported"])
    both_refuse(
        scene,
        "server",
        {**server, "routes": {"o": {"cluster": ["127.0.0.1:1"], "upstream": "shared"}}},
        ["routes.o.upstream", "one Redis"],
    )


def test_a_configuration_of_the_other_side_is_refused(scene):
    server, client, _ = folder(scene)
    scene.refused(2, "client", "--config", server, says="server.json")
    scene.refused(2, "server", "--config", client, says="client.json")
    scene.refused(2, "server", "--config", scene.path("conf/none.json"), says="none.json")


if __name__ == "__main__":
    run_tests(globals())
