"""The audit's chain, judged by Python alone: hashes by hashlib, signatures by python3-cryptography.

Independent of the product's own `audit verify` on purpose: what it writes is checked against
docs/audit.md, not against itself.
"""

import base64
import hashlib
import json
import os
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from processes import check, check_equal

ZEROS = "0" * 64
ROTATED = re.compile(r"\.\d{8}T\d{6}Z-(\d+)$")


def hash_of(line):
    """What the next line's prev must be. `line` is bytes without LF."""
    return hashlib.sha256(line).hexdigest()


def files_of(path):
    """The rotated files of an audit file, the oldest first, then the file itself."""
    folder, base = os.path.split(path)
    rotated = []
    for name in os.listdir(folder):
        match = ROTATED.fullmatch(name[len(base) :]) if name.startswith(base) else None
        if match:
            rotated.append((int(match[1]), os.path.join(folder, name)))
    return [name for _, name in sorted(rotated)] + [path]


def lines_of(paths):
    """All whole lines (bytes) of the files. A file's text must end with LF."""
    lines = []
    for path in paths:
        with open(path, "rb") as file:
            text = file.read()
        check(text == b"" or text.endswith(b"\n"), f"{path} ends in half a line: {text[-200:]!r}")
        lines += text.splitlines()
    return lines


def check_chain(lines, first_seq=1, first_prev=ZEROS):
    """Fails unless the lines are a chain; returns their records."""
    records, prev, seq = [], first_prev, first_seq
    for line in lines:
        record = json.loads(line)
        check_equal(record["seq"], seq, f"seq of {line!r}")
        check_equal(record["prev"], prev, f"prev of {line!r}")
        check_equal(list(record)[0:2] + [list(record)[-1]], ["v", "seq", "prev"], "member order")
        records.append(record)
        prev, seq = hash_of(line), seq + 1
    return records


def check_signature(key, message, signature):
    """`key` and `signature` are base64."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True)).verify(
            base64.b64decode(signature, validate=True), message
        )
    except InvalidSignature:
        check(False, f"the signature {signature} of {key} over {message!r} is wrong")


def check_checkpoints(records, key):
    """Fails where a checkpoint isn't signed by `key`; returns the seqs of the checkpoints."""
    seqs = []
    for record in records:
        if record.get("event") != "checkpoint":
            continue
        check_equal(record["key"], key, "the checkpoint's key")
        message = b"redwall audit checkpoint v1\0" + record["seq"].to_bytes(8, "big")
        message += bytes.fromhex(record["prev"]) + record["ts"].encode()
        check_signature(key, message, record["signature"])
        seqs.append(record["seq"])
    return seqs


def check_head(path, lines, closed, key=None):
    """Fails unless FILE.head names the last of `lines`."""
    with open(path + ".head", encoding="ascii") as file:
        head = json.loads(file.read())
    check_equal(head["seq"], json.loads(lines[-1])["seq"], "the head's seq")
    check_equal(head["hash"], hash_of(lines[-1]), "the head's hash")
    check_equal(head["closed"], closed, "whether the head says closed")
    check_equal(head.get("key"), key, "the head's key")
    if key:
        message = b"redwall audit head v1\0" + head["seq"].to_bytes(8, "big")
        message += bytes.fromhex(head["hash"]) + bytes([closed])
        check_signature(key, message, head["signature"])


def check_audit(path, closed=True, key=None):
    """Chain, checkpoints and head of an audit file and its rotated files; returns the records."""
    lines = lines_of(files_of(path))
    records = check_chain(lines)
    if key:
        seqs = check_checkpoints(records, key)
        check(seqs, "there is no checkpoint")
        if closed:
            check_equal(seqs[-1], records[-1]["seq"], "the last checkpoint covers all")
    if closed:
        check_head(path, lines, True, key)
    return records


def commands(records, name=None):
    """The records of commands, or of the commands called `name`."""
    return [r for r in records if "cmd" in r and name in (None, r["cmd"])]


def events(records, name):
    return [r for r in records if r.get("event") == name]
