#!/usr/bin/python3
"""Debian's own mariadb client against a private MariaDB, directly and through both agents by a
route of raw TCP: does it get the same answers?

    tests/compat/mariadb_client.py [--direct-only] [--quick]

1,000 transactions, every third rolled back; a blob of 64 MB in and out again, compared byte by
byte; and the same inside TLS, with the server's certificate checked by the client: the agents carry
what they can't read. Through the agents the audit must tell each connection with its bytes. The
binary is build/release/bin/redwall, or the one that REDWALL_BIN names. Exit status: 0 all well, 1
not, 2 bad usage.
"""

import argparse
import base64
import json
import random
import sys
import time

import foreign  # first: it finds tests/support
from harness import Scene, read_audit
from mariadb import MariaDb
from processes import Failure, check, check_equal
from route_pair import RoutePair

LINE = 6 << 20  # bytes of the blob in one line of base64; the client is slow with many lines
TABLES = """\
CREATE OR REPLACE TABLE account (id INT PRIMARY KEY, amount INT NOT NULL);
CREATE OR REPLACE TABLE transfer (id INT PRIMARY KEY, amount INT NOT NULL);
CREATE OR REPLACE TABLE document (id INT PRIMARY KEY, content LONGBLOB) ENGINE=Aria;
INSERT INTO account VALUES (1, 0), (2, 0);
"""


def transactions(count):
    """(the statements, what they come to)"""
    statements, kept = [TABLES], [number for number in range(count) if number % 3]
    for number in range(count):
        statements.append(
            "START TRANSACTION;\n"
            f"UPDATE account SET amount = amount - {number} WHERE id = 1;\n"
            f"UPDATE account SET amount = amount + {number} WHERE id = 2;\n"
            f"INSERT INTO transfer VALUES ({number}, {number});\n"
            f"SELECT COUNT(*), SUM(amount) FROM transfer;\n"
            f"{'COMMIT' if number % 3 else 'ROLLBACK'};\n"
        )
    statements.append("SELECT amount FROM account ORDER BY id;\nSELECT COUNT(*) FROM transfer;\n")
    lines, seen, total = [], 0, 0
    for number in range(count):
        lines.append(f"{seen + 1}\t{total + number}")
        if number % 3:
            seen, total = seen + 1, total + number
    lines += [f"{-sum(kept)}", f"{sum(kept)}", f"{len(kept)}"]
    return "".join(statements), "\n".join(lines).encode() + b"\n"


def insert_of(blob):
    """Statements that put the blob into the table."""
    pieces = (blob[at : at + LINE] for at in range(0, len(blob), LINE))
    encoded = b"\n".join(base64.b64encode(piece) for piece in pieces)
    return b"INSERT INTO document VALUES (1, FROM_BASE64('%b'));\n" % encoded


def transact(server, address, options):
    statements, expected = transactions(100 if options.quick else 1000)
    check_equal(server.run(statements, address), expected, "what the transactions answered")


def carry_blob(server, address, options):
    blob = random.Random(3306).randbytes((4 if options.quick else 64) << 20)
    server.run(TABLES.encode() + insert_of(blob), address)
    got = server.run("SELECT content FROM document;", address, "--raw")
    check(got == blob + b"\n", f"a blob of {len(blob)} bytes came back as {len(got) - 1} others")
    said = server.run("SELECT LENGTH(content) FROM document;")  # directly
    check_equal(said, b"%d\n" % len(blob), "the length of what is in the table")


def show_cipher(server, address, _):
    said = server.run("SHOW STATUS LIKE 'Ssl_cipher';", address).decode().split()
    check(len(said) == 2 and said[1].startswith("TLS_"), f"no TLS inside: {said}")


def through(scene, server):
    """Both agents in front of the server."""
    routes = {"mysql": {"tcp": server.address}}
    return RoutePair(scene, routes, [{"route": "mysql"}], audit=True, policy=foreign.ALLOW_ALL)


def check_audited(pair, least):
    """Both audits tell the connections, one of them with as many bytes as that."""
    for path in (pair.server_audit, pair.client_audit):
        records = read_audit(path, select=lambda record: "bytes_in" in record)
        check(records, f"no record with bytes in {path}")
        most = max(record["bytes_in"] for record in records)
        check(most >= least, f"no connection of {least} bytes: {json.dumps(records[-1])}")


def compare(tls, options):
    """[(test, side, True where it went well)] of one server."""
    tests = [transact, carry_blob, *([show_cipher] if tls else [])]
    results = []
    with Scene("mariadb") as scene:
        server = MariaDb(scene, tls=tls)
        sides = {"direct": server.address}
        if not options.direct_only:
            pair = through(scene, server)
            sides["through"] = pair.fronts[0]
        for test in tests:
            for side, address in sides.items():
                results.append(Attempt(f"{test.__name__} {'inside TLS' if tls else ''}", side))
                with results[-1]:
                    test(server, address, options)
        if not options.direct_only:
            results.append(Attempt("audit", "through"))
            with results[-1]:
                check_audited(pair, 4 << 20)
                pair.check_sound()
    return results


class Attempt:
    """A test at work; `well` tells how it went."""

    def __init__(self, name, side):
        self.name, self.side, self.well = name.replace("_", " ").strip(), side, False
        self.start = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        self.well = error is None
        took = f"{time.monotonic() - self.start:.1f} s"
        print(f"{'ok' if self.well else 'FAILED':7} {self.name}, {self.side}, {took}", flush=True)
        if isinstance(error, Failure):
            print(f"    {error}", flush=True)
        return isinstance(error, Failure)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--direct-only", action="store_true", help="without agents: the baseline")
    parser.add_argument("--quick", action="store_true", help="100 transactions, 4 MB")
    options = parser.parse_args()
    foreign.end_cleanly()
    foreign.install("redis", "test", "compat")
    try:
        results = [result.well for tls in (False, True) for result in compare(tls, options)]
    except Failure as failure:
        print(f"FAILED  {failure}")
        results = [False]
    print(f"{sum(results)} passed, {results.count(False)} failed")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
