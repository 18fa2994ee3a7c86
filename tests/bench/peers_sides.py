"""The sides that peers.py compares: ways from a client to the same Redis, each its own processes.

SIDES names them all. A side is started by a function (scene, redis, certificates) -> Side; another
variant of redwall is another line there. All listen on 127.0.0.1 at free ports, with files of the
scene alone. Each is taken as it comes, except for limits that 1,000 clients would meet (of their number,
and of the time in which they must have come), and for stunnel's line in its log for each
connection.
"""

import dataclasses
import socket
import ssl
import subprocess

from peers_certificates import Certificates
from processes import Failure, Process, check, check_equal, free_port, wait_until
from route_pair import RoutePair

CONNECTIONS = 5000  # how many each side must be able to have
AUDIT_BYTES = 256 << 20  # of an audit file before it is rotated: a long run would fill the disk
REDWALL = "redwall"  # what names of redwall's variants begin with


@dataclasses.dataclass
class Side:
    """One way to Redis, running."""

    port: int
    processes: list = dataclasses.field(default_factory=list)  # between the client and Redis
    tls: Certificates | None = None  # what a client needs for this port
    tls_port: int = 0  # where TLS with certificates of both sides is spoken; 0: nowhere

    def pids(self):
        return [process.pid for process in self.processes]

    def check_running(self):
        for process in self.processes:
            check(
                process.running(),
                f"{process.name} has ended with {process.popen.poll()}:\n{process.log()[-2000:]}",
            )


def direct(_scene, redis, _certificates):
    return Side(redis.port)


def redis_tls(_scene, redis, certificates):
    return Side(redis.tls_port, tls=certificates, tls_port=redis.tls_port)


def redwall(name, **route):
    """Both agents, with an audit of all commands at each; `route`: further members of it."""

    def start(scene, redis, _certificates):
        audits = {
            side: {
                "file": scene.path(f"{name}-{side}.jsonl"),
                "rotate": {"max_bytes": AUDIT_BYTES, "keep": 0},
            }
            for side in ("server", "client")
        }
        pair = RoutePair(
            scene,
            {"default": {"redis": redis.address, **route}},
            [{}],
            server_config={"audit": audits["server"], "limits": {"max_streams": CONNECTIONS}},
            client_config={"audit": audits["client"]},
        )
        return Side(int(pair.fronts[0].rpartition(":")[2]), [pair.client, pair.server])

    return start


def start_two(scene, name, commands, ports):
    """The two programs of a pair, the one next to Redis first."""
    processes = []
    for command, end in zip(commands, ("server", "client")):
        processes.append(Process(f"{name}-{end}", command, scene.folder))
        scene.processes.append(processes[-1])
    for process, port in zip(processes, ports):
        wait_until(lambda p=process, at=port: listens(p, at), f"{process.name} to listen")
    return processes


def listens(process, port):
    check(process.running(), f"{process.name} did not start:\n{process.log()[-2000:]}")
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    except OSError:
        return False


def forwarders(program):
    def start(scene, redis, _certificates):
        inner, outer = free_port(), free_port()
        commands = [program, inner, redis.port], [program, outer, inner]
        return Side(outer, start_two(scene, "forwarder", commands, (inner, outer)))

    return start


def spiped(scene, redis, _certificates):
    inner, outer = free_port(), free_port()
    key = scene.key("spiped.key")
    commands = []
    for mode, source, target in (("-d", inner, redis.port), ("-e", outer, inner)):
        ends = ["-s", f"[127.0.0.1]:{source}", "-t", f"[127.0.0.1]:{target}"]
        commands.append(["spiped", mode, "-F", "-n", "0", "-o", "60", "-k", key, *ends])
    return Side(outer, start_two(scene, "spiped", commands, (inner, outer)))


def stunnel(scene, redis, certificates):
    inner, outer = free_port(), free_port()
    commands = []
    for end, source, target in (("server", inner, redis.port), ("client", outer, inner)):
        lines = ["foreground = yes", "pid =", "debug = warning", "[redis]"]
        lines += [f"client = {'yes' if end == 'client' else 'no'}", "verifyChain = yes"]
        lines += [f"accept = 127.0.0.1:{source}", f"connect = 127.0.0.1:{target}"]
        lines += [f"CAfile = {certificates.authority}", f"cert = {certificates.certificate(end)}"]
        lines += [f"key = {certificates.key(end)}"]
        commands.append(["stunnel4", scene.write(f"stunnel-{end}.conf", "\n".join(lines) + "\n")])
    processes = start_two(scene, "stunnel", commands, (inner, outer))
    return Side(outer, processes, tls_port=inner)


