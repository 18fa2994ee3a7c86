"""Topics of redis-py's drive: what makes a connection something of its own: pipelines,
transactions, scripts, blocking commands.
"""

import threading

import redis

from redis_py_steps import until

BUMP = "return redis.call('incrby', KEYS[1], ARGV[1])"
LIBRARY = """#!lua name=drive
redis.register_function('put', function(keys, args) return redis.call('set', keys[1], args[1]) end)
redis.register_function{function_name='peek', flags={'no-writes'},
  callback=function(keys) return redis.call('get', keys[1]) end}
"""


def pipelines(place):
    pipe = place.client.pipeline(transaction=False)
    pipe.set("a", 1).incr("a").get("a").lpush("a", 1).hset("h", "f", "v").hgetall("h").get("none")
    place.note("a pipeline with an error in it", lambda: pipe.execute(raise_on_error=False))
    pipe.set("a", 1).lpush("a", 1).incr("a")
    place.note("the same, raised", pipe.execute, wants_error=True)
    place.do.get("a")
    for i in range(5000):
        pipe.incrby("sum", i)
    place.note("a pipeline of 5,000", pipe.execute)
    for i in range(1000):
        pipe.set(f"k{i}", "x" * (i * 10)).get(f"k{i}").strlen(f"k{i}")
    place.note("a pipeline of 3,000, growing", pipe.execute)
    place.note("an empty pipeline", pipe.execute)
    with place.client.pipeline() as pipe:
        for i in range(5000):
            pipe.rpush("list", i)
        place.note("a transaction of 5,000", pipe.execute)
    place.do.lrange("list", 4990, -1)


def transactions(place):
    pipe, other = place.client.pipeline(), place.connect()
    pipe.set("a", 1).incr("a").hset("h", "f", 1).hgetall("h").zadd("z", {"m": 1.5}).zscore("z", "m")
    place.note("MULTI ... EXEC", pipe.execute)
    pipe.set("a", "text").incr("a").get("a")
    place.note("an error at run time", lambda: pipe.execute(raise_on_error=False))
    pipe.set("b", 1).execute_command("NOSUCH").set("c", 1)
    place.note("an error when queued", pipe.execute, wants_error=True)
    place.do.exists("b", "c")
    attempts = []

    def work(pipe):
        value = int(pipe.get("counter") or 0)
        attempts.append(value)
        if len(attempts) < 3:
            other.set("counter", 100 * len(attempts))
        pipe.multi()
        pipe.set("counter", value + 1)

    place.note("two conflicts, then success", lambda: place.client.transaction(work, "counter"))
    place.note("what was seen", lambda: attempts)
    place.do.get("counter")
    with place.client.pipeline() as pipe:
        pipe.watch("counter")
        other.incr("counter")
        pipe.multi()
        pipe.set("counter", "lost")
        place.note("a conflict", pipe.execute, wants_error=True)
        pipe.watch("counter")
        other.incr("counter")
        pipe.unwatch()
        pipe.multi()
        pipe.get("counter")
        place.note("unwatched", pipe.execute)
    lock = place.client.lock("lock", timeout=100)
    place.note("lock", lock.acquire)
    rival = place.connect().lock("lock", timeout=100, blocking_timeout=0.01)
    place.note("a second lock", rival.acquire)
    place.note("lock.owned", lock.owned)
    place.note("lock.extend", lambda: lock.extend(10))
    place.note("lock.release", lock.release)
    place.note("a lock that is free", rival.acquire)
    place.note("a release too much", lock.release, wants_error=True)


