"use strict";
// Topics of node-redis's drive: every type of value, through its own methods and options.

const { note, ordered, steps } = require("./recorder.js");

// Each line a method with its arguments; "!" in front: an error is wanted; "~": the order is open.
async function calls(place, lines) {
  for (const [name, ...values] of lines) {
    const how = { "!": place.do.fails, "~": place.do.sorted }[name[0]] || place.do;
    await how[name.replace(/^[!~]/, "")](...values);
  }
}

async function strings(place) {
  await calls(place, [
    ["set", "a", "one"],
    ["set", "a", "two", { NX: true }],
    ["set", "a", "three", { XX: true, GET: true, EX: 1000 }],
    ["get", "a"],
    ["get", "nothing"],
    ["getRange", "a", 1, 3],
    ["append", "a", "!"],
    ["strLen", "a"],
    ["setRange", "a", 8, "tail"],
    ["getEx", "a", { type: "PERSIST" }],
    ["getSet", "a", "four"],
    ["set", "n", "10"],
    ["incr", "n"],
    ["incrBy", "n", 5],
    ["decr", "n"],
    ["decrBy", "n", 3],
    ["incrByFloat", "n", 1.5],
    ["!incr", "a"],
    ["mSet", { m1: "1", m2: "x" }],
    ["mGet", ["m1", "m2", "nothing"]],
    ["mSetNX", { m1: "1", new: "2" }],
    ["setEx", "s", 100, "v"],
    ["pSetEx", "s", 100000, "v"],
    ["setNX", "s", "w"],
    ["!setEx", "s", 0, "v"],
    ["getDel", "s"],
    ["lcs", "a", "n"],
    ["lcsLen", "a", "n"],
    ["setBit", "b", 7, 1],
    ["getBit", "b", 7],
    ["bitCount", "b"],
    ["bitCount", "b", { start: 0, end: 3, mode: "BIT" }],
    ["bitPos", "b", 1],
    ["bitOp", "NOT", "c", "b"],
    [
      "bitField",
      "f",
      [
        { operation: "SET", encoding: "u8", offset: 0, value: 250 },
        { operation: "INCRBY", encoding: "u8", offset: 0, increment: 10 },
        { operation: "GET", encoding: "u8", offset: 0 },
      ],
    ],
    ["!setBit", "b", 1, 2],
    ["type", "a"],
    ["exists", ["a", "n", "nothing"]],
    ["touch", ["a", "n"]],
    ["expire", "a", 1000],
    ["expire", "a", 10, "GT"],
    ["ttl", "a"],
    ["pExpire", "a", 2000000],
    ["pTTL", "a"],
    ["expireAt", "a", 4102444800],
    ["expireTime", "a"],
    ["persist", "a"],
    ["rename", "n", "n2"],
    ["!rename", "nothing", "x"],
    ["renameNX", "n2", "a"],
    ["copy", "a", "a2"],
    ["move", "a2", 3],
    ["unlink", ["a2", "n2"]],
    ["del", "nothing"],
    ["dbSize"],
    ["~keys", "*"],
    ["objectEncoding", "a"],
    ["objectRefCount", "a"],
  ]);
  const binary = place.client.withTypeMapping({ [place.library.RESP_TYPES.BLOB_STRING]: Buffer });
  const raw = steps(binary, "as Buffer: ");
  await raw.set("bin", Buffer.from([0, 255, 13, 10]));
  await raw.get("bin");
  await raw.set(Buffer.from([0, 255]), "v");
  await raw.get(Buffer.from([0, 255]));
  await raw.get("c");
  const dump = await binary.dump("a");
  await place.do.restore("r", 0, dump);
  await place.do.get("r");
  await place.do.fails.restore("r", 0, dump);
}

