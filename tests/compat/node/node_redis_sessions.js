"use strict";
// Topics of node-redis's drive: what makes a connection something of its own, and
// what the library adds.

const crypto = require("node:crypto");
const { ask, note, steps, until } = require("./recorder.js");

const LIBRARY =
  "#!lua name=drive\nredis.register_function{function_name='peek', flags={'no-writes'}, " +
  "callback=function(keys) return redis.call('get', keys[1]) end}";
const BUMP = "return redis.call('incrby', KEYS[1], ARGV[1])";

async function pipelines(place) {
  const { client } = place;
  await note("in one go", () =>
    Promise.allSettled([
      client.set("a", "1"),
      client.incr("a"),
      client.lPush("a", "1"),
      client.get("no"),
    ]),
  );
  await note("5,000 in one go", () =>
    Promise.all(Array.from({ length: 5000 }, (_, i) => client.incrBy("sum", i))),
  );
  const many = client.multi();
  for (let i = 0; i < 5000; i++) many.incrBy("sum", i);
  await note("5,000 as a pipeline", () => many.execAsPipeline());
  const pool = place.library.createClientPool(
    { RESP: place.where.protocol, socket: { host: place.where.host, port: place.where.port } },
    { minimum: 3, maximum: 3 },
  );
  await pool.connect();
  await note("a pool", () =>
    Promise.all(Array.from({ length: 300 }, (_, i) => pool.set(`k${i}`, `${i}`))),
  );
  await note("one of the pool", () => pool.execute((one) => one.get("k7")));
  await pool.close();
}

async function transactions(place) {
  const { client, control } = place;
  const outer = place.do;
  await note("MULTI ... EXEC", () => client.multi().set("a", "1").incr("a").hGetAll("h").exec());
  await note("an error at run time", () => client.multi().set("a", "x").incr("a").get("a").exec(), {
    fails: true,
  });
  await note(
    "an error when queued",
    () => client.multi().set("b", "1").addCommand(["NOSUCH"]).exec(),
    { fails: true },
  );
  await outer.exists("b");
  for (let tries = 0; tries < 3; tries++) {
    await outer.watch("counter");
    const value = Number(await client.get("counter"));
    if (tries < 2) await control.set("counter", `${100 * (tries + 1)}`);
    const work = () =>
      client
        .multi()
        .set("counter", `${value + 1}`)
        .get("counter")
        .exec();
    await note(`try ${tries}`, work, { fails: tries < 2 });
  }
  await outer.watch("counter");
  await outer.unwatch();
}

async function scripts(place) {
  const outer = place.do;
  await outer.eval("return {1, 2.9, 'x', {KEYS[1], ARGV[1]}, false, 'end'}", {
    keys: ["k"],
    arguments: ["v"],
  });
  await outer.fails.eval("return redis.error_reply('MY own error')");
  await outer.fails.evalSha("0".repeat(40));
  const sha = await outer.scriptLoad("return ARGV[1]");
  await outer.evalSha(sha, { arguments: ["x"] });
  await outer.scriptExists([sha, "0".repeat(40)]);
  const bump = place.library.defineScript({
    SCRIPT: BUMP,
    NUMBER_OF_KEYS: 1,
    parseCommand(parser, key, by) {
      parser.pushKey(key);
      parser.push(String(by));
    },
    transformReply: undefined,
  });
  const scripted = await place.connect({ scripts: { bump } });
  await note("a script of its own", () => scripted.bump("n", 5));
  await outer.scriptFlush();
  await note("it loads itself again", () => scripted.bump("n", 5));
  await note("a script in a transaction", () =>
    scripted.multi().bump("n", 1).get("n").bump("n", 1).exec(),
  );
  await outer.functionLoad(LIBRARY);
  await outer.fails.functionLoad(LIBRARY);
  await outer.functionLoad(LIBRARY, { REPLACE: true });
  await outer.set("fk", "value");
  await outer.fCall("peek", { keys: ["fk"] });
  await outer.fCallRo("peek", { keys: ["fk"] });
  await outer.fails.fCall("nosuch");
  await outer.functionList();
  await outer.functionStats();
  await outer.functionFlush();
}

async function blocking(place) {
  const waits = [
    ["blPop", [["l1", "l2"], 0], ["rPush", "l2", "v"]],
    ["brPop", ["l3", 0], ["rPush", "l3", ["1", "2", "3"]]],
    ["blMove", ["l4", "l5", "LEFT", "RIGHT", 0], ["rPush", "l4", "v"]],
    ["blmPop", [0, "l6", "LEFT"], ["rPush", "l6", "v"]],
    ["bzPopMin", ["z", 0], ["zAdd", "z", { score: 1.5, value: "m" }]],
    ["xRead", [{ key: "sx", id: "$" }, { BLOCK: 0 }], ["xAdd", "sx", "7-7", { f: "v" }]],
    ["blPop", ["none", 0], null, "TIMEOUT"],
    ["blPop", ["none", 0], null, "ERROR"],
  ];
  for (const [method, values, push, unblock] of waits) {
    const waiter = await place.connect({ name: "waiter" });
    const waiting = waiter[method](...values).catch((error) => error);
    await until(() => place.blocked("waiter"), `${method} to block`);
    if (push) await note(`the push for ${method}`, () => place.control[push[0]](...push.slice(1)));
    else {
      const { id } = await place.state("waiter");
      await note(`unblock, ${unblock}`, () =>
        place.control.sendCommand(["CLIENT", "UNBLOCK", String(id), unblock]),
      );
    }
    await note(`what ${method} got`, () => waiting);
    waiter.destroy();
    await until(async () => !(await place.state("waiter")), "the waiter to leave");
  }
}

