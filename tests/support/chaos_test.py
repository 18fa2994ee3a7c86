"""Unit tests of the chaos relay: its arithmetic, its scripts, and its sockets."""

import contextlib
import hashlib
import json
import pathlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

from chaos import Chaos
from chaos_link import SMALLEST_QUEUE, Link
from chaos_script import for_ever, load_script, random_steps, read_script

HERE = pathlib.Path(__file__).resolve().parent


class AsArithmetic(unittest.TestCase):
    def test_a_line_without_a_rate_only_delays(self):
        link = Link(delay=0.5)
        self.assertEqual(link.enter(10, 1 << 30), 10.5)
        self.assertFalse(link.full(10))

    def test_bytes_leave_at_the_rate(self):
        link = Link(delay=1, rate=1000, queue=5000)
        link.enter(0, 1500)  # what an idle line has saved up
        self.assertAlmostEqual(link.enter(0, 1000), 2)
        self.assertAlmostEqual(link.enter(0, 1000), 3)
        self.assertAlmostEqual(link.enter(5, 1000), 6, msg="idle, so nobody waits")

    def test_the_queue_is_bounded_and_empties(self):
        link = Link(rate=1000, queue=4000)
        link.enter(0, 1500 + 3900)
        self.assertFalse(link.full(0))
        link.enter(0, 100 + 1)
        self.assertTrue(link.full(0))
        self.assertAlmostEqual(link.room_at(0), 1 + 0.001)
        self.assertFalse(link.full(0.5))

    def test_nothing_overtakes_when_the_line_gets_shorter(self):
        link = Link(delay=5)
        link.enter(0, 1)
        link.change(1, 0)
        self.assertEqual(link.enter(0, 1), 5)
        self.assertEqual(link.enter(4.5, 1), 5.5)

    def test_the_window_is_bandwidth_times_delay_and_the_queue(self):
        link = Link(delay=0.05, rate=40_000_000, queue=100_000)
        self.assertEqual(link.window, 2_000_000 + 100_000 + link.piece)
        self.assertEqual(Link(rate=1).queue, SMALLEST_QUEUE)

    def test_what_can_not_be_is_refused(self):
        for wrong in ({"delay": -1}, {"rate": -1}, {"queue": -1}, {"queue": 0}):
            with self.assertRaises(ValueError):
                Link(**wrong)


class Scripts(unittest.TestCase):
    def test_a_seed_repeats_itself(self):
        script = {"seed": 7, "resets": 50, "stalls": 5, "every_s": 0.1, "every_bytes": 1000}
        steps = random_steps(script)
        self.assertEqual(steps, random_steps(script))
        self.assertNotEqual(steps, random_steps({**script, "seed": 8}))
        kinds = [step.do for step in steps]
        self.assertEqual((kinds.count("reset"), kinds.count("stall"), len(kinds)), (50, 5, 55))
        for step in steps:
            self.assertNotEqual(bool(step.after_s), bool(step.after_bytes))
            self.assertLessEqual(step.after_bytes, 2000)
            self.assertLessEqual(step.after_s, 0.4)

    def test_for_ever_repeats_itself(self):
        first, second = (for_ever("reset", 3, every_bytes=100) for _ in range(2))
        self.assertEqual([next(first) for _ in range(20)], [next(second) for _ in range(20)])

    def test_what_is_wrong_is_named(self):
        for script, words in (
            (["reset"], "step 1: expected an object"),
            ([{"do": "stall"}, {"do": "explode"}], "step 2: 'do' is 'explode'"),
            ([{"do": "reset", "after": 1}], "'after' is not one of"),
            ([{"do": "reset", "after_s": "1"}], "'after_s' is '1'"),
            ([{"do": "half_close", "way": "left"}], "'way' is 'left'"),
            ({"seed": 1}, "nothing"),
            ({"resets": -1}, "'resets' is -1"),
            ({"resets": 1.5}, "'resets' is 1.5"),
            ({"cuts": 1}, "'cuts' is not one of"),
            ("reset", "a script is a list"),
        ):
            with self.assertRaisesRegex(ValueError, words):
                read_script(script)
        with self.assertRaisesRegex(ValueError, "not JSON"):
            load_script("[")
        with self.assertRaisesRegex(ValueError, "no-such-file"):
            load_script("no-such-file")


