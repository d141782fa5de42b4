// What a case works with, the same in a page and in Node.

import { Record, until, within } from "./check.mjs";
import { dialectOf } from "./dialect.mjs";

/** Quick, so that tests are. Not so quick that an attempt can't succeed. */
const RECONNECT = { initialDelay: 30, maxDelay: 200 };

export class Environment {
  #managers = [];
  #control;
  #defaults;

  /**
   * @param lib the package under test
   * @param facts `kind`, `url` and `user` of the scene
   * @param control pulls the strings outside
   * @param defaults options that this runtime needs
   */
  constructor(lib, facts, control, defaults) {
    Object.assign(this, { lib, ...facts });
    this.#control = control;
    this.#defaults = defaults;
    this.dialect = dialectOf(this);
  }

  /** A string to pull outside: see `support/scene.mjs`. */
  control(name, ...args) {
    return this.#control(name, args);
  }

  /** A manager of this server, closed at the end. */
  manager(options = {}) {
    const manager = this.lib.createManager({ url: this.url, reconnect: RECONNECT, ...this.#defaults, ...options });
    this.#managers.push(manager);
    return manager;
  }

  /** One that is connected as the user of the case. */
  async connected(options) {
    const manager = this.manager(options);
    await this.connect(manager);
    return manager;
  }

  connect(manager, user = this.user) {
    return within(manager.connect(user, this.provider(user)), "the connection");
  }

  /** Good tokens, whenever they are asked for. */
  provider(user = this.user) {
    return () => this.control("token", user);
  }

  token(user = this.user) {
    return this.control("token", user);
  }

  /** Records the statuses of a manager from now on. */
  statuses(manager) {
    const record = new Record();
    manager.addStatusListener(record.push);
    return record;
  }

  notices(manager) {
    const record = new Record();
    manager.addNoticeListener(record.push);
    return record;
  }

  /** Takes the network away, and waits until the manager knows. */
  async lose(manager) {
    await this.control("refuse", true);
    await this.control("cut");
    await until(() => manager.getConnectionStatus() === "reconnecting", "the loss to be noticed");
  }

  async regain(manager) {
    await this.control("refuse", false);
    await until(() => manager.getConnectionStatus() === "connected", "the connection to come back");
  }

  /** The namespaces that clients asked for, in order: what each CONNECT named. */
  async joinsSeen() {
    const frames = await this.control("frames");
    const names = frames.map((frame) => /^40(\/[^,]*)?/.exec(frame)?.[1]);
    // Where it measures a connection by asking for a namespace that is certainly not there, that is no use of one.
    return names.filter((name) => name !== undefined && !name.includes("~"));
  }

  /** Runs a case, and ends what it leaves. */
  async run(run) {
    try {
      await run(this);
    } catch (error) {
      // What the case said counts, not what came of it.
      await this.end().catch(() => {});
      throw error;
    }
    await this.end();
  }

  /** Ends all managers; nothing of them may remain. */
  async end() {
    for (const manager of this.#managers) manager.close();
    await until(async () => (await this.control("sockets")).open === 0, "every socket to be closed");
  }
}

/** Errors that were reported instead of thrown, while `work` runs. */
export async function reported(work) {
  const errors = [];
  if (typeof reportError === "function" && typeof addEventListener === "function") {
    const listener = (event) => {
      event.preventDefault();
      errors.push(event.error);
    };
    addEventListener("error", listener);
    try {
      await work(errors);
    } finally {
      removeEventListener("error", listener);
    }
  } else {
    const original = console.error;
    console.error = (error) => errors.push(error);
    try {
      await work(errors);
    } finally {
      console.error = original;
    }
  }
  return errors;
}
