"""Tests of tunnel_session.py and of the resume proof: what agent.py has that needs no server.

/usr/bin/python3 -m unittest discover -s tests/support -p '*_test.py'
"""

import os
import struct
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import noise  # noqa: E402
import tunnel_session as tunnel  # noqa: E402
from tunnel_session import ProtocolError, frame  # noqa: E402


def u32(*numbers):
    return struct.pack(f">{len(numbers)}I", *numbers)


def u64(number):
    return struct.pack(">Q", number)


def started(stream_window=1000, session_window=4000, **hello):
    """A session that has read the server's HELLO and SESSION."""
    session = tunnel.ClientSession(stream_window=stream_window, session_window=session_window)
    kinds = [one[0] for one in tunnel.parse_frames(session.next_record())]
    assert kinds == [tunnel.HELLO]
    values = {"stream_window": 100, "session_window": 150, "max_streams": 2, "max_unanswered": 2}
    answer = frame(tunnel.HELLO, tunnel.encode_hello(**{**values, **hello}))
    session.receive(answer + frame(tunnel.SESSION, b"i" * 16 + u32(60000)))
    return session


def said(session):
    """[(type, stream, payload)] of the next record."""
    return [
        (kind, number, payload)
        for kind, _, number, payload in tunnel.parse_frames(session.next_record())
    ]


class Frames(unittest.TestCase):
    def test_the_worked_example_of_the_page(self):
        hello = tunnel.encode_hello(
            name="site-a",
            version="0.1.0",
            stream_window=262144,
            session_window=16777216,
            silence_ms=15000,
        )
        self.assertEqual(
            frame(tunnel.HELLO, hello).hex(),
            "0900002600000000"
            "010006736974652d61020005302e312e30"
            "030004000400000400040100000007000400003a98",
        )
        opening = tunnel.encode_open(262144, "default", "10.0.0.17:50123")
        self.assertEqual(
            frame(tunnel.OPEN, opening, 1).hex(),
            "0200001c00000001000400000764656661756c740f31302e302e302e31373a3530313233",
        )

    def test_hello_can_be_read_back_and_unknown_tlvs_are_skipped(self):
        encoded = tunnel.encode_hello(name="x", max_streams=7) + b"\x63\0\2hi"
        decoded = tunnel.decode_hello(encoded)
        self.assertEqual((decoded["name"], decoded["max_streams"]), ("x", 7))
        self.assertEqual(decoded["stream_window"], 0)

    def test_half_frames_and_half_tlvs_are_refused(self):
        whole = frame(tunnel.DATA, b"abc", 1)
        for size in range(1, len(whole)):
            with self.assertRaises(ProtocolError):
                tunnel.parse_frames(whole[:size])
        for text in (b"\1", b"\1\0\5ab", b"\3\0\2ab"):
            with self.assertRaises(ProtocolError):
                tunnel.decode_hello(text)


class Proofs(unittest.TestCase):
    def test_the_formula(self):
        claim = b"resume" + b"h" * 64 + b"i" * 16 + b"\0\0\0\2" + b"\0\0\0\0\0\0\0\3"
        self.assertEqual(
            noise.make_resume_proof(b"k" * 32, b"h" * 64, b"i" * 16, 2, 3),
            noise.blake2b(claim, size=32, key=b"k" * 32),
        )

    def test_both_ends_have_the_same_key_and_every_handshake_another(self):
        keys = set()
        for _ in range(2):
            shared = noise.SharedKey(b"k" * 32)
            initiator, responder = noise.Initiator(shared), noise.Responder([shared])
            responder.read_message1(initiator.message1())
            initiator.read_message2(responder.message2())
            self.assertEqual(initiator.resume_key, responder.resume_key)
            self.assertNotIn(initiator.resume_key, (initiator.sending.key, initiator.receiving.key))
            keys.add(initiator.resume_key)
        self.assertEqual(len(keys), 2)


