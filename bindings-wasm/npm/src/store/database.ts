import type { StoredMessage, MessageKey } from "./types.js";

/** What is kept: messages, which of them were sent, positions in inboxes, and what could not be read. */
const NAMES = ["messages", "sent", "positions", "unreadable"] as const;

export type Stores = Record<(typeof NAMES)[number], IDBObjectStore>;

/** Opens a database. `lost` is called when it is of no use any more. */
export function database(name: string, lost: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      for (const store of NAMES) request.result.createObjectStore(store);
    };
    request.onsuccess = () => {
      const open = request.result;
      open.onclose = lost;
      // Somebody deletes it.
      open.onversionchange = () => {
        open.close();
        lost();
      };
      resolve(open);
    };
    request.onerror = () => {
      lost();
      reject(request.error);
    };
  });
}

/** Resolves with what `work` gave, as soon as all that it asked for is on disk; its requests have their results then. */
export function transact<T>(open: IDBDatabase, mode: IDBTransactionMode, work: (stores: Stores) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const transaction = open.transaction(NAMES, mode, { durability: "strict" });
    const stores = Object.fromEntries(NAMES.map((name) => [name, transaction.objectStore(name)])) as Stores;
    let [result, failure]: [T?, unknown?] = [];
    transaction.oncomplete = () => resolve(result as T);
    transaction.onabort = () => reject(failure ?? transaction.error);
    try {
      result = work(stores);
    } catch (cause) {
      // What it asked for until then is not to be kept.
      failure = cause;
      transaction.abort();
    }
  });
}

/** All keys that begin with these parts. */
export function rangeOf(parts: string[]): IDBKeyRange {
  // Lists come behind everything else.
  return IDBKeyRange.bound(parts, [...parts, []]);
}

/** Whether it is a message, which somebody else may have written. */
export function hasExpectedShape(record: unknown): record is Omit<StoredMessage, keyof MessageKey> {
  const { event, args, attachments, emittedAt, expiresAt } = (record ?? {}) as Partial<Record<keyof StoredMessage, unknown>>;
  const isText = typeof event === "string" && typeof args === "string";
  const isBinary = Array.isArray(attachments) && attachments.every((part) => part instanceof Uint8Array);
  return isText && (attachments === undefined || isBinary) && typeof emittedAt === "number" && typeof expiresAt === "number";
}

/** Whether a position of the form `inbox-number` is behind another one, or of another inbox. */
export function isFurther(position: string, other: unknown): boolean {
  if (typeof other !== "string") return true;
  const [at, otherAt] = [position.lastIndexOf("-"), other.lastIndexOf("-")];
  return position.slice(0, at) !== other.slice(0, otherAt) || Number(position.slice(at + 1)) > Number(other.slice(otherAt + 1));
}
