"""Goal: the audit is a chain that holds through rotation, SIGUSR1, restarts and kill -9 under load,
checked line by line by an independent reader; and a full disk loses nothing silently: in "block"
nobody is served unrecorded, in "drop" everybody is served and a gap says what is missing.
"""

import contextlib
import os
import resource
import signal
import subprocess
import threading

import redis as redis_py

import scenario  # noqa: F401, finds tests/support
from audit_chain import check_audit, check_chain, commands, events, files_of, lines_of
from harness import run_tests
from processes import check, check_equal, check_in, wait_until
from wire import Wire, encode

AUDIT_BROKEN = (
    b"-ERR redwall: the audit log can't be written, so nothing is served until it can\r\n"
)
RESERVE = 65536  # room on the disk that "block" keeps for commands under way
KILLED = "the agent ended without a stop: lines may be missing here"


class Load:
    """Clients that send INCR n, each to a key of its own, and count the replies that they got."""

    def __init__(self, address, clients=4):
        self.address = address
        self.stopping = False
        self.answered = {}
        self.refused = 0
        self.threads = [
            threading.Thread(target=self._run, args=(f"key:{i}",)) for i in range(clients)
        ]
        for thread in self.threads:
            thread.start()

    def _run(self, key):
        self.answered[key] = 0
        while not self.stopping:
            with contextlib.suppress(Exception):  # agents are killed under it
                self._one_connection(key)

    def _one_connection(self, key):
        with Wire(self.address) as wire:
            while not self.stopping:
                wire.send(encode("INCR", key) * 20)
                for reply in wire.replies(20):
                    if reply.startswith(b":"):
                        self.answered[key] += 1
                    else:
                        self.refused += 1

    def total(self):
        return sum(self.answered.values())

    def wait_for(self, more):
        goal = self.total() + more
        wait_until(lambda: self.total() >= goal, f"{more} more replies")

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def config(scene, side, audit):
    """Arguments for an agent with this audit."""
    return ["--config", scene.write(f"{side}.json", {"audit": audit})]


def pair_with(scene, redis, server_audit, client_audit=None):
    options = {"server_options": config(scene, "server", server_audit)}
    if client_audit is not None:
        options["client_options"] = config(scene, "client", client_audit)
    return scene.pair(redis, **options)


def stop(*agents):
    for agent in agents:
        agent.send_signal(signal.SIGTERM)
        agent.expect_exit(0)


def direct(redis):
    """A client of Redis itself, past both agents."""
    return redis_py.Redis(host="127.0.0.1", port=redis.port, socket_timeout=60)


def values_of(redis, load):
    """What Redis counted, by key."""
    connection = direct(redis)
    return {key: int(connection.get(key) or 0) for key in load.answered}


def check_all_recorded(records, redis, load):
    """Every command that Redis executed has its line, and no line is there twice."""
    incrs = [r for r in commands(records, "incr") if r["result"] == "ok"]
    by_key = {key: 0 for key in load.answered}
    for record in incrs:
        by_key[record["keys"][0]] += 1
    check_equal(by_key, values_of(redis, load), "lines of INCR by key, against Redis's values")
    places = {(r["session"], r["stream"], r["n"]) for r in commands(records)}
    check_equal(len(places), len(commands(records)), "different commands in the audit")


def check_verified(scene, path, *options):
    """redwall's own `audit verify` thinks so, too."""
    done = scene.run("audit", "verify", *options, *files_of(path))
    check_equal(done.returncode, 0, f"audit verify said:\n{done.stdout}{done.stderr}\n")


def signing_key(scene):
    made = scene.run("keygen", "--signing", scene.path("audit.key"))
    check_equal(made.returncode, 0, f"keygen: {made.stderr}")
    return scene.path("audit.key"), scene.run("pubkey", scene.path("audit.key")).stdout.strip()