class FlowControl(unittest.TestCase):
    def test_no_byte_beyond_the_credit_of_stream_and_session(self):
        session = started()
        one, other = session.open(), session.open()
        one.send(b"a" * 300)
        other.send(b"b" * 300)
        sizes = {
            number: len(payload) for kind, number, payload in said(session) if kind == tunnel.DATA
        }
        self.assertEqual(sizes, {1: 100, 3: 50})
        session.receive(frame(tunnel.CREDIT, u32(30), 1))
        self.assertEqual(said(session), [])
        session.receive(frame(tunnel.CREDIT, u32(40)))
        self.assertEqual(
            [len(payload) for kind, _, payload in said(session) if kind == tunnel.DATA], [30, 10]
        )

    def test_credit_is_given_back_for_what_was_taken(self):
        session = started()
        stream = session.open()
        said(session)
        session.receive(frame(tunnel.DATA, b"x" * 1000, 1))
        self.assertEqual(said(session), [])
        self.assertEqual(session.take(stream, 400), b"x" * 400)
        self.assertEqual(said(session), [(tunnel.ACK, 0, u64(1)), (tunnel.CREDIT, 1, u32(400))])

    def test_one_byte_more_than_allowed_is_noticed(self):
        session = started()
        session.open()
        session.receive(frame(tunnel.DATA, b"x" * 1000, 1))
        with self.assertRaises(ProtocolError):
            session.receive(frame(tunnel.DATA, b"x", 1))
        session = started(stream_window=9000)
        session.open()
        with self.assertRaises(ProtocolError):
            session.receive(frame(tunnel.DATA, b"x" * 4001, 1))

    def test_what_a_server_may_not_send(self):
        for wrong in (
            frame(tunnel.HELLO),
            frame(tunnel.OPEN, b"", 3),
            frame(0x0E),
            frame(tunnel.DATA, b"", 3),
            frame(tunnel.DATA, b"", 2),
            frame(tunnel.MAX_STREAMS, u32(1)),
            frame(tunnel.ACK, u64(2)),
            frame(tunnel.OPENED, u32(0), 1) * 2,
            frame(tunnel.RST, b"\0", 1),
            frame(tunnel.DATA, b"", 1, tunnel.FIN) * 2,
            frame(tunnel.RESUMED, bytes(12)),
            frame(tunnel.PAD, b"", 1),
            frame(tunnel.CREDIT, u32(2**31), 1),
        ):
            session = started()
            session.open()
            said(session)
            with self.assertRaises(ProtocolError, msg=wrong.hex()):
                session.receive(wrong)


class Resuming(unittest.TestCase):
    def test_what_was_not_handled_is_sent_again(self):
        session = started()
        session.open().send(b"abc")
        first = said(session)
        self.assertEqual([one[0] for one in first], [tunnel.OPEN, tunnel.DATA])
        session.lost()
        self.assertEqual(session.next_record(), b"")
        self.assertEqual(session.resume_point(), (1, 0))
        session.resumed(1, 1)
        self.assertEqual(said(session), first[1:])
        session.lost()
        self.assertEqual(session.resume_point(), (2, 0))
        session.resumed(2, 2)
        self.assertEqual(said(session), [])

    def test_what_was_never_sent_goes_once(self):
        session = started()
        session.open()
        session.lost()
        session.resume_point()
        session.resumed(1, 0)
        self.assertEqual([one[0] for one in said(session)], [tunnel.OPEN])

    def test_answers_that_can_not_be(self):
        for epoch, handled in ((2, 0), (1, 2)):
            session = started()
            session.open()
            said(session)
            session.lost()
            session.resume_point()
            with self.assertRaises(ProtocolError):
                session.resumed(epoch, handled)


def exchange(client, server):
    """Until neither has anything to say."""
    while True:
        records = client.next_record(), server.next_record()
        if not any(records):
            return
        for record, receiver in zip(records, (server, client)):
            if record:
                receiver.receive(record)


class BothSides(unittest.TestCase):
    def test_bytes_pass_both_ways_and_through_a_resume(self):
        client, server = tunnel.ClientSession(), tunnel.ServerSession()
        self.assertEqual(server.next_record(), b"")
        exchange(client, server)
        self.assertEqual(client.id, server.id)
        stream = client.open("other", "here:1")
        stream.send(b"a" * 100000)
        exchange(client, server)
        twin = server.opened[0]
        self.assertEqual((twin.route, twin.client), ("other", "here:1"))
        self.assertTrue(stream.opened)
        self.assertEqual(server.take(twin, 1 << 20), b"a" * 100000)

        twin.send(b"lost")
        stream.send(b"lost too")
        self.assertTrue(server.next_record() and client.next_record())
        client.lost()
        server.lost()
        kind, _, _, payload = tunnel.parse_frames(server.accept_resume(*client.resume_point()))[0]
        self.assertEqual(kind, tunnel.RESUMED)
        client.resumed(*tunnel.unpack("IQ", payload))
        exchange(client, server)
        self.assertEqual(bytes(stream.received), b"lost")
        self.assertEqual(bytes(twin.received), b"lost too")

    def test_what_a_client_may_not_send(self):
        opening = frame(tunnel.OPEN, tunnel.encode_open(1, "r", "c"), 1)
        for wrong in (
            opening * 2,
            frame(tunnel.OPEN, b"\0" * 6, 2),
            frame(tunnel.OPEN, b"\0", 1),
            frame(tunnel.MAX_STREAMS, u32(99)),
            frame(tunnel.DATA, b"", 1),
        ):
            server = tunnel.ServerSession()
            server.receive(frame(tunnel.HELLO))
            with self.assertRaises(ProtocolError, msg=wrong.hex()):
                server.receive(wrong)
        with self.assertRaises(ProtocolError):
            tunnel.ServerSession().receive(opening)


if __name__ == "__main__":
    unittest.main()
