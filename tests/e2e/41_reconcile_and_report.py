"""Goal: the audits of both sites confirm each other whatever happened (denials, transactions,
pub/sub, CLIENT REPLY OFF, large values, a cut tunnel, a killed agent), and a line that is taken out
of one file, put into it or changed is named. The report shows it all, and shows nothing as markup.
"""

import html.parser
import json
import re
import signal
import time

import scenario  # noqa: F401, finds tests/support
from cluster import Cluster
from footprint import MB
from harness import read_audit, run_tests
from processes import check, check_equal, check_in
from route_pair import RoutePair, cluster_route, node_ports
from wire import encode

DENY = {
    "version": 1,
    "default": "allow",
    "rules": [{"id": "no-wipes", "action": "deny", "commands": ["flushall", "swapdb"]}],
}
CLIENT_DENY = {
    "version": 1,
    "default": "allow",
    "rules": [
        {"id": "no-keys", "action": "deny", "commands": ["keys"]},
        {"id": "go-away", "action": "disconnect", "commands": ["debug"]},
    ],
}


def reconcile(scene, *arguments):
    """(exit status, text) of `audit reconcile`."""
    done = scene.run("audit", "reconcile", *arguments)
    check(done.returncode in (0, 1), f"exit status {done.returncode}: {done.stderr}")
    return done.returncode, done.stdout


def check_clean(scene, *arguments):
    status, text = reconcile(scene, *arguments)
    check_equal(status, 0, f"exit status of a clean reconciliation, which said:\n{text}")
    check_in("\nclean: ", text, "the verdict")
    return text


def number_of(text, heading):
    """How many reconcile counts under this heading; 0 where it doesn't stand there."""
    found = re.search(rf"^  {re.escape(heading)}: ([\d,]+)", text, re.M)
    return int(found[1].replace(",", "")) if found else 0


def work(pair):
    """Conversations of many kinds; all are over when it returns."""
    with pair.scene.wire(pair.address) as wire:
        for i in range(50):
            wire.call("SET", f"key:{i}", "v" * i)
            wire.call("GET", f"key:{i}")
        wire.call("FLUSHALL")  # denied at the server
        wire.call("KEYS", "*")  # denied at the client
        wire.call("INCR", "key:2")  # an error of Redis
        wire.call("MULTI")
        wire.call("SET", "in", "transaction")
        wire.call("EXEC")
        for denied in ("KEYS", "FLUSHALL"):
            wire.call("MULTI")
            wire.call(denied, *(["*"] if denied == "KEYS" else []))
            wire.call("SET", "never", "set")
            check_in(b"EXECABORT", wire.call("EXEC"), "EXEC behind a denied command")
        wire.call("NOSUCHCOMMAND", "a", "b")
        wire.call("SET", "large", "x" * 3_000_000)
        wire.call("GET", "large")
        wire.send(b"*0\r\n\r\nset inline 1\r\n").reply()
        wire.send(encode("SELECT", "1") + encode("SET", "pipelined", "1") + encode("SELECT", "0"))
        wire.replies(3)
    with pair.scene.wire(pair.address) as wire:
        wire.send(encode("CLIENT", "REPLY", "OFF"))
        for i in range(20):
            wire.send(encode("SET", f"silent:{i}", i) + encode("KEYS", "x"))
        wire.send(encode("CLIENT", "REPLY", "SKIP") + encode("GET", "silent:1"))
        wire.send(encode("CLIENT", "REPLY", "ON")).reply()
        wire.call("DEBUG", "SLEEP", "0")
    with pair.scene.wire(pair.address) as wire, pair.scene.wire(pair.address) as other:
        wire.call("SUBSCRIBE", "news")
        other.call("PUBLISH", "news", "hello")
        wire.reply()
        wire.call("UNSUBSCRIBE", "news")


def stop(pair):
    for agent in (pair.client, pair.server):
        agent.send_signal(signal.SIGTERM)
        agent.expect_exit(0)


def read_lines(path):
    with open(path, "rb") as file:
        return file.read().splitlines(keepends=True)


def index_of(lines, select):
    """The number of the first line that `select` picks, from 0."""
    return next(i for i, line in enumerate(lines) if select(json.loads(line)))


def key_is(key, cmd="set"):
    return lambda record: record.get("keys") == [key] and record.get("cmd") == cmd


