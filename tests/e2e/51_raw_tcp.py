"""Goal: a route of raw TCP carries any protocol as it is: the server may speak first, each side may
end its half alone, large amounts go both ways at once in bounded memory, TLS passes untouched; and
the audit tells each connection's beginning, and its end with its bytes.

tests/compat/mariadb_client.py does it with a real database.
"""

import contextlib
import hashlib
import socket
import ssl
import subprocess
import threading

import scenario  # noqa: F401, finds tests/support
from footprint import KB, MB, Footprints, Pattern
from harness import read_audit, run_tests
from processes import PATIENCE, SHARE, check, check_equal, wait_until
from route_pair import RoutePair

LARGE = 64 * MB // SHARE
LIMIT = 4 * MB  # by which an agent's memory may grow
STEADY = {"limits": {"max_stream_window_bytes": 256 * KB}}
GREETING = b"220 I speak first\r\n"


class Service:
    """A TCP server: each connection is handled by `handler(sock)` in a thread of its own."""

    def __init__(self, scene, handler):
        self.handler = handler
        self.errors, self.threads = [], []
        self.listener = scene.keep(socket.create_server(("127.0.0.1", 0)))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:  # the scene is over
                return
            sock.settimeout(PATIENCE)
            self.threads.append(threading.Thread(target=self._handle, args=(sock,), daemon=True))
            self.threads[-1].start()

    def _handle(self, sock):
        try:
            with sock:
                self.handler(sock)
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(repr(error))

    def check_done(self):
        """All that were served are done, and nothing went wrong."""
        for thread in self.threads:
            thread.join(PATIENCE)
            check(not thread.is_alive(), "a connection of the server did not come to its end")
        check_equal(self.errors, [], "what went wrong at the server")


def start(scene, handler, **options):
    """(service, both agents, the client agent's address)"""
    service = Service(scene, handler)
    routes = {"raw": {"tcp": service.address}}
    pair = RoutePair(scene, routes, [{"route": "raw"}], **options)
    return service, pair, pair.fronts[0]


def dial(scene, address):
    host, _, port = address.rpartition(":")
    sock = scene.keep(socket.create_connection((host, int(port)), PATIENCE))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read_all(sock):
    """All that comes until the other end has ended its half."""
    parts = []
    while data := sock.recv(1 << 16):
        parts.append(data)
    return b"".join(parts)


