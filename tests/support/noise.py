"""The tunnel's handshakes and records once more, in Python, written from the specification.

An independent second implementation: the unit tests of crypto/ are checked byte for byte against
what it computes, and the end-to-end tests use it as the other side and as a peer that misbehaves. It
works on bytes and opens no socket. For tests only: nothing is constant-time, locked or wiped.

    initiator = Initiator(key=SharedKey.from_file("site.key"))
    sock.sendall(initiator.message1())
    initiator.read_message2(read_exactly(sock, MESSAGE2_SIZE))
    sock.sendall(initiator.seal(b"..."))

Section numbers are those of the Noise Protocol Framework, revision 34. Needs `cryptography`.
"""

import base64
import hashlib
import hmac
import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import (Encoding, NoEncryption, PrivateFormat,
                                                          PublicFormat)

SUITE_SHARED_KEY = 0x01
SUITE_IDENTITY = 0x11
PREAMBLE_SIZE = 8
MESSAGE1_SIZE = {SUITE_SHARED_KEY: 90, SUITE_IDENTITY: 154}
MESSAGE2_SIZE = 82
MAX_RECORD_PLAINTEXT = 16 * 1024
REKEY_INTERVAL = 1 << 16

TAG_SIZE = 16
LAST_NONCE = 2**64 - 1
RESUME_LABEL = b"redwall resume v1"

# name: (the responder's static key is known beforehand, tokens of each message); sections 7 and 9
PATTERNS = {
    "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2b": (False, [["psk", "e"], ["e", "ee"]]),
    "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b": (True, [["e", "es", "s", "ss"],
                                                     ["e", "ee", "se", "psk"]]),
}
PATTERN_OF_SUITE = {
    SUITE_SHARED_KEY: "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2b",
    SUITE_IDENTITY: "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b",
}


class NoiseError(Exception):
    """The other side's bytes are not what they must be."""


# Primitives (sections 4 and 12)


def blake2b(data, size=64, key=b""):
    return hashlib.blake2b(data, digest_size=size, key=key).digest()


def hkdf(chaining_key, material, outputs):
    """HKDF of section 4.3, over real HMAC."""
    temp_key = hmac.new(chaining_key, material, hashlib.blake2b).digest()
    result, block = [], b""
    for number in range(1, outputs + 1):
        block = hmac.new(temp_key, block + bytes([number]), hashlib.blake2b).digest()
        result.append(block)
    return result


def public_key_of(private):
    key = X25519PrivateKey.from_private_bytes(private).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def dh(private, public):
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(
            X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise NoiseError("the public key is of low order") from error


def generate_private_key():
    return X25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw,
                                                     NoEncryption())


class CipherState:
    """Section 5.1."""

    def __init__(self, key=None):
        self.key = key
        self.nonce = 0

    @staticmethod
    def _iv(nonce):
        return b"\0\0\0\0" + struct.pack("<Q", nonce)

    def encrypt(self, associated, plaintext):
        if self.key is None:
            return plaintext
        sealed = ChaCha20Poly1305(self.key).encrypt(self._iv(self.nonce), plaintext, associated)
        self.nonce += 1
        return sealed

    def decrypt(self, associated, ciphertext):
        if self.key is None:
            return ciphertext
        try:
            opened = ChaCha20Poly1305(self.key).decrypt(self._iv(self.nonce), ciphertext,
                                                        associated)
        except (InvalidTag, ValueError) as error:
            raise NoiseError("the tag is wrong") from error
        self.nonce += 1
        return opened

    def rekey(self):
        """REKEY of section 4.2; the nonce stays."""
        sealed = ChaCha20Poly1305(self.key).encrypt(self._iv(LAST_NONCE), bytes(32), b"")
        self.key = sealed[:32]


class SymmetricState:
    """Section 5.2."""

    def __init__(self, protocol_name):
        name = protocol_name.encode()
        self.hash = name.ljust(64, b"\0") if len(name) <= 64 else blake2b(name)
        self.chaining_key = self.hash
        self.cipher = CipherState()

    def mix_hash(self, data):
        self.hash = blake2b(self.hash + data)

    def mix_key(self, material):
        self.chaining_key, key = hkdf(self.chaining_key, material, 2)
        self.cipher = CipherState(key[:32])

    def mix_key_and_hash(self, material):
        self.chaining_key, temp_hash, key = hkdf(self.chaining_key, material, 3)
        self.mix_hash(temp_hash)
        self.cipher = CipherState(key[:32])

    def encrypt_and_hash(self, plaintext):
        ciphertext = self.cipher.encrypt(self.hash, plaintext)
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext):
        plaintext = self.cipher.decrypt(self.hash, ciphertext)
        self.mix_hash(ciphertext)
        return plaintext

    def split(self):
        first, second = hkdf(self.chaining_key, b"", 2)
        return CipherState(first[:32]), CipherState(second[:32])

    def export(self, label):
        """A further key that only who did this handshake can have; to be called before split()."""
        return blake2b(label, size=32, key=self.chaining_key)


