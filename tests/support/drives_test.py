"""What watches others is watched here: the drives find answers that are not right, and peers.py
finds who is connected.

    cd tests/support && /usr/bin/python3 -m unittest drives_test
"""

import os
import socket
import sys
import threading
import unittest

import redis

import peers
from drives import COMPAT, redis_py_on_cluster, writers
from harness import Scene

sys.path.append(str(COMPAT))
from expected_values import Counter, Findings, Text  # noqa: E402


# What is done to keys behind a drive's back, by the keys' pattern.
DISTURBANCES = {
    "*:text": lambda client, key: client.set(key, "{1}:text|1"),  # another key's value: wrong
    "*:several:*": lambda client, key: client.delete(key),  # lost
    "*:transactions": lambda client, key: client.incr(key),  # repeated
}


class Disturber:
    """Disturbs a drive until it is closed."""

    def __init__(self, client):
        self.client, self.over = client, threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while not self.over.wait(0.01):
            for pattern, action in DISTURBANCES.items():
                for key in self.client.scan_iter(pattern, count=1000):
                    action(self.client, key)

    def close(self):
        self.over.set()
        self.thread.join()


class ClusterDrive(unittest.TestCase):
    def test_nothing_is_found_where_all_is_well(self):
        with Scene() as scene:
            drive = redis_py_on_cluster(scene, [scene.redis().address], single=True)
            drive.wait_done(2000)
            result = drive.finish()
        self.assertEqual(result["findings"], {"wrong": 0, "lost": 0, "repeated": 0})
        self.assertEqual((result["errors"], result["redirects"]), ({}, {}))
        self.assertGreaterEqual(result["operations"], 2000)
        self.assertGreater(result["slots"], 1000)

    def test_what_is_not_right_is_found(self):
        with Scene() as scene:
            server = scene.redis()
            drive = redis_py_on_cluster(scene, [server.address], single=True)
            scene.keep(Disturber(scene.client(server.address, decode_responses=True)))
            drive.wait_done(2000)
            result = drive.finish()
        for kind, count in result["findings"].items():
            self.assertGreater(count, 0, f"{kind} in {result}")

    def test_errors_are_counted_by_phase_and_kind(self):
        with Scene() as scene:
            server = scene.redis()
            drive = redis_py_on_cluster(scene, [server.address], single=True)
            drive.wait_done(500)
            drive.phase("full")
            scene.client(server.address).config_set("maxmemory", 1)  # nobody may write any more
            drive.wait_done(1000)
            errors = drive.finish()["errors"]
        self.assertEqual(list(errors), ["full"])
        self.assertTrue(all(" OOM " in kind for kind in errors["full"]), errors)


class ExpectedValues(unittest.TestCase):
    """tests/compat/expected_values.py, value by value."""

    def setUp(self):
        self.findings = Findings()
        self.text = Text("key", self.findings)
        self.counter = Counter("count", self.findings)

    def found(self):
        return [self.findings.counts[kind] for kind in ("wrong", "lost", "repeated")]

    def test_a_text(self):
        self.text.check(None)
        value = self.text.next()
        self.text.done()
        self.text.check(value)
        self.assertEqual(self.found(), [0, 0, 0])
        for wrong in ("other|1", "key|2", "key|x", "key", ""):
            self.text.check(wrong)
        self.assertEqual(self.found(), [5, 0, 0])
        self.text.check(None)
        self.assertEqual(self.found(), [5, 1, 0])

    def test_a_text_whose_write_failed(self):
        first = self.text.next()
        self.text.done()
        second = self.text.next()
        self.text.failed()
        self.text.check(first)
        self.text.check(second)
        self.assertEqual(self.found(), [0, 0, 0])
        third = self.text.next()
        self.text.done()
        self.text.check(first)
        self.assertEqual(self.found(), [0, 1, 0])
        self.assertEqual((first, second, third), ("key|1", "key|2", "key|3"))

    def test_a_counter(self):
        self.counter.done(1)
        self.counter.check("1")
        self.counter.failed()
        self.counter.check("2")  # it was done all the same
        self.counter.failed()
        self.counter.done(3)  # it was not
        self.assertEqual(self.found(), [0, 0, 0])
        self.counter.done(5)
        self.assertEqual(self.found(), [0, 0, 1])
        self.counter.done(5)
        self.counter.done(None)
        self.assertEqual(self.found(), [1, 1, 1])


class Writers(unittest.TestCase):
    def result(self, action):
        with Scene() as scene:
            server = scene.redis()
            drive = writers(scene, {"address": server.address})
            drive.wait_done(200)
            action(scene.client(server.address))
            drive.phase("later 0")
            drive.wait_done(200)
            return drive.finish()

    def test_nothing_is_found_where_all_is_well(self):
        result = self.result(redis.Redis.ping)
        found = {name: result[name] for name in ("lost", "repeated", "wrong")}
        self.assertEqual(found, {"lost": 0, "repeated": 0, "wrong": 0})
        self.assertEqual((result["errors"], result["operations"]), ({}, result["acknowledged"]))
        self.assertGreater(result["back_ms"]["later"], 0)

    def test_what_is_gone_is_lost(self):
        self.assertGreater(self.result(redis.Redis.flushall)["lost"], 0)

    def test_what_is_there_twice_is_repeated(self):
        self.assertEqual(self.result(lambda c: c.lpush("numbers:0", "1"))["repeated"], 1)

    def test_what_nobody_sent_is_wrong(self):
        self.assertEqual(self.result(lambda c: c.lpush("numbers:1", "-5"))["wrong"], 1)


class Peers(unittest.TestCase):
    def test_who_is_connected(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            self.assertEqual((peers.established_at(port), peers.dialled(port)), (0, {}))
            ends = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
            ends += [listener.accept()[0] for _ in range(3)]
            self.assertEqual(peers.established_at(port), 3)
            program = peers.program(os.getpid())
            self.assertEqual(peers.dialled(port), {os.getpid(): (program, 3)})
            for end in ends:
                end.close()
            self.assertEqual((peers.established_at(port), peers.dialled(port)), (0, {}))


if __name__ == "__main__":
    unittest.main()
