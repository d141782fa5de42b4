import { database, hasExpectedShape, isFurther, rangeOf, type Stores, transact } from "./database.js";
import { storageError } from "./errors.js";
import type { DurableStore, MessageKey, OpenedOutbox, OutboxOwner, StoreChange, StoredMessage } from "./types.js";

/** How many outboxes of former owners are taken over in one opening, and how many owners are watched. */
const MAX_OTHERS = 32;

/** Whether there is what such a store needs. Pages without an origin of their own may store nothing. */
export function hasIndexedDb(): boolean {
  try {
    return globalThis.indexedDB !== undefined && globalThis.navigator?.locks !== undefined && globalThis.origin !== "null";
  } catch {
    return false;
  }
}

/** User, outbox (named by the instance of its owner), and the message's own key. */
type RecordKey = [userId: string, outbox: string, instance: string, namespace: string, id: number];

interface Taken {
  readonly messages: StoredMessage[];
  unreadable: number;
}

/**
 * Messages in IndexedDB, in one database for each server. Each open outbox has a lock of the browser, which ends with its
 * tab or worker, however that ends: what is in an outbox whose lock is free belongs to whoever takes the lock.
 *
 * A page that is kept for the way back must not keep others from its messages, nor believe that they are still its own. So
 * one that is left with nothing in its outbox gives up lock and database until it is back. One with messages holds the
 * lock: browsers don't keep such a page, or no longer than until somebody else wants the lock.
 */
export class IndexedDbStore implements DurableStore {
  readonly #name: string;
  #database: Promise<IDBDatabase> | undefined;
  #owner: OutboxOwner | undefined;
  /** Ends the watching of the page. */
  #open = new AbortController();
  /** Ends the wait for locks of others, and the lock's own. */
  #awake: AbortController | undefined;
  /** The owners whose locks are waited for. */
  readonly #watched = new Set<string>();
  /** The messages in the outbox, as far as they are known, and how many outboxes are being taken over. */
  readonly #kept = new Set<string>();
  #taking = 0;

  constructor(name = "") {
    this.#name = name;
  }