def scripts(place):
    do = place.do
    do.eval("return {1, 2.9, 'x', {KEYS[1], ARGV[1]}, false, 'end'}", 1, "k", "v")
    do.eval_ro("return redis.call('get', KEYS[1])", 1, "k")
    do.fails.eval_ro("return redis.call('set', KEYS[1], 1)", 1, "k")
    do.fails.eval("return redis.error_reply('MY own error')", 0)
    do.fails.eval("this is no Lua", 0)
    do.fails.eval("return redis.call('incr', KEYS[1], 'x', 'y')", 1, "k")
    do.eval("redis.setresp(3); return redis.call('hgetall', KEYS[1])", 1, "h")
    do.fails.evalsha("0" * 40, 0)
    sha = do.script_load("return ARGV[1]")
    do.evalsha(sha, 0, b"\x00binary")
    do.evalsha_ro(sha, 0, "x")
    do.script_exists(sha, "0" * 40)
    bump = place.client.register_script(BUMP)
    place.note("a registered script", lambda: bump(keys=["n"], args=[5]))
    do.script_flush()
    place.note("it loads itself again", lambda: bump(keys=["n"], args=[5]))
    do.script_flush()
    pipe = place.client.pipeline()
    bump(keys=["n"], args=[1], client=pipe)
    pipe.get("n")
    place.note("a registered script in a pipeline", pipe.execute)
    do.fails.script_kill()
    do.function_load(LIBRARY)
    do.fails.function_load(LIBRARY)
    do.function_load(LIBRARY, replace=True)
    do.fcall("put", 1, "fk", "value")
    do.fcall_ro("peek", 1, "fk")
    do.fails.fcall_ro("put", 1, "fk", "x")
    do.fails.fcall("nosuch", 0)
    do.function_stats()
    dump = do.function_dump()
    do.function_delete("drive")
    do.fails.function_delete("drive")
    do.function_restore(dump)
    do.fcall("peek", 1, "fk")
    do.fails.function_kill()
    do.function_flush("SYNC")
    do.function_list()


def blocking(place):
    """Each blocks on a connection of its own, until another one has pushed something."""
    place.client.xgroup_create("st", "group", "$", mkstream=True)
    waits = [
        ("BLPOP", lambda c: c.blpop(["l1", "l2"], 0), lambda c: c.rpush("l2", "v")),
        ("BRPOP", lambda c: c.brpop("l3", 0), lambda c: c.rpush("l3", 1, 2, 3)),
        ("BLMOVE", lambda c: c.blmove("l4", "l5", 0), lambda c: c.rpush("l4", "v")),
        ("BRPOPLPUSH", lambda c: c.brpoplpush("l6", "l5", 0), lambda c: c.rpush("l6", "w")),
        ("BLMPOP", lambda c: c.blmpop(0, 1, "l7", direction="LEFT"), lambda c: c.rpush("l7", "v")),
        ("BZPOPMIN", lambda c: c.bzpopmin("z1", 0), lambda c: c.zadd("z1", {"m": 1.5})),
        ("BZMPOP", lambda c: c.bzmpop(0, 1, ["z2"], max=True), lambda c: c.zadd("z2", {"m": 2})),
        (
            "XREAD",
            lambda c: c.xread({"sx": "$"}, block=0),
            lambda c: c.xadd("sx", {"f": "v"}, id="7-7"),
        ),
        (
            "XREADGROUP",
            lambda c: c.xreadgroup("group", "me", {"st": ">"}, block=0),
            lambda c: c.xadd("st", {"f": "v"}, id="8-8"),
        ),
        ("BLPOP unblocked", lambda c: c.blpop("none", 0), unblock),
        ("BLPOP unblocked with an error", lambda c: c.blpop("none", 0), unblock_with_error),
    ]
    for name, wait, push in waits:
        waiter = place.connect(client_name="waiter")
        outcome = []
        thread = threading.Thread(target=lambda: outcome.append(attempt(lambda: wait(waiter))))
        thread.start()
        until(lambda: "b" in place.state("waiter").get("flags", ""), f"{name} to block")
        place.note(f"{name}: the push", lambda: push(place.control))
        thread.join()
        place.note(f"{name}: what the waiter got", lambda: outcome[0])
        place.drop(waiter)
    place.do.wait(0, 10)


def attempt(action):
    try:
        return action()
    except redis.RedisError as error:
        return error


def unblock(client):
    waiter = [line for line in client.client_list() if line["name"] == "waiter"]
    return client.client_unblock(waiter[0]["id"])


def unblock_with_error(client):
    waiter = [line for line in client.client_list() if line["name"] == "waiter"]
    return client.client_unblock(waiter[0]["id"], error=True)


TOPICS = (pipelines, transactions, scripts, blocking)
