"use strict";
// Topics of node-redis's drive: what Redis sends without being asked: messages, invalidations,
// MONITOR.

const { note, steps, until } = require("./recorder.js");

async function pubsub(place) {
  const { client, control } = place;
  const heard = [];
  const hear = (message, channel) => heard.push([channel, message]);
  await note("subscribe", () => client.subscribe(["news", "sport"], hear));
  await note("as Buffer", () => client.subscribe("sport", hear, true));
  await note("pSubscribe", () => client.pSubscribe("s*", hear));
  await note("sSubscribe", () => client.sSubscribe("shard", hear));
  const other = steps(control);
  await other.sorted.pubSubChannels();
  await other.pubSubNumSub(["news", "none"]);
  await other.pubSubNumPat();
  await other.pubSubShardChannels();
  await other.publish("news", "hello");
  await other.publish("sport", Buffer.from([0, 255]));
  await until(() => heard.length === 4, "4 messages");
  await other.sPublish("shard", "hello");
  await other.publish("news", "x".repeat(100000));
  for (let i = 0; i < 1000; i++) control.publish("news", `${i}`);
  await until(() => heard.length === 1006, "1,006 messages");
  await note("messages", () => heard.splice(0, 6));
  await note("1,000 messages", () => heard);
  const how = { fails: place.where.protocol === 2 };
  await note("a command while subscribed", () => client.get("a"), how);
  await note("ping while subscribed", () => client.ping());
  await note("unsubscribe", () => client.unsubscribe("sport"));
  // By name: without one, version 5 waits for a count of 0 over channels and patterns together.
  await note("pUnsubscribe", () => client.pUnsubscribe("s*"));
  await note("sUnsubscribe", () => client.sUnsubscribe("shard"));
  await note("unsubscribe from all", () => client.unsubscribe());
  await note("an ordinary command again", () => client.set("a", "1"));
}

async function tracking(place) {
  const { control } = place;
  const heard = [];
  let client = place.client;
  if (place.where.protocol === 3) {
    client = await place.connect({ emitInvalidate: true });
    client.on("invalidate", (key) => heard.push(key));
    await note("tracking info", () => client.clientTrackingInfo());
  } else {
    const listener = await place.connect();
    const id = await listener.clientId();
    await listener.subscribe("__redis__:invalidate", (keys) => heard.push(keys));
    await note("tracking on", () => client.clientTracking(true, { REDIRECT: id }));
  }
  await client.mGet(["a", "b"]);
  await control.set("a", "1");
  await until(() => heard.length === 1, "an invalidation");
  await note("what is invalid", () => heard.splice(0));
  await control.flushAll();
  await until(() => heard.length === 1, "an invalidation of all");
  await note("all is invalid", () => heard.splice(0));
  await note("tracking off", () => client.clientTracking(false));
  if (place.where.protocol === 2) return;
  const cache = new place.library.BasicClientSideCache();
  const dropped = [];
  cache.on("invalidate", (key) => dropped.push(key));
  const cached = await place.connect({ clientSideCache: cache });
  await control.set("cached", "old");
  await note("read", () => cached.get("cached"));
  await note("read from the cache", () => cached.get("cached"));
  await note("hits", () => cache.stats().hitCount);
  await control.set("cached", "new");
  await until(() => dropped.length > 0, "the cache to be told");
  await note("what it dropped", () => dropped);
  await note("read again", () => cached.get("cached"));
}

async function monitor(place) {
  const lines = [];
  const seen = await place.connect();
  await seen.monitor((line) => lines.push(String(line)));
  await place.control.set("a", "x y");
  await place.control.eval("return redis.call('get', KEYS[1])", { keys: ["a"] });
  await until(() => lines.length === 3, "3 lines of MONITOR");
  await note("MONITOR", () => lines);
  seen.destroy();
}

module.exports = [pubsub, tracking, monitor];
