import type { CoreClient, StoreOperation } from "../core.js";
import { byteLength, mayEndInMarker } from "../payload.js";
import { storageError } from "./errors.js";
import type { DurableStore, StoredMessage } from "./types.js";

/** Hands the core's requests to a store, one after another, and its answers back. */
export class StoreRequests {
  readonly #store: DurableStore;
  readonly #server: string;
  readonly #call: (call: (client: CoreClient) => void) => void;
  #last: Promise<unknown> = Promise.resolve();
  #opened = 0;

  /** `call` reaches the client that asks, as long as it lives. */
  constructor(store: DurableStore, server: string, call: (call: (client: CoreClient) => void) => void) {
    this.#store = store;
    this.#server = server;
    this.#call = call;
  }

  handle(ticket: number, operation: StoreOperation): void {
    this.#enqueue(async () => {
      try {
        const opened = await this.#run(operation);
        this.#call((client) => client.storeAnswered(ticket, opened));
      } catch (cause) {
        const { code, message } = storageError(cause);
        this.#call((client) => client.storeFailed(ticket, code, message));
      }
    });
  }

  /** Lets go of the outbox. */
  close(): void {
    this.#opened++;
    this.#enqueue(() => this.#store.close().catch(() => {}));
  }

  #enqueue(work: () => Promise<unknown>): void {
    this.#last = this.#last.then(work);
  }

  async #run(operation: StoreOperation): Promise<object | undefined> {
    switch (operation.type) {
      case "open": {
        const opening = ++this.#opened;
        const { userId, instance } = operation;
        // In its turn, as the opening may not have been answered yet.
        const adopted = (messages: StoredMessage[]): void =>
          this.#enqueue(async () => {
            if (opening === this.#opened) this.#call((client) => client.storeAdopted(messages.map(measured)));
          });
        const opened = await this.#store.open({ server: this.#server, userId, instance, adopted });
        return { ...opened, messages: opened.messages.map(measured) };
      }
      case "commit":
        await this.#store.commit(operation.changes);
        return undefined;
      case "close":
        this.#opened++;
        await this.#store.close();
        return undefined;
    }
  }
}

/** With what the core wants to know of arguments that it does not read. */
function measured(message: StoredMessage): object {
  const { args } = message;
  return { ...message, size: byteLength(args), mayEndInMarker: mayEndInMarker(args) };
}
