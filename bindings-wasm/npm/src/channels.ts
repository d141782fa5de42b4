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

/** The listeners of one event. The core knows one function for all of them. */
interface Channel {
  readonly namespace: string;
  readonly event: string;
  readonly deliver: (args: unknown[]) => void;
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
        channel.id = client.on(channel.namespace, channel.event, channel.deliver, false);
      } catch (error) {
        report(error);
      }
    }
  }

  detach(): void {
    this.#client = undefined;
    for (const channel of this.#channels.values()) channel.id = undefined;
  }

  /** Gives what removes it. The namespace's name is normalized. */
  add(namespace: string, event: string, handler: Handler, options: ListenOptions = {}): () => void {
    if (typeof handler !== "function") throw new TypeError("the handler is not a function");
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
      const made: Channel = {
        namespace,
        event,
        deliver: (args) => this.#deliver(made, args),
        listeners: [],
        // May refuse: nothing is kept then.
        id: undefined,
      };
      made.id = this.#client?.on(namespace, event, made.deliver, false);
      this.#channels.set(key, made);
      channel = made;
    }
    return channel;
  }

  #remove(channel: Channel, listener: Listener): void {
    if (!listener.isActive) return;
    listener.isActive = false;
    this.#size--;
    if (listener.abort) listener.signal?.removeEventListener("abort", listener.abort);
    channel.listeners = channel.listeners.filter((other) => other !== listener);
    if (channel.listeners.length > 0) return;
    this.#channels.delete(keyOf(channel.namespace, channel.event));
    if (channel.id !== undefined) this.#client?.off(channel.namespace, channel.event, channel.id);
  }

  #deliver(channel: Channel, args: unknown[]): void {
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
