import { type Deferred, deferred } from "./deferred.js";

/** Calls of `connect` that the core has taken, and not answered. */
export class Tickets {
  readonly #calls = new Map<number, Deferred>();
  /** Answers that came before the call had given its ticket. */
  readonly #early = new Map<number, unknown>();

  issued(ticket: number): Promise<void> {
    const call = deferred();
    this.#calls.set(ticket, call);
    if (this.#early.has(ticket)) this.resolved(ticket, this.#early.get(ticket));
    this.#early.clear();
    return call.promise;
  }

  resolved(ticket: number, error: unknown): void {
    const call = this.#calls.get(ticket);
    if (call === undefined) {
      this.#early.set(ticket, error);
      return;
    }
    this.#calls.delete(ticket);
    if (error === undefined) call.resolve();
    else call.reject(error);
  }

  failAll(error: unknown): void {
    for (const call of this.#calls.values()) call.reject(error);
    this.#calls.clear();
  }
}