def test_rotation_by_size_and_age_under_load(scene):
    redis = scene.redis()
    key_file, key = signing_key(scene)
    paths = {side: scene.path(f"{side}.jsonl") for side in ("server", "client")}
    audits = {
        "server": {"max_bytes": 65536},
        "client": {"max_age_s": 1, "max_bytes": 1 << 20},
    }
    audits = {
        side: {"file": paths[side], "rotate": rotate, "sign": key_file, "checkpoint_ms": 50}
        for side, rotate in audits.items()
    }
    pair = pair_with(scene, redis, audits["server"], audits["client"])
    with Load(pair.address) as load:
        for side in ("server", "client"):
            wait_until(lambda side=side: len(files_of(paths[side])) > 4, f"rotation at the {side}")
    stop(pair.client, pair.server)
    for side in ("server", "client"):
        records = check_audit(paths[side], key=key)
        check_verified(scene, paths[side], "--key", key, "--complete")
        check_all_recorded(records, redis, load)
        check_equal(
            len(events(records, "rotated")), len(files_of(paths[side])) - 1, "rotated events"
        )
        for name in files_of(paths[side]):
            check_equal(os.stat(name).st_mode & 0o777, 0o600, f"mode of {name}")
        for name in files_of(paths[side])[:-1]:
            last = lines_of([name])[-1]
            check_in(b'"event":"checkpoint"', last, "the last line of a rotated file")
            check_in(f'"seq":{name.rsplit("-", 1)[1]},'.encode(), last, "seq in the file's name")


def test_old_files_are_removed_and_that_is_recorded(scene):
    redis = scene.redis()
    path = scene.path("server.jsonl")
    pair = pair_with(scene, redis, {"file": path, "rotate": {"max_bytes": 65536, "keep": 2}})
    with Load(pair.address, 1) as load:
        wait_until(lambda: b'"removed"' in b"".join(lines_of([path])), "a file to be removed")
        load.wait_for(1000)
    stop(pair.client, pair.server)
    check_equal(len(files_of(path)), 3, "files that are kept")
    lines = lines_of(files_of(path))
    first = int(lines[0].split(b'"seq":')[1].split(b",")[0])
    records = check_chain(lines, first, lines[0][-66:-2].decode())
    removed = events(records, "removed")
    check(removed, "there is no removed event")
    check_equal(removed[-1]["last_seq"], first - 1, "the last removed line")
    check_verified(scene, path)


def test_sigusr1_under_load_in_both_modes(scene):
    for mode in ("block", "drop"):
        redis = scene.redis(mode)
        path = scene.path(f"{mode}.jsonl")
        pair = pair_with(scene, redis, {"file": path, "when_full": mode})
        moved = []
        with Load(pair.address) as load:
            for i in range(5):
                load.wait_for(500)
                moved.append(f"{path}.{i}")
                os.rename(path, moved[-1])
                pair.server.send_signal(signal.SIGUSR1)
                wait_until(lambda path=path: os.path.exists(path), "the new file")
        stop(pair.client, pair.server)
        records = check_chain(lines_of(moved + [path]))
        check_equal(events(records, "gap"), [], "gaps")
        check_all_recorded(records, redis, load)


def test_a_clean_restart_goes_on_without_a_gap(scene):
    redis = scene.redis()
    path = scene.path("server.jsonl")
    pair = pair_with(scene, redis, {"file": path})
    for run in range(3):
        if run > 0:
            pair.start_server()
        pair.eventually_ping()
        stop(pair.server)
    records = check_audit(path)
    check_equal(len(events(records, "start")), 3, "starts")
    check_equal(len(events(records, "stop")), 3, "stops")
    check_equal(events(records, "gap"), [], "gaps")
    check_verified(scene, path, "--complete")