class HandshakeState:
    """Section 5.3."""

    def __init__(self, protocol_name, initiator, prologue, psk, static=None, remote_static=None,
                 ephemeral=None):
        responder_known, messages = PATTERNS[protocol_name]
        self.initiator = initiator
        self.messages = list(messages)
        self.psk = psk
        self.static = static
        self.remote_static = remote_static
        self.ephemeral = ephemeral
        self.remote_ephemeral = None
        self.symmetric = SymmetricState(protocol_name)
        self.symmetric.mix_hash(prologue)
        if responder_known:
            self.symmetric.mix_hash(remote_static if initiator else public_key_of(static))

    def _mix(self, token):
        if token == "psk":
            self.symmetric.mix_key_and_hash(self.psk)
            return
        mine, theirs = token if self.initiator else token[::-1]
        private = self.ephemeral if mine == "e" else self.static
        public = self.remote_ephemeral if theirs == "e" else self.remote_static
        self.symmetric.mix_key(dh(private, public))

    def _mix_ephemeral(self, public):
        self.symmetric.mix_hash(public)
        self.symmetric.mix_key(public)  # section 9.2: all patterns here have a psk

    def write_message(self, payload):
        message = b""
        for token in self.messages.pop(0):
            if token == "e":
                self.ephemeral = self.ephemeral or generate_private_key()
                public = public_key_of(self.ephemeral)
                self._mix_ephemeral(public)
                message += public
            elif token == "s":
                message += self.symmetric.encrypt_and_hash(public_key_of(self.static))
            else:
                self._mix(token)
        return message + self.symmetric.encrypt_and_hash(payload)

    def read_message(self, message):
        for token in self.messages.pop(0):
            if token == "e":
                self.remote_ephemeral, message = message[:32], message[32:]
                if len(self.remote_ephemeral) != 32:
                    raise NoiseError("the message is too short")
                self._mix_ephemeral(self.remote_ephemeral)
            elif token == "s":
                size = 32 + (TAG_SIZE if self.symmetric.cipher.key else 0)
                self.remote_static = self.symmetric.decrypt_and_hash(message[:size])
                message = message[size:]
            else:
                self._mix(token)
        return self.symmetric.decrypt_and_hash(message)

    def split(self):
        """(sending cipher, receiving cipher, handshake hash)"""
        first, second = self.symmetric.split()
        if not self.initiator:
            first, second = second, first
        return first, second, self.symmetric.hash


# The tunnel


class SharedKey:
    """What both sites derive from the whole key file."""

    def __init__(self, content):
        self.hint = blake2b(content, size=4)
        self.psk = blake2b(content, size=32, key=b"redwall tunnel psk v1")

    @classmethod
    def from_file(cls, path):
        with open(path, "rb") as file:
            return cls(file.read())


class Identity:
    """An agent's static key pair."""

    LABEL = "redwall-identity-v1 "

    def __init__(self, private=None):
        self.private = private or generate_private_key()
        self.public = public_key_of(self.private)

    @property
    def public_text(self):
        return base64.b64encode(self.public).decode()

    @classmethod
    def from_file(cls, path):
        with open(path, encoding="ascii") as file:
            line = file.read().rstrip("\n")
        if not line.startswith(cls.LABEL):
            raise ValueError("not an identity")
        return cls(base64.b64decode(line[len(cls.LABEL):], validate=True))

    def write(self, path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self.LABEL + base64.b64encode(self.private).decode() + "\n")


def make_preamble(suite, hint, version=1):
    return b"RW" + bytes([version, suite]) + hint


def make_prologue(preamble):
    return b"redwall-tunnel-v1\0" + preamble


def make_mac1(server_public, message):
    return blake2b(message, size=16, key=blake2b(b"redwall mac1 v1" + server_public, size=32))


def make_resume_proof(resume_key, handshake_hash, session, epoch, handled):
    """That who began the session `session` stands behind this new handshake."""
    claim = handshake_hash + session + struct.pack(">IQ", epoch, handled)
    return blake2b(b"resume" + claim, size=32, key=resume_key)


