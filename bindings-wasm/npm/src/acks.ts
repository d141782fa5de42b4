import type { Received } from "./core.js";
import { AckError } from "./errors.js";
import { decode } from "./payload.js";

/** One emit whose acknowledgement is awaited. */
export interface AckWaiter {
  /** Of the message; negative while it is kept on this side. */
  id: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal | undefined;
  abort: (() => void) | undefined;
}

/** The acknowledgements that the core owes. */
export class Acks {
  readonly #waiters = new Map<number, AckWaiter>();

  add(waiter: AckWaiter): void {
    this.#waiters.set(waiter.id, waiter);
  }

  /** What the core said. */
  resolved(id: number, error: unknown, args: Received, attachments: Uint8Array[] | undefined): void {
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) return;
    this.#waiters.delete(id);
    if (error !== undefined) {
      fail(waiter, error);
      return;
    }
    try {
      const values = decode(args, attachments);
      release(waiter);
      waiter.resolve(values[0]);
    } catch (cause) {
      fail(waiter, cause);
    }
  }

  failAll(error: unknown): void {
    const waiters = [...this.#waiters.values()];
    this.#waiters.clear();
    for (const waiter of waiters) fail(waiter, error);
  }
}

/** Rejects a wait. One that its signal has ended names the signal's reason as the cause. */
export function fail(waiter: AckWaiter, error: unknown): void {
  release(waiter);
  if (waiter.signal?.aborted && error instanceof AckError && error.code === "CANCELLED") {
    Object.defineProperty(error, "cause", { value: waiter.signal.reason as unknown, configurable: true, writable: true });
  }
  waiter.reject(error);
}

/** Ends a wait before anything was sent. */
export function cancelledUnsent(): AckError {
  return new AckError("CANCELLED", "cancelled", { isUnsent: true });
}

function release(waiter: AckWaiter): void {
  if (waiter.abort !== undefined) waiter.signal?.removeEventListener("abort", waiter.abort);
}
