import type { CoreClient } from "./core.js";

/** An application emits few kinds of events. One that makes up names has the numbers begin anew now and then. */
const LIMIT = 1000;

/** The numbers by which the core knows the names of events that are emitted: it reads each text once. */
export class Names {
  #numbers = new Map<string, Map<string, number>>();
  #size = 0;

  /** The number of an event. A name that can't be is refused by the core. */
  of(client: CoreClient, namespace: string, event: string): number {
    return this.#numbers.get(namespace)?.get(event) ?? this.#learn(client, namespace, event);
  }

  /** To be called when there is another client. */
  clear(): void {
    this.#numbers.clear();
    this.#size = 0;
  }

  #learn(client: CoreClient, namespace: string, event: string): number {
    if (this.#size >= LIMIT) {
      this.clear();
      client.forgetNames();
    }
    const number = client.name(namespace, event);
    let events = this.#numbers.get(namespace);
    if (events === undefined) this.#numbers.set(namespace, (events = new Map()));
    events.set(event, number);
    this.#size++;
    return number;
  }
}
