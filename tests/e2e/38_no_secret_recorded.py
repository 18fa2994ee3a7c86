"""Goal: no secret is ever recorded. Whatever way a password is passed (support/secret_forms.py),
allowed or refused, with all arguments in the audit and the log at its most talkative: it stands in
nothing that an agent writes and in no error text of its own; nor do the agents' own keys and
passwords. And an agent leaves no core file, and no other process of its user reads its memory.
"""

import base64
import json
import os
import re
import resource
import secrets
import shutil
import signal
import socket
import subprocess

import scenario  # noqa: F401, finds tests/support
from harness import read_audit, run_tests, stay_root_out
from processes import binary, check, check_equal, free_port, wait_until
from secret_forms import FORMS
from wire import Closed, Wire

AUDIT = {"events": "all", "arguments": "full", "max_argument_bytes": 65536}
EVERYTHING = {"version": 1, "default": "allow", "unknown": "allow", "audit": AUDIT}
REFUSED = ["auth", "hello", "migrate", "acl", "config", "eval", "script", "function", "module"]
STRICT = {
    "version": 1,
    "default": "allow",
    "unknown": "deny",
    "rules": [{"id": "no", "action": "deny", "commands": REFUSED}],
    "audit": AUDIT,
}
PREFIX = 8  # bytes of a secret that must not be found either
OWN_PASSWORD = secrets.token_hex(16)


