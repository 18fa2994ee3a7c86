"use strict";
// What a key must hold when it has one writer only: tests/compat/expected_values.py once more, which
// says what is right, wrong, lost and repeated.

const SHOWN = 10;

class Findings {
  constructor() {
    this.counts = { wrong: 0, lost: 0, repeated: 0 };
    this.examples = [];
  }

  note(kind, what) {
    this.counts[kind]++;
    if (this.examples.length < SHOWN) this.examples.push(`${kind}: ${what}`);
  }
}

// A key with a string in it.
class Text {
  constructor(key, findings) {
    Object.assign(this, { key, findings, number: 0, acknowledged: 0, perhaps: new Set() });
  }

  next() {
    this.number++;
    return `${this.key}|${this.number}`;
  }

  done() {
    this.acknowledged = this.number;
  }

  failed() {
    this.perhaps.add(this.number);
  }

  check(got) {
    const number = this.numberOf(got);
    if (number === null || number > this.number) {
      this.findings.note("wrong", `${this.key} holds ${JSON.stringify(got)}`);
    } else if (number !== this.acknowledged && !this.perhaps.has(number)) {
      this.findings.note(
        "lost",
        `${this.key} holds number ${number} instead of ${this.acknowledged}`,
      );
      this.acknowledged = number; // it is told once
    }
  }

  numberOf(got) {
    if (got === null) return 0;
    const at = String(got).lastIndexOf("|");
    const number = String(got).slice(at + 1);
    return at >= 0 && String(got).slice(0, at) === this.key && /^\d+$/.test(number)
      ? Number(number)
      : null;
  }
}

// A key that is only ever incremented, by one.
class Counter {
  constructor(key, findings) {
    Object.assign(this, { key, findings, value: 0, perhaps: 0 });
  }

  failed() {
    this.perhaps++;
  }

  done(got) {
    this.take(got, this.value + 1);
  }

  check(got) {
    this.take(Number(got === null ? 0 : got), this.value);
  }

  take(got, least) {
    if (!Number.isInteger(got)) {
      this.findings.note("wrong", `${this.key} is ${JSON.stringify(got)}`);
      return;
    }
    if (got < least) this.findings.note("lost", `${this.key} is ${got} instead of ${least}`);
    else if (got > least + this.perhaps) {
      this.findings.note("repeated", `${this.key} is ${got} instead of ${least}`);
    }
    this.value = got;
    this.perhaps = 0;
  }
}

module.exports = { Counter, Findings, Text };