def test_kill_9_under_load(scene):
    for mode in ("block", "drop"):
        redis = scene.redis(mode)
        path = scene.path(f"{mode}.jsonl")
        pair = pair_with(scene, redis, {"file": path, "when_full": mode})
        with Load(pair.address) as load:
            for _ in range(3):
                load.wait_for(500)
                pair.server.kill()
                pair.start_server()
            load.wait_for(500)
        stop(pair.client, pair.server)
        lines = whole_lines(path)
        records = check_chain(lines)
        gaps = events(records, "gap")
        check_equal(len(gaps), 3, "gaps")
        for gap in gaps:
            check(gap["why"].startswith(KILLED), f"why is {gap['why']!r}")
            check_equal(gap["lost"], None, "lost")
        check_verified(scene, path)
        if mode == "block":  # whoever had a reply has a line
            recorded = len([r for r in commands(records, "incr") if r["result"] == "ok"])
            check(recorded >= load.total(), f"{load.total()} replies, {recorded} lines")


def whole_lines(path):
    """The chain's lines of a file that may have torn ones in it, each before a gap."""
    lines = lines_of([path])
    kept = []
    for i, line in enumerate(lines):
        if line.endswith(b'"}') and line.startswith(b'{"v":1,"seq":'):
            kept.append(line)
        else:
            check_in(b'"event":"gap"', lines[i + 1], "what follows a torn line")
    return kept


class SmallDisk:
    """A folder on a small disk of its own where this user may mount one; else None is its path."""

    def __init__(self, scene, size):
        self.path = scene.path("disk")
        os.mkdir(self.path, 0o700)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", self.path],
            stderr=subprocess.DEVNULL,
            check=False,
        )
        self.mounted = done.returncode == 0
        if self.mounted:
            scene.stack.callback(
                subprocess.run, ["umount", "-l", self.path], stderr=subprocess.DEVNULL, check=False
            )

    def fill(self):
        """Takes all the room that is left, less than a line of the audit."""
        with open(f"{self.path}/filling", "ab", buffering=0) as file:
            for size in (1 << 20, 4096):
                with contextlib.suppress(OSError):
                    while file.write(b"x" * size) == size:
                        pass

    def free(self):
        os.remove(f"{self.path}/filling")


def full_disk(scene, mode, redis, limit):
    """A pair whose server agent's disk can be filled: (pair, path of the audit, fill, free)."""
    disk = SmallDisk(scene, limit)
    path = f"{disk.path}/server.jsonl"
    pair = pair_with(
        scene, redis, {"file": path, "when_full": mode, "max_pending_bytes": RESERVE}
    )
    if disk.mounted:
        return pair, path, disk.fill, disk.free
    pid = pair.server.pid
    hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]

    def fill():
        room = os.path.getsize(path) + 2 * RESERVE  # less than it wants to reserve next
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (room, hard))

    def free():
        if not pair.server.running():
            return
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    return pair, path, fill, free


def test_a_full_disk_in_block_serves_nobody_unrecorded(scene):
    redis = scene.redis()
    pair, path, fill, free = full_disk(scene, "block", redis, "64m")
    with Load(pair.address) as load:
        load.wait_for(200)
        fill()
        wait_until(lambda: load.refused > 100, "commands to be refused")
        pair.server.wait_for_log(r"can't be written, and nothing is served until it can: .*server")
        with pair.wire() as wire:
            check_equal(wire.call("SET", "x", "1"), AUDIT_BROKEN, "the answer")
        before = values_of(redis, load)
        wait_until(lambda seen=load.refused: load.refused > seen + 200, "more refusals")
        check_equal(values_of(redis, load), before, "what Redis executed while the disk was full")
        check_equal(direct(redis).get("x"), None, "a refused SET's key")
        free()
        load.wait_for(200)
        pair.server.wait_for_log(r"the audit can be written again")
    stop(pair.client, pair.server)
    records = check_audit(path)
    check_all_recorded(records, redis, load)
    check(
        [r for r in commands(records, "incr") if r["rule"] == "audit"] or events(records, "gap"),
        "neither a refusal nor a gap is recorded",
    )


