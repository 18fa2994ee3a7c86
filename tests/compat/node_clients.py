#!/usr/bin/python3
"""Puts ioredis and node-redis, the Redis clients of Node.js, through most of their API, directly
and through both agents: what they see must be the same.

    tests/compat/node_clients.py [--self-check] [--if-available] [--only VARIANT] [TOPIC...]

Two generations of each, in both versions of the protocol where they know them. The packages come
from the npm registry, in the versions of tests/compat/node/package-lock.json, into
build/compat/node. A variant that this Node.js is too old for is skipped, and said to be. Without
Node.js 18, npm or the registry all are skipped: exit status 1, or 0 with --if-available.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True

import transcripts  # noqa: E402, makes tests/support importable
from processes import REPO  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parent / "node"
BUILD = REPO / "build" / "compat" / "node"
INSTALL_SECONDS = 300
# The name, the drive, the package, the protocol, the oldest Node.js that its authors support.
KNOWN = [
    ("ioredis 5 resp2", "ioredis_drive.js", "ioredis", 2, 18),
    ("ioredis 6 resp2", "ioredis_drive.js", "ioredis-6", 2, 20),
    ("ioredis 6 resp3", "ioredis_drive.js", "ioredis-6", 3, 20),
    ("node-redis 5 resp2", "node_redis_drive.js", "redis", 2, 18),
    ("node-redis 5 resp3", "node_redis_drive.js", "redis", 3, 18),
    ("node-redis 6 resp2", "node_redis_drive.js", "redis-6", 2, 20),
    ("node-redis 6 resp3", "node_redis_drive.js", "redis-6", 3, 20),
]


class Unavailable(Exception):
    """What these tests need is not here. The text is for people."""


def node_version():
    """The major version of Node.js; Unavailable where it or npm is missing or too old."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise Unavailable(f"there is no {program} (Debian: apt-get install nodejs npm)")
    said = subprocess.run(["node", "--version"], stdout=subprocess.PIPE, text=True, check=False)
    found = re.match(r"v(\d+)\.", said.stdout)
    if found is None or int(found.group(1)) < 18:
        raise Unavailable(f"Node.js 18 or newer is needed, this is {said.stdout.strip() or 'none'}")
    return int(found.group(1))


def install():
    """The packages, in the lock file's versions; nothing is done where they are there already."""
    lock = (FOLDER / "package-lock.json").read_bytes()
    done = BUILD / "installed"
    if done.exists() and done.read_bytes() == lock:
        return
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(FOLDER / name, BUILD / name)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        said = subprocess.run(
            command,
            cwd=BUILD,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm ci did not end within {INSTALL_SECONDS} seconds") from None
    if said.returncode != 0:
        text = " ".join(said.stdout.decode("utf-8", "replace").split())
        raise Unavailable(f"npm ci could not install the packages: {text[-300:]}")
    done.write_bytes(lock)


def variant(name, drive, package, protocol):
    options = {"module": package, "protocol": protocol}
    environment = {"NODE_PATH": str(BUILD / "node_modules")}
    return transcripts.Variant(name, ["node", str(FOLDER / drive)], options, environment)


def versions():
    """What is installed, for the reader."""
    packages = json.loads((FOLDER / "package-lock.json").read_text("utf-8"))["packages"]
    names = sorted({known[2] for known in KNOWN})
    return ", ".join(f"{name} {packages['node_modules/' + name]['version']}" for name in names)


def main():
    parser = transcripts.parser(__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument(
        "--if-available", action="store_true", help="nothing to run on is no failure"
    )
    options = parser.parse_args()
    try:
        node = node_version()
        install()
    except Unavailable as why:
        print(f"skipped: {why}")
        print(f"0 passed, {0 if options.if_available else 1} failed, {len(KNOWN)} skipped")
        sys.exit(0 if options.if_available else 1)
    print(f"Node.js {node}; {versions()}", flush=True)
    chosen = [variant(*known[:4]) for known in KNOWN if known[4] <= node]
    for name, _, _, _, least in KNOWN:
        if least > node:
            print(f"skipped {name}: it needs Node.js {least}")
    sys.exit(transcripts.run(chosen, options, len(KNOWN) - len(chosen)))


if __name__ == "__main__":
    main()