def test_both_sites_confirm_each_other(scene):
    pair = scene.pair(scene.redis(), policy=DENY, client_policy=CLIENT_DENY, audit=True)
    work(pair)
    stop(pair)
    text = check_clean(scene, pair.client_audit, pair.server_audit)
    records = read_audit(pair.client_audit)
    denied = [r for r in records if r["decision"] != "allow"]
    check_equal(number_of(text, "denied at the client agent"), len(denied), "denied at the client")
    check_equal(number_of(text, "discarded"), 1, "EXEC that the server sees as DISCARD")
    matched = int(re.search(r"^matched ([\d,]+)", text, re.M)[1].replace(",", ""))
    check_equal(matched, len(records) - len(denied), "commands that matched")
    check_equal(matched, len(read_audit(pair.server_audit)), "commands at the server")
    check("To know" not in text, f"there is something to know of files that are whole: {text}")


def test_a_tunnel_that_is_cut_makes_no_difference(scene):
    pair = scene.pair(scene.redis(), policy=DENY, client_policy=CLIENT_DENY, audit=True, relay={})
    wires = [pair.wire() for _ in range(4)]
    for round_ in range(4):
        for wire in wires:
            wire.send(b"".join(encode("INCR", f"n:{i % 7}") for i in range(300)))
        pair.relay.reset_all()
        for wire in wires:
            wire.replies(300)
        work(pair)
    for wire in wires:
        wire.close()
    stop(pair)
    events = {r["event"] for r in read_audit(pair.client_audit, select=lambda r: "event" in r)}
    check_in("tunnel-resumed", events, "events of a tunnel that was cut")
    check_clean(scene, pair.client_audit, pair.server_audit)


def test_errors_that_do_not_come_from_redis_make_no_difference(scene):
    """Of the client agent: a node without a port, half a command. Of Redis before it has a command:
    there is no place for one more client. Of the server agent: it can't reach Redis."""
    cluster = Cluster(scene)
    full = scene.redis(options=["--maxclients", "4", "--requirepass", "pw"])
    away = scene.redis("away")
    secret = scene.write("redis-password", "pw")
    routes = {
        **cluster_route(scene, cluster),
        "full": {"redis": full.address, "password_file": secret},
        "away": {"redis": away.address},
    }
    listeners = [{"route": "orders", "node_ports": node_ports(1)}]
    listeners += [{"route": "full"}, {"route": "away"}]
    pair = RoutePair(scene, routes, listeners, audit=True)
    with scene.wire(pair.fronts[0]) as wire:
        check_in(b"no local port", wire.call("CLUSTER", "SLOTS"), "CLUSTER SLOTS")
        large = encode("SET", "a", "v" * MB, "EX", "1")
        half = large[: large.rindex(b"$2\r\n")]  # from EX on
        wire.send(half + b"$" + b"1" * 70000)
        check_in(b"too big bulk count string", wire.rest(), "what a broken command got")
    wires = []
    for _ in range(10):
        wires.append(scene.wire(pair.fronts[1]))
        wires[-1].send(encode("GET", "a") + encode("GET", "b"))
    answers = [wire.exactly(1) for wire in wires]
    check_equal(set(answers), {b"$", b"-"}, "how answers begin where Redis is full")
    away.kill()
    with scene.wire(pair.fronts[2]) as wire:
        wire.send(encode("GET", "a"))
        check_in(b"-LOADING redwall", wire.rest(), "what a client gets where Redis is away")
    for wire in wires:
        wire.close()
    stop(pair)
    text = check_clean(scene, pair.client_audit, pair.server_audit)
    check_equal(number_of(text, "answered by the client agent"), 2, f"errors of its own: {text}")
    check(number_of(text, "turned away") <= answers.count(b"-"), f"turned away: {text}")
    lines = read_lines(pair.client_audit)
    at = index_of(lines, lambda record: record.get("own"))
    record = {k: v for k, v in json.loads(lines[at]).items() if k != "own"}
    forged = b"".join(lines[:at] + [json.dumps(record).encode() + b"\n"] + lines[at + 1 :])
    status, text = reconcile(scene, scene.write("forged.jsonl", forged), pair.server_audit)
    check_equal((status, number_of(text, "differs")), (1, 1), f"without the mark: {text}")


