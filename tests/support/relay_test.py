"""Unit tests of the relay and its mangler."""

import random
import socket
import threading
import unittest

from mangler import Fault, Mangler, UnitSplitter
from relay import Relay, parse_fault

DATA = bytes(range(40))


def mangled(data, faults, cuts=()):
    """What comes out for `data` that arrives cut at `cuts`: (bytes, the other actions)."""
    mangler = Mangler(True, faults)
    out, others, places = b"", [], [0, *cuts, len(data)]
    for start, end in zip(places, places[1:]):
        for action in mangler.feed(data[start:end]) if end > start else ():
            if action[0] == "data":
                out += action[1]
            else:
                others.append(action)
    for action in mangler.finish():
        out += action[1]
    return out, others


def tunnel(records, suite=1):
    """An upward direction of a tunnel: preamble, message 1, records."""
    first = (
        b"RW\x01"
        + bytes([suite])
        + b"hint"
        + b"\x00\x05hello"
        + (b"m" * 16 if suite == 0x11 else b"")
    )
    return [first] + [len(r).to_bytes(2, "big") + r for r in records]


class MangleBytes(unittest.TestCase):
    def check_at_every_split(self, faults, expected, others=()):
        for cut in range(len(DATA) + 1):
            self.assertEqual(
                mangled(DATA, faults, [cut]), (expected, list(others)), f"cut at {cut}"
            )
        self.assertEqual(
            mangled(DATA, faults, range(1, 40)), (expected, list(others)), "byte by byte"
        )

    def test_without_faults_all_passes(self):
        self.check_at_every_split([], DATA)

    def test_each_fault_strikes_its_place_and_no_other(self):
        self.check_at_every_split([Fault("flip", at=7, mask=0x80)], DATA[:7] + b"\x87" + DATA[8:])
        self.check_at_every_split([Fault("drop", at=0, length=3)], DATA[3:])
        self.check_at_every_split([Fault("repeat", at=5, length=2)], DATA[:7] + DATA[5:])
        self.check_at_every_split(
            [Fault("reorder", at=5, length=4)], DATA[:5] + DATA[9:13] + DATA[5:9] + DATA[13:]
        )
        self.check_at_every_split([Fault("insert", at=40, data=b"x")], DATA)  # byte 40 never comes
        self.check_at_every_split([Fault("insert", at=39, data=b"x")], DATA[:39] + b"x" + DATA[39:])

    def test_several_faults_each_strike(self):
        self.check_at_every_split(
            [Fault("drop", at=10), Fault("flip", at=2), Fault("stall", at=11)],
            DATA[:2] + b"\x03" + DATA[3:10] + DATA[11:],
            [("stall", 1.0)],
        )

    def test_after_a_reset_nothing_more_comes_out(self):
        self.check_at_every_split([Fault("reset", at=9)], DATA[:9], [("reset",)])

    def test_the_end_brings_out_what_was_held_back(self):
        self.check_at_every_split([Fault("reorder", at=30, length=8)], DATA)


class MangleUnits(unittest.TestCase):
    def check(self, faults, order, suite=1, records=(b"one", b"two", b"three")):
        units = tunnel(records, suite)
        data = b"".join(units)
        expected = b"".join(units[i] if isinstance(i, int) else i for i in order)
        for cut in range(len(data) + 1):
            self.assertEqual(mangled(data, faults, [cut])[0], expected, f"cut at {cut}")

    def test_units_are_the_handshake_message_and_the_records(self):
        for suite in (0x01, 0x11):
            self.check([Fault("drop", unit=0)], [1, 2, 3], suite)
            self.check([Fault("drop", unit=2)], [0, 1, 3], suite)
            self.check([Fault("repeat", unit=1)], [0, 1, 1, 2, 3], suite)
            self.check([Fault("reorder", unit=1)], [0, 2, 1, 3], suite)
            self.check([Fault("reorder", unit=3)], [0, 1, 2, 3], suite)
            self.check([Fault("flip", unit=2, offset=-1, mask=1)], [0, 1, b"\0\3twn", 3], suite)

    def test_the_downward_direction_has_no_preamble(self):
        splitter = UnitSplitter(upward=False)
        self.assertEqual(splitter.feed(b"\0\2ab\0\1c\0"), [b"\0\2ab", b"\0\1c"])

    def test_a_fault_armed_in_the_middle_of_a_unit_strikes_the_next_one(self):
        units = tunnel([b"one", b"two", b"three"])
        data = b"".join(units)
        for cut in range(len(units[0]) + 1, len(units[0]) + len(units[1])):
            mangler = Mangler(True)
            out = b"".join(a[1] for a in mangler.feed(data[:cut]))
            mangler.add(Fault("drop"), next_unit=True)
            out += b"".join(a[1] for a in mangler.feed(data[cut:]))
            self.assertEqual(out, units[0] + units[1] + units[3])

    def test_what_is_gone_or_mixed_is_refused(self):
        mangler = Mangler(True)
        mangler.feed(b"".join(tunnel([b"one"])))
        with self.assertRaises(ValueError):
            mangler.add(Fault("drop", unit=1))
        with self.assertRaises(ValueError):
            mangler.add(Fault("drop", at=3))
        mangler.add(Fault("drop"))
        with self.assertRaises(ValueError):
            mangler.add(Fault("drop", unit=5))
        with self.assertRaises(ValueError):
            Fault("explode")


