"use strict";
// Topics of ioredis's drive: what Redis sends without being asked: messages, invalidations,
// MONITOR.

const { note, steps, until } = require("./recorder.js");

async function pubsub(place) {
  const { client, control } = place;
  const heard = [];
  client.on("message", (channel, message) => heard.push(["message", channel, message]));
  client.on("pmessageBuffer", (pattern, channel, message) =>
    heard.push(["pmessage", pattern, channel, message]),
  );
  // A connection of its own: ioredis takes a count of 0 for "no subscription of any kind".
  const shard = place.connect();
  shard.on("smessage", (channel, message) => heard.push(["smessage", channel, message]));
  await note("subscribe", () => client.subscribe("news", "sport"));
  await note("psubscribe", () => client.psubscribe("s*"));
  await note("ssubscribe", () => shard.ssubscribe("shard"));
  const other = steps(control);
  await other.sorted.pubsub("CHANNELS");
  await other.pubsub("NUMSUB", "news", "none");
  await other.publish("news", "hello");
  await other.publish("sport", Buffer.from([0, 255]));
  await other.spublish("shard", "hello");
  await other.publish("news", "x".repeat(100000));
  for (let i = 0; i < 1000; i++) control.publish("news", i);
  await until(() => heard.length === 1005, "1,005 messages");
  await note("messages", () => heard.splice(0, 5));
  await note("1,000 messages", () => heard);
  if (place.where.protocol === 2)
    await note("a command in subscriber mode", () => client.get("a"), { fails: true });
  await note("punsubscribe", () => client.punsubscribe("s*"));
  await note("unsubscribe", () => client.unsubscribe("sport"));
  await note("unsubscribe from all", () => client.unsubscribe());
  await note("sunsubscribe", () => shard.sunsubscribe("shard"));
  await note("an ordinary command again", () => client.set("a", 1));
}

async function tracking(place) {
  const { client, control } = place;
  // RESP2: ioredis 6 drops RESP3's invalidation pushes.
  const listener = place.connect({ enableReadyCheck: false, protocol: 2, replyMapping: undefined });
  const id = await listener.client("ID");
  const heard = [];
  listener.on("messageBuffer", (channel, message) => heard.push([channel, message]));
  await listener.subscribe("__redis__:invalidate");
  await note("tracking on", () => client.client("TRACKING", "ON", "REDIRECT", id));
  await client.mget("a", "b");
  await control.set("a", 1);
  await until(() => heard.length === 1, "an invalidation");
  await note("what is invalid", () => heard.splice(0));
  await note("tracking info", () => client.client("TRACKINGINFO"));
  await note("tracking off", () => client.client("TRACKING", "OFF"));
}

async function monitor(place) {
  const seen = await place.client.monitor();
  const lines = [];
  seen.on("monitor", (time, args, source, database) => lines.push([args, database]));
  await place.control.set("a", "x y");
  await place.control.eval("return redis.call('get', KEYS[1])", 1, "a");
  await until(() => lines.length === 3, "3 lines of MONITOR");
  await note("MONITOR", () => lines);
  seen.disconnect();
}

module.exports = [pubsub, tracking, monitor];