def test_what_is_taken_out_is_named(scene):
    pair = scene.pair(scene.redis(), policy=DENY, client_policy=CLIENT_DENY, audit=True)
    work(pair)
    stop(pair)
    both = {"client": pair.client_audit, "server": pair.server_audit}
    for side, other in (("server", "client"), ("client", "server")):
        lines = read_lines(both[side])
        there = read_lines(both[other])
        for key in ("key:7", "silent:3", "large"):
            cut = index_of(lines, key_is(key))
            changed = scene.write("cut.jsonl", b"".join(lines[:cut] + lines[cut + 1 :]))
            files = {**both, side: changed}
            status, text = reconcile(scene, files["client"], files["server"])
            check_equal(status, 1, f"exit status with {key} taken out of the {side}'s file")
            check_equal(number_of(text, f"missing at the {side}"), 1, f"missing in: {text}")
            check_equal(number_of(text, "broken sequence"), 1, f"jumps of seq in: {text}")
            check_in("NOT clean: 2 differences", text, "the verdict")
            place = f"{both[other]}:{index_of(there, key_is(key)) + 1}: seq "
            named = [line for line in text.splitlines() if place in line]
            check(len(named) == 1 and f'set ["{key}"]' in named[0], f"{place} is not in: {text}")
        # Without the numbers it is the other site that tells.
        kept = [json.loads(line) for line in lines]
        cut = [r for r in kept if r.get("keys") in (["key:8"], ["key:9"])]
        kept = [{**r, "seq": i + 1} for i, r in enumerate(r for r in kept if r not in cut)]
        text = "".join(json.dumps(record) + "\n" for record in kept)
        files = {**both, side: scene.write("renumbered.jsonl", text)}
        status, text = reconcile(scene, files["client"], files["server"])
        check_equal(status, 1, "exit status with four lines taken out and the rest renumbered")
        check_equal(number_of(text, f"missing at the {side}"), 4, f"missing in: {text}")
        check_in("NOT clean: 4 differences", text, "the verdict")


def test_what_is_changed_or_put_in_is_named(scene):
    pair = scene.pair(scene.redis(), policy=DENY, client_policy=CLIENT_DENY, audit=True)
    work(pair)
    stop(pair)
    lines = read_lines(pair.server_audit)
    at = index_of(lines, key_is("key:7"))
    for field, value, says in (
        ("keys", ["key:8"], 'keys: client ["key:7"], server ["key:8"]'),
        ("cmd", "get", 'cmd: client "set", server "get"'),
        ("argc", 5, "argc: client 3, server 5"),
        ("client", "10.0.0.1:1", "10.0.0.1:1"),
        ("identity", "other", 'server "other"'),
        ("result", "error", "result: client ok, server error"),
    ):
        record = {**json.loads(lines[at]), field: value}
        forged = b"".join(lines[:at] + [json.dumps(record).encode() + b"\n"] + lines[at + 1 :])
        status, text = reconcile(scene, pair.client_audit, scene.write("forged.jsonl", forged))
        check_equal(status, 1, f"exit status with another {field}")
        check_equal(number_of(text, "differs"), 1, f"differences in {field}: {text}")
        check_in(says, text, "what differs")
    twice = b"".join(lines[: at + 1] + lines[at:])
    status, text = reconcile(scene, pair.client_audit, scene.write("twice.jsonl", twice))
    check_equal((status, number_of(text, "recorded twice")), (1, 1), f"a doubled line: {text}")
    torn = b"".join(lines[:at] + [lines[at][:70] + b"\n"] + lines[at + 1 :])
    status, text = reconcile(scene, pair.client_audit, scene.write("torn.jsonl", torn))
    check_equal((status, number_of(text, "unreadable lines")), (1, 1), f"a torn line: {text}")
    denied = index_of(read_lines(pair.client_audit), lambda r: r.get("rule") == "no-keys")
    record = {**json.loads(read_lines(pair.client_audit)[denied]), "side": "server", "seq": 0}
    served = b"".join(lines) + json.dumps(record).encode() + b"\n"
    status, text = reconcile(scene, pair.client_audit, scene.write("served.jsonl", served))
    check_equal((status, number_of(text, "denied yet served")), (1, 1), f"denied, served: {text}")


def test_killed_agents(scene):
    redis = scene.redis()
    pair = scene.pair(redis, policy=DENY, client_policy=CLIENT_DENY, audit=True)
    for side in ("server", "client", "server"):
        work(pair)
        wires = [pair.wire() for _ in range(5)]
        for wire in wires:
            wire.send(b"".join(encode("SET", f"k:{i}", "v" * 100) for i in range(2000)))
        for wire in wires[:2]:
            wire.replies(500)
        agent = getattr(pair, side)
        agent.kill()
        for wire in wires:
            wire.close()
        (pair.start_server if side == "server" else pair.start_client)()
        pair.eventually_ping()
    work(pair)
    stop(pair)
    check_clean(scene, pair.client_audit, pair.server_audit)
    lines = read_lines(pair.server_audit)
    at = index_of(lines, key_is("key:9"))
    cut = scene.write("cut.jsonl", b"".join(lines[:at] + lines[at + 1 :]))
    status, text = reconcile(scene, pair.client_audit, cut)
    check_equal((status, number_of(text, "missing at the server")), (1, 1), text)


