"""Goal: a policy can be tried out: in observe mode everything is forwarded all the same, and the
audit says what enforcing would have done. SIGHUP then enforces it.
"""

import json
import signal

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal
from wire import encode

POLICY = {
    "version": 1,
    "mode": "observe",
    "default": "allow",
    "rules": [
        {"id": "no-wipes", "action": "deny", "commands": ["flushall"]},
        {"id": "no-debug", "action": "disconnect", "commands": ["debug"]},
    ],
}


def test_everything_is_forwarded_and_the_audit_says_what_would_have_been(scene):
    for where, side in (("policy", "server"), ("client_policy", "client")):
        redis = scene.redis(where)
        name = scene.path(f"{where}.jsonl")
        options = {f"{side}_options": ["--audit", name]}
        pair = scene.pair(redis, **{where: POLICY}, **options)
        pair.server_audit = pair.client_audit = name
        wire = pair.wire()
        wire.send(
            encode("SET", "a", 1)
            + encode("FLUSHALL")
            + encode("MULTI")
            + encode("FLUSHALL")
            + encode("EXEC")
            + encode("DEBUG", "SLEEP", 0)
            + encode("GET", "a")
        )
        check_equal(
            b"".join(wire.replies(7)),
            b"+OK\r\n+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n+OK\r\n$-1\r\n",
            "answers in observe mode",
        )
        records = pair.records(side, 7)
        check_equal([r["decision"] for r in records], ["allow"] * 7, "decisions")
        would = {
            r["n"]: (r.get("would"), r["rule"])
            for r in records
            if r.get("observed") and r.get("would") != "allow"
        }
        check_equal(
            would,
            {2: ("deny", "no-wipes"), 4: ("deny", "no-wipes"), 6: ("disconnect", "no-debug")},
            "what enforcing would have done",
        )
        pair.check_sound()


def test_sighup_enforces_it(scene):
    redis = scene.redis()
    pair = scene.pair(redis, policy=POLICY)
    wire = pair.wire()
    check_equal(wire.call("FLUSHALL"), b"+OK\r\n", "FLUSHALL in observe mode")
    mark = pair.server.mark()
    with open(pair.policy_path, "w", encoding="utf-8") as file:
        json.dump({**POLICY, "mode": "enforce"}, file)
    pair.server.send_signal(signal.SIGHUP)
    pair.server.wait_for_log(r"(?i)reload|policy", since=mark)
    check(wire.call("FLUSHALL").startswith(b"-NOPERM"), "FLUSHALL was not denied")
    wire.send(encode("DEBUG", "SLEEP", 0) + encode("PING"))
    rest = wire.rest()
    check(b"PONG" not in rest, f"the connection went on after a disconnect: {rest!r}")
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