def encodings(secret):
    """What `secret`, or its first bytes, may look like in a file: as it is, hex, base64 at each of
    its three alignments, and escaped.
    """
    head = secret[:PREFIX]
    found = {head, head.hex().encode(), head.hex(" ").encode(), head.hex(":").encode()}
    found.add(b"".join(b"\\x%02x" % byte for byte in head))
    found.add(b"".join(b"\\u%04x" % byte for byte in head))
    found.add(json.dumps(head.decode("latin-1"))[1:-1].encode())
    for lead in range(3):  # of the group of three bytes before it nothing is known
        text = base64.b64encode(bytes(lead) + head)
        found.add(text[(lead * 8 + 5) // 6 : (lead + len(head)) * 8 // 6])
    return found


def unescaped(text):
    """The bytes that a string of the audit stands for (docs/audit.md)."""
    raw = text.encode("utf-8", "surrogatepass")
    byte = lambda match: bytes([int(match[1], 16)]) if match[1] else b"\\"  # noqa: E731
    return re.sub(rb"\\(?:x([0-9a-f]{2})|\\)", byte, re.sub(rb"\\\+\d+$", b"", raw))


def strings_of(value):
    """All strings of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from strings_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings_of(inner)


def where(wanted, texts):
    """Names of `wanted` ({name: secret}) that stand in one of `texts` ({where: bytes}), with the
    place.
    """
    found = []
    for place, data in texts.items():
        folded = data.lower()
        for name, secret in wanted.items():
            for shape in encodings(secret):
                if shape in data or shape.lower() in folded:
                    at = max(data.find(shape), folded.find(shape.lower()))
                    found.append(f"{name} in {place}: {data[max(0, at - 200):at + 60]!r}")
                    break
    return found


class Site:
    """A Redis with users and passwords, and both agents, with all that they write in one folder.
    `own`: {name: secret} of the agents themselves.
    """

    def __init__(self, scene, server_policy, client_policy, identities):
        self.own = {"Redis's password": OWN_PASSWORD.encode()}
        self.redis = scene.redis(
            options=["--user", "app", "on", f">{OWN_PASSWORD}", "~*", "&*", "+@all"]
        )
        self.admin = scene.wire(self.redis.address)
        self.folder = scene.folder / "written"
        self.folder.mkdir()
        self.server_address, self.address = (f"127.0.0.1:{free_port()}" for _ in range(2))
        route = {
            "redis": self.redis.address,
            "user": "app",
            "password_file": scene.write("redis.password", OWN_PASSWORD + "\n"),
        }
        server = {"listen": [self.server_address], "routes": {"default": route}}
        client = {
            "servers": [self.server_address],
            "listeners": [{"listen": self.address, "route": "default"}],
        }
        if identities:
            self.give_identities(scene, server, client)
        else:
            key = scene.key()
            with open(key, "rb") as file:
                self.own["shared key"] = file.read()
            server["keys"] = client["keys"] = [key]
        server["policy"] = scene.write("server-policy.json", server_policy)
        client["policy"] = scene.write("client-policy.json", client_policy)
        for side, config in (("server", server), ("client", client)):
            written = lambda name, side=side: str(self.folder / f"{side}.{name}")  # noqa: E731
            more = ["--audit", written("jsonl"), "--pidfile", written("pid")]
            process = scene.agent(
                *[side, "--config", scene.write(f"{side}.json", config), "--log-level", "debug"],
                *more,
            )
            setattr(self, side, process)

    def give_identities(self, scene, server, client):
        public = {}
        for side, config in (("server", server), ("client", client)):
            config["identity"] = path = scene.path(f"{side}.id")
            public[side] = scene.run("keygen", "--identity", path).stdout.strip()
            with open(path, "rb") as file:
                private = file.read().split()[-1]
            self.own[f"{side}'s identity, as in its file"] = private
            self.own[f"{side}'s identity"] = base64.b64decode(private)
        agents = {"agents": [{"name": "site-a", "public_key": public["client"]}]}
        server["authorized"] = scene.write("authorized.json", agents)
        client["server_key"] = public["server"]

    def send(self, data):
        """All that comes back until the connection ends. What it left in Redis is undone."""
        with Wire(self.address) as wire:
            try:
                wire.send(data)
                wire.finish_sending()
            except (ConnectionResetError, BrokenPipeError, OSError):
                pass  # it closed before it had heard all
            try:
                said = wire.rest()
            except (Closed, socket.timeout):
                said = wire.buffer
        for name in ("requirepass", "masterauth"):
            check_equal(self.admin.call("CONFIG", "SET", name, ""), b"+OK\r\n", "undoing")
        return said

    def written(self):
        """{where: bytes} of all that the agents have written, the audit's strings unescaped too."""
        paths = list(self.folder.iterdir())
        for agent in (self.server, self.client):
            paths += [agent.stderr_path, agent.stdout_path]
        texts = {path.name: path.read_bytes() for path in paths}
        for side in ("server", "client"):
            records = read_audit(self.folder / f"{side}.jsonl", select=lambda record: True)
            plain = b"\n".join(unescaped(text) for text in strings_of(records))
            texts[f"{side}.jsonl, unescaped"] = plain
        return texts

    def stop(self):
        """Ends both agents, so that they have written all."""
        for agent in (self.client, self.server):
            agent.check_sound()
            agent.send_signal(signal.SIGTERM)
            agent.expect_exit(0)


def check_nothing_is_recorded(scene, server_policy, client_policy, identities):
    site = Site(scene, server_policy, client_policy, identities)
    sent, errors = {}, {}
    for form in FORMS:
        secret = secrets.token_hex(12).encode()
        said = site.send(form.make(secret))
        sent[form.name] = secret
        errors[f"the answer to {form.name}"] = b"\n".join(
            line for line in said.split(b"\r\n") if line.startswith(b"-") and b"redwall:" in line
        )
    check_equal(len(sent), len(FORMS), "forms of different names")
    check(len(sent) >= 120, f"only {len(sent)} forms")
    marker = secrets.token_hex(12).encode()
    with Wire(site.address) as wire:
        check_equal(wire.call("SET", "marker", marker), b"+OK\r\n", "SET")
    site.stop()
    texts = site.written()
    for side in ("server", "client"):
        for part in (f"{side}.jsonl", f"{side}.jsonl, unescaped"):
            check(
                where({"marker": marker}, {part: texts[part]}),
                f"a plain value is not in {part}: what isn't found there proves nothing",
            )
        if side == "client" or client_policy is EVERYTHING:  # what is denied goes no further
            count = len(texts[f"{side}.jsonl"].splitlines())
            check(count >= len(FORMS), f"{side}: {count} lines for {len(FORMS)} forms")
    found = where(sent, texts) + where({**sent, **site.own}, errors) + where(site.own, texts)
    check(not found, f"{len(found)} secrets are told:\n      " + "\n      ".join(found[:40]))


def test_what_is_allowed(scene):
    check_nothing_is_recorded(scene, EVERYTHING, EVERYTHING, identities=False)


def test_what_the_server_agent_refuses(scene):
    check_nothing_is_recorded(scene, STRICT, EVERYTHING, identities=True)


def test_what_the_client_agent_refuses(scene):
    check_nothing_is_recorded(scene, STRICT, STRICT, identities=False)


def test_a_good_login_is_no_secret_either(scene):
    site = Site(scene, EVERYTHING, EVERYTHING, identities=False)
    with Wire(site.address) as wire:
        check_equal(wire.call("AUTH", "app", OWN_PASSWORD), b"+OK\r\n", "AUTH")
        check(wire.call("HELLO", "3", "AUTH", "app", OWN_PASSWORD).startswith(b"%"), "HELLO 3 AUTH")
        check_equal(wire.call("SET", "a", "b"), b"+OK\r\n", "SET")
    site.stop()
    found = where(site.own, site.written())
    check(not found, f"the password is told: {found}")


def test_a_login_that_redis_refuses(scene):
    """The route's password is wrong from the start, then Redis's user is gone."""
    site = Site(scene, EVERYTHING, EVERYTHING, identities=False)
    check(site.admin.call("ACL", "SETUSER", "app", "resetpass", ">other") == b"+OK\r\n", "SETUSER")
    site.send(b"GET a\r\n")
    check(site.admin.call("ACL", "DELUSER", "app").startswith(b":1"), "DELUSER")
    site.send(b"GET a\r\n")
    site.server.wait_for_log("WRONGPASS")
    site.stop()
    found = where(site.own, site.written())
    check(not found, f"the password is told: {found}")


def test_the_search_finds_each_encoding(_scene):
    """What `where` is worth: it finds a secret in each disguise, and only there."""
    secret = secrets.token_bytes(24)
    wrapped = {
        "raw": b"x" + secret,
        "hex": secret.hex().encode(),
        "HEX": secret.hex().upper().encode(),
        "escaped": b"".join(b"\\x%02x" % byte for byte in secret),
        "json": json.dumps({"a": secret.decode("latin-1")}).encode(),
        "head": b"AUTH " + secret[:PREFIX],
        **{f"base64 {i}": base64.b64encode(b"abc"[:i] + secret + b"z") for i in range(3)},
    }
    for name, text in wrapped.items():
        check(where({"it": secret}, {"there": text}), f"it isn't found as {name}")
    other = {"it": secrets.token_bytes(24)}
    check(not where(other, wrapped), "something is found that isn't there")


def test_no_flag_takes_a_secret(scene):
    """What stands on a command line is everybody's: flags name files, and public keys."""
    for command in ("client", "server", "keygen", "pubkey"):
        text = scene.run(command, "--help").stdout
        flags = re.findall(r"^\s+(-\S+)\s+(\S*)", text, re.M)
        check(flags or command == "pubkey", f"no flags in:\n{text}")
        for flag, kind in flags:
            if re.search("key|pass|secret|identity|token|auth", flag) and command != "keygen":
                check(kind in ("FILE", "KEY|FILE"), f"redwall {command} {flag} takes a {kind!r}")
    site = Site(scene, EVERYTHING, EVERYTHING, identities=True)
    for agent in (site.server, site.client):
        for part in ("cmdline", "environ"):
            with open(f"/proc/{agent.pid}/{part}", "rb") as file:
                found = where(site.own, {part: file.read()})
            check(not found, f"told to everybody: {found}")


def as_somebody(scene):
    """Options for processes that run as an ordinary user in a folder of their own, with core files
    without a limit.
    """
    folder = scene.folder / "cores"
    folder.mkdir()
    options = stay_root_out() or {}
    if options:
        os.chmod(scene.folder, 0o711)
        os.chown(folder, options["user"], options["group"])
    return folder, {
        "cwd": folder,
        "preexec_fn": lambda: resource.setrlimit(
            resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        ),
        **options,
    }


def agents_of_somebody(scene, redis, folder, options):
    """A server agent and a client agent that run with these options, on files in `folder`."""
    address = f"127.0.0.1:{free_port()}"
    shutil.copy(scene.key(), folder / "site.key")
    shutil.copy(binary(), folder / "redwall")  # the build's folder may be closed to others
    os.chmod(folder / "redwall", 0o755)
    if "user" in options:
        os.chown(folder / "site.key", options["user"], options["group"])
    os.chmod(folder / "site.key", 0o600)
    lines = {
        "server": ["-s", address, "-t", redis.address],
        "client": ["-s", f"127.0.0.1:{free_port()}", "-t", address],
    }
    return [
        scene.agent(
            *[side, *lines[side], "-k", str(folder / "site.key")],
            executable=str(folder / "redwall"),
            **options,
        )
        for side in ("server", "client")
    ]


def can_set_core_limit():
    return resource.getrlimit(resource.RLIMIT_CORE)[1] == resource.RLIM_INFINITY


def limit_of_cores(pid):
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        return re.search(r"Max core file size\s+(\S+)\s+(\S+)", file.read()).groups()


def readable_by_its_user(pid, options):
    """Whether another process of the same user may read the process's environment, for which the
    kernel asks what it asks before it shows memory.
    """
    user = {name: options[name] for name in ("user", "group", "extra_groups") if name in options}
    done = subprocess.run(
        ["cat", f"/proc/{pid}/environ"], check=False, capture_output=True, timeout=60, **user
    )
    return done.returncode == 0


def test_no_core_file_and_no_look_into_memory(scene):
    check(can_set_core_limit() or os.geteuid() != 0, "root may always allow core files")
    folder, options = as_somebody(scene)
    if not can_set_core_limit():
        options["preexec_fn"] = None
    bystander = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL, **options)
    try:
        wait_until(lambda: limit_of_cores(bystander.pid) is not None, "sleep to run")
        check(readable_by_its_user(bystander.pid, options), "nothing is readable here at all")
        before = set(os.listdir(folder))
        bystander.send_signal(signal.SIGABRT)
        bystander.wait()
    finally:
        if bystander.poll() is None:
            bystander.kill()
            bystander.wait()
    leaves_cores = bool(set(os.listdir(folder)) - before)
    with open("/proc/sys/kernel/core_pattern", encoding="ascii") as file:
        pattern = file.read().strip()
    here = not pattern.startswith(("|", "/")) and can_set_core_limit()
    check_equal(leaves_cores, here, f"sleep leaves a core file (core_pattern {pattern!r})")
    for name in set(os.listdir(folder)) - before:
        os.remove(folder / name)
    redis = scene.redis()
    for number in (signal.SIGABRT, signal.SIGSEGV):
        for agent in agents_of_somebody(scene, redis, folder, options):
            check_equal(limit_of_cores(agent.pid), ("0", "0"), f"{agent.name}'s limit of cores")
            check_equal(os.stat(f"/proc/{agent.pid}/mem").st_uid, 0, f"{agent.name}: who owns mem")
            if os.geteuid() == 0 or "user" in options:
                check(not readable_by_its_user(agent.pid, options), f"{agent.name} is readable")
            before = set(os.listdir(folder))
            agent.send_signal(number)
            # A sanitizer takes the signal itself, reports it, and ends with 1.
            scene.processes.remove(agent)
            check(agent.wait() in (-number, 1), f"{agent.name} ended with {agent.wait()}")
            check_equal(set(os.listdir(folder)) - before, set(), f"what {agent.name} left behind")


def test_u_keeps_memory_private(scene):
    """-u changes the user, after which the kernel decides anew what is dumpable."""
    if os.geteuid() != 0:
        return
    redis = scene.redis()
    args = ["-s", "127.0.0.1:0", "-t", redis.address, "-k", scene.key(), "-u", "nobody"]
    agent = scene.agent("server", *args)

    def is_nobody():
        with open(f"/proc/{agent.pid}/status", encoding="ascii") as file:
            return re.search(r"^Uid:\s+65534\s+65534", file.read(), re.M)

    wait_until(is_nobody, "the agent to be nobody")
    check_equal(limit_of_cores(agent.pid), ("0", "0"), "the limit of cores")
    check_equal(os.stat(f"/proc/{agent.pid}/mem").st_uid, 0, "who owns mem")
    check(not readable_by_its_user(agent.pid, stay_root_out()), "it is readable")


if __name__ == "__main__":
    run_tests(globals())
