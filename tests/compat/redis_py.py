#!/usr/bin/python3
"""Puts redis-py (Debian's, 4.3) through most of its API, directly and through both agents: what it
sees must be the same.

    tests/compat/redis_py.py [--self-check] [--only VARIANT] [--keep FOLDER] [TOPIC...]

Three variants: "redis-py resp2"; "redis-py resp3", as far as a library goes that does not know
RESP3 (see redis_py_resp3.py); and "redis-py asyncio", a shorter drive of redis.asyncio. A test is a
topic of a variant. --self-check has the server agent refuse one command, and wants that found.
"""

import pathlib
import sys

sys.dont_write_bytecode = True

import transcripts  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parent


def variant(name, drive, **options):
    command = [sys.executable, "-B", str(FOLDER / drive)]
    return transcripts.Variant(name, command, options, {})


VARIANTS = [
    variant("redis-py resp2", "redis_py_drive.py", protocol=2),
    variant("redis-py resp3", "redis_py_drive.py", protocol=3),
    variant("redis-py asyncio", "redis_py_asyncio.py"),
]


def main():
    options = transcripts.parser(__doc__.split("\n\n", maxsplit=1)[0]).parse_args()
    sys.exit(transcripts.run(VARIANTS, options))


if __name__ == "__main__":
    main()
