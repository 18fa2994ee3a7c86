"use strict";
// Topics of ioredis's drive: what makes a connection something of its own, and what ioredis adds:
// auto-pipelining, the ready check, the offline queue, reconnecting.

const crypto = require("node:crypto");
const { ask, note, steps, until } = require("./recorder.js");

const LIBRARY =
  "#!lua name=drive\nredis.register_function{function_name='peek', flags={'no-writes'}, " +
  "callback=function(keys) return redis.call('get', keys[1]) end}";

async function pipelines(place) {
  const { client } = place;
  await note("a pipeline with an error in it", () =>
    client
      .pipeline()
      .set("a", 1)
      .incr("a")
      .lpush("a", 1)
      .hset("h", "f", "v")
      .hgetall("h")
      .get("no")
      .exec(),
  );
  const many = client.pipeline();
  for (let i = 0; i < 5000; i++) many.incrby("sum", i);
  await note("a pipeline of 5,000", () => many.exec());
  await note("5,000 without waiting", () =>
    Promise.all(Array.from({ length: 5000 }, (_, i) => client.incrby("sum", i))),
  );
  const auto = place.connect({ enableAutoPipelining: true });
  await note("auto-pipelining", () =>
    Promise.all(
      Array.from({ length: 2000 }, (_, i) => auto.set(`k${i}`, i).then(() => auto.get(`k${i}`))),
    ),
  );
  await note("what waits there", () => auto.autoPipelineQueueSize);
}

async function transactions(place) {
  const { client, control } = place;
  const outer = place.do;
  await note("MULTI ... EXEC", () => client.multi().set("a", 1).incr("a").hgetall("h").exec());
  await note("an error at run time", () => client.multi().set("a", "x").incr("a").get("a").exec());
  await note("an error when queued", () => client.multi().set("b", 1).call("NOSUCH").exec(), {
    fails: true,
  });
  await outer.exists("b");
  await client.multi({ pipeline: false });
  await outer.set("c", 1);
  await outer.get("c");
  await outer.exec();
  await client.multi({ pipeline: false });
  await outer.set("d", 1);
  await outer.discard();
  await outer.get("d");
  for (let tries = 0; tries < 3; tries++) {
    await outer.watch("counter");
    const value = Number(await client.get("counter"));
    if (tries < 2) await control.set("counter", 100 * (tries + 1));
    await note(`try ${tries}`, () =>
      client
        .multi()
        .set("counter", value + 1)
        .get("counter")
        .exec(),
    );
  }
  await outer.watch("counter");
  await outer.unwatch();
}

async function scripts(place) {
  const outer = place.do;
  await outer.eval("return {1, 2.9, 'x', {KEYS[1], ARGV[1]}, false, 'end'}", 1, "k", "v");
  await outer.fails.eval("return redis.error_reply('MY own error')", 0);
  await outer.fails.evalsha("0".repeat(40), 0);
  const sha = await outer.script("LOAD", "return ARGV[1]");
  await outer.evalsha(sha, 0, "x");
  await outer.script("EXISTS", sha, "0".repeat(40));
  place.client.defineCommand("bump", {
    numberOfKeys: 1,
    lua: "return redis.call('incrby', KEYS[1], ARGV[1])",
  });
  await outer.bump("n", 5);
  await outer.script("FLUSH");
  await outer.bump("n", 5);
  await outer.script("FLUSH");
  await note("a script in a pipeline", () =>
    place.client.pipeline().bump("n", 1).get("n").bump("n", 1).exec(),
  );
  await outer.function("LOAD", LIBRARY);
  await outer.fails.function("LOAD", LIBRARY);
  await outer.set("fk", "value");
  await outer.fcall("peek", 1, "fk");
  await outer.fcall_ro("peek", 1, "fk");
  await outer.fails.fcall("nosuch", 0);
  await outer.function("LIST");
  await outer.function("FLUSH");
}

async function blocking(place) {
  const waits = [
    ["blpop", ["l1", "l2", 0], ["rpush", "l2", "v"]],
    ["brpop", ["l3", 0], ["rpush", "l3", 1, 2, 3]],
    ["blmove", ["l4", "l5", "LEFT", "RIGHT", 0], ["rpush", "l4", "v"]],
    ["blmpop", [0, 1, "l6", "LEFT"], ["rpush", "l6", "v"]],
    ["bzpopmin", ["z", 0], ["zadd", "z", 1.5, "m"]],
    ["xread", ["BLOCK", 0, "STREAMS", "sx", "$"], ["xadd", "sx", "7-7", "f", "v"]],
    ["blpop", ["none", 0], null, "TIMEOUT"],
    ["blpop", ["none", 0], null, "ERROR"],
  ];
  for (const [method, values, push, unblock] of waits) {
    const waiter = place.connect({ connectionName: "waiter" });
    const waiting = waiter[method](...values).catch((error) => error);
    await until(() => place.blocked("waiter"), `${method} to block`);
    if (push) await note(`the push for ${method}`, () => place.control[push[0]](...push.slice(1)));
    else {
      const id = /id=(\d+)/.exec(await place.state("waiter"))[1];
      await note(`unblock, ${unblock}`, () => place.control.client("UNBLOCK", id, unblock));
    }
    await note(`what ${method} got`, () => waiting);
    waiter.disconnect();
    await until(async () => !(await place.state("waiter")), "the waiter to leave");
  }
}

