"use strict";
// Puts ioredis through its API and writes a transcript: started by tests/compat/node_clients.py,
// which compares two of them. Which version: "module" of what it is told.

const { note, start, steps, where } = require("./recorder.js");
const { Redis } = require(where.module);

class Place {
  constructor() {
    this.where = where;
    this.kept = [];
  }

  // Where a topic works: an empty Redis, and connections that end with the topic.
  async open() {
    this.control = this.connect(); // unseen: polls, and cleans up
    await this.control.flushall();
    this.client = this.connect();
    this.do = steps(this.client);
  }

  connect(options = {}) {
    const address = options.unix ? { path: where.unix } : { host: where.host, port: where.port };
    const protocol = where.module === "ioredis" ? {} : { protocol: where.protocol };
    const { unix, ...rest } = options;
    const mapping = where.protocol === 3 ? { replyMapping: "resp3" } : {};
    const client = new Redis({ ...address, ...protocol, ...mapping, ...rest });
    client.on("error", () => {}); // each command tells its own
    this.kept.push(client);
    return client;
  }

  note(name, action, how) {
    return note(name, action, how);
  }

  // What CLIENT LIST says of the connection with this name; "" where there is none.
  async state(name) {
    const text = String(await this.control.client("LIST"));
    return text.split("\n").find((line) => line.includes(` name=${name} `)) || "";
  }

  async blocked(name) {
    return / flags=\S*b/.test(await this.state(name));
  }

  async close() {
    for (const client of this.kept) client.disconnect();
  }
}

const FILES = ["./ioredis_values.js", "./ioredis_messages.js", "./ioredis_sessions.js"];
start(
  FILES.flatMap((file) => require(file)),
  Place,
);
