// A store of durable messages in files, for Node: one file for each outbox, whose owner is gone with its process.

import { createHash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

/** The outboxes that this process has open. */
const own = new Set();

const keyOf = ({ instance, namespace, id }) => JSON.stringify([instance, namespace, id]);

/** Whether the owner may still write: another process that lives, or this one. */
function isOwned(path, pid) {
  if (pid === process.pid) return own.has(path);
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Attachments are bytes, which JSON has not. */
const toJson = (_key, value) => (value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : value);
const fromJson = (_key, value) => (typeof value?.base64 === "string" ? new Uint8Array(Buffer.from(value.base64, "base64")) : value);

export class FileStore {
  #folder;
  #path;
  #messages = new Map();
  #positions = new Map();

  constructor(folder) {
    this.#folder = folder;
  }

  async open({ server, userId, instance }) {
    await this.close();
    const folder = join(this.#folder, createHash("sha256").update(JSON.stringify([server, userId])).digest("hex"));
    mkdirSync(folder, { recursive: true });
    const left = readdirSync(folder).filter((name) => name.endsWith(".json")).map((name) => join(folder, name));
    const found = left.map((path) => ({ path, ...JSON.parse(readFileSync(path, "utf8"), fromJson) }));
    const taken = found.filter(({ path, pid }) => !isOwned(path, pid));
    this.#messages = new Map(taken.flatMap(({ messages }) => messages.map((message) => [keyOf(message), message])));
    this.#positions = new Map(taken.sort((one, other) => one.written - other.written).flatMap(({ positions }) => positions));
    this.#path = join(folder, `${instance}.json`);
    own.add(this.#path);
    this.#write();
    for (const { path } of taken) rmSync(path);
    return { messages: [...this.#messages.values()], positions: [...this.#positions], unreadable: 0 };
  }

  async commit(changes) {
    for (const { type, ...change } of changes) {
      const key = keyOf(change);
      if (type === "put") this.#messages.set(key, change);
      else if (type === "sent") this.#messages.set(key, { ...this.#messages.get(key), sent: change.generation });
      else if (type === "remove") this.#messages.delete(key);
      else this.#positions.set(change.namespace, change.position);
    }
    this.#write();
  }

  async close() {
    own.delete(this.#path);
  }

  /** All anew, or as before. */
  #write() {
    const content = { pid: process.pid, written: Date.now(), messages: [...this.#messages.values()], positions: [...this.#positions] };
    const file = openSync(`${this.#path}.new`, "w");
    writeSync(file, JSON.stringify(content, toJson));
    fsyncSync(file);
    closeSync(file);
    renameSync(`${this.#path}.new`, this.#path);
  }
}
