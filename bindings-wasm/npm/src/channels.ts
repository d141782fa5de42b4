import type { CoreClient } from "./core.js";
import type { Log } from "./debug.js";
import { report } from "./errors.js";
import type { ListenOptions } from "./types.js";

export type Handler = (...args: any[]) => unknown;

interface Listener {
  readonly handler: Handler;
  readonly once: boolean;
  readonly signal: AbortSignal | undefined;
  readonly abort: (() => void) | undefined;
  isActive: boolean;
}

/** The listeners of one event. The core knows one number for all of them. */
interface Channel {
  readonly namespace: string;
  readonly event: string;
  /** Replaced, never changed: a dispatch goes over those that were there when it began. */
  listeners: readonly Listener[];
  /** Its name in the core. */
  id: number | undefined;
}

/**
 * All event listeners of a manager. They outlive connections, and are there before the WebAssembly part is.
 * A listener that throws is reported, and stops no other; one that was removed is not called any more, not even by
 * the dispatch that removed it.
 */
export class Channels {
  readonly #channels = new Map<string, Channel>();
  /** Those of them that the core knows. */
  readonly #byId = new Map<number, Channel>();
  readonly #log: Log;
  #client: CoreClient | undefined;
  #size = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  get size(): number {
    return this.#size;
  }

  /** Registers everything with a client, in the order in which it came. */
  attach(client: CoreClient): void {
    this.#client = client;
    for (const channel of this.#channels.values()) {
      try {
        this.#open(channel, client);
      } catch (error) {
        report(error);
      }
    }
  }

  detach(): void {
    this.#client = undefined;
    this.#byId.clear();
    for (const channel of this.#channels.values()) channel.id = undefined;
  }

  /** Gives what removes it. The namespace's name is normalized. */
  add(namespace: string, event: string, handler: Handler, options: ListenOptions = {}): () => void {
    const { signal, once = false } = options;
    if (signal?.aborted) return () => {};
    const channel = this.#channel(namespace, event);
    const remove = (): void => this.#remove(channel, listener);
    const listener: Listener = { handler, once, signal, abort: signal && remove, isActive: true };
    channel.listeners = [...channel.listeners, listener];
    this.#size++;
    signal?.addEventListener("abort", remove, { once: true });
    return remove;
  }

  /** Removes a handler as often as it was added, or, without one, all. */
  remove(namespace: string, event: string, handler?: Handler): void {
    const channel = this.#channels.get(keyOf(namespace, event));
    for (const listener of channel?.listeners ?? []) {
      if (handler === undefined || listener.handler === handler) this.#remove(channel!, listener);
    }
  }

  clear(): void {
    for (const channel of [...this.#channels.values()]) this.remove(channel.namespace, channel.event);
  }

  #channel(namespace: string, event: string): Channel {
    const key = keyOf(namespace, event);
    let channel = this.#channels.get(key);
    if (channel === undefined) {
      channel = { namespace, event, listeners: [], id: undefined };
      // May refuse: nothing is kept then.
      if (this.#client !== undefined) this.#open(channel, this.#client);
      this.#channels.set(key, channel);
    }
    return channel;
  }

  #open(channel: Channel, client: CoreClient): void {
    channel.id = client.listen(channel.namespace, channel.event);
    this.#byId.set(channel.id, channel);
  }

  #remove(channel: Channel, listener: Listener): void {
    if (!listener.isActive) return;
    listener.isActive = false;
    this.#size--;
    if (listener.abort) listener.signal?.removeEventListener("abort", listener.abort);
    channel.listeners = channel.listeners.filter((other) => other !== listener);
    if (channel.listeners.length > 0) return;
    this.#channels.delete(keyOf(channel.namespace, channel.event));
    if (channel.id === undefined) return;
    this.#byId.delete(channel.id);
    this.#client?.unlisten(channel.id);
  }

  /** Calls those who listen, each for itself. */
  deliver(id: number, args: unknown[]): void {
    const channel = this.#byId.get(id);
    if (channel === undefined) return;
    if (this.#log.events) this.#log.write("events", "received", channel.namespace, channel.event);
    const { listeners } = channel;
    for (let index = 0; index < listeners.length; index++) {
      const listener = listeners[index]!;
      if (!listener.isActive) continue;
      if (listener.once) this.#remove(channel, listener);
      try {
        if (args.length === 1) listener.handler(args[0]);
        else listener.handler(...args);
      } catch (error) {
        report(error);
      }
    }
  }
}

function keyOf(namespace: string, event: string): string {
  // A namespace has no control characters.
  return `${namespace}\n${event}`;
}