HAPROXY = """
global
  maxconn {connections}
defaults
  mode tcp
  timeout connect 10s
  timeout client 1h
  timeout server 1h
listen redis
  maxconn {connections}
  bind 127.0.0.1:{source} {bind_tls}
  server next 127.0.0.1:{target} {server_tls}
"""


def haproxy(scene, redis, certificates):
    inner, outer = free_port(), free_port()
    tls = {
        end: f"crt {certificates.both(end)} ca-file {certificates.authority} verify required"
        for end in ("server", "client")
    }
    commands = []
    for end, source, target in (("server", inner, redis.port), ("client", outer, inner)):
        text = HAPROXY.format(
            connections=CONNECTIONS,
            source=source,
            target=target,
            bind_tls=f"ssl {tls[end]}" if end == "server" else "",
            server_tls=f"ssl {tls[end]}" if end == "client" else "",
        )
        commands.append(["haproxy", "-db", "-f", scene.write(f"haproxy-{end}.cfg", text)])
    processes = start_two(scene, "haproxy", commands, (inner, outer))
    return Side(outer, processes, tls_port=inner)


def sides(forwarder):
    """{name: what starts it}, in the order in which they are driven."""
    return {
        "direct": direct,
        "forwarders": forwarders(forwarder),
        "redwall": redwall("redwall"),
        "redwall-shared": redwall("redwall-shared", upstream="shared"),
        "spiped": spiped,
        "stunnel": stunnel,
        "haproxy": haproxy,
        "redis-tls": redis_tls,
    }


NAMES = tuple(sides(None))


def start_redis(scene, certificates):
    """The one Redis that all sides lead to. It listens for TLS, too, at `tls_port`."""
    tls_port = free_port()
    options = ["--tls-port", tls_port, "--tls-auth-clients", "yes"]
    options += ["--tls-ca-cert-file", certificates.authority]
    options += ["--tls-cert-file", certificates.certificate("server")]
    options += ["--tls-key-file", certificates.key("server")]
    redis = scene.redis(options=options)
    redis.tls_port = tls_port
    return redis


def redis_py_options(side):
    """What redis-py must be told to connect to the side."""
    if side.tls is None:
        return {}
    return {
        "ssl": True,
        "ssl_ca_certs": side.tls.authority,
        "ssl_certfile": side.tls.certificate("client"),
        "ssl_keyfile": side.tls.key("client"),
    }


def check_works(scene, redis, name, side):
    """Fails unless values of both sizes go in and come out, and strangers stay out."""
    admin = scene.client(redis.address)
    client = scene.client(f"127.0.0.1:{side.port}", **redis_py_options(side))
    for size in (100, 65536):
        value = bytes(number % 251 for number in range(size))
        check_equal(client.set(f"written by {name}", value), True, f"SET by {name}")
        check_equal(admin.get(f"written by {name}"), value, f"what {name} has SET")
        check_equal(client.get(f"written by {name}"), value, f"GET by {name}")
    if side.tls_port:
        check_needs_certificate(name, side.tls_port)
    side.check_running()


def check_needs_certificate(name, port):
    """A TLS client without a certificate must not get through."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            with context.wrap_socket(plain) as link:
                link.sendall(b"PING\r\n")
                answer = link.recv(64)
    except (ssl.SSLError, ConnectionError):
        return
    if answer:
        raise Failure(f"{name} answered {answer!r} to a client without a certificate")


def versions():
    """{program: version} of all that takes part."""
    commands = {
        "redis": ["redis-server", "--version"],
        "spiped": ["spiped", "-v"],
        "stunnel": ["stunnel4", "-version"],
        "haproxy": ["haproxy", "-v"],
        "openssl": ["openssl", "version"],
    }
    found = {}
    for name, command in commands.items():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = (done.stdout + done.stderr).splitlines()
        found[name] = next((line for line in lines if any(map(str.isdigit, line))), "?")
    return found