def exactly(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        check(more, f"the end after {len(data)} bytes of {count}")
        data += more
    return data


def send_pattern(sock, pattern):
    for piece in pattern.pieces():
        sock.sendall(piece)


def receive_pattern(sock, pattern):
    at = 0
    while at < pattern.size:
        data = sock.recv(min(1 << 18, pattern.size - at))
        check(data, f"the end after {at} bytes of {pattern.size}")
        pattern.check(data, at)
        at += len(data)


def test_the_server_speaks_first(scene):
    def handler(sock):
        sock.sendall(GREETING)
        while data := sock.recv(1000):
            sock.sendall(data.upper())

    service, pair, front = start(scene, handler)
    socks = [dial(scene, front) for _ in range(10)]
    for sock in socks:
        check_equal(exactly(sock, len(GREETING)), GREETING, "the greeting")
    for number, sock in enumerate(socks):
        sock.sendall(b"hello %d" % number)
    for number, sock in enumerate(socks):
        check_equal(exactly(sock, 7), b"HELLO %d" % number, "the answer")
        sock.shutdown(socket.SHUT_WR)
        check_equal(read_all(sock), b"", "what follows")
    service.check_done()
    pair.check_sound()


def test_nothing_is_taken_for_redis(scene):
    """Bytes that look like commands, or like none, are bytes; also where a policy denies all."""

    def handler(sock):
        sock.sendall(read_all(sock))

    policy = {"version": 1, "default": "allow", "rules": []}
    policy["rules"] = [{"id": "none", "action": "deny", "commands": ["flushall", "get"]}]
    service, pair, front = start(scene, handler, policy=policy)
    for data in (
        b"*1\r\n$8\r\nFLUSHALL\r\n",
        b"*-5\r\n$x\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        bytes(range(256)) * 300,
        b"\r\n",
        b"",
    ):
        sock = dial(scene, front)
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        check_equal(read_all(sock), data, "what came back")
    service.check_done()
    pair.check_sound()


def test_the_client_ends_its_half(scene):
    """The server learns it, and can go on sending for as long as it likes."""
    heard, go_on = [], threading.Event()

    def handler(sock):
        heard.append(read_all(sock))
        check(go_on.wait(PATIENCE), "the test did not go on")
        for number in range(1000):
            sock.sendall(b"%04d" % number)

    service, pair, front = start(scene, handler)
    sock = dial(scene, front)
    sock.sendall(b"all that I have to say")
    sock.shutdown(socket.SHUT_WR)
    wait_until(lambda: heard, "the server to hear the end of the client's half")
    check_equal(heard, [b"all that I have to say"], "what the server heard")
    go_on.set()
    check_equal(read_all(sock), b"".join(b"%04d" % n for n in range(1000)), "the server's half")
    service.check_done()
    pair.check_sound()


def test_the_server_ends_its_half(scene):
    """The client learns it, and can go on sending."""
    heard = []

    def handler(sock):
        sock.sendall(b"bye")
        sock.shutdown(socket.SHUT_WR)
        heard.append(read_all(sock))

    service, pair, front = start(scene, handler)
    sock = dial(scene, front)
    check_equal(read_all(sock), b"bye", "the server's half")
    for number in range(1000):
        sock.sendall(b"%04d" % number)
    sock.shutdown(socket.SHUT_WR)
    service.check_done()
    check_equal(heard, [b"".join(b"%04d" % n for n in range(1000))], "the client's half")
    pair.check_sound()


def test_large_amounts_both_ways_at_once(scene):
    up, down = Pattern(LARGE, 1), Pattern(LARGE, 2)

    def handler(sock):
        sender = threading.Thread(target=send_pattern, args=(sock, down))
        sender.start()
        receive_pattern(sock, up)
        sender.join()
        sock.shutdown(socket.SHUT_WR)
        check_equal(read_all(sock), b"", "what follows at the server")

    service, pair, front = start(scene, handler, server_config=STEADY, client_config=STEADY)
    sock, prints = dial(scene, front), Footprints(pair)
    sender = threading.Thread(target=send_pattern, args=(sock, up))
    sender.start()
    receive_pattern(sock, down)
    sender.join()
    sock.shutdown(socket.SHUT_WR)
    check_equal(read_all(sock), b"", "what follows at the client")
    service.check_done()
    prints.check_growth(LIMIT, f"{LARGE // MB} MB both ways at once")
    pair.check_sound()


def test_a_reader_that_does_not_read(scene):
    """Its bytes wait where they are; others are not held up, and no agent grows."""
    stuck, free = Pattern(LARGE, 3), Pattern(MB, 4)

    def handler(sock):
        which = sock.recv(1)
        send_pattern(sock, stuck if which == b"s" else free)

    service, pair, front = start(scene, handler, server_config=STEADY, client_config=STEADY)
    slow, prints = dial(scene, front), Footprints(pair)
    slow.sendall(b"s")
    for _ in range(5):
        quick = dial(scene, front)
        quick.sendall(b"q")
        receive_pattern(quick, free)
        quick.close()
    prints.check_growth(LIMIT, "a reader that does not read")
    receive_pattern(slow, stuck)
    service.check_done()
    pair.check_sound()


def is_event(name):
    return lambda record: record.get("event") == name


def sock_name(sock):
    return "{}:{}".format(*sock.getsockname())


def test_the_audit_tells_each_connection_with_its_bytes(scene):
    def handler(sock):
        exactly(sock, 12345)
        sock.sendall(b"y" * 678)

    service, pair, front = start(scene, handler, audit=True)
    paths = (pair.server_audit, pair.client_audit)
    for number in range(3):
        sock = dial(scene, front)
        for path in paths:  # while nothing has ended it
            opened = read_audit(path, number + 1, is_event("connection-open"))
            ended = [
                record["stream"] for record in read_audit(path, number, is_event("connection"))
            ]
            check(opened[-1]["stream"] not in ended, f"the end of what is open: {ended}")
            check_equal(opened[-1].get("client"), sock_name(sock), "the client")
        sock.sendall(b"x" * 12345)
        check_equal(len(read_all(sock)), 678, "bytes from the server")
        sock.close()
    service.check_done()
    for path in paths:
        records = read_audit(path, 3, is_event("connection"))
        check_equal(
            [record["bytes_in"] for record in records], [12345] * 3, "bytes from the client"
        )
        check_equal([record["bytes_out"] for record in records], [678] * 3, "bytes to the client")
        check_equal({record.get("route") for record in records}, {"raw"}, "the route")
        check_equal(len({record["stream"] for record in records}), 3, "streams")
        opened = read_audit(path, select=is_event("connection-open"))
        for name in ("session", "stream", "identity", "route", "client"):
            check_equal(
                [record[name] for record in records],
                [record[name] for record in opened],
                f"{name} at the end and at the beginning",
            )
    pair.check_sound()


def test_tls_inside(scene):
    """The client checks the server's certificate: nobody between the two could have read a byte."""
    certificate, key = scene.path("certificate.pem"), scene.path("key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        + ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", key, "-out", certificate],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    at_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    at_server.load_cert_chain(certificate, key)
    digests = []

    def handler(sock):
        with at_server.wrap_socket(sock, server_side=True) as tls:
            digests.append(hashlib.sha256(exactly(tls, MB)).digest())
            tls.sendall(digests[-1])

    service, pair, front = start(scene, handler, audit=True, relay={})
    at_client = ssl.create_default_context(cafile=certificate)
    text = b"in the clear? " * (MB // 14 + 1)
    with at_client.wrap_socket(dial(scene, front), server_hostname="127.0.0.1") as tls:
        tls.sendall(text[:MB])
        check_equal(exactly(tls, 32), hashlib.sha256(text[:MB]).digest(), "the digest")
    service.check_done()
    check_equal(len(pair.relay.connections), 1, "TCP connections between the agents")
    pair.check_sound()


def test_nobody_is_there(scene):
    """The client's connection is closed, the operator is told; when there is a server, it works."""
    service, pair, front = start(scene, lambda sock: sock.sendall(GREETING))
    service.listener.close()
    # Refused from now on: the kernel may still have let one in that nobody accepts.
    wait_until(lambda: closed_at_once(scene, front), "a client to be closed")
    pair.server.wait_for_log(r"refused")
    host, port = service.address.split(":")
    service.listener = scene.keep(socket.create_server((host, int(port))))
    threading.Thread(target=service.accept, daemon=True).start()
    wait_until(lambda: greeted(scene, front), "the greeting of the server that is back")
    pair.check_sound()


def greeted(scene, front):
    with contextlib.closing(dial(scene, front)) as sock:
        return read_all(sock) == GREETING


def closed_at_once(scene, front):
    sock = dial(scene, front)
    try:
        return read_all(sock) == b""
    except ConnectionResetError:
        return True
    finally:
        sock.close()


def test_a_reset_is_passed_on(scene):
    """A server that cuts the connection ends the client's, and the other way round."""
    ended = threading.Event()

    def handler(sock):
        if exactly(sock, 1) == b"r":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            return  # closed with a reset
        sock.sendall(b"well?")
        try:
            read_all(sock)
        except ConnectionResetError:
            pass
        ended.set()

    service, pair, front = start(scene, handler)
    sock = dial(scene, front)
    sock.sendall(b"r")
    try:
        check_equal(read_all(sock), b"", "what comes before the end")
    except ConnectionResetError:
        pass
    other = dial(scene, front)
    other.sendall(b"x")
    exactly(other, 5)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    other.close()
    check(ended.wait(PATIENCE), "the server did not learn that its client is gone")
    service.check_done()
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
