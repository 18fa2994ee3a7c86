"use strict";
// How the drives of Node.js clients write their steps down; the JSON lines are those of
// tests/compat/transcripts.py. A drive calls start(TOPICS, Place): each topic gets its own Place.

const crypto = require("node:crypto");
const readline = require("node:readline");

const LONG = 300; // characters or bytes; of longer ones the transcript has length and digest
const PATIENCE = Number(process.env.REDWALL_TEST_PATIENCE || 60) * 1000;
const where = JSON.parse(process.env.REDWALL_DRIVE);

function digest(data) {
  return crypto.createHash("sha256").update(data).digest("hex");
}

// The value as JSON that keeps types apart: no two different results look alike.
function plain(value) {
  if (value === undefined) return { undefined: true };
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isInteger(value) ? value : { float: String(value) };
  if (typeof value === "bigint") return { bigint: String(value) };
  if (typeof value === "string") {
    return value.length > LONG ? { string: value.length, sha256: digest(value) } : value;
  }
  if (Buffer.isBuffer(value)) {
    if (value.length > LONG) return { buffer: value.length, sha256: digest(value) };
    return "b:" + value.toString("latin1");
  }
  if (value instanceof Error) return { error: errorText(value) };
  if (value instanceof Set) return { set: ordered([...value]) };
  if (value instanceof Map) return { map: [...value].map(plain) };
  if (Array.isArray(value)) {
    const items = value.map(plain);
    return items.length > LONG
      ? { list: items.length, sha256: digest(JSON.stringify(items)) }
      : items;
  }
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}

function ordered(value) {
  return [...value].map(plain).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function errorText(error) {
  const inner = typeof error.errors === "function" ? [...error.errors()] : error.errors || [];
  return [`${error.name || error.constructor.name}: ${error.message}`, ...inner.map(String)].join(
    "; ",
  );
}

// Errors that are a mistake of the drive, and no answer to it.
function isMistake(error) {
  return [TypeError, ReferenceError, RangeError, SyntaxError].some((kind) => error instanceof kind);
}

let topic = "";
const methods = new Set();

function write(step) {
  process.stdout.write(JSON.stringify(step) + "\n");
}

// Awaits action() and writes down its result, or its error; says where that is unexpected.
async function note(name, action, { fails = false, arrange = plain } = {}) {
  const step = { topic, do: name.slice(0, LONG) };
  let result;
  try {
    result = await action();
    step.result = arrange(result);
    if (fails) step.unexpected = true;
  } catch (error) {
    if (isMistake(error)) throw error;
    step.error = errorText(error);
    if (!fails) step.unexpected = true;
  }
  write(step);
  return result;
}

function word(value) {
  const text = typeof value === "string" ? value : (JSON.stringify(plain(value)) ?? String(value));
  return text.length < 80 ? text : `${text.slice(0, 60)}...(${text.length})`;
}

// A client whose methods write themselves down: steps(client).get("a"); steps.fails wants an error,
// steps.sorted leaves the order of the result open.
function steps(client, prefix = "", how = {}) {
  return new Proxy(client, {
    get(target, method) {
      if (method === "fails") return steps(client, prefix, { fails: true });
      if (method === "sorted") return steps(client, prefix, { arrange: ordered });
      return (...values) => {
        methods.add(method);
        const name = prefix + [method, ...values.map(word)].join(" ");
        return note(name, () => target[method](...values), how);
      };
    },
  });
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// Waits for something that another connection brings about; what it takes is not compared.
async function until(condition, what) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > deadline) throw new TypeError(`waited in vain: ${what}`);
    await sleep(10);
  }
}

let answers = null;

async function ask(what) {
  answers ??= readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  write({ ask: what });
  const { value } = await answers.next();
  if (value !== "done") throw new TypeError(`asked for ${what}; nobody answers`);
}

// Runs the topics in order, each with a Place (has open() and close()); ends the process.
async function run(topics, Place) {
  for (const work of topics) {
    if (where.topics && !where.topics.includes(work.name)) continue;
    topic = work.name;
    const place = new Place(where);
    await place.open();
    await work(place);
    await place.close();
  }
  write({ about: `${methods.size} methods` });
}

function start(topics, Place) {
  run(topics, Place).then(
    () => process.stdout.write("", () => process.exit(0)),
    (error) => {
      process.stderr.write(`${error.stack}\n`, () => process.exit(1));
    },
  );
}

module.exports = { where, note, steps, until, sleep, ask, start, plain, ordered };
