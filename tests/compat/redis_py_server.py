"""Topics of redis-py's drive: the server's own commands, errors, and large things."""

import random

MEGABYTE = 1 << 20


def server(place):
    do = place.do
    for method in ("ping", "time", "lastsave", "dbsize", "role", "command_count", "module_list"):
        getattr(do, method)()
    do.echo(b"\x00\xff")
    do.lolwut(5, 1, 1, 1)
    place.note("the names in INFO", lambda: sorted(place.control.info()))
    place.note("COMMAND", lambda: sorted(place.control.command()))
    do.command_getkeys("MSET", "a", 1, "b", 2)
    do.sorted.command_list(pattern="x*")
    do.command_getkeysandflags("LMOVE", "a", "b", "LEFT", "LEFT")
    do.sorted.config_get("maxmemory*")
    do.config_set("hash-max-listpack-entries", 64)
    do.config_get("hash-max-listpack-entries")
    do.fails.config_set("nosuch", 1)
    do.fails.config_rewrite()
    do.slowlog_reset()
    do.slowlog_len()
    do.config_set("slowlog-log-slower-than", 10_000)
    do.memory_usage("nothing")
    do.save()
    do.replicaof("NO", "ONE")
    do.fails.cluster("INFO")
    do.fails.readonly()
    do.set("debug", 1)
    do.fails.debug_object("nothing")
    do.fails.migrate("127.0.0.1", 1, ["debug"], 0, 100)


def errors(place):
    do = place.do
    do.set("text", "x")
    do.rpush("list", 1)
    do.fails.lpush("text", 1)
    do.fails.get("list")
    do.fails.incr("text")
    do.fails.hset("list", "a", 1)
    do.fails.evalsha("f" * 40, 0)
    for words in (
        ["NOSUCH"],
        ["NOSUCH", "with", "arguments", "x" * 200],
        ["GET"],
        ["GET", "a", "b"],
        ["CONFIG", "NOSUCH"],
        ["SET", "a", 1, "NOSUCH"],
        ["EXEC"],
        ["DISCARD"],
        ["XADD", "st", "0-0", "f", "v"],
        ["EXPIRE", "text", "soon"],
        ["SETRANGE", "text", -1, "x"],
        ["HELLO", 9],
    ):
        do.fails.execute_command(*words)
    do.config_set("maxmemory", 1)
    do.fails.set("no", "room")
    do.config_set("maxmemory", 0)
    do.get("text")


def sizes(place):
    do = place.do
    big = random.Random(8).randbytes(8 * MEGABYTE)
    do.set("big", big)
    do.get("big")
    do.getrange("big", 4_000_000, 4_000_020)
    do.append("big", big[:1000])
    do.strlen("big")
    do.echo(big)
    do.set(big[:65536], "a long name")
    do.get(big[:65536])
    do.hset("h", mapping={b"\r\n": big[: 3 * MEGABYTE], b"": b"", b"\x00": big[:MEGABYTE]})
    do.sorted.hgetall("h")
    do.set("", "an empty name")
    do.get("")
    do.set("empty", b"")
    do.get("empty")
    for key in (b"\x00", b"\r\n", b"$3\r\nabc\r\n", bytes(range(256)), "\N{SNOWMAN}", b"*1"):
        do.set(key, key)
        do.get(key)
    pipe = place.client.pipeline(transaction=False)
    for i in range(20):
        pipe.set(f"mb{i}", big[:MEGABYTE]).get(f"mb{i}")
    place.note("20 MB each way in a pipeline", pipe.execute)
    do.mget([f"mb{i}" for i in range(20)])
    do.rpush("many", *range(100_000))
    do.lrange("many", 0, -1)
    do.sorted.sunion("nothing")


TOPICS = (server, errors, sizes)
