"""Tests of noise.py: public vectors (where they are at hand), our own ones, and itself.

    /usr/bin/python3 -m unittest discover -s tests/support -p '*_test.py'
"""

import json
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import noise  # noqa: E402
import noise_vectors  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
PUBLIC_VECTORS = os.environ.get("REDWALL_NOISE_VECTORS",
                                os.path.join(ROOT, "..", "shared", "vectors", "noise.json"))
OWN_VECTORS = os.path.join(ROOT, "tests", "vectors", "noise.json")


def side(vector, prefix, initiator):
    def field(name):
        return bytes.fromhex(vector[name]) if name in vector else None

    return noise.HandshakeState(vector["protocol_name"], initiator, field(prefix + "_prologue"),
                                bytes.fromhex(vector[prefix + "_psks"][0]),
                                field(prefix + "_static"), field(prefix + "_remote_static"),
                                field(prefix + "_ephemeral"))


class Vectors(unittest.TestCase):
    def check(self, vector):
        sides = [side(vector, "init", True), side(vector, "resp", False)]
        for turn, message in enumerate(vector["messages"]):
            payload = bytes.fromhex(message["payload"])
            ciphertext = bytes.fromhex(message["ciphertext"])
            if turn == 2:
                ends = [one.split() for one in sides]
                self.assertEqual(ends[0][2].hex(), vector["handshake_hash"])
                self.assertEqual(ends[1][2].hex(), vector["handshake_hash"])
            if turn < 2:
                self.assertEqual(sides[turn].write_message(payload), ciphertext)
                self.assertEqual(sides[1 - turn].read_message(ciphertext), payload)
            else:
                self.assertEqual(ends[turn % 2][0].encrypt(b"", payload), ciphertext)
                self.assertEqual(ends[1 - turn % 2][1].decrypt(b"", ciphertext), payload)
        self.assertEqual(len(vector["messages"]), 6)

    def test_public_vectors(self):
        if not os.path.exists(PUBLIC_VECTORS):
            self.skipTest("no public vectors: set REDWALL_NOISE_VECTORS to their file")
        with open(PUBLIC_VECTORS, encoding="ascii") as file:
            vectors = json.load(file)["vectors"]
        wanted = [v for v in vectors if v["protocol_name"] in noise.PATTERNS]
        self.assertEqual({v["protocol_name"] for v in wanted}, set(noise.PATTERNS))
        for vector in wanted:
            with self.subTest(vector["protocol_name"]):
                self.check(vector)

    def test_own_vectors_are_what_this_code_computes(self):
        with open(OWN_VECTORS, encoding="ascii") as file:
            committed = json.load(file)
        self.assertEqual(committed, noise_vectors.all_vectors())
        for vector in committed["noise"]:
            self.check(vector)


def connect(keys=(), client=None, server=None):
    key = keys[0] if keys else None
    initiator = noise.Initiator(key, client, server.public if server else None)
    responder = noise.Responder(keys, server)
    responder.read_message1(initiator.message1())
    initiator.read_message2(responder.message2())
    return initiator, responder


class Tunnels(unittest.TestCase):
    KEY = noise.SharedKey(b"k" * 32)

    def all_kinds(self):
        client, server = noise.Identity(), noise.Identity()
        yield connect([self.KEY])
        yield connect([], client, server)
        yield connect([self.KEY], client, server)

    def test_records_pass_both_ways(self):
        for initiator, responder in self.all_kinds():
            self.assertEqual(initiator.handshake_hash, responder.handshake_hash)
            for size in (1, 2, noise.MAX_RECORD_PLAINTEXT):
                self.assertEqual(responder.open(initiator.seal(b"a" * size)), b"a" * size)
                self.assertEqual(initiator.open(responder.seal(b"b" * size)), b"b" * size)

    def test_both_ends_rekey_after_the_interval(self):
        initiator, responder = connect([self.KEY])
        before = initiator.sending.key
        initiator.sending.nonce = responder.receiving.nonce = noise.REKEY_INTERVAL - 1
        self.assertEqual(responder.open(initiator.seal(b"last")), b"last")
        self.assertNotEqual(initiator.sending.key, before)
        self.assertEqual(initiator.sending.nonce, noise.REKEY_INTERVAL)
        self.assertEqual(responder.open(initiator.seal(b"first")), b"first")

    def test_an_altered_record_is_refused(self):
        initiator, responder = connect([self.KEY])
        record = bytearray(initiator.seal(b"hello"))
        record[-1] ^= 1
        with self.assertRaises(noise.NoiseError):
            responder.open(bytes(record))

    def test_sizes_are_those_of_the_protocol(self):
        server = noise.Identity()
        self.assertEqual(len(noise.Initiator(self.KEY).message1()), 90)
        message = noise.Initiator(None, noise.Identity(), server.public).message1()
        self.assertEqual(len(message), 154)
        responder = noise.Responder([], server)
        responder.read_message1(message)
        self.assertEqual(len(responder.message2()), noise.MESSAGE2_SIZE)

    def test_another_key_or_server_is_refused(self):
        other = noise.SharedKey(b"x" * 32)
        other.hint = self.KEY.hint
        with self.assertRaises(noise.NoiseError):
            noise.Responder([other]).read_message1(noise.Initiator(self.KEY).message1())
        message = noise.Initiator(None, noise.Identity(), noise.Identity().public).message1()
        with self.assertRaises(noise.NoiseError):
            noise.Responder([], noise.Identity()).read_message1(message)

    def test_a_low_order_key_is_refused(self):
        with self.assertRaises(noise.NoiseError):
            noise.dh(bytes(32), bytes(32))

    def test_an_identity_file_can_be_read_back(self):
        identity = noise.Identity()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "agent.id")
            identity.write(path)
            self.assertEqual(noise.Identity.from_file(path).public, identity.public)
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)


if __name__ == "__main__":
    unittest.main()
