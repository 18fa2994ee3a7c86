"""Goal: a client agent takes a pushed policy as docs/protocol.md says, from a server agent in Python
that shares no code with redwall: in any pieces, through cuts, in place of the one before. A text
that it can't read refuses nothing, and one without end ends the session.
"""

import hashlib
import struct

import scenario  # noqa: F401, finds tests/support
import noise
from agent import ServerAgent
from harness import read_audit, run_tests
from processes import check, check_equal, check_in, free_port, wait_until
from wire import encode

POLICY, LAST = 0x0E, 1
IN_FORCE = r"is enforced here, too"
NO_SETS = b"-NOPERM redwall: 'set' is denied by rule 'no-sets'\r\n"
MEGABYTE = 1 << 20


def events(path, name):
    return read_audit(path, select=lambda record: record.get("event") == name)


def pushing_agent(scene):
    """(Python server agent, real client agent, its address, its audit): nothing is pushed yet."""
    key, address = scene.key(), f"127.0.0.1:{free_port()}"
    agent = scene.keep(ServerAgent(keys=[noise.SharedKey.from_file(key)]))
    audit = scene.path(f"{address}.jsonl")
    process = scene.agent(
        "client", "-s", address, "-t", agent.address, "-k", key, "--audit", audit, ready=False
    )
    agent.begin()
    process.wait_ready()
    return agent, process, address, audit


def push(agent, generation, text, last=True):
    pieces = [text[at : at + 8000] for at in range(0, len(text), 8000)] or [b""]
    for number, piece in enumerate(pieces, 1):
        flags = LAST if last and number == len(pieces) else 0
        agent.session.append(POLICY, struct.pack(">I", generation) + piece, flags=flags)
    agent.flush()


def test_a_policy_in_a_newer_language_is_left_to_the_server(scene):
    agent, process, address, audit = pushing_agent(scene)
    rule = '{"id": "no-sets", "action": "deny", "commands": ["set"]%s}'
    text = '{"version": 1, "default": "allow", "push": true, "rules": [%s]}'
    old, new = [(text % rule % more).encode() for more in ("", ', "moon": "full"')]
    push(agent, 1, old)
    process.wait_for_log(IN_FORCE)
    wire = scene.wire(address)
    check_equal(wire.call("SET", "a", "1"), NO_SETS, "SET")
    push(agent, 2, new)
    process.wait_for_log(r"can't be read here, and is left to it: .*moon")
    wire.send(encode("SET", "a", "2"))
    agent.until(lambda: agent.session.opened, "an OPEN")
    stream = agent.session.opened[-1]
    expected = b"*0\r\n" + encode("SET", "a", "2")
    check_equal(agent.take(stream, len(expected)), expected, "what crosses the link")
    wait_until(lambda: len(events(audit, "policy-pushed")) == 2, "two events")
    first, second = events(audit, "policy-pushed")
    check("why" not in first and "moon" in second["why"], f"why: {first}, {second}")
    for event, pushed in ((first, old), (second, new)):
        expected = hashlib.blake2b(pushed, digest_size=32).hexdigest()
        check_equal(event["hash"], expected, "the hash of what was pushed")
    process.check_sound()


def test_half_a_policy_is_completed_after_a_cut(scene):
    agent, process, address, _ = pushing_agent(scene)
    text = b" " * 50000 + b'{"version": 1, "default": "deny", "push": true}'
    for generation, at in enumerate((0, 1, 8000, 49999, 50020), 1):
        push(agent, generation, text[:at], last=False)
        agent.session.append(POLICY, struct.pack(">I", generation) + text[at : at + 10000])
        agent.flush(into_the_void=True)
        agent.cut()
        mark = process.mark()
        agent.resume()
        push(agent, generation, text[at + 10000 :])
        process.wait_for_log(IN_FORCE, since=mark)
    wire = scene.wire(address)
    check_in(b"denied by the policy's default", wire.call("GET", "a"), "GET")
    process.check_sound()


def test_a_server_that_pushes_without_end_is_left(scene):
    """More than 1 MiB in one text; and twice the same generation."""
    for texts in ([(1, b" " * (MEGABYTE + 1))], [(1, b"{}"), (1, b"{}")]):
        agent, process, _, audit = pushing_agent(scene)
        for generation, text in texts:
            push(agent, generation, text)
        process.wait_for_log(r"is lost: the peer sent a policy that is too large, or its pieces")
        wait_until(lambda audit=audit: events(audit, "tunnel-down"), "the session to end")
        process.check_sound()


if __name__ == "__main__":
    run_tests(globals())
