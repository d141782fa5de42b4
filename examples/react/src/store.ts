import { useSyncExternalStore } from 'react';

/** A value that code outside of components changes, and components show. */
export interface Store<T> {
  get(): T;
  update(change: (value: T) => T): void;
  subscribe(changed: () => void): () => void;
}

function createStore<T>(value: T): Store<T> {
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    update(change) {
      value = change(value);
      for (const changed of listeners) changed();
    },
    subscribe(changed) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
  };
}

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.get);
}

export interface Message {
  readonly id: string;
  readonly senderId: string;
  readonly receiverId: string;
  readonly content: string;
  readonly timestamp: number;
}

export interface Toast {
  readonly id: number;
  readonly title: string;
  readonly text: string;
}

/** Users, and what the server said of them last. */
export const presence = createStore<Readonly<Record<string, string>>>({});
/** Messages that came to the chat, newest last. */
export const chat = createStore<readonly Message[]>([]);
export const toasts = createStore<readonly Toast[]>([]);
export const isOffline = createStore(false);
export const isSlow = createStore(false);
