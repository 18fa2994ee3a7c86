"use strict";
// Works on a Redis Cluster with ioredis's Cluster, and checks every answer: tests/compat/
// cluster_drive.py once more, with the same options ("module" besides) and the same lines. All
// workers share one Cluster object, as applications do.

const readline = require("node:readline");
const { Counter, Findings, Text } = require("./expected_values.js");

const options = JSON.parse(process.argv[2]);
const { Cluster } = require(options.module || "ioredis");
const calculateSlot = require("cluster-key-slot");

const SLOTS = 16384;
const PROGRESS = 500; // operations
// How ioredis gives up what Redis won't do until a slot has moved.
const ON_THE_MOVE = /^(TRYAGAIN|ASK|EXECABORT|Too many Cluster redirections)/;
const TRIES = 200; // of what meets a slot on the move
const SET_AND_GET = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])";

let done = 0;
let told = false;
let phase = "start";
const findings = new Findings();
const errors = {};
const redirects = {}; // those that the drive deals with; ioredis doesn't tell of its own
const used = new Set();

function say(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

// A tag for each slot: `{tag}` is in it.
function tags() {
  const found = new Map();
  for (let number = 0; found.size < SLOTS; number++) {
    const slot = calculateSlot(String(number));
    if (!found.has(slot)) found.set(slot, String(number));
  }
  return found;
}

// The same numbers for the same seed (mulberry32).
function generator(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function kindOf(error) {
  const text = String(error.message).split(/\s+/).slice(0, 6).join(" ").replace(/\d+/g, "#");
  return `${error.name}: ${text}`;
}

// Results of a pipeline or a transaction; the first error in them is thrown.
function results(pairs) {
  if (pairs === null) throw new Error("EXEC answered nil");
  const failed = pairs.find(([error]) => error);
  if (failed) throw failed[0];
  return pairs.map(([, result]) => result);
}

// Redis refuses to touch several keys while only some of them have moved; ioredis tells.
async function patiently(name, action) {
  for (let tries = 0; ; tries++) {
    try {
      return await action();
    } catch (error) {
      if (tries === TRIES || !ON_THE_MOVE.test(error.message)) throw error;
      const kind = `${name}: ${error.message.split(":")[0]}`;
      redirects[kind] = (redirects[kind] || 0) + 1;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

class Worker {
  constructor(client, number, own) {
    Object.assign(this, { client, tags: own, known: new Map(), operations: 0, longestPause: 0 });
    this.random = generator((options.seed || 1) * 1000 + number);
    for (let last = own.length - 1; last > 0; last--) {
      const other = this.random(last + 1);
      [own[last], own[other]] = [own[other], own[last]];
    }
  }

  enough() {
    return this.operations >= (options.count || 1000) && (!options.until_told || told);
  }

  async run() {
    const steps = ["setAndGet", "increment", "pipeline", "several", "script", "transaction"];
    let last = performance.now();
    while (!this.enough()) {
      const tag = this.tags[this.operations % this.tags.length];
      if (await this.attempt(() => this[steps[this.random(steps.length)]](tag))) {
        this.longestPause = Math.max(this.longestPause, performance.now() - last);
        last = performance.now();
      }
      this.operations++;
      if (++done % PROGRESS === 0) say({ done });
    }
    for (const key of this.known.values()) {
      await this.attempt(async () => key.check(await this.client.get(key.key)));
    }
  }

  async attempt(step) {
    try {
      await step();
      return true;
    } catch (error) {
      const kinds = (errors[phase] = errors[phase] || {});
      kinds[kindOf(error)] = (kinds[kindOf(error)] || 0) + 1;
      return false;
    }
  }

  key(Kind, tag, name) {
    const key = `{${tag}}:${name}`;
    used.add(tag);
    if (!this.known.has(key)) this.known.set(key, new Kind(key, findings));
    return this.known.get(key);
  }

  // Runs `action`, which writes the next values of the keys.
  async write(keys, action) {
    let result;
    try {
      result = await action();
    } catch (error) {
      for (const key of keys) key.failed();
      throw error;
    }
    for (const key of keys) if (key instanceof Text) key.done();
    return result;
  }

  async setAndGet(tag) {
    const text = this.key(Text, tag, "text");
    await this.write([text], () => this.client.set(text.key, text.next()));
    text.check(await this.client.get(text.key));
  }

  async increment(tag) {
    const counter = this.key(Counter, tag, "counter");
    counter.done(await this.write([counter], () => this.client.incr(counter.key)));
  }

  // Of one slot: ioredis doesn't split a pipeline.
  async pipeline(tag) {
    const texts = ["a", "b", "c"].map((name) => this.key(Text, tag, `pipeline:${name}`));
    const pipeline = this.client.pipeline();
    for (const text of texts) pipeline.set(text.key, text.next()).get(text.key);
    const got = await this.write(texts, async () => results(await pipeline.exec()));
    texts.forEach((text, at) => text.check(got[2 * at + 1]));
  }

  async several(tag) {
    const texts = [0, 1, 2].map((number) => this.key(Text, tag, `several:${number}`));
    const pairs = texts.flatMap((text) => [text.key, text.next()]);
    const keys = texts.map((text) => text.key);
    await this.write(texts, () => patiently("mset", () => this.client.mset(...pairs)));
    const got = await patiently("mget", () => this.client.mget(...keys));
    texts.forEach((text, at) => text.check(got[at]));
  }

  async script(tag) {
    const text = this.key(Text, tag, "script");
    const value = text.next();
    text.check(await this.write([text], () => this.client.eval(SET_AND_GET, 1, text.key, value)));
  }

  async transaction(tag) {
    const text = this.key(Text, tag, "transaction");
    const counter = this.key(Counter, tag, "transactions");
    const value = text.next();
    const act = async () => {
      const multi = this.client.multi().set(text.key, value).incr(counter.key).get(text.key);
      return results(await multi.exec());
    };
    const got = await this.write([text, counter], () => patiently("transaction", act));
    counter.done(got[1]);
    text.check(got[2]);
  }
}

async function main() {
  readline
    .createInterface({ input: process.stdin })
    .on("line", (line) => say({ phase: (phase = line.trim()) }))
    .on("close", () => (told = true));
  const nodes = options.nodes.map((address) => {
    const at = address.lastIndexOf(":");
    return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
  });
  const client = new Cluster(nodes, {
    redisOptions: { password: options.password || undefined, connectTimeout: 10000 },
  });
  client.on("error", () => {}); // each command tells its own
  const start = performance.now();
  const all = [...tags()];
  const count = options.workers || 4;
  const workers = [...Array(count).keys()].map((number) => {
    const own = all.filter(([slot]) => slot % count === number).map(([, tag]) => tag);
    return new Worker(client, number, own);
  });
  await Promise.all(workers.map((worker) => worker.run()));
  say({
    result: {
      operations: done,
      seconds: Math.round((performance.now() - start) / 100) / 10,
      slots: used.size,
      findings: findings.counts,
      examples: findings.examples,
      errors,
      redirects,
      longest_pause_ms: Math.round(Math.max(...workers.map((worker) => worker.longestPause))),
    },
  });
  client.disconnect();
  process.exit(0);
}

main();
