import { report } from "./errors.js";
import type { Unsubscribe } from "./types.js";

/** `Symbol.dispose` where there is one, so that older browsers get no property of the name "undefined". */
export const dispose: typeof Symbol.dispose =
  Symbol.dispose ?? (Symbol.for("Symbol.dispose") as typeof Symbol.dispose);
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? (Symbol.for("Symbol.asyncDispose") as typeof Symbol.asyncDispose);

/** Makes an unsubscribe function out of what removes. */
export function unsubscribing(remove: () => void): Unsubscribe {
  return Object.assign(remove, { [dispose]: remove }) as Unsubscribe;
}

/** Listeners of one kind of news. A listener that throws is reported, and stops no other. */
export class Listeners<A extends unknown[]> {
  // Replaced, never changed: a dispatch goes over those that were there when it began.
  #all: readonly ((...args: A) => void)[] = [];

  get size(): number {
    return this.#all.length;
  }

  /** The same listener counts once. */
  add(listener: (...args: A) => void): Unsubscribe {
    if (typeof listener !== "function") throw new TypeError("the listener is not a function");
    if (!this.#all.includes(listener)) this.#all = [...this.#all, listener];
    return unsubscribing(() => void this.remove(listener));
  }

  remove(listener: (...args: A) => void): boolean {
    const kept = this.#all.filter((other) => other !== listener);
    const isRemoved = kept.length < this.#all.length;
    this.#all = kept;
    return isRemoved;
  }

  clear(): void {
    this.#all = [];
  }

  tell(...args: A): void {
    for (const listener of this.#all) {
      if (!this.#all.includes(listener)) continue;
      try {
        listener(...args);
      } catch (error) {
        report(error);
      }
    }
  }
}