async function clients(place) {
  const outer = place.do;
  await outer.clientSetName("drive");
  await outer.clientGetName();
  await outer.clientId();
  await outer.clientInfo();
  await note("CLIENT LIST, of one", () => place.state("drive"));
  await outer.sendCommand(["CLIENT", "NO-EVICT", "ON"]);
  await outer.clientPause(20);
  await outer.set("after", "the pause");
  await outer.fails.sendCommand(["CLIENT", "KILL", "127.0.0.1:1"]);
  await outer.aclSetUser("ann", [
    "on",
    ">secret",
    "~ann:*",
    "+get",
    "+set",
    "+acl|whoami",
    "+hello",
  ]);
  const ann = steps(await place.connect({ username: "ann", password: "secret" }), "ann: ");
  await ann.aclWhoAmI();
  await ann.set("ann:1", "mine");
  await ann.fails.set("bob:1", "1");
  await ann.fails.del("ann:1");
  await note("a wrong password", () => place.connect({ username: "ann", password: "wrong" }), {
    fails: true,
  });
  await outer.aclUsers();
  await outer.aclDelUser("ann");
  await outer.configSet("requirepass", "sesame");
  await note("without a password", async () => (await place.connect()).get("a"), { fails: true });
  const opened = steps(await place.connect({ password: "sesame" }), "with it: ");
  await opened.set("a", "1");
  await opened.configSet("requirepass", "");
  const fifth = steps(await place.connect({ database: 5, name: "fifth" }), "db 5: ");
  await fifth.set("where", "5");
  await fifth.clientGetName();
  await outer.get("where");
  await note("select", () => place.client.select(5));
  await outer.get("where");
  await note("db 99", () => place.connect({ database: 99 }), { fails: true });
  const unix = steps(await place.connect({ unix: true }), "unix socket: ");
  await unix.set("k", "v".repeat(100000));
  await unix.get("k");
  const all = await Promise.all(
    Array.from({ length: 60 }, (_, i) => place.connect({ database: i % 10 })),
  );
  const work = (one, i) => one.multi().set("i", `${i}`).get("i").exec();
  await note("60 connections", () => Promise.all(all.map(work)));
  const leaver = await place.connect();
  await note("quit", () => leaver.quit());
  await note("after quit", () => leaver.get("a"), { fails: true });
  const closer = await place.connect();
  const last = closer.set("last", "word");
  await note("close waits for what is under way", () => Promise.all([last, closer.close()]));
  const victim = await place.connect({ name: "victim", reconnect: () => 20 });
  const events = [];
  for (const event of ["reconnecting", "ready"]) victim.on(event, () => events.push(event));
  const { id } = await place.state("victim");
  await note("CLIENT KILL", () => place.control.sendCommand(["CLIENT", "KILL", "ID", String(id)]));
  await until(() => events.includes("ready"), "the killed client to be back");
  await note("killed, and here again", () => victim.clientGetName());
  await note("its events", () => events);
}

async function errors(place) {
  const outer = place.do;
  await outer.set("text", "x");
  for (const words of [
    "LPUSH text 1",
    "NOSUCH",
    "GET",
    "GET a b",
    "CONFIG NOSUCH",
    "SET a 1 NOSUCH",
    "EXEC",
    `EVALSHA ${"f".repeat(40)} 0`,
    "HELLO 9",
  ]) {
    await outer.fails.sendCommand(words.split(" "));
  }
  const binary = place.client.withTypeMapping({ [place.library.RESP_TYPES.BLOB_STRING]: Buffer });
  const raw = steps(binary, "as Buffer: ");
  const part = crypto.createHash("sha256").update("big").digest();
  const value = Buffer.concat(Array.from({ length: 1 << 18 }, () => part)); // 8 MiB
  await raw.set("big", value);
  await raw.get("big");
  await raw.echo(value);
  await raw.strLen("big");
  for (const key of [
    Buffer.from([0]),
    Buffer.from("\r\n"),
    Buffer.from("$3\r\nabc\r\n"),
    Buffer.alloc(0),
  ]) {
    await raw.set(key, key);
    await raw.get(key);
  }
  await outer.set("snowman \u2603", "\u2603");
  await outer.get("snowman \u2603");
}

// The last topic: its Redis is restarted.
async function restart(place) {
  const events = [];
  const back = { reconnect: () => 50 };
  const client = await place.connect({ ...back, database: 3, name: "phoenix" });
  for (const name of ["reconnecting", "ready"]) client.on(name, () => events.push(name));
  const listener = await place.connect(back);
  const heard = [];
  await listener.subscribe("news", (message) => heard.push(message));
  const fast = await place.connect({ ...back, disableOfflineQueue: true });
  const lost = await place.connect();
  await client.set("before", "1");
  await ask("restart");
  await until(() => !lost.isOpen, "the one that does not come back to end");
  await note("one that does not come back", () => lost.get("a"), { fails: true });
  await until(() => events.includes("reconnecting"), "the close");
  await note("queued until it is ready", () => client.set("after", "1"));
  await note("what is left", () => client.get("before"));
  await note("its name", () => client.clientGetName());
  await note("the database", async () => (await client.clientInfo()).db);
  await until(() => fast.isReady, "the one without an offline queue");
  await note("without an offline queue", () => fast.ping());
  await until(
    async () => (await client.pubSubNumSub("news")).news > 0,
    "the subscription to be back",
  );
  await note("publish", () => client.publish("news", "again"));
  await until(() => heard.length > 0, "a message");
  await note("a message", () => heard[0]);
}

module.exports = [pipelines, transactions, scripts, blocking, clients, errors, restart];