class Echo:
    """A server that sends back what comes, and closes when it may."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    @staticmethod
    def _serve(sock):
        with sock, contextlib.suppress(OSError):
            while data := sock.recv(65536):
                sock.sendall(data)

    def close(self):
        with contextlib.suppress(OSError):  # it may have been closed before
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class WithAnEcho(unittest.TestCase):
    def setUp(self):
        self.echo = Echo()
        self.addCleanup(self.echo.close)

    def relay(self, **options):
        relay = Chaos(self.echo.address, **options).start()
        self.addCleanup(relay.close)
        return relay

    def connect(self, relay):
        host, _, port = relay.address.rpartition(":")
        sock = socket.create_connection((host, int(port)), 30)
        self.addCleanup(sock.close)
        return sock

    def echoed(self, sock, data):
        """What comes back for `data`, all of it sent before and while it is read."""

        def send():
            with contextlib.suppress(OSError):  # where it was cut, who reads says so
                sock.sendall(data)

        sender = threading.Thread(target=send)
        sender.start()
        got = receive(sock, len(data))
        sender.join()
        return got

    def check_echo(self, relay, size=3_000_000):
        data = random.Random(1).randbytes(size)
        got = self.echoed(self.connect(relay), data)
        self.assertEqual(hashlib.sha256(got).digest(), hashlib.sha256(data).digest())


class OverSockets(WithAnEcho):
    def test_all_bytes_pass_in_order_whatever_the_line(self):
        for options in (
            {},
            {"delay": 0.02},
            {"rate": 20_000_000},
            {"delay": (0.001, 0.02), "rate": (10_000_000, 30_000_000), "queue": 20_000},
            {"slices": 700, "delay": 0.001},
            {"slices": 3000, "rate": 30_000_000},
        ):
            with self.subTest(options):
                self.check_echo(self.relay(**options))

    def test_a_slice_is_never_larger_than_asked(self):
        relay = self.relay(slices=1)
        self.assertEqual(self.echoed(self.connect(relay), b"x" * 5000), b"x" * 5000)
        relay.living()  # the loop has come back from its last send()
        self.assertEqual(relay.bytes, {"up": 5000, "down": 5000})

    def test_delay_and_rate_are_not_less_than_asked(self):
        relay = self.relay(delay=(0.05, 0.1))
        sock = self.connect(relay)
        start = time.monotonic()
        self.echoed(sock, b"x")
        self.assertGreaterEqual(time.monotonic() - start, 0.15)
        sock = self.connect(self.relay(rate=(0, 1_000_000), queue=10_000))
        start = time.monotonic()
        self.echoed(sock, b"x" * 302_000)
        self.assertGreaterEqual(time.monotonic() - start, 0.3)

    def test_what_is_under_way_is_bounded(self):
        """Where nothing passes, the sender is stopped; nothing is kept but the line's own bytes."""
        relay = self.relay(delay=0.01, rate=20_000_000, queue=50_000)
        sock = self.connect(relay)
        relay.stall()
        sock.settimeout(0.5)
        with self.assertRaises(socket.timeout):
            for _ in range(10_000):
                sock.sendall(b"x" * 65536)
        for connection in relay.connections():
            for pipe in connection.pipes.values():
                self.assertLessEqual(pipe.pending, pipe.link.window + pipe.link.piece)

    def test_connections_share_the_rate_and_all_get_some(self):
        relay = self.relay(rate=(0, 5_000_000), queue=40_000)
        socks = [self.connect(relay) for _ in range(5)]
        start, got = time.monotonic(), []
        threads = [
            threading.Thread(target=lambda s=s: got.append(len(self.echoed(s, b"x" * 200_000))))
            for s in socks
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(got, [200_000] * 5)
        self.assertGreaterEqual(time.monotonic() - start, (1_000_000 - 10_000) / 5_000_000)

    def test_a_half_close_passes_and_the_other_way_goes_on(self):
        sock = self.connect(self.relay(delay=0.01))
        sock.sendall(b"x" * 100_000)
        sock.shutdown(socket.SHUT_WR)
        self.assertEqual(receive(sock, 100_000), b"x" * 100_000)
        self.assertEqual(sock.recv(10), b"")

    def test_cut_resets_both_ends_and_newcomers_are_served(self):
        relay = self.relay()
        socks = [self.connect(relay) for _ in range(3)]
        for sock in socks:
            self.echoed(sock, b"hello")
        self.assertEqual(relay.living(), 3)
        self.assertEqual(relay.cut(), 3)
        for sock in socks:
            self.assertRaises(ConnectionResetError, sock.recv, 10)
        self.assertEqual((relay.living(), relay.cuts, relay.accepted), (0, 3, 3))
        self.check_echo(relay, 1000)

    def test_closing_is_no_reset(self):
        relay = self.relay()
        sock = self.connect(relay)
        self.echoed(sock, b"hello")
        relay.cut("close")
        self.assertEqual(sock.recv(10), b"")

    def test_a_stall_holds_everything_until_it_is_over(self):
        relay = self.relay()
        sock = self.connect(relay)
        self.echoed(sock, b"hello")
        relay.stall()
        sock.sendall(b"x" * 1000)
        sock.settimeout(0.3)
        self.assertRaises(socket.timeout, sock.recv, 1)
        relay.resume()
        sock.settimeout(30)
        self.assertEqual(receive(sock, 1000), b"x" * 1000)

    def test_a_blackhole_swallows_newcomers_for_good(self):
        relay = self.relay()
        old = self.connect(relay)
        self.echoed(old, b"hello")
        relay.blackhole()
        late = self.connect(relay)
        late.sendall(b"anybody there?")
        old.sendall(b"x")
        for sock in (old, late):
            sock.settimeout(0.3)
            self.assertRaises(socket.timeout, sock.recv, 1)
        relay.resume()
        old.settimeout(30)
        self.assertEqual(old.recv(10), b"x")
        self.assertRaises(socket.timeout, late.recv, 1)
        self.check_echo(relay, 1000)

    def test_half_close_by_hand(self):
        relay = self.relay()
        sock = self.connect(relay)
        self.echoed(sock, b"hello")
        self.assertEqual(relay.half_close("down"), 1)
        self.assertEqual(sock.recv(10), b"")

    def test_where_nobody_listens_the_newcomer_is_reset(self):
        self.echo.close()
        with self.assertRaises(ConnectionResetError):
            self.connect(self.relay()).recv(1)


class ByScript(WithAnEcho):
    def test_it_cuts_at_the_very_byte(self):
        for count in (1, 2, 999, 5000):
            relay = self.relay(script=[{"after_bytes": count, "do": "close"}], slices=50)
            sock = self.connect(relay)
            with contextlib.suppress(OSError):
                self.echoed_until_closed(sock, b"x" * 10_000)
            relay.living()
            self.assertEqual(sum(relay.bytes.values()), count)
            self.assertEqual(relay.cuts, 1)
            self.assertTrue(relay.script_over)

    @staticmethod
    def echoed_until_closed(sock, data):
        sock.sendall(data)
        while sock.recv(65536):
            pass

    def test_every_reset_strikes_somebody(self):
        relay = self.relay(script={"seed": 4, "resets": 20, "every_s": 0.01, "every_bytes": 500})
        while not relay.script_over:
            sock = self.connect(relay)
            with contextlib.suppress(OSError):
                while not relay.script_over:
                    self.echoed(sock, b"x" * 100)
        self.assertEqual((relay.cuts, relay.happened["reset"]), (20, 20))
        self.check_echo(relay, 1000)

    def test_another_script_may_be_played_later(self):
        relay = self.relay()
        self.check_echo(relay, 1000)
        self.assertTrue(relay.script_over)
        sock = self.connect(relay)
        self.echoed(sock, b"hello")
        self.assertRaises(ValueError, relay.play, [{"do": "nothing"}])
        relay.play([{"after_bytes": 7, "do": "reset"}])
        self.assertFalse(relay.script_over)
        with self.assertRaises(ConnectionError):
            self.echoed(sock, b"hello")
        relay.living()
        self.assertTrue(relay.script_over)

    def test_steps_follow_each_other(self):
        relay = self.relay(
            script=[
                {"after_bytes": 10, "do": "stall", "for_s": 0.2},
                {"after_bytes": 10, "do": "line", "delay_ms": 50},
                {"after_bytes": 10, "do": "blackhole", "for_s": 0.2},
            ]
        )
        sock, start = self.connect(relay), time.monotonic()
        for _ in range(4):
            self.assertEqual(self.echoed(sock, b"x" * 5), b"x" * 5)
        self.assertGreaterEqual(time.monotonic() - start, 0.4)
        self.assertEqual(dict(relay.happened), {"stall": 1, "blackhole": 1})


class ByHand(WithAnEcho):
    def run_chaos(self, *args):
        popen = subprocess.Popen(
            [sys.executable, "-B", str(HERE / "chaos.py"), *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(popen.stdout.close)
        self.addCleanup(popen.stderr.close)
        self.addCleanup(popen.wait)
        self.addCleanup(popen.kill)
        return popen

    def test_signals_and_counters(self):
        popen = self.run_chaos(
            "--listen", "0", "--to", self.echo.address, "--delay-ms", "1,2", "--rate-mbit", "100"
        )
        address = popen.stdout.readline().split()[-1]
        sock = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), 30)
        self.addCleanup(sock.close)
        self.assertEqual(self.echoed(sock, b"hello"), b"hello")
        popen.send_signal(signal.SIGUSR1)
        self.assertRaises(ConnectionResetError, sock.recv, 1)
        popen.terminate()
        counters = json.loads(popen.communicate(timeout=30)[0])
        self.assertEqual(
            counters,
            {
                "connections": 1,
                "cuts": 1,
                "bytes": {"up": 5, "down": 5},
                "happened": {"reset": 1},
            },
        )
        self.assertEqual(popen.returncode, 0)

    def test_what_is_wrong_on_the_command_line_is_said(self):
        good = ["--listen", "0", "--to", self.echo.address]
        for args, words in (
            ([], "--listen"),
            ([*good, "--slices", "-1"], "slices"),
            (["--listen", "x", "--to", self.echo.address], "expected host:port"),
            ([*good, "--reset-every", "often"], "expected something like 2s"),
            ([*good, "--delay-ms", "1,2,3"], "--delay-ms"),
            ([*good, "--script", '[{"do": "jump"}]'], "'do' is 'jump'"),
            ([*good, "--script", "[]", "--reset-every", "2s"], "exclude each other"),
        ):
            popen = self.run_chaos(*args)
            said = popen.communicate(timeout=30)[1]
            self.assertIn(words, said)
            self.assertEqual(popen.returncode, 2, said)


def receive(sock, count):
    pieces = []
    while count:
        data = sock.recv(min(count, 1 << 20))
        if not data:
            raise ConnectionError("closed")
        pieces.append(data)
        count -= len(data)
    return b"".join(pieces)


if __name__ == "__main__":
    unittest.main()