async function clients(place) {
  const outer = place.do;
  await outer.client("SETNAME", "drive");
  await outer.client("GETNAME");
  await note("client id", () => place.client.client("ID"));
  await note("CLIENT INFO", async () => String(await place.client.client("INFO")));
  await note("CLIENT LIST, of one", () => place.state("drive"));
  await outer.client("NO-EVICT", "ON");
  await outer.client("PAUSE", 20);
  await outer.set("after", "the pause");
  await outer.fails.client("KILL", "127.0.0.1:1");
  await outer.acl(
    "SETUSER",
    "ann",
    "on",
    ">secret",
    "~ann:*",
    "+get",
    "+set",
    "+acl|whoami",
    "+info",
  );
  const known = place.connect({ username: "ann", password: "secret" });
  const ann = steps(known, "ann: ");
  await ann.acl("WHOAMI");
  await ann.set("ann:1", "mine");
  await ann.fails.set("bob:1", 1);
  await ann.fails.del("ann:1");
  const once = { maxRetriesPerRequest: 0, retryStrategy: null };
  const errors = [];
  const wrong = place.connect({ username: "ann", password: "wrong", ...once });
  wrong.on("error", (error) => errors.push(error));
  await note("a wrong password", () => wrong.get("ann:1"), { fails: true });
  await until(() => wrong.status === "end", "the end of it");
  await note("its events", () => errors);
  known.disconnect(); // DELUSER would end it, and it would come back
  await outer.acl("DELUSER", "ann");
  await outer.config("SET", "requirepass", "sesame");
  const closed = place.connect(once);
  await note("without a password", () => closed.get("a"), { fails: true });
  await until(() => closed.status === "end", "the end of it");
  const opened = steps(place.connect({ password: "sesame" }), "with it: ");
  await opened.set("a", 1);
  await opened.config("SET", "requirepass", "");
  const fifth = steps(place.connect({ db: 5, connectionName: "fifth" }), "db 5: ");
  await fifth.set("where", 5);
  await fifth.client("GETNAME");
  await outer.get("where");
  const unix = steps(place.connect({ unix: true, keyPrefix: "pre:" }), "unix socket: ");
  await unix.set("k", "v");
  await unix.get("k");
  await outer.get("pre:k");
  const lazy = place.connect({ lazyConnect: true });
  await note("lazy: status", () => lazy.status);
  await note("lazy: connect", () => lazy.connect());
  await note("lazy: status then", () => lazy.status);
  await note("quit", () => lazy.quit());
  await until(() => lazy.status === "end", "the end");
  await note("after quit", () => lazy.get("a"), { fails: true });
  const all = Array.from({ length: 60 }, (_, i) => place.connect({ db: i % 10 }));
  await note("60 connections", () =>
    Promise.all(all.map((one, i) => one.multi().set("i", i).get("i").exec())),
  );
}

async function errors(place) {
  const outer = place.do;
  await outer.set("text", "x");
  for (const words of [
    ["LPUSH", "text", 1],
    ["NOSUCH"],
    ["GET"],
    ["GET", "a", "b"],
    ["CONFIG", "NOSUCH"],
    ["SET", "a", 1, "NOSUCH"],
    ["EXEC"],
    ["EVALSHA", "f".repeat(40), 0],
    ["HELLO", 9],
  ]) {
    await outer.fails.call(...words);
  }
  const big = crypto.createHash("sha256").update("big").digest();
  const value = Buffer.concat(Array.from({ length: 1 << 18 }, () => big)); // 8 MiB
  await outer.set("big", value);
  await outer.getBuffer("big");
  await outer.echoBuffer(value);
  await outer.strlen("big");
  for (const key of [
    Buffer.from([0]),
    Buffer.from("\r\n"),
    Buffer.from("$3\r\nabc\r\n"),
    Buffer.alloc(0),
  ]) {
    await outer.set(key, key);
    await outer.getBuffer(key);
  }
  await outer.set("snowman \u2603", "\u2603");
  await outer.get("snowman \u2603");
}

// The last topic: its Redis is restarted.
async function restart(place) {
  const { client } = place;
  const events = [];
  for (const name of ["close", "ready"]) client.on(name, () => events.push(name));
  const listener = place.connect();
  const heard = [];
  listener.on("message", (channel, message) => heard.push(message));
  await listener.subscribe("news");
  const fast = place.connect({ enableOfflineQueue: false, retryStrategy: null });
  await until(() => fast.status === "ready", "a connection");
  await client.select(3);
  await client.set("before", 1);
  for (const one of [client, listener]) one.options.retryStrategy = () => 50;
  place.control.disconnect();
  await ask("restart");
  await until(() => fast.status === "end", "the end of the one that does not come back");
  await note("without an offline queue", () => fast.get("a"), { fails: true });
  await until(() => events.includes("close"), "the close");
  await note("queued until it is ready", () => client.set("after", 1));
  await note("what is left", () => client.get("before"));
  await note("the database", async () => / db=3 /.test(String(await client.client("INFO"))));
  await until(
    async () => (await client.pubsub("NUMSUB", "news"))[1] > 0,
    "the subscription to be back",
  );
  await note("publish", () => client.publish("news", "again"));
  await until(() => heard.length > 0, "a message");
  await note("a message", () => heard[0]);
  await note("quit", () => client.quit());
}

module.exports = [pipelines, transactions, scripts, blocking, clients, errors, restart];
