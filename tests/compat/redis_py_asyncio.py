"""A shorter drive of redis.asyncio; started by tests/compat/redis_py.py, like redis_py_drive.py."""

import asyncio
import json
import os
import sys

sys.dont_write_bytecode = True

import redis  # noqa: E402
from redis import asyncio as aioredis  # noqa: E402

from redis_py_steps import PATIENCE, Recorder, label, ordered, plain  # noqa: E402


class Place:
    """An empty Redis and connections that end with the topic."""

    def __init__(self, where, recorder):
        self.where = where
        self.recorder = recorder
        self.kept = []
        self.client = self.connect()
        self.control = self.connect()

    def connect(self, unix=False, **options):
        if unix:
            options["unix_socket_path"] = self.where["unix"]
        else:
            options.update(host=self.where["host"], port=self.where["port"])
        client = aioredis.Redis(socket_timeout=PATIENCE, **options)
        self.kept.append(client)
        return client

    async def note(self, do, awaitable, wants_error=False, arrange=plain):
        """Awaits it and writes down what it gives."""
        try:
            result = await awaitable
        except redis.RedisError as error:
            return self.recorder.error(do, error, wants_error)
        return self.recorder.result(do, result, wants_error, arrange)

    async def do(self, method, *arguments, **options):
        self.recorder.methods.add(method)
        action = getattr(self.client, method)(*arguments, **options)
        return await self.note(label(method, arguments, options), action)

    async def fails(self, method, *arguments, **options):
        action = getattr(self.client, method)(*arguments, **options)
        return await self.note(label(method, arguments, options), action, wants_error=True)

    async def flags(self, name):
        lines = [line for line in await self.control.client_list() if line["name"] == name]
        return lines[0]["flags"] if lines else ""

    async def close(self):
        for client in self.kept:
            await client.connection_pool.disconnect()


async def values(place):
    for name, *arguments in (
        ("set", "a", 1),
        ("get", "a"),
        ("incr", "a"),
        ("append", "a", b"\x00"),
        ("getrange", "a", 0, 1),
        ("mset", {"x": 1, "y": 2}),
        ("mget", "x", "y", "none"),
        ("hset", "h", "f", "v"),
        ("hgetall", "h"),
        ("rpush", "l", 1, 2, 3),
        ("lrange", "l", 0, -1),
        ("sadd", "s", "only"),
        ("smembers", "s"),
        ("zadd", "z", {"m": 1.5, "n": 2}),
        ("zrange", "z", 0, -1),
        ("zscore", "z", "m"),
        ("geoadd", "g", [13.3, 38.1, "Palermo"]),
        ("geopos", "g", "Palermo"),
        ("pfadd", "p", 1, 2),
        ("pfcount", "p"),
        ("setbit", "b", 7, 1),
        ("xadd", "st", {"f": "v"}, "1-1"),
        ("xrange", "st"),
        ("xgroup_create", "st", "group", 0),
        ("xreadgroup", "group", "me", {"st": ">"}),
        ("xautoclaim", "st", "group", "you", 0),
        ("xpending", "st", "group"),
        ("type", "z"),
        ("dbsize",),
        ("echo", b"\xff"),
    ):
        await place.do(name, *arguments)
    await place.fails("lpush", "a", 1)
    await place.fails("execute_command", "NOSUCH")
    await place.fails("evalsha", "0" * 40, 0)
    await place.do("eval", "return {KEYS[1], 2}", 1, "k")
    script = place.client.register_script("return ARGV[1]")
    await place.note("a registered script", script(args=["v"]))
    await place.do("set", "big", b"\x00\r\n" * 2_800_000)
    await place.do("get", "big")

    async def scanned():
        return [key async for key in place.client.scan_iter(count=2)]

    await place.note("scan_iter", scanned(), arrange=ordered)


async def pipelines(place):
    pipe = place.client.pipeline(transaction=False)
    for i in range(5000):
        pipe.incrby("sum", i)
    await place.note("a pipeline of 5,000", pipe.execute())
    pipe.set("a", "x").incr("a").get("a")
    await place.note("with an error in it", pipe.execute(raise_on_error=False))
    async with place.client.pipeline(transaction=True) as pipe:
        pipe.set("a", 1).incr("a")
        await place.note("MULTI ... EXEC", pipe.execute())
        await pipe.watch("a")
        await place.control.incr("a")
        pipe.multi()
        pipe.get("a")
        await place.note("a conflict", pipe.execute(), wants_error=True)
    attempts = []

    async def work(pipe):
        value = int(await pipe.get("a"))
        attempts.append(value)
        if len(attempts) == 1:
            await place.control.set("a", 50)
        pipe.multi()
        pipe.set("a", value + 1)

    await place.note("a conflict, then success", place.client.transaction(work, "a"))
    place.recorder.result("what was seen", attempts)
    many = [place.client.set(f"k{i}", i) for i in range(200)]
    place.recorder.result("200 at once", await asyncio.gather(*many))


async def blocking(place):
    for i in range(10):
        waiter = place.connect(client_name=f"waiter-{i}")
        task = asyncio.create_task(waiter.blpop("l", 0))
        while "b" not in await place.flags(f"waiter-{i}"):
            await asyncio.sleep(0.01)
        await place.do("rpush", "l", i)
        await place.note(f"waiter {i}", task)


async def pubsub(place):
    listener = place.client.pubsub()
    await listener.subscribe("news")
    await listener.psubscribe("n*")

    async def messages(count):
        got = []
        while len(got) < count:
            message = await listener.get_message(timeout=1)
            got += [message] if message else []
        return got

    await place.note("subscribed", messages(2))
    for i in range(200):
        await place.control.publish("news", i)
    await place.note("400 messages", messages(400))
    await listener.unsubscribe()
    await listener.punsubscribe()
    await place.note("unsubscribed", messages(2))
    await listener.reset()


async def options(place):
    for name, how in (
        ("db=5", {"db": 5}),
        ("client_name", {"client_name": "named"}),
        ("decode_responses", {"decode_responses": True}),
        ("unix socket", {"unix": True, "db": 2}),
    ):
        client = place.connect(**how)
        await place.note(f"{name}: set", client.set("where", name))
        await place.note(f"{name}: get", client.get("where"))
        await place.note(f"{name}: client_getname", client.client_getname())
    wrong = place.connect(username="eve", password="x")
    await place.note("an unknown user", wrong.ping(), wants_error=True)
    clients = [place.connect(db=i % 5) for i in range(60)]
    done = await asyncio.gather(*(client.set(f"c{i}", i) for i, client in enumerate(clients)))
    place.recorder.result("60 connections", done)


async def restart(place):
    await place.do("set", "before", 1)
    for client in place.kept:
        await client.connection_pool.disconnect()
    place.recorder.ask("restart")
    await place.do("get", "before")
    await place.do("set", "after", 1)


async def main():
    where = json.loads(os.environ["REDWALL_DRIVE"])
    recorder = Recorder()
    topics = {"strings": values}  # the name that the self-check asks for
    topics.update({t.__name__: t for t in (pipelines, blocking, pubsub, options, restart)})
    for name, topic in topics.items():
        if where["topics"] and name not in where["topics"]:
            continue
        recorder.topic = name
        place = Place(where, recorder)
        try:
            await place.control.flushall()
            await topic(place)
        finally:
            await place.close()
    print(json.dumps({"about": f"{len(recorder.methods)} methods"}))


if __name__ == "__main__":
    asyncio.run(main())