def test_a_full_disk_in_block_and_then_kill_9(scene):
    """Whoever got a reply has a line, though the agent dies on a disk that is still full."""
    redis = scene.redis()
    pair, path, fill, free = full_disk(scene, "block", redis, "64m")
    with Load(pair.address) as load:
        load.wait_for(200)
        fill()
        wait_until(lambda: load.refused > 100, "commands to be refused")
        pair.server.kill()
    free()
    pair.start_server()
    pair.eventually_ping()
    stop(pair.client, pair.server)
    records = check_chain(whole_lines(path))
    recorded = len([r for r in commands(records, "incr") if r["result"] == "ok"])
    check(recorded >= load.total(), f"{load.total()} replies, and only {recorded} lines")
    check_verified(scene, path)
    check_in(KILLED, events(records, "gap")[-1]["why"], "the gap")


def test_a_full_disk_in_drop_serves_on_and_says_what_is_missing(scene):
    redis = scene.redis()
    pair, path, fill, free = full_disk(scene, "drop", redis, "64m")
    with Load(pair.address) as load:
        load.wait_for(200)
        fill()
        pair.server.wait_for_log(r"can't be written; commands are served on")
        load.wait_for(2000)
        check_equal(load.refused, 0, "commands that were refused")
        free()
        pair.server.wait_for_log(r"the audit can be written again")
        load.wait_for(200)
    stop(pair.client, pair.server)
    records = check_audit(path)
    gaps = events(records, "gap")
    check(gaps, "there is no gap")
    lost = sum(gap["lost"] for gap in gaps)
    recorded = len([r for r in commands(records, "incr") if r["result"] == "ok"])
    served = sum(values_of(redis, load).values())
    others = lost + recorded - served  # lines that aren't of an INCR may be lost, too
    check(0 <= others <= 20, f"{served} served, {recorded} recorded, {lost} declared lost")


def test_the_end_on_a_full_disk_is_said(scene):
    redis = scene.redis()
    pair, path, fill, _ = full_disk(scene, "drop", redis, "64m")
    with Load(pair.address) as load:
        load.wait_for(200)
        fill()
        pair.server.wait_for_log(r"can't be written; commands are served on")
        load.wait_for(200)
    stop(pair.client, pair.server)
    check_in("the audit ends without its last", pair.server.log(), "the log")
    check_chain(whole_lines_of_text(path))


def whole_lines_of_text(path):
    with open(path, "rb") as file:
        text = file.read()
    return text[: text.rfind(b"\n") + 1].splitlines()


def test_something_else_in_the_file_s_place_is_kept(scene):
    old = '{"v":1,"seq":1,"ts":"2026-11-22T20:07:55.451735Z","side":"server","event":"start"}\n'
    path = scene.write("server.jsonl", old)
    pair = pair_with(scene, scene.redis(), {"file": path})
    pair.eventually_ping()
    stop(pair.client, pair.server)
    records = check_audit(path)
    check_equal(records[0]["event"], "gap", "the first line")
    name = records[0]["why"].rsplit(" ", 1)[1]
    with open(scene.path(name), encoding="ascii") as file:
        check_equal(file.read(), old, "what was there")
    check_in("was moved to", pair.server.log(), "the log")
    done = scene.run("audit", "verify", "--complete", *files_of(path))
    check_equal(done.returncode, 1, f"audit verify said:\n{done.stdout}")
    check_in("somebody replaced or damaged the file", done.stdout, "what audit verify says")


def test_two_agents_do_not_share_a_file(scene):
    path = scene.path("both.jsonl")
    pair = pair_with(scene, scene.redis(), {"file": path})
    scene.refused(
        2,
        *["client", "-s", "127.0.0.1:0", "-t", pair.server_address, "-k", pair.key],
        *["--audit", path],
        says="another process writes its audit there; give each agent a file of its own",
    )


if __name__ == "__main__":
    run_tests(globals())
