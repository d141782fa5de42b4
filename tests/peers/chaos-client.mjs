// A user of the trials with real faults, on the stock Socket.IO client: what `examples/native/chaos_client.rs` is on ours.
//
//   node chaos-client.mjs --url URL --name USER --to USER --messages N --classes volatile,buffered
//                         --journal FOLDER --life K [--retries]
//
// Reads `CLASS N`: messages of that class may be sent up to number N. Prints `ready`, `sent CLASS N`, `got CLASS N`.
// Writes what it saw to USER.sent.jsonl and USER.received.jsonl, and goes on from there when it is started again.
// Ends when its standard input does.

import { closeSync, existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { io } from "socket.io-client";

const text = { type: "string" };
const { values: flags } = parseArgs({
  options: {
    url: text,
    name: text,
    to: text,
    messages: text,
    classes: text,
    journal: text,
    life: text,
    retries: { type: "boolean", default: false },
  },
});

const NAMESPACE = "/messaging";
const messages = Number(flags.messages);
const life = Number(flags.life);

/** A file of lines that are in the system's hands when `write` returns, whatever becomes of this process. */
class Journal {
  #file;
  constructor(kind) {
    this.path = join(flags.journal, `${flags.name}.${kind}.jsonl`);
  }
  lines() {
    if (!existsSync(this.path)) return [];
    const complete = readFileSync(this.path, "utf8").split("\n").slice(0, -1);
    return complete.map((line) => JSON.parse(line));
  }
  write(line) {
    this.#file ??= openSync(this.path, "a");
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }
  close() {
    if (this.#file !== undefined) closeSync(this.#file);
  }
}

const sent = new Journal("sent");
const received = new Journal("received");
const lanes = new Map(flags.classes.split(",").map((name) => [name, { last: 0, credit: 0 }]));
for (const { class: name, n } of sent.lines()) {
  const lane = lanes.get(name);
  lane.last = Math.max(lane.last, n);
}

const socket = io(flags.url + NAMESPACE, {
  auth: { userId: flags.name },
  // The delays of the other stacks, so that a run takes as long; all else is as documented.
  reconnectionDelay: 50,
  reconnectionDelayMax: 500,
  ...(flags.retries ? { retries: 3, ackTimeout: 10_000 } : {}),
});

socket.on("NEW_MESSAGE", ({ senderId, class: name, n, uniqueId }) => {
  received.write({ namespace: NAMESPACE, sender: senderId, class: name, n, id: uniqueId, life });
  console.log(`got ${name} ${n}`);
});
socket.on("disconnect", (reason) => {
  if (reason === "io server disconnect") socket.connect();
});
// What a process before this one was about to send when it was killed counts as sent: its number is used up.
for (const [name, lane] of lanes) if (lane.last > 0) console.log(`sent ${name} ${lane.last}`);
socket.once("connect", () => {
  console.log("ready");
  createInterface({ input: process.stdin }).on("line", allow).on("close", end);
});

function allow(line) {
  const [name, number] = line.split(" ");
  lanes.get(name).credit = Number(number);
  // One of each class in turn, as far as they may.
  let wrote = true;
  while (wrote) {
    wrote = false;
    for (const [name, lane] of lanes) {
      if (lane.last >= Math.min(lane.credit, messages)) continue;
      send(name, ++lane.last);
      wrote = true;
    }
  }
}

function send(name, n) {
  sent.write({ namespace: NAMESPACE, class: name, n, state: "intent" });
  const draft = { receiverId: flags.to, content: `${name} ${n}`, class: name, n };
  if (name === "volatile") socket.volatile.emit("NEW_MESSAGE", draft);
  else if (flags.retries) socket.emit("NEW_MESSAGE", draft, (error) => error && tell(name, n, error.message));
  else socket.emit("NEW_MESSAGE", draft);
  sent.write({ namespace: NAMESPACE, class: name, n, state: "sent" });
  console.log(`sent ${name} ${n}`);
}

function tell(name, n, why) {
  sent.write({ namespace: NAMESPACE, class: name, n, state: "told", why });
}

function end() {
  socket.disconnect();
  sent.close();
  received.close();
  process.exit(0);
}
