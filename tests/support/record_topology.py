#!/usr/bin/python3
"""Records what a real cluster and real Sentinels answer, as seeds of the fuzzer topology_rewriter.

    record_topology.py       writes tests/fuzz/seeds/topology_rewriter/recorded-* anew

Starts a cluster of three masters and a replica, a master with a replica, and two Sentinels, each
on a loopback address of its own (127.0.7.x, 127.0.8.x, 127.0.9.x) so that the tests can look for
these.
A seed is a letter that says what is recorded, see KINDS, and the reply.
"""
import contextlib
import pathlib
import socket
import subprocess
import tempfile
import time

SEEDS = pathlib.Path(__file__).resolve().parents[1] / "fuzz" / "seeds" / "topology_rewriter"
PORT = 27500
# '@' and a proxy::TopologyKind; then a Redis's message, and a Sentinel's.
KINDS = {"error": "@", "slots": "A", "shards": "B", "nodes": "C", "role": "D", "info": "E",
         "address": "F", "instances": "G", "scripts": "H", "message": "I", "event": "Y"}
QUIET = 0.2  # seconds without a byte end a recording


class Connection:
    def __init__(self, host, resp3=False):
        self.socket = socket.create_connection((host, PORT), timeout=10)
        if resp3:
            self.ask("HELLO 3")

    def send(self, words):
        parts = words.split()
        request = f"*{len(parts)}\r\n" + "".join(f"${len(part)}\r\n{part}\r\n" for part in parts)
        self.socket.sendall(request.encode())

    def read(self, seconds=None):
        """What comes until nothing more does, or for so many seconds."""
        self.socket.settimeout(20)
        reply = self.socket.recv(65536)
        end = time.monotonic() + (seconds or 60)
        self.socket.settimeout(seconds or QUIET)
        with contextlib.suppress(TimeoutError):
            while time.monotonic() < end and (piece := self.socket.recv(65536)):
                reply += piece
        return reply

    def ask(self, words):
        self.send(words)
        return self.read()


def ask(host, words, resp3=False):
    connection = Connection(host, resp3)
    with contextlib.closing(connection.socket):
        return connection.ask(words)


def start(folder, host, lines, sentinel=False):
    home = pathlib.Path(folder) / host.replace(".", "-")  # INFO tells it, and it is no address
    home.mkdir()
    configuration = home / "redis.conf"
    # Loopback addresses, but for Redis only 127.0.0.1 is one.
    common = ["protected-mode no", f"bind {host}", f"bind-source-addr {host}", f"port {PORT}",
              f"dir {home}", f"logfile {home}/log"]
    own = [] if sentinel else ['save ""']
    configuration.write_text("\n".join([*common, *own, *lines]) + "\n")
    process = subprocess.Popen(["redis-server", configuration, *["--sentinel"] * sentinel],
                               stdout=subprocess.DEVNULL)
    for _ in range(500):
        with contextlib.suppress(OSError):
            ask(host, "PING")
            return process
        time.sleep(0.02)
    raise SystemExit(f"{host} didn't start: {(home / 'log').read_text()}")


def until(what, holds):
    for _ in range(300):
        if holds():
            return
        time.sleep(0.1)
    raise SystemExit(f"waited in vain: {what}")


def record(name, kind, reply):
    (SEEDS / f"recorded-{name}").write_bytes(KINDS[kind].encode() + reply)


def record_both(name, kind, host, words):
    for protocol, resp3 in (("resp2", False), ("resp3", True)):
        record(f"{name}-{protocol}", kind, ask(host, words, resp3))


