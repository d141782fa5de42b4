import type { ManagerOptions } from "../options.js";
import { hasIndexedDb, IndexedDbStore } from "./indexeddb.js";
import type { DurableStore } from "./types.js";

/** Makes the store that the options name; `undefined`: there is none. */
export function storeOf({ store = {} }: ManagerOptions): (() => DurableStore) | undefined {
  if (store === false) return undefined;
  if ("commit" in store) return () => store;
  return hasIndexedDb() ? () => new IndexedDbStore(store.name) : undefined;
}