async function collections(place) {
  await calls(place, [
    ["hSet", "h", "f", "v"],
    ["hSet", "h", { a: 1, b: 2.5 }],
    ["hSet", "h", new Map([["m", "n"]])],
    ["hGet", "h", "f"],
    ["hGet", "h", "nothing"],
    ["hGetAll", "h"],
    ["hGetAll", "nothing"],
    ["hmGet", "h", ["a", "b", "nothing"]],
    ["hKeys", "h"],
    ["hVals", "h"],
    ["hLen", "h"],
    ["hExists", "h", "a"],
    ["hIncrBy", "h", "a", 5],
    ["hIncrByFloat", "h", "b", 0.25],
    ["hSetNX", "h", "a", "1"],
    ["hStrLen", "h", "f"],
    ["hDel", "h", ["a", "no"]],
    ["!hIncrBy", "h", "f", 1],
    ["hSet", "one", "k", "v"],
    ["hRandFieldCountWithValues", "one", 1],
    ["rPush", "l", ["a", "b", "c", "b"]],
    ["lPush", "l", "1"],
    ["lPushX", "nothing", "1"],
    ["lRange", "l", 0, -1],
    ["lLen", "l"],
    ["lIndex", "l", 0],
    ["lInsert", "l", "BEFORE", "b", "x"],
    ["lSet", "l", 0, "y"],
    ["!lSet", "l", 100, "y"],
    ["lPos", "l", "b"],
    ["lPosCount", "l", "b", 0],
    ["lRem", "l", 1, "b"],
    ["lTrim", "l", 0, 4],
    ["lPop", "l"],
    ["rPopCount", "l", 2],
    ["rPopLPush", "l", "l2"],
    ["lMove", "l", "l2", "LEFT", "RIGHT"],
    ["lmPop", ["l", "l2"], "LEFT", { COUNT: 2 }],
    ["blPop", ["l", "l2"], 1],
    ["brPop", "nothing", 0.01],
    ["rPush", "n", ["3", "1", "2"]],
    ["sort", "n", { DIRECTION: "DESC" }],
    ["sort", "n", { BY: "nosort", GET: "#" }],
    ["sortStore", "n", "n2"],
    ["!lPush", "h", "1"],
    ["sAdd", "s", ["a", "b", "c"]],
    ["sAdd", "t", ["b", "c", "d"]],
    ["sCard", "s"],
    ["~sMembers", "s"],
    ["sIsMember", "s", "a"],
    ["smIsMember", "s", ["a", "x"]],
    ["~sDiff", ["s", "t"]],
    ["~sInter", ["s", "t"]],
    ["~sUnion", ["s", "t"]],
    ["sInterStore", "d", ["s", "t"]],
    ["sInterCard", ["s", "t"], { LIMIT: 1 }],
    ["sMove", "s", "t", "a"],
    ["sRem", "s", "b"],
    ["sAdd", "o", "only"],
    ["sRandMember", "o"],
    ["sPop", "o"],
    ["sPop", "o"],
    [
      "zAdd",
      "z",
      [
        { score: 1, value: "a" },
        { score: 2.5, value: "b" },
        { score: Infinity, value: "c" },
      ],
    ],
    ["zAdd", "z", { score: 4, value: "a" }, { condition: "XX", CH: true }],
    ["zAddIncr", "z", { score: 0.5, value: "a" }],
    ["zCard", "z"],
    ["zCount", "z", "-inf", "(3"],
    ["zIncrBy", "z", 2, "b"],
    ["zScore", "z", "b"],
    ["zScore", "z", "nothing"],
    ["zmScore", "z", ["a", "nothing"]],
    ["zRank", "z", "a"],
    ["zRevRank", "z", "nothing"],
    ["zRange", "z", 0, -1],
    ["zRangeWithScores", "z", 0, -1],
    ["zRange", "z", 2, 6, { BY: "SCORE" }],
    ["zRangeByLex", "z", "-", "+"],
    ["zLexCount", "z", "-", "+"],
    ["zAdd", "y", { score: 1, value: "a" }],
    ["zUnionWithScores", ["z", "y"]],
    ["zInter", ["z", "y"]],
    ["zDiff", ["z", "y"]],
    ["zUnionStore", "d", ["z", "y"]],
    ["zPopMin", "z"],
    ["zPopMaxCount", "z", 2],
    ["zAdd", "z", { score: 1, value: "p" }],
    ["bzPopMin", "z", 1],
    ["bzPopMax", "nothing", 0.01],
    ["zAdd", "z", { score: 1, value: "p" }],
    ["zmPop", "z", "MIN"],
    ["zRem", "y", "x"],
    ["zRemRangeByRank", "y", 0, -1],
    [
      "geoAdd",
      "g",
      [
        { longitude: 13.361389, latitude: 38.115556, member: "Palermo" },
        { longitude: 15.087269, latitude: 37.502669, member: "Catania" },
      ],
    ],
    ["geoDist", "g", "Palermo", "Catania", "km"],
    ["geoPos", "g", ["Palermo", "nothing"]],
    ["geoHash", "g", "Palermo"],
    ["~geoSearch", "g", { longitude: 15, latitude: 37 }, { radius: 200, unit: "km" }],
    ["!geoAdd", "g", { longitude: 500, latitude: 100, member: "x" }],
    ["pfAdd", "p", ["1", "2"]],
    ["pfAdd", "q", "4"],
    ["pfCount", ["p", "q"]],
    ["pfMerge", "m", ["p", "q"]],
  ]);
}

