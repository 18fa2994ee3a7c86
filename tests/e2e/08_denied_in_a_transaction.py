"""Goal: a denied command inside MULTI answers its error in place, EXEC answers EXECABORT in Redis's
own words, nothing of the transaction is executed, and the connection is then as after any EXEC.
With the policy at either agent.
"""

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal
from wire import encode

import redis as redis_py

POLICY = {
    "version": 1,
    "default": "allow",
    "unknown": "allow",
    "rules": [
        {"id": "no-wipes", "action": "deny", "commands": ["flushall"]},
        {"id": "no-exec-of-others", "action": "deny", "commands": ["get"], "keys": ["secret:*"]},
    ],
}
NOPERM = b"-NOPERM redwall: 'flushall' is denied by rule 'no-wipes'\r\n"
ABORT = b"-EXECABORT Transaction discarded because of previous errors.\r\n"
QUEUED, OK = b"+QUEUED\r\n", b"+OK\r\n"


def at_each_agent(scene, check_pair):
    for where in ("policy", "client_policy"):
        redis = scene.redis(where)
        check_pair(redis, scene.pair(redis, **{where: POLICY}))


def send(wire, *commands):
    """All at once, as a pipeline; the raw replies."""
    wire.send(b"".join(encode(*command.split()) for command in commands))
    return wire.replies(len(commands))


def test_nothing_is_executed(scene):
    def check_pair(redis, pair):
        direct, wire = scene.client(redis.address), pair.wire()
        direct.set("a", "1")
        got = send(wire, "MULTI", "SET a 2", "FLUSHALL", "INCR a", "EXEC", "GET a")
        check_equal(
            got, [OK, QUEUED, NOPERM, QUEUED, ABORT, b"$1\r\n1\r\n"], "the transaction's answers"
        )
        check_equal(direct.dbsize(), 1, "keys afterwards")
        got = send(wire, "MULTI", "INCR a", "EXEC")
        check_equal(got, [OK, QUEUED, b"*1\r\n:2\r\n"], "the next transaction")
        pair.check_sound()

    at_each_agent(scene, check_pair)


def test_one_command_at_a_time(scene):
    """The same, waiting for each answer: what is decided late must not depend on what is in the
    buffer.
    """

    def check_pair(redis, pair):
        wire = pair.wire()
        script = [
            ("MULTI", OK),
            ("SET a 2", QUEUED),
            ("GET secret:1", None),
            ("FLUSHALL", NOPERM),
            ("EXEC", ABORT),
            ("EXEC", b"-ERR EXEC without MULTI\r\n"),
            ("DISCARD", b"-ERR DISCARD without MULTI\r\n"),
            ("EXISTS a", b":0\r\n"),
        ]
        for command, expected in script:
            got = wire.call(*command.split())
            check_equal(got[:7] if expected is None else got, expected or b"-NOPERM", command)

    at_each_agent(scene, check_pair)


def test_discard_after_a_denial(scene):
    def check_pair(redis, pair):
        got = send(pair.wire(), "MULTI", "FLUSHALL", "DISCARD", "SET a 1", "GET a")
        check_equal(got, [OK, NOPERM, OK, OK, b"$1\r\n1\r\n"], "answers")

    at_each_agent(scene, check_pair)


def test_an_error_of_redis_and_a_denial_in_one_transaction(scene):
    def check_pair(redis, pair):
        got = send(pair.wire(), "MULTI", "NOSUCH", "FLUSHALL", "SET a 1", "EXEC", "EXISTS a")
        check_equal(
            [got[0], got[1][:20], *got[2:]],
            [OK, b"-ERR unknown command", NOPERM, QUEUED, ABORT, b":0\r\n"],
            "answers",
        )

    at_each_agent(scene, check_pair)


def test_watch_keeps_its_meaning(scene):
    def check_pair(redis, pair):
        direct, wire = scene.client(redis.address), pair.wire()
        send(wire, "SET a 1", "WATCH a")
        direct.set("a", "changed")
        check_equal(
            send(wire, "MULTI", "SET a 2", "EXEC"),
            [OK, QUEUED, b"*-1\r\n"],
            "a watched key changed",
        )
        send(wire, "WATCH a")
        check_equal(
            send(wire, "MULTI", "FLUSHALL", "EXEC")[1:], [NOPERM, ABORT], "denied under WATCH"
        )
        direct.set("a", "changed again")
        got = send(wire, "MULTI", "SET a 3", "EXEC")
        check_equal(got, [OK, QUEUED, b"*1\r\n+OK\r\n"], "EXECABORT must have unwatched")

    at_each_agent(scene, check_pair)


def test_redis_py_raises_and_changes_nothing(scene):
    def check_pair(redis, pair):
        client = pair.redis()
        client.set("a", 1)
        pipeline = client.pipeline(transaction=True)
        pipeline.incr("a").flushall().incr("a")
        try:
            pipeline.execute()
            check(False, "the transaction went through")
        except redis_py.exceptions.ResponseError as error:
            check(
                "no-wipes" in str(error) or "EXECABORT" in str(error) or "discarded" in str(error),
                f"redis-py says {error}",
            )
        check_equal(client.get("a"), b"1", "the value")

    at_each_agent(scene, check_pair)


if __name__ == "__main__":
    run_tests(globals())