def record_cluster(folder, processes):
    nodes = [f"127.0.7.{i}" for i in (1, 2, 3, 4)]
    for i, host in enumerate(nodes):
        named = [f"cluster-announce-hostname node{i}.cluster.test"] if i != 1 else []
        processes.append(start(folder, host, ["cluster-enabled yes", *named]))
    for host in nodes[1:]:
        ask(host, f"CLUSTER MEET {nodes[0]} {PORT}")
    for host, slots in zip(nodes, ("0 5460", "5461 10922", "10923 16383")):
        ask(host, f"CLUSTER ADDSLOTSRANGE {slots}")
    until("the nodes know each other", lambda: all(
        ask(host, "CLUSTER INFO").count(b"cluster_known_nodes:4") for host in nodes))
    master = ask(nodes[0], "CLUSTER MYID").split(b"\r\n")[1].decode()
    until("the replica knows its master",
          lambda: ask(nodes[3], f"CLUSTER REPLICATE {master}").startswith(b"+OK"))
    until("the replica follows", lambda: b"state=online" in ask(nodes[0], "INFO replication"))
    until("the cluster is whole", lambda: all(
        b"cluster_state:ok" in ask(host, "CLUSTER INFO") and
        b"slave " in ask(host, "CLUSTER NODES") for host in nodes))
    other = ask(nodes[1], "CLUSTER MYID").split()[1].decode()
    ask(nodes[0], f"CLUSTER SETSLOT 7 MIGRATING {other}")
    record("moved", "error", ask(nodes[0], "GET a"))
    record("ask", "error", ask(nodes[0], "GET key616"))  # in slot 7
    for endpoint in ("ip", "hostname", "unknown-endpoint"):
        ask(nodes[0], f"CONFIG SET cluster-preferred-endpoint-type {endpoint}")
        record(f"moved-{endpoint}", "error", ask(nodes[0], "GET a"))
        record_both(f"slots-{endpoint}", "slots", nodes[0], "CLUSTER SLOTS")
        record_both(f"shards-{endpoint}", "shards", nodes[0], "CLUSTER SHARDS")
    record_both("nodes", "nodes", nodes[0], "CLUSTER NODES")
    record_both("replicas", "nodes", nodes[0], f"CLUSTER REPLICAS {master}")
    record_both("links", "error", nodes[0], "CLUSTER LINKS")
    for name, host in (("master", nodes[0]), ("replica", nodes[3])):
        record_both(f"role-{name}", "role", host, "ROLE")
        record_both(f"info-{name}", "info", host, "INFO replication cluster stats")


def record_sentinels(folder, processes):
    master, replica, first, second = "127.0.8.1", "127.0.8.2", "127.0.9.1", "127.0.9.2"
    processes.append(start(folder, master, []))
    processes.append(start(folder, replica, [f"replicaof {master} {PORT}"]))
    lines = [f"sentinel monitor mymaster {master} {PORT} 1",
             "sentinel down-after-milliseconds mymaster 3000"]
    hello = Connection(master, resp3=True)
    hello.send("SUBSCRIBE __sentinel__:hello")
    hello.read()
    processes.append(start(folder, first, lines, sentinel=True))
    events = Connection(first)
    events.send("PSUBSCRIBE *")
    events.read()
    processes.append(start(folder, second, lines, sentinel=True))
    until("they know each other", lambda: b"sentinels=2" in ask(first, "INFO sentinel") and
          b"slaves=1" in ask(first, "INFO sentinel"))
    until("the replica is known", lambda: b"master-link-status\r\n$2\r\nok" in
          ask(first, "SENTINEL REPLICAS mymaster"))
    record("address", "address", ask(first, "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster"))
    record("address-none", "address", ask(first, "SENTINEL GET-MASTER-ADDR-BY-NAME nobody"))
    for words in ("MASTERS", "MASTER mymaster", "REPLICAS mymaster", "SENTINELS mymaster",
                  "CONFIG GET *"):
        name = words.split()[0].lower()
        record_both(f"sentinel-{name}", "instances", first, f"SENTINEL {words}")
    record_both("sentinel-info", "info", first, "INFO sentinel stats")
    record_both("sentinel-role", "role", first, "ROLE")
    record_messages(hello.read(3), "hello", "message")
    until("the other one is a replica by now",
          lambda: ask(first, "SENTINEL FAILOVER mymaster").startswith(b"+OK"))
    record_messages(events.read(8), "event", "event")


# One frame each, as they came.
def record_messages(stream, name, kind):
    starts = [i for i in range(len(stream)) if stream.startswith((b"*4\r\n", b">3\r\n"), i)]
    frames = [stream[a:b] for a, b in zip(starts, [*starts[1:], len(stream)])]
    if not frames:
        raise SystemExit(f"no {name} was published")
    seen = set()
    for frame in frames:
        channel = frame.split(b"\r\n")[6 if kind == "event" else 4].decode()
        label = f"{name}{channel}" if kind == "event" else name
        if label not in seen:
            record(label, kind, frame)
        seen.add(label)


def main():
    SEEDS.mkdir(exist_ok=True)
    for old in SEEDS.glob("recorded-*"):
        old.unlink()
    processes = []
    with tempfile.TemporaryDirectory(prefix="redwall-topology-") as folder:
        try:
            record_cluster(folder, processes)
            record_sentinels(folder, processes)
        finally:
            for process in processes:
                process.kill()
                process.wait()


if __name__ == "__main__":
    main()
