"""Goal: a replica follows its master through both agents as it does directly: full resync with and
without the master's disk, 50,000 writes of all types, a partial resync after a cut, WAIT, and
redis-cli --rdb. The data of both are equal by DEBUG DIGEST. A policy that doesn't allow PSYNC gives
the replica an error and nothing else.
"""

import os
import random
import subprocess

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal, check_in, wait_until
from wire import Wire, encode

WRITES = 50_000
BATCH = 500
MASTER = ["--repl-diskless-sync-delay", "0", "--repl-backlog-size", "64mb"]


def master(scene, *options):
    return scene.redis("master", options=[*MASTER, *options])


def replica(scene, address, *options, name="replica"):
    """A redis-server that follows whatever listens at `address`."""
    host, _, port = address.rpartition(":")
    return scene.redis(
        name, options=["--replicaof", host, port, "--repl-timeout", "30", *options, *NOTICE]
    )


NOTICE = ["--loglevel", "notice"]


def link_is_up(client):
    return client.info("replication").get("master_link_status") == "up"


def wait_linked(client):
    wait_until(lambda: link_is_up(client), "the replica's link to its master to be up")


def digest(client):
    return client.execute_command("DEBUG", "DIGEST")


def check_in_sync(above, below):
    """The replica has all that the master has, byte for byte."""

    def offsets():
        wanted = above.info("replication")["master_repl_offset"]
        return below.info("replication").get("slave_repl_offset") == wanted

    wait_until(offsets, "the replica to reach its master's offset")
    check_equal(digest(below), digest(above), "DEBUG DIGEST of the replica and of its master")


def one_write(pipe, number, rng):
    """A write of some type, chosen by `rng`; may be queued as several commands."""
    key, value = str(rng.randrange(300)), rng.randbytes(rng.choice((0, 3, 40, 40, 300)))
    kind = number % 20
    if kind < 4:
        pipe.set(f"string:{key}", value, ex=rng.choice((None, None, 100_000)))
    elif kind == 4:
        pipe.append(f"string:{key}", value)
    elif kind == 5:
        pipe.incrbyfloat(f"number:{key}", rng.random())
    elif kind < 8:
        pipe.rpush(f"list:{key}", value, number)
    elif kind == 8:
        pipe.lpop(f"list:{key}")
    elif kind == 9:
        pipe.lmove(f"list:{key}", "list:all")
    elif kind == 10:
        pipe.sadd(f"set:{key}", value, number % 97)
    elif kind == 11:
        pipe.spop(f"set:{key}")
    elif kind == 12:
        pipe.hset(f"hash:{key}", mapping={str(number % 31): value, "n": number})
    elif kind == 13:
        pipe.zadd(f"zset:{key}", {str(number % 53): rng.random()})
    elif kind == 14:
        pipe.xadd(f"stream:{key}", {"field": value}, maxlen=100, approximate=False)
    elif kind == 15:
        pipe.pfadd(f"log:{key}", value, number)
    elif kind == 16:
        pipe.geoadd(f"geo:{key}", (rng.uniform(-180, 180), rng.uniform(-85, 85), str(number % 40)))
    elif kind == 17:
        pipe.bitfield(f"bits:{key}").set("u8", f"#{number % 64}", number % 256).execute()
    elif kind == 18:
        pipe.eval("return redis.call('INCR', KEYS[1])", 1, f"counter:{key}")
    else:
        other_write(pipe, number, key)


def other_write(pipe, number, key):
    """What is not a plain write of one type: transactions, other databases, whole key spaces."""
    kind = number // 20 % 6
    if kind == 0:
        pipe.delete(f"string:{key}", f"list:{key}")
    elif kind == 1:
        pipe.copy(f"hash:{key}", f"hash:copy:{key}", replace=True)
    elif kind == 2:
        # GETSET: redis-py leaves its answers alone, QUEUED too.
        pipe.execute_command("MULTI").getset("in:multi", number).getset(f"in:multi:{key}", number)
        pipe.execute_command("EXEC")
    elif kind == 3:
        pipe.execute_command("SELECT", 3).incr("elsewhere").execute_command("SELECT", 0)
    elif kind == 4:
        pipe.expire(f"zset:{key}", 90_000)
    else:
        pipe.set(f"large:{number % 7}", bytes(number % 256 for _ in range(40_000)))


def write(client, count, seed, at=()):
    """`count` writes in pipelines. at: {number: what is to be done once so many are written}."""
    rng, done = random.Random(seed), 0
    at = dict(at)
    while done < count:
        pipe = client.pipeline(transaction=False)
        for number in range(done, done + BATCH):
            one_write(pipe, number, rng)
        pipe.execute()
        done += BATCH
        at.pop(done, lambda: None)()
    check_equal(list(at), [], "what should have been done meanwhile and wasn't")


def direct(scene, server):
    return scene.client(server.address, single_connection_client=True)


