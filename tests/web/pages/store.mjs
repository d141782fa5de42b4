// The package's own store by itself, against the IndexedDB and the locks of the browser.

import { hasIndexedDb, IndexedDbStore } from "../../../bindings-wasm/npm/src/store/indexeddb.ts";

const shows = [];
addEventListener("pageshow", (event) => shows.push(event.persisted));

const adopted = [];
let store;

/** Bytes as lists of numbers, so that a test outside sees them. */
const plain = (messages) =>
  messages
    .map(({ attachments, ...rest }) => ({ ...rest, ...(attachments && { attachments: attachments.map((bytes) => [...bytes]) }) }))
    .sort((one, other) => one.id - other.id);

async function open(instance, { userId = "ada", server = "http://s/", name } = {}) {
  store = new IndexedDbStore(name);
  const { messages, ...rest } = await store.open({ server, userId, instance, adopted: (more) => adopted.push(...plain(more)) });
  return { ...rest, messages: plain(messages) };
}

const message = (instance, id, more = {}) => {
  const given = { instance, namespace: "chat", id, event: "say", args: `{"n":${id}}`, emittedAt: 1, expiresAt: 2, ...more };
  return given.attachments === undefined ? given : { ...given, attachments: given.attachments.map((bytes) => new Uint8Array(bytes)) };
};

const put = (instance, ids, more) => store.commit(ids.map((id) => ({ type: "put", ...message(instance, id, more) })));
const commit = (changes) => store.commit(changes);
const failure = (work) => work.then(() => undefined, ({ name, code }) => [name, code]);

/** Does something to the database behind the store's back. */
function raw(work, names = ["messages", "unreadable"], server = "http://s/") {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(`nexus-realtime  ${server}`);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const transaction = request.result.transaction(names, "readwrite");
      const result = work(...names.map((name) => transaction.objectStore(name)));
      transaction.oncomplete = () => {
        request.result.close();
        resolve(result?.result);
      };
    };
  });
}

globalThis.store = {
  open, put, commit, failure, raw, hasIndexedDb, shows, adopted,
  close: () => store.close(),
  locks: async () => (await navigator.locks.query()).held.length,
};