def test_what_a_policy_does_not_record_is_not_compared(scene):
    writes = {**DENY, "audit": {"events": "writes"}}
    pair = scene.pair(scene.redis(), policy=writes, client_policy=CLIENT_DENY, audit=True)
    work(pair)
    stop(pair)
    status, text = reconcile(scene, pair.client_audit, pair.server_audit)
    check_equal(status, 1, "exit status where nobody said what is recorded")
    check_in("--server-events", text, "the hint")
    text = check_clean(scene, "--server-events", "writes", pair.client_audit, pair.server_audit)
    check(number_of(text, "not recorded there") > 50, f"not recorded: {text}")
    lines = read_lines(pair.server_audit)
    at = index_of(lines, key_is("key:9"))
    cut = scene.write("cut.jsonl", b"".join(lines[:at] + lines[at + 1 :]))
    status, text = reconcile(scene, "--server-events", "writes", pair.client_audit, cut)
    check_equal((status, number_of(text, "missing at the server")), (1, 1), text)


def test_several_files_and_agents(scene):
    """Rotated files in any order, and a server whose other client's file isn't given."""
    pair = scene.pair(scene.redis(), policy=DENY, client_policy=CLIENT_DENY, audit=True)
    work(pair)
    stop(pair)
    parts = []
    lines = read_lines(pair.server_audit)
    for i in range(0, len(lines), 40):
        parts += ["--server", scene.write(f"part{i}.jsonl", b"".join(lines[i : i + 40]))]
    back = [x for i in range(len(parts) - 2, -1, -2) for x in parts[i : i + 2]]
    check_clean(scene, "--client", pair.client_audit, *back)
    status, text = reconcile(scene, "--client", pair.client_audit, *parts[:2], *parts[4:])
    check_equal(status, 1, f"exit status where a file in the middle lacks: {text}")
    check_in("from one file to the next", text, "where seq jumps")
    commands = sum(b'"cmd":' in line for line in lines[40:80])
    check_equal(number_of(text, "missing at the server"), commands, "commands of that file")
    other = re.sub(rb'"session":"[0-9a-f]{32}"', b'"session":"' + b"0" * 32 + b'"', b"".join(lines))
    other = re.sub(rb'"identity":"[^"]*"', b'"identity":"site-b"', other)
    other = re.sub(rb'"peer_name":"[^"]*"', b'"peer_name":"site-b"', other)
    other = re.sub(rb'"agent":"[^"]*"', b'"agent":"second"', other)
    files = ["--client", pair.client_audit, "--server", pair.server_audit]
    text = check_clean(scene, *files, "--server", scene.write("other.jsonl", other))
    commands = sum(b'"cmd":' in line for line in lines)
    check_equal(number_of(text, "with another agent"), commands, "commands of the other agent")


def test_a_tail_that_is_cut_off_is_told(scene):
    pair = scene.pair(scene.redis(), policy=DENY, client_policy=CLIENT_DENY, audit=True)
    with pair.wire() as wire:
        work(pair)
        wire.call("GET", "before the pause")
        time.sleep(1.5)  # a moment later counts as under way
        wire.call("GET", "behind the pause")
        work(pair)
    stop(pair)
    for side, path in (("server", pair.server_audit), ("client", pair.client_audit)):
        lines = read_lines(path)
        end = index_of(lines, key_is("behind the pause", "get"))
        files = {"client": pair.client_audit, "server": pair.server_audit}
        files[side] = scene.write("cut.jsonl", b"".join(lines[:end]))
        status, text = reconcile(scene, files["client"], files["server"])
        check_equal(status, 1, f"exit status with the {side}'s tail cut off: {text}")
        check(number_of(text, "beyond the end") > 100, f"beyond the end: {text}")
        check_in(f"the files of {side} agent", text, "what is to know")
        # The other way round nothing lacks: this file only begins later.
        files[side] = scene.write("late.jsonl", b"".join(lines[end + 1 :]))
        text = check_clean(scene, files["client"], files["server"])
        check(number_of(text, "before the other's files") > 100, f"before the beginning: {text}")


