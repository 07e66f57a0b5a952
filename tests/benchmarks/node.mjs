// worker.py for @gradio/client in Node: a line of JSON in, a line of JSON out, until stdin closes.
//
//   node --expose-gc node.mjs FOLDER
//
// FOLDER is where `npm install --prefix FOLDER @gradio/client` was run. What goes in, what comes out and what
// the numbers mean is explained in worker.py, question.py and record.py; "curve" is always empty.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const WIDTH = 10; // characters of a token
const WRAP = 1e9; // a token's clock counts microseconds, modulo this

const modules = join(process.argv[2], "node_modules");
const { Client } = await import(pathToFileURL(join(modules, "@gradio", "client", "dist", "index.js")));

/** Seconds of the clock that all processes of the machine share: libuv reads CLOCK_MONOTONIC. */
const now = () => Number(process.hrtime.bigint()) / 1e9;

/** Seconds of CPU time of this process, with all its threads. */
function cpuTime() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** A line of this process' status, in MB. */
function memory(field) {
  const line = readFileSync("/proc/self/status", "utf8").split("\n").find((line) => line.startsWith(field));
  return Number(line.split(/\s+/)[1]) / 1024;
}

/** The question and the earlier turns, as `Question.prompt` and `Question.history` have them. */
function request({ tokens, pace, turns }) {
  const history = Array.from({ length: Math.floor(turns / 2) }, (_, turn) => [
    `question ${turn} `.padEnd(200, "q"),
    "a".repeat(200),
  ]);
  return [JSON.stringify({ tokens, pace, turns }), history, "s"];
}

/** What one reader of one answer noticed; what it means is worked out afterwards. */
class Record {
  began = now();
  ended = null;
  text = "";
  #stamps = []; // when, and how many characters were there

  /** A text that holds all so far arrived. */
  whole(text) {
    this.text = text;
    this.#stamps.push([now(), text.length]);
  }

  end() {
    this.ended = now();
  }

  tokens() {
    const count = Math.ceil(this.text.length / WIDTH);
    return Array.from({ length: count }, (_, at) => this.text.slice(at * WIDTH, (at + 1) * WIDTH));
  }

  first() {
    return this.#stamps[0][0] - this.began;
  }

  lateness() {
    let at = 0;
    return this.tokens().map((token, number) => {
      while (this.#stamps[at][1] < (number + 1) * WIDTH) at += 1;
      return late(token, this.#stamps[at][0]);
    });
  }

  tail() {
    return late(this.tokens().at(-1), this.ended);
  }
}

/** Seconds from a token's departure to `arrived`; Python's modulo, which is never negative. */
function late(token, arrived) {
  return ((((arrived * 1e6 - Number(token)) % WRAP) + WRAP) % WRAP) / 1e6;
}

/** The 50th and the 95th, as `statistics.quantiles(method="inclusive")` has them. */
function percentiles(values) {
  const sorted = values.toSorted((one, other) => one - other);
  return [50, 95].map((percent) => {
    const place = (percent / 100) * (sorted.length - 1);
    const below = sorted[Math.floor(place)];
    return below + (sorted[Math.ceil(place)] - below) * (place % 1);
  });
}

const kept = new Map(); // URL -> its clients

/** Have so many clients: answers of one client share a session and its one stream, and wait for each other. */
async function keep(url, count) {
  const clients = kept.get(url) ?? [];
  const more = Array.from({ length: Math.max(0, count - clients.length) }, () => Client.connect(url));
  kept.set(url, [...clients, ...(await Promise.all(more))]);
}

async function read(app, question, record) {
  for await (const event of app.submit("/model_chat", request(question))) {
    if (event.type === "data") record.whole(event.data[1].at(-1)[1]);
  }
  record.end();
}

async function measure(url, question, count, cold, curve) {
  if (!cold) await keep(url, count);
  globalThis.gc();
  writeFileSync("/proc/self/clear_refs", "5"); // forget the peak of the memory
  const [idle, began, before] = [memory("VmRSS"), now(), cpuTime()];
  const records = Array.from({ length: count }, () => new Record());
  const ends = await Promise.allSettled(
    records.map(async (record, at) => read(cold ? await Client.connect(url) : kept.get(url)[at], question, record)),
  );
  const [cpu, wall, peak] = [cpuTime() - before, now() - began, memory("VmHWM") - idle];
  for (const { reason } of ends) if (reason) console.error(reason);
  const whole = records.filter((record) => record.ended && record.tokens().length === question.tokens);
  if (!whole.length) return { complete: 0 };
  const first = percentiles(whole.map((record) => record.first()));
  const lateness = percentiles(whole.flatMap((record) => record.lateness()));
  return {
    complete: whole.length,
    first: first[0],
    "first p95": first[1],
    p50: lateness[0],
    p95: lateness[1],
    tail: percentiles(whole.map((record) => record.tail()))[0],
    cpu,
    wall,
    peak,
    curve: [],
    late: question.tokens === 500 && !curve ? whole[0].lateness() : null,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { url, question, count, cold, curve } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await measure(url, question, count, cold, curve))}\n`);
}
