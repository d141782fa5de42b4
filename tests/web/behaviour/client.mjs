// A manager that is under test, and what it has told.

import { decode, encode, text } from "./values.mjs";

/** Between attempts: quick, so that tests are. */
const QUICK = { initialDelay: 20, maxDelay: 200 };

export class Client {
  statuses = [];
  asked = [];
  /** What came, by namespace and event. */
  #events = new Map();
  #listeners = new Map();

  /**
   * @param lib the package under test
   * @param platform options that this runtime needs, and `makeStore`, if the package does not know a store for it
   */
  constructor(lib, url, options, { makeStore, ...platform }) {
    const { connectTimeout, backgroundGrace, reconnectDelay, maxAttempts, maxAuthAttempts, queueMessages, durableMessages, store, ...unknown } = options;
    if (Object.keys(unknown).length > 0) throw new Error(`options that are not known: ${text(unknown)}`);
    const slow = reconnectDelay !== undefined && { initialDelay: reconnectDelay, maxDelay: reconnectDelay, jitter: 0 };
    this.manager = lib.createManager({
      url,
      connectTimeout,
      backgroundGrace,
      reconnect: { ...QUICK, ...slow, maxAttempts, maxAuthAttempts },
      queue: { maxMessages: queueMessages },
      durable: { maxMessages: durableMessages },
      ...(!store && { store: false }),
      ...(store && makeStore && { store: makeStore() }),
      ...platform,
    });
    this.manager.addStatusListener((status) => this.statuses.push(status));
  }

  /** A provider that gives one token after another, the last again and again. */
  provider(tokens) {
    this.asked = [];
    let next = 0;
    return async (reason) => {
      this.asked.push(reason);
      const token = tokens[Math.min(next++, tokens.length - 1)];
      if (typeof token === "string") return token;
      throw Object.assign(new Error(token.final ?? token.fail), token.final !== undefined && { isFinal: true });
    };
  }

  /** What came of an event, and will come. */
  events(ns, event) {
    const key = text([ns, event]);
    if (!this.#events.has(key)) this.#events.set(key, []);
    return this.#events.get(key);
  }

  listen(ns, event, reply) {
    const stop = this.manager.on(ns, event, (...args) => {
      const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
      if (reply !== undefined) ack?.(encode(reply));
      this.events(ns, event).push(args.map(decode));
    });
    this.#listeners.set(text([ns, event]), stop);
  }

  unlisten(ns, event) {
    this.#listeners.get(text([ns, event]))();
  }
}
