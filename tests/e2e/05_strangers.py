"""Goal: who doesn't hold the key learns nothing, not even what is listening: no byte for garbage,
for half a handshake, for a wrong key, an unknown identity, or a handshake that was recorded and is
played again.
"""

import os
import random
import socket
import threading

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal, free_port, wait_until
from wire import Wire

FIRST = 90  # bytes of preamble and message 1 with a shared key
GARBAGE = [
    b"PING\r\n",
    b"GET / HTTP/1.1\r\nHost: redis\r\n\r\n",
    b"\0" * 300,
    b"\x16\x03\x01\x02\0\x01\0",
    b"RW",
    b"RW\x01\x01",
    b"RW\x01\x01hint\x00\x50",
    b"RW\x02\x01hint\x00\x50" + b"x" * 80,
    b"RW\x01\x77hint\x00\x50" + b"x" * 80,
    b"RW\x01\x01hint\xff\xff" + b"x" * 70000,
    b"RW\x01\x01hint\x00\x00" + b"x" * 500,
]


def answer_to(address, data):
    """All that a stranger who says `data` ever hears."""
    with Wire(address) as wire:
        try:
            wire.send(data)
        except (ConnectionResetError, BrokenPipeError):
            pass
        return wire.rest()


def test_garbage_gets_no_byte(scene):
    redis = scene.redis()
    pair = scene.pair(redis, server_options=["-o", "2"])
    dice = random.Random(5)
    for data in GARBAGE + [dice.randbytes(dice.randrange(1, 2000)) for _ in range(20)]:
        check_equal(answer_to(pair.server_address, data), b"", f"the answer to {data[:30]!r}...")
    check_equal(pair.redis().ping(), True, "ping() afterwards")
    pair.check_sound()


def test_silence_gets_a_closed_connection_in_time(scene):
    redis = scene.redis()
    pair = scene.pair(redis, server_options=["-o", "2"])
    check_equal(answer_to(pair.server_address, b""), b"", "the answer to silence")


def attempt(scene, relay, *options):
    """A client agent that must not get through. Waits until it has tried twice; returns its
    process.
    """
    client = scene.agent(
        "client", "-s", f"127.0.0.1:{free_port()}", "-t", relay.address, *options, ready=False
    )
    wait_until(lambda: len(relay.connections) >= 2, "two attempts")
    wait_until(lambda: relay.connections[0].dead, "the first attempt to be turned down")
    for connection in relay.connections:
        check_equal(bytes(connection.down.received), b"", "bytes from the server agent")
    check("is up" not in client.log(), "a stranger's tunnel is up")
    return client


def test_a_wrong_key_gets_no_byte(scene):
    redis = scene.redis()
    pair = scene.pair(redis, audit=True)
    relay = scene.relay(pair.server_address)
    mark = pair.server.mark()
    client = attempt(scene, relay, "-k", scene.key("other.key"))
    client.wait_for_log(r"(?i)\b(key|clos|refus|handshake)")
    pair.server.wait_for_log(r"(?i)key|handshake|refus", since=mark)
    check_equal(pair.redis().ping(), True, "ping() by who has the right key")
    pair.check_sound()


def test_a_client_of_an_agent_with_a_wrong_key_is_closed_not_kept(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    client = scene.agent(
        "client",
        "-s",
        "127.0.0.1:0",
        "-t",
        pair.server_address,
        "-k",
        scene.key("other.key"),
        "-o",
        "1",
        ready=False,
    )
    with Wire(client.addresses()[0]) as wire:
        wire.send(b"*1\r\n$4\r\nPING\r\n")
        check_equal(wire.rest(), b"", "what a client gets without a tunnel")
    client.check_sound()


def test_a_recorded_handshake_played_again_gets_no_byte(scene):
    redis = scene.redis()
    pair = scene.pair(redis, relay={})
    pair.redis().set("counter", 0)
    pair.redis().incr("counter")
    recorded = bytes(pair.relay.connections[0].up.received)
    check(len(recorded) > FIRST, "nothing was recorded")
    for data in (recorded[:FIRST], recorded):
        check_equal(answer_to(pair.server_address, data), b"", "the answer to a replay")
    check_equal(scene.client(redis.address).get("counter"), b"1", "the counter")
    pair.eventually_ping()
    pair.check_sound()


class FakeServer:
    """Who has taken the server agent's place, and answers `data` to whatever comes first."""

    def __init__(self, data):
        self.data, self.heard = data, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(30)
                heard = b""
                try:
                    heard += sock.recv(65536)
                    sock.sendall(self.data)
                    while more := sock.recv(65536):
                        heard += more
                except OSError:
                    pass
                self.heard.append(heard)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def test_a_false_server_hears_nothing_but_message_1(scene):
    key = scene.key()
    for data in (
        b"-ERR unknown command\r\n",
        b"\x00\x50" + os.urandom(80),
        b"\xff\xff" + os.urandom(9000),
    ):
        fake = scene.keep(FakeServer(data))
        client = scene.agent(
            "client", "-s", "127.0.0.1:0", "-t", fake.address, "-k", key, "-o", "2", ready=False
        )
        wait_until(lambda fake=fake: fake.heard, "the agent to give up on a false server")
        check_equal(
            [len(heard) for heard in fake.heard], [FIRST] * len(fake.heard), "bytes it was told"
        )
        client.check_sound()
        client.stop()


def shake_hands(pair, wire, noise):
    """A genuine handshake by the independent implementation; returns its side of the channel."""
    peer = noise.Initiator(key=noise.SharedKey.from_file(pair.key))
    wire.send(peer.message1())
    peer.read_message2(wire.exactly(noise.MESSAGE2_SIZE))
    return peer


def test_who_knows_the_key_and_then_talks_nonsense_is_dropped_without_a_word(scene):
    """The handshake is genuine, what follows is not a record that could be."""
    import noise  # the independent implementation of the tunnel's handshakes and records

    redis = scene.redis()
    pair = scene.pair(redis)
    dice = random.Random(6)
    ping = b"\x07\x00\x00\x08\x00\x00\x00\x00" + b"pingpong"
    nonsense = {
        "random bytes": lambda peer: dice.randbytes(200),
        "a record shorter than any": lambda peer: b"\x00\x10" + dice.randbytes(16),
        "an altered record": lambda peer: peer.seal(ping)[:-1] + b"!",
        "the second record first": lambda peer: (peer.seal(ping), peer.seal(ping))[1],
        "nothing": lambda peer: b"",
    }
    for name, make in nonsense.items():
        with Wire(pair.server_address) as wire:
            wire.send(make(shake_hands(pair, wire, noise))).finish_sending()
            check_equal(wire.rest(), b"", f"the answer to {name}")
    with Wire(pair.server_address) as wire:  # authentic, and no frame that any protocol knows
        wire.send(shake_hands(pair, wire, noise).seal(b"\xee\x00\x00\x00\x00\x00\x00\x00"))
        wire.rest()  # it closes; what it says before is sealed
    check_equal(pair.redis().ping(), True, "ping() afterwards")
    pair.check_sound()


def test_the_right_hint_with_a_wrong_key_gets_no_byte(scene):
    """The hint in the preamble is no secret: who has seen it can send it."""
    import noise

    redis = scene.redis()
    pair = scene.pair(redis)
    hint = noise.SharedKey.from_file(pair.key).hint
    peer = noise.Initiator(
        key=noise.SharedKey(os.urandom(32)), preamble=noise.make_preamble(1, hint)
    )
    check_equal(answer_to(pair.server_address, peer.message1()), b"", "the answer to a wrong key")
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
