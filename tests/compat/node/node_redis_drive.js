"use strict";
// Puts node-redis ("redis" on npm) through its API and writes a transcript: started by
// tests/compat/node_clients.py, which compares two of them. Which version: "module" of what it is
// told.

const { note, start, steps, where } = require("./recorder.js");
const library = require(where.module);

class Place {
  constructor() {
    this.where = where;
    this.library = library;
    this.kept = [];
  }

  // Where a topic works: an empty Redis, and connections that end with the topic.
  async open() {
    this.control = await this.connect(); // unseen: polls, and cleans up
    await this.control.flushAll();
    this.client = await this.connect();
    this.do = steps(this.client);
  }

  make(options = {}) {
    const { unix, reconnect = false, ...rest } = options;
    const address = unix ? { path: where.unix } : { host: where.host, port: where.port };
    const socket = { ...address, reconnectStrategy: reconnect };
    // Version 5 calls XREAD's RESP3 reply unstable, and wants that to be known.
    const client = library.createClient({
      RESP: where.protocol,
      unstableResp3: true,
      socket,
      ...rest,
    });
    client.on("error", () => {}); // each command tells its own
    this.kept.push(client);
    return client;
  }

  connect(options) {
    return this.make(options).connect();
  }

  note(name, action, how) {
    return note(name, action, how);
  }

  // What CLIENT LIST says of the connection with this name; nothing where there is none.
  async state(name) {
    return (await this.control.clientList()).find((one) => one.name === name);
  }

  async blocked(name) {
    return (await this.state(name))?.flags.includes("b");
  }

  async close() {
    for (const client of this.kept) if (client.isOpen) client.destroy();
  }
}

const FILES = ["./node_redis_values.js", "./node_redis_messages.js", "./node_redis_sessions.js"];
start(
  FILES.flatMap((file) => require(file)),
  Place,
);