class Echo:
    """A server that sends back what it gets, until the end of each connection."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    @staticmethod
    def serve(sock):
        with sock:
            try:
                while data := sock.recv(65536):
                    sock.sendall(data)
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class RelaySockets(unittest.TestCase):
    def setUp(self):
        self.echo = Echo()
        self.addCleanup(self.echo.close)

    def relay(self, **options):
        relay = Relay(self.echo.address, **options).start()
        self.addCleanup(relay.close)
        return relay

    def dial(self, relay):
        sock = socket.create_connection(("127.0.0.1", int(relay.address.rsplit(":", 1)[1])), 30)
        self.addCleanup(sock.close)
        return sock

    def echoed(self, sock, data):
        threading.Thread(target=sock.sendall, args=(data,), daemon=True).start()
        got = b""
        while len(got) < len(data):
            piece = sock.recv(65536)
            self.assertTrue(piece, "closed")
            got += piece
        return got

    def test_everything_passes_and_is_recorded(self):
        data = random.Random(1).randbytes(300_000)
        for weather in (
            {},
            {"slices": 5000},
            {"delay": 0.01, "jitter": 0.01},
            {"bandwidth": 3_000_000},
            {"queue": 1000},
        ):
            relay = self.relay(**weather)
            self.assertEqual(self.echoed(self.dial(relay), data), data)
            self.assertEqual(relay.recorded(), [data, data])

    def test_a_half_close_passes(self):
        sock = self.dial(self.relay())
        sock.sendall(b"last words")
        sock.shutdown(socket.SHUT_WR)
        got = b""
        while piece := sock.recv(100):
            got += piece
        self.assertEqual(got, b"last words")

    def test_a_reset_is_a_reset(self):
        relay = self.relay()
        sock = self.dial(relay)
        self.echoed(sock, b"hello")
        self.assertEqual(relay.reset_all(), 1)
        with self.assertRaises(ConnectionResetError):
            sock.recv(1)
        self.assertEqual(relay.living(), [])
        self.assertEqual(self.echoed(self.dial(relay), b"again"), b"again")

    def test_scripted_faults_strike_the_connections_they_are_meant_for(self):
        relay = self.relay(script=lambda n: {"up": [Fault("flip", at=1)]} if n == 1 else {})
        self.assertEqual(self.echoed(self.dial(relay), b"abc"), b"abc")
        self.assertEqual(self.echoed(self.dial(relay), b"abc"), b"acc")
        self.assertEqual(relay.connections[1].up.opposite_at_fault, [0])

    def test_a_fault_can_be_armed_while_it_runs(self):
        relay = self.relay()
        sock = self.dial(relay)
        self.echoed(sock, b"abc")
        relay.connections[0].down.arm(Fault("drop"))
        sock.sendall(b"def")
        self.assertEqual(sock.recv(3), b"ef")

    def test_a_stall_holds_back_and_lets_go(self):
        relay = self.relay()
        sock = self.dial(relay)
        self.echoed(sock, b"abc")
        relay.connections[0].down.stall()
        sock.sendall(b"def")
        sock.settimeout(0.3)
        with self.assertRaises(socket.timeout):
            sock.recv(3)
        sock.settimeout(30)
        relay.connections[0].down.stall(False)
        self.assertEqual(sock.recv(3), b"def")

    def test_faults_can_be_written_on_a_command_line(self):
        self.assertEqual(parse_fault("up:flip@7:mask=0x80"), ("up", Fault("flip", at=7, mask=0x80)))
        self.assertEqual(
            parse_fault("down:stall@unit3:seconds=0.5"),
            ("down", Fault("stall", unit=3, seconds=0.5)),
        )
        for wrong in ("flip@7", "sideways:flip@7", "up:burn@7", "up:flip@x"):
            with self.assertRaises((ValueError, TypeError), msg=wrong):
                parse_fault(wrong)


if __name__ == "__main__":
    unittest.main()