async function streams(place) {
  const after = { key: "st", id: ">" };
  await calls(place, [
    ["xAdd", "st", "1-1", { f: "v" }],
    ["xAdd", "st", "2-1", { f: "v", g: "w" }],
    ["xAdd", "st", "3-1", { f: "x" }],
    ["!xAdd", "st", "1-1", { f: "v" }],
    ["xLen", "st"],
    ["xRange", "st", "-", "+"],
    ["xRevRange", "st", "+", "-", { COUNT: 1 }],
    ["xRead", { key: "st", id: "0" }, { COUNT: 2 }],
    ["xRead", { key: "st", id: "$" }, { BLOCK: 10 }],
    ["xGroupCreate", "st", "g", "0"],
    ["!xGroupCreate", "st", "g", "0"],
    ["xGroupCreateConsumer", "st", "g", "idle"],
    ["xReadGroup", "g", "alice", after, { COUNT: 2 }],
    ["xReadGroup", "g", "bob", after],
    ["xReadGroup", "g", "alice", { key: "st", id: "0" }],
    ["xAck", "st", "g", "1-1"],
    ["xPending", "st", "g"],
    ["xPendingRange", "st", "g", "-", "+", 10],
    ["xClaim", "st", "g", "carol", 0, "2-1"],
    ["xClaimJustId", "st", "g", "carol", 0, "2-1"],
    ["xAutoClaim", "st", "g", "dave", 0, "0"],
    ["xInfoStream", "st"],
    ["xInfoGroups", "st"],
    ["xInfoConsumers", "st", "g"],
    ["xGroupDelConsumer", "st", "g", "dave"],
    ["xDel", "st", "3-1"],
    ["xTrim", "st", "MAXLEN", 1],
    ["xGroupDestroy", "st", "g"],
    ["!xReadGroup", "g", "alice", after],
  ]);
}

async function scans(place) {
  const { client, control } = place;
  const adding = [];
  for (let i = 0; i < 500; i++) {
    adding.push(
      control.set(`key:${i}`, `${i}`),
      control.hSet("h", `f${i}`, i),
      control.sAdd("s", `m${i}`),
    );
    adding.push(control.zAdd("z", { score: i, value: `${i}` }));
  }
  await Promise.all(adding);
  const every = { MATCH: "*9", COUNT: 20 };
  const iterators = {
    scanIterator: client.scanIterator(every),
    hScanIterator: client.hScanIterator("h", every),
    sScanIterator: client.sScanIterator("s", every),
    zScanIterator: client.zScanIterator("z", every),
  };
  for (const [name, iterator] of Object.entries(iterators)) {
    const found = new Set();
    for await (const items of iterator) for (const item of items) found.add(JSON.stringify(item));
    await note(name, () => [...found], { arrange: ordered });
  }
}

module.exports = [strings, collections, streams, scans];