class _Channel:
    """Records, once the handshake is done."""

    def __init__(self):
        self.handshake = None
        self.handshake_hash = None
        self.resume_key = None
        self.sending = None
        self.receiving = None

    def _finish(self):
        self.resume_key = self.handshake.symmetric.export(RESUME_LABEL)
        self.sending, self.receiving, self.handshake_hash = self.handshake.split()
        self.handshake = None

    def seal(self, plaintext):
        """The whole record, its length in front."""
        ciphertext = self.sending.encrypt(b"", plaintext)
        if self.sending.nonce % REKEY_INTERVAL == 0:
            self.sending.rekey()
        return struct.pack(">H", len(ciphertext)) + ciphertext

    def open(self, record):
        """The plaintext of one whole record."""
        (size,) = struct.unpack(">H", record[:2])
        if size <= TAG_SIZE or size != len(record) - 2:
            raise NoiseError("the record's length is wrong")
        plaintext = self.receiving.decrypt(b"", record[2:])
        if self.receiving.nonce % REKEY_INTERVAL == 0:
            self.receiving.rekey()
        return plaintext


class Initiator(_Channel):
    """The client-side agent. With `identity` suite 0x11, else suite 0x01.

    `preamble` and `payload` may be given to say something that no redwall would say.
    """

    def __init__(self, key=None, identity=None, server_key=None, ephemeral=None, preamble=None,
                 payload=bytes(32)):
        super().__init__()
        self.suite = SUITE_IDENTITY if identity else SUITE_SHARED_KEY
        self.server_key = server_key
        self.payload = payload
        self.peer_payload = None
        self.preamble = preamble or make_preamble(self.suite, key.hint if key else bytes(4))
        self.handshake = HandshakeState(
            PATTERN_OF_SUITE[self.suite], True, make_prologue(self.preamble),
            key.psk if key else bytes(32), identity.private if identity else None, server_key,
            ephemeral)

    def message1(self):
        noise = self.handshake.write_message(self.payload)
        message = self.preamble + struct.pack(">H", len(noise)) + noise
        if self.suite == SUITE_IDENTITY:
            message += make_mac1(self.server_key, message)
        return message

    def read_message2(self, message):
        (size,) = struct.unpack(">H", message[:2])
        if size != len(message) - 2 or len(message) != MESSAGE2_SIZE:
            raise NoiseError("message 2 has the wrong length")
        self.peer_payload = self.handshake.read_message(message[2:])
        self._finish()


class Responder(_Channel):
    """The server-side agent, with the shared keys and the identity that it has."""

    def __init__(self, keys=(), identity=None, ephemeral=None, payload=bytes(32)):
        super().__init__()
        self.keys = list(keys)
        self.identity = identity
        self.ephemeral = ephemeral
        self.payload = payload
        self.suite = None
        self.peer_public = None
        self.peer_payload = None

    def _psk_for(self, hint):
        if not self.keys and self.suite == SUITE_IDENTITY and hint == bytes(4):
            return bytes(32)
        for key in self.keys:
            if key.hint == hint:
                return key.psk
        raise NoiseError("no key has this hint")

    def read_message1(self, message):
        preamble = message[:PREAMBLE_SIZE]
        if preamble[:3] != b"RW\x01":
            raise NoiseError("not a redwall tunnel of version 1")
        self.suite = preamble[3]
        if len(message) != MESSAGE1_SIZE.get(self.suite):
            raise NoiseError("message 1 has the wrong length or suite")
        (size,) = struct.unpack(">H", message[8:10])
        noise, mac1 = message[10:10 + size], message[10 + size:]
        if self.suite == SUITE_IDENTITY:
            if mac1 != make_mac1(self.identity.public, message[:-16]):
                raise NoiseError("mac1 is wrong")
        elif mac1:
            raise NoiseError("message 1 has the wrong length")
        self.handshake = HandshakeState(
            PATTERN_OF_SUITE[self.suite], False, make_prologue(preamble),
            self._psk_for(preamble[4:]),
            self.identity.private if self.suite == SUITE_IDENTITY else None, None, self.ephemeral)
        self.peer_payload = self.handshake.read_message(noise)
        self.peer_public = self.handshake.remote_static

    def message2(self):
        noise = self.handshake.write_message(self.payload)
        self._finish()
        return struct.pack(">H", len(noise)) + noise
