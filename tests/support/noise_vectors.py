"""Prints the known answers that the unit tests of crypto/ are checked against.

    python3 tests/support/noise_vectors.py > tests/vectors/noise.json

Everything is derived from fixed labels, so the output never changes unless the protocol does.
"noise" has the layout of the public cacophony vectors; "tunnels" has whole conversations.
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import noise  # noqa: E402


def fixed(label, size=32):
    return noise.blake2b(b"redwall test vector: " + label.encode(), size=size)


def noise_vector(name):
    """Two handshake messages and four transport messages, the sides taking turns."""
    identities = name.startswith("Noise_IK")
    prologue, psk = fixed("prologue", 11), fixed("psk")
    keys = {k: fixed(k) for k in ("init_ephemeral", "resp_ephemeral", "init_static", "resp_static")}
    responder_public = noise.public_key_of(keys["resp_static"])
    sides = [
        noise.HandshakeState(name, True, prologue, psk,
                             keys["init_static"] if identities else None,
                             responder_public if identities else None, keys["init_ephemeral"]),
        noise.HandshakeState(name, False, prologue, psk,
                             keys["resp_static"] if identities else None, None,
                             keys["resp_ephemeral"])]
    messages = []
    for turn in range(2):
        payload = fixed("payload %d" % turn, 5 + 27 * turn)
        ciphertext = sides[turn].write_message(payload)
        assert sides[1 - turn].read_message(ciphertext) == payload
        messages.append({"payload": payload.hex(), "ciphertext": ciphertext.hex()})
    ends = [side.split() for side in sides]
    assert ends[0][2] == ends[1][2]
    for turn in range(2, 6):
        payload = fixed("payload %d" % turn, turn * 9)
        ciphertext = ends[turn % 2][0].encrypt(b"", payload)
        assert ends[1 - turn % 2][1].decrypt(b"", ciphertext) == payload
        messages.append({"payload": payload.hex(), "ciphertext": ciphertext.hex()})
    vector = {"protocol_name": name, "init_prologue": prologue.hex(), "init_psks": [psk.hex()],
              "init_ephemeral": keys["init_ephemeral"].hex(), "resp_prologue": prologue.hex(),
              "resp_psks": [psk.hex()], "resp_ephemeral": keys["resp_ephemeral"].hex(),
              "handshake_hash": ends[0][2].hex(), "messages": messages}
    if identities:
        vector.update(init_static=keys["init_static"].hex(),
                      resp_static=keys["resp_static"].hex(),
                      init_remote_static=responder_public.hex())
    return vector


def seal_at(channel, number, plaintext):
    """Record `number` of a direction, skipping what comes before it in its rekey interval."""
    channel.sending.nonce = number
    return channel.seal(plaintext).hex()


def tunnel_vector(name, with_key, with_identity):
    content = fixed("key file", 40)
    key = noise.SharedKey(content) if with_key else None
    client = noise.Identity(fixed("client identity")) if with_identity else None
    server = noise.Identity(fixed("server identity")) if with_identity else None
    initiator = noise.Initiator(key, client, server.public if server else None,
                                fixed("initiator ephemeral"))
    responder = noise.Responder([key] if key else [], server, fixed("responder ephemeral"))
    message1 = initiator.message1()
    responder.read_message1(message1)
    message2 = responder.message2()
    initiator.read_message2(message2)
    assert initiator.handshake_hash == responder.handshake_hash
    vector = {"name": name, "key_file": content.hex() if with_key else "",
              "hint": key.hint.hex() if with_key else "", "psk": key.psk.hex() if with_key else "",
              "client_identity": client.private.hex() if client else "",
              "server_identity": server.private.hex() if server else "",
              "initiator_ephemeral": fixed("initiator ephemeral").hex(),
              "responder_ephemeral": fixed("responder ephemeral").hex(),
              "message1": message1.hex(), "message2": message2.hex(),
              "handshake_hash": initiator.handshake_hash.hex(), "records": [], "rekey": []}
    for number, (sender, size) in enumerate([("initiator", 1), ("responder", 8), ("initiator", 63),
                                             ("initiator", 64), ("responder", 257)]):
        channel = initiator if sender == "initiator" else responder
        plaintext = fixed("record %d" % number, 64) * 5
        plaintext = plaintext[:size]
        vector["records"].append({"from": sender, "plaintext": plaintext.hex(),
                                  "record": channel.seal(plaintext).hex()})
    for number in (noise.REKEY_INTERVAL - 1, noise.REKEY_INTERVAL, 2 * noise.REKEY_INTERVAL - 1,
                   2 * noise.REKEY_INTERVAL):
        plaintext = b"record %d" % number
        vector["rekey"].append({"number": number, "plaintext": plaintext.hex(),
                                "initiator": seal_at(initiator, number, plaintext),
                                "responder": seal_at(responder, number, plaintext)})
    return vector


def all_vectors():
    return {"noise": [noise_vector(name) for name in noise.PATTERNS],
            "tunnels": [tunnel_vector("shared key", True, False),
                        tunnel_vector("identities", False, True),
                        tunnel_vector("identities and shared key", True, True)]}


if __name__ == "__main__":
    json.dump(all_vectors(), sys.stdout, indent=1)
    print()