  async open(owner: OutboxOwner): Promise<OpenedOutbox> {
    await this.close();
    this.#owner = owner;
    await this.#wake(owner);
    this.#watchPage(owner);
    const found: Taken = { messages: [], unreadable: 0 };
    const others = (await this.#outboxes(owner)).filter((outbox) => outbox !== owner.instance);
    for (const outbox of others.slice(0, MAX_OTHERS)) {
      await navigator.locks.request(this.#lockOf(owner, outbox), { ifAvailable: true }, async (lock) => {
        if (lock === null) return;
        const { messages, unreadable } = await this.#take(owner, outbox);
        found.messages.push(...messages);
        found.unreadable += unreadable;
      });
    }
    const [keys, values] = await this.#transact(owner, "readonly", ({ positions }) => {
      const range = rangeOf([owner.userId]);
      return [positions.getAllKeys(range), positions.getAll(range)] as const;
    });
    const positions = keys.result.map((key, at): [string, string] => [(key as string[])[1]!, String(values.result[at])]);
    await this.#watchOthers(owner);
    return { ...found, positions };
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    const owner = this.#owner;
    if (owner === undefined) throw storageError("no outbox is open");
    const added = changes.filter(({ type }) => type === "put").map((put) => textOf(put as MessageKey)).filter((text) => !this.#kept.has(text));
    // Before anything is awaited: a page that is left now keeps its lock.
    for (const text of added) this.#kept.add(text);
    try {
      if (this.#kept.size > 0) await this.#wake(owner);
      await this.#transact(owner, "readwrite", (stores) => changes.forEach((change) => make(stores, owner, change)));
    } catch (cause) {
      for (const text of added) this.#kept.delete(text);
      throw cause;
    }
    for (const change of changes) if (change.type === "remove") this.#kept.delete(textOf(change));
  }

  close(): Promise<void> {
    this.#open.abort();
    this.#owner = undefined;
    this.#kept.clear();
    this.#rest();
    return Promise.resolve();
  }

  /** Takes the lock, if that is not held. */
  async #wake(owner: OutboxOwner): Promise<void> {
    if (this.#awake !== undefined) return;
    const { signal } = (this.#awake = new AbortController());
    try {
      await new Promise<void>((resolve, reject) => {
        const hold = (): Promise<void> =>
          new Promise((release) => {
            if (signal.aborted) release();
            signal.addEventListener("abort", () => release());
            resolve();
          });
        navigator.locks.request(this.#lockOf(owner, owner.instance), { signal }, hold).catch(reject);
      });
    } catch (cause) {
      this.#awake = undefined;
      throw storageError(cause);
    }
  }

  /** Gives up lock and database, and ends what waits for the locks of others. */
  #rest(): void {
    this.#awake?.abort();
    this.#awake = undefined;
    this.#watched.clear();
    this.#database?.then((open) => open.close(), () => {});
    this.#database = undefined;
  }

  #watchPage(owner: OutboxOwner): void {
    const { signal } = (this.#open = new AbortController());
    const listen = (type: string, listener: () => void): void =>
      globalThis.addEventListener?.(type, (event) => (event as PageTransitionEvent).persisted && listener(), { signal });
    listen("pagehide", () => {
      if (this.#kept.size === 0 && this.#taking === 0) this.#rest();
    });
    listen("pageshow", () => {
      if (this.#awake !== undefined) return;
      this.#wake(owner)
        .then(() => this.#watchOthers(owner))
        // The next commit with a message tries again.
        .catch(() => {});
    });
  }

  /** Has the outboxes of live owners taken over when these end: of those that are there, and of those that say that they came. */
  async #watchOthers(owner: OutboxOwner): Promise<void> {
    const signal = this.#awake?.signal;
    if (signal === undefined) return;
    const prefix = this.#lockOf(owner, "");
    const channel = new BroadcastChannel(prefix);
    signal.addEventListener("abort", () => channel.close());
    channel.onmessage = ({ data }) => this.#watch(owner, String(data), signal);
    channel.postMessage(owner.instance);
    const { held = [] } = await navigator.locks.query();
    for (const { name = "" } of held) {
      if (name.startsWith(prefix)) this.#watch(owner, name.slice(prefix.length), signal);
    }
  }

  #watch(owner: OutboxOwner, outbox: string, signal: AbortSignal): void {
    if (signal.aborted || outbox === owner.instance) return;
    if (this.#watched.size >= MAX_OTHERS || this.#watched.has(outbox)) return;
    this.#watched.add(outbox);
    const adopt = async (): Promise<void> => {
      if (signal.aborted) return;
      this.#watched.delete(outbox);
      const { messages } = await this.#take(owner, outbox);
      if (messages.length > 0) owner.adopted(messages);
    };
    // Ended, or the storage failed: whoever opens an outbox next finds what is there.
    navigator.locks.request(this.#lockOf(owner, outbox), { signal }, adopt).catch(() => {});
  }

  /** The outboxes of the user in which there is something. */
  async #outboxes(owner: OutboxOwner): Promise<string[]> {
    const keys = await this.#transact(owner, "readonly", ({ messages }) => messages.getAllKeys(rangeOf([owner.userId])));
    return [...new Set(keys.result.map((key) => (key as RecordKey)[1]))];
  }

  /** Makes the messages of an outbox, whose lock the caller holds, this one's own. */
  async #take(owner: OutboxOwner, outbox: string): Promise<Taken> {
    this.#taking++;
    try {
      const taken: Taken = { messages: [], unreadable: 0 };
      const range = rangeOf([owner.userId, outbox]);
      await this.#transact(owner, "readwrite", (stores) => {
        const [sentKeys, sent] = [stores.sent.getAllKeys(range), stores.sent.getAll(range)];
        const keys = stores.messages.getAllKeys(range);
        // Requests of one transaction are answered in order, so that the others are known by now.
        keys.onsuccess = () => {
          const marks = new Map(sentKeys.result.map((key, at) => [String(key), sent.result[at] as string | null]));
          for (const key of keys.result) takeOne(stores, owner, key as RecordKey, marks.get(String(key)), taken);
        };
      });
      // Given up meanwhile: nobody holds the lock of what they are in now, so that they are found by the next.
      if (this.#owner !== owner) return { messages: [], unreadable: 0 };
      for (const message of taken.messages) this.#kept.add(textOf(message));
      return taken;
    } finally {
      this.#taking--;
    }
  }

  async #transact<T>(owner: OutboxOwner, mode: IDBTransactionMode, work: (stores: Stores) => T): Promise<T> {
    const open = (): Promise<IDBDatabase> =>
      (this.#database ??= database(`nexus-realtime ${this.#name} ${owner.server}`, () => {
        this.#database = undefined;
      }));
    try {
      return await transact(await open(), mode, work);
    } catch (cause) {
      // The browser has closed it, as when the user cleared the site's data.
      if ((cause as Error).name !== "InvalidStateError") throw storageError(cause);
      this.#database = undefined;
      return transact(await open(), mode, work).catch((again: unknown) => {
        throw storageError(again);
      });
    }
  }

  #lockOf({ server, userId }: OutboxOwner, outbox: string): string {
    return `nexus-realtime ${JSON.stringify([this.#name, server, userId])} ${outbox}`;
  }
}

function make(stores: Stores, owner: OutboxOwner, change: StoreChange): void {
  if (change.type === "position") {
    const key = [owner.userId, change.namespace];
    // Tabs of one user share a position: the one that is further counts.
    const read = stores.positions.get(key);
    read.onsuccess = () => {
      if (isFurther(change.position, read.result)) stores.positions.put(change.position, key);
    };
    return;
  }
  const { type, instance, namespace, id, ...rest } = change;
  const key: RecordKey = [owner.userId, owner.instance, instance, namespace, id];
  if (type === "sent") {
    // On the side, as a message may be large.
    stores.sent.put(change.generation, key);
    return;
  }
  stores.sent.delete(key);
  if (type === "remove") stores.messages.delete(key);
  else stores.messages.put(rest, key);
}

/** One by one, so that a record that can't be read keeps no other. */
function takeOne(stores: Stores, owner: OutboxOwner, key: RecordKey, mark: string | null | undefined, taken: Taken): void {
  const read = stores.messages.get(key);
  read.onerror = (event) => {
    // Goes on with the rest of the transaction.
    event.preventDefault();
    event.stopPropagation();
    taken.unreadable++;
  };
  read.onsuccess = () => {
    const record: unknown = read.result;
    stores.messages.delete(key);
    stores.sent.delete(key);
    if (!hasExpectedShape(record)) {
      taken.unreadable++;
      stores.unreadable.put(record, key);
      return;
    }
    const [, , instance, namespace, id] = key;
    const message: StoredMessage = { ...record, instance, namespace, id, ...(mark !== undefined && { sent: mark }) };
    make(stores, owner, { ...message, type: "put" });
    taken.messages.push(message);
  };
}

function textOf({ instance, namespace, id }: MessageKey): string {
  return `${instance} ${namespace} ${id}`;
}
