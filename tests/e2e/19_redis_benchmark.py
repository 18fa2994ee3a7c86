"""Goal: redis-benchmark with 50 clients and pipelines of 16, over all its default tests, runs
through both agents without an error; without pipelines, and with one client, too.
"""

import re
import subprocess

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal


def benchmark(port, *options):
    """The names of the tests that redis-benchmark finished, and all that it said."""
    done = subprocess.run(
        ["redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-q", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
    )
    said = re.sub(r"[^\n]*\r", "", done.stdout)
    check_equal(done.returncode, 0, f"exit status of redis-benchmark ({said[-500:]!r})")
    check(not re.search(r"(?i)error|err:|could not", said), f"redis-benchmark complains: {said!r}")
    return re.findall(r"^(.+?): [\d.]+ requests per second", said, re.M)


def port_of(pair):
    return pair.address.rpartition(":")[2]


def test_all_default_tests_with_pipelines_and_fifty_clients(scene):
    redis = scene.redis()
    pair = scene.pair(redis, audit=True)
    names = benchmark(port_of(pair), "-c", "50", "-P", "16", "-n", "2000")
    check_equal(
        names, benchmark(redis.port, "-c", "50", "-P", "16", "-n", "2000"), "tests that were run"
    )
    check(len(names) >= 15, f"only these tests were run: {names}")
    pair.check_sound()


def test_without_pipelines_and_with_one_client(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    for options in (
        ("-c", "50", "-P", "1", "-n", "500"),
        ("-c", "1", "-P", "1", "-n", "100"),
        ("-c", "10", "-P", "500", "-n", "10000", "-t", "set,get"),
        ("-c", "5", "-P", "4", "-n", "500", "-d", "100000", "-t", "set,get"),
        ("-c", "20", "-n", "1000", "-t", "set,get", "-k", "0"),
        ("-3", "-c", "20", "-n", "1000", "-t", "set,get,lrange"),
    ):
        check(benchmark(port_of(pair), *options), f"nothing was run with {options}")
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