def follow(scene, master_options, replica_options):
    """A replica joins a master that has data, and follows it while it is written to."""
    top = master(scene, *master_options)
    pair = scene.pair(top, audit=True)
    above = direct(scene, top)
    write(above, WRITES // 10, 1)
    bottom = replica(scene, pair.address, *replica_options)
    below = direct(scene, bottom)
    wait_linked(below)
    acknowledged = []

    def note_offset():
        first = above.info("replication").get("slave0", {}).get("offset", 0)
        acknowledged.append(first)

    write(above, WRITES, 2, at={WRITES // 2: note_offset})
    check_equal(above.wait(1, 30_000), 1, "WAIT 1 on the master")
    note_offset()
    check(
        acknowledged[0] < acknowledged[1],
        f"REPLCONF ACK doesn't reach the master: offsets {acknowledged}",
    )
    check_in_sync(above, below)
    stats = above.info("stats")
    check_equal((stats["sync_full"], stats["sync_partial_ok"]), (1, 0), "full and partial resyncs")
    # The same through the gateway: its client sees what the master's does.
    through = pair.redis(single_connection_client=True)
    through.set("last", "word")
    check_equal(through.wait(1, 30_000), 1, "WAIT 1 through both agents")
    check_equal(below.get("last"), b"word", "what the replica has after WAIT")
    check_equal(digest(through), digest(below), "DEBUG DIGEST through both agents")
    pair.check_sound()
    return pair


def test_50_000_writes_with_a_diskless_sync(scene):
    follow(scene, ["--repl-diskless-sync", "yes"], ["--repl-diskless-load", "on-empty-db"])


def test_50_000_writes_with_a_sync_by_disk(scene):
    pair = follow(scene, ["--repl-diskless-sync", "no"], ["--repl-diskless-load", "disabled"])
    names = [record["cmd"] for record in pair.records("server")]
    for name in ("PING", "REPLCONF", "PSYNC"):
        check_in(name.lower(), [n.lower() for n in names], "the server agent's audit")


def test_a_partial_resync_after_every_kind_of_cut(scene):
    top = master(scene)
    pair = scene.pair(top, relay={})
    above = direct(scene, top)
    write(above, 2000, 1)
    bottom = replica(scene, pair.address)
    below = direct(scene, bottom)
    wait_linked(below)
    cuts = {
        "CLIENT KILL on the replica": lambda: below.execute_command("CLIENT KILL TYPE master"),
        "CLIENT KILL on the master": lambda: above.execute_command("CLIENT KILL TYPE replica"),
    }
    for count, (name, cut) in enumerate(cuts.items(), 1):
        write(above, 4000, count, at={2000: cut})
        wait_until(lambda n=count: above.info("stats")["sync_partial_ok"] == n, f"resync: {name}")
        wait_linked(below)
        check_in_sync(above, below)
    check_equal(above.info("stats")["sync_full"], 1, "full resyncs")
    # A cut tunnel is resumed: the replica doesn't notice.
    write(above, 4000, 3, at={2000: pair.relay.reset_all})
    check_in_sync(above, below)
    check_equal(above.info("stats")["sync_partial_ok"], len(cuts), "resyncs after a cut tunnel")
    # The client agent itself starts again, as it does for an update.
    pair.client.stop()
    write(above, 2000, 9)
    pair.start_client()
    wait_until(lambda: above.info("stats")["sync_partial_ok"] == 3, "resync: a new client agent")
    check_in_sync(above, below)
    pair.check_sound()


def test_a_replica_of_a_replica(scene):
    top = master(scene)
    pair = scene.pair(top)
    above = direct(scene, top)
    write(above, 2000, 1)
    middle = replica(scene, pair.address, name="middle")
    wait_linked(direct(scene, middle))
    second = scene.pair(middle)
    bottom = replica(scene, second.address, name="bottom")
    below = direct(scene, bottom)
    wait_linked(below)
    write(above, 6000, 2)
    check_in_sync(above, direct(scene, middle))
    check_in_sync(above, below)
    pair.check_sound()
    second.check_sound()


def test_a_policy_without_psync(scene):
    """The replica is told so in its turn, tries SYNC, is told so again, and has nothing."""
    top = master(scene)
    above = direct(scene, top)
    write(above, 1000, 1)
    rule = {
        "id": "no-replicas",
        "action": "deny",
        "commands": ["psync", "sync"],
        "message": "replicas are fed at the other site",
    }
    pair = scene.pair(top, policy={"version": 1, "default": "allow", "rules": [rule]})
    with Wire(pair.address) as wire:
        wire.send(encode("PING") + encode("REPLCONF", "listening-port", "1234"))
        check_equal(wire.replies(2), [b"+PONG\r\n", b"+OK\r\n"], "before PSYNC")
        for command in (("PSYNC", "?", "-1"), ("SYNC",)):
            said = wire.call(*command)
            check(said.startswith(b"-NOPERM "), f"answer to {command[0]}: {said!r}")
            check_in(b"replicas are fed at the other site", said, f"answer to {command[0]}")
        check_equal(wire.call("PING"), b"+PONG\r\n", "a command after the denials")
    bottom = replica(scene, pair.address)
    below = direct(scene, bottom)
    wait_until(
        lambda: "replicas are fed at the other site" in bottom.process.stdout(),
        "the replica to log why it can't follow",
    )
    check(not link_is_up(below), "the replica's link is up, against the policy")
    check_equal(below.dbsize(), 0, "keys in the replica")
    stats = above.info("stats")
    check_equal((stats["sync_full"], stats["sync_partial_ok"]), (0, 0), "resyncs")
    pair.check_sound()


def test_redis_cli_rdb(scene):
    """The dump is made while the master is written to, once by each kind of sync."""
    for kind in ("yes", "no"):
        top = scene.redis(f"master-{kind}", options=[*MASTER, "--repl-diskless-sync", kind])
        pair = scene.pair(top)
        above = direct(scene, top)
        write(above, 10_000, 1)
        dump = scene.path(f"{kind}.rdb")
        subprocess.run(
            ["redis-cli", "-p", pair.address.rpartition(":")[2], "--rdb", dump],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=True,
            timeout=60,
        )
        where = ["--dir", str(scene.folder), "--dbfilename", os.path.basename(dump)]
        loaded = scene.redis(f"loaded-{kind}", options=where)
        check_equal(digest(direct(scene, loaded)), digest(above), f"the dump, diskless: {kind}")
        pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
