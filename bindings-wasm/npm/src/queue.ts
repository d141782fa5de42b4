import { cancelMessage } from "./sending.js";
import type { Connection } from "./connection.js";
import { NO_STATS } from "./stats.js";
import type { OfflineQueue, QueuedMessage } from "./types.js";

/** The core's queue and the emits that are kept for it, as one. */
export class Queue implements OfflineQueue {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get size(): number {
    return this.#stats.queuedMessages + this.#connection.backlog.size;
  }

  get bytes(): number {
    return this.#stats.queuedBytes + this.#connection.backlog.bytes;
  }

  messages(): QueuedMessage[] {
    const { client, backlog } = this.#connection;
    const queued = client === undefined ? [] : this.#connection.guard(() => client.queue());
    return [...queued, ...backlog.messages()];
  }

  cancel(id: number): boolean {
    this.#connection.check();
    return this.messages().some((message) => message.id === id || message.id === this.#connection.backlog.adoptedAs(id))
      && cancelMessage(this.#connection, id);
  }

  clear(): number {
    return this.messages().filter(({ id }) => cancelMessage(this.#connection, id)).length;
  }

  get #stats(): Pick<typeof NO_STATS, "queuedMessages" | "queuedBytes"> {
    const { client } = this.#connection;
    return client === undefined ? NO_STATS : this.#connection.guard(() => client.stats());
  }
}