def test_bad_usage(scene):
    pair = scene.pair(scene.redis(), audit=True)
    pair.wire().call("PING")
    pair.records("client", 1)
    pair.records("server", 1)
    client, server = pair.client_audit, pair.server_audit
    said = ["server agent", "client's come first"]
    scene.refused(2, "audit", "reconcile", server, client, says=said)
    scene.refused(2, "audit", "reconcile", client, says="both sites")
    scene.refused(2, "audit", "reconcile", client, server, server, says="--client FILE")
    scene.refused(2, "audit", "reconcile", client, scene.path("none"), says="No such file")
    scene.refused(2, "audit", "reconcile", client, scene.write("text", "abc\n"), says="line 1")
    scene.refused(2, "audit", "report", "/dev/null", says="regular file")
    scene.refused(2, "audit", "report", says="FILE")
    scene.refused(1, "audit", "report", client, "-o", scene.path("no/where"), says="No such file")


class Page(html.parser.HTMLParser):
    """What a page holds. Fails where elements don't close in order."""

    VOID = {"meta"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], set(), [], []
        self.feed(text)
        self.close()
        check_equal(self.open, [], "elements that are still open at the end")

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, *attr) for attr in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        check_equal(self.open and self.open[-1], tag, f"the element that ends here: {self.open}")
        self.open.pop()

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)


ODD = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a&amp;b", "'", "</bdi></td>"]
HIDDEN = {"\u202egnp": r"\u202egnp", "\x1b[2J": r"\u001b[2J", "\x9b1m": r"\u009b1m"}


def test_the_report(scene):
    full = {**DENY, "audit": {"arguments": "full"}}
    pair = scene.pair(scene.redis(), policy=full, client_policy=CLIENT_DENY, audit=True)
    work(pair)
    with pair.wire() as wire:
        for key in [*ODD, *HIDDEN]:
            wire.call("CLIENT", "SETNAME", re.sub(r"[^!-~]", "", key))
            for _ in range(60):  # so that it is among the top ones
                wire.call("SET", key.encode(), key.encode())
            wire.call("SET", b"\xff" + key.encode(), "1")
        for i in range(30):
            wire.call(f"<b>{i}", "1")
        wire.call("AUTH", "secret-of-mine")
    stop(pair)
    path = scene.path("report.html")
    title = ["--title", "<i>Title</i> & more"]
    done = scene.run("audit", "report", pair.client_audit, pair.server_audit, "-o", path, *title)
    check_equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "redwall audit report")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    page = Page(text)
    check(not page.tags & {"script", "img", "link", "iframe", "object", "base"}, f"{page.tags}")
    for tag, name, value in page.attributes:
        check(not name.startswith("on") and name not in ("src", "href"), f"<{tag} {name}={value}>")
    texts = " ".join(page.texts)
    for key in [*ODD, *HIDDEN.values(), "no-wipes", "no-keys", "go-away", "tunnel-up"]:
        check_in(key, page.texts + [texts], f"{key!r} as text")
    check(not any(c in text for c in "\u202e\x1b\x9b\x00"), "a control character is in the page")
    check("secret-of-mine" not in text, "a secret is in the page")
    secrets = re.search(r"Secrets that were left out</caption>.*?</table>", text, re.S)
    check_in(">auth<", secrets[0], "the table of what was left out")
    check_in("No gap.", texts, "the banner")
    denied = sum(
        r["decision"] != "allow"
        for path in (pair.client_audit, pair.server_audit)
        for r in read_audit(path)
    )
    shown = re.search(r"<b>([\d,]+)</b><span>denied, ", text)
    check_equal(shown and int(shown[1].replace(",", "")), denied, "denied commands in the tile")
    check(text.count("<svg") >= 2 and text.count("</title>") > 2, "the charts")

    lines = read_lines(pair.server_audit)
    cut = scene.write("cut.jsonl", b"".join(lines[:20] + lines[22:]))
    done = scene.run("audit", "report", cut)
    Page(done.stdout)
    check_in("This record is not complete: 1 gap", done.stdout, "the banner with lines taken out")
    done = scene.run("audit", "report", scene.write("empty.jsonl", ""))
    Page(done.stdout)
    check_equal(done.returncode, 0, "exit status for an empty file")


if __name__ == "__main__":
    run_tests(globals())
