import { asyncDispose, dispose } from "./listeners.js";
import type { EventIterator } from "./types.js";

/** Default bound of what an iterator keeps. */
export const DEFAULT_BUFFER = 1000;

/** From how many taken events on their places are given back. */
const TRIM = 256;

interface Waiting<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/** Events that wait to be asked for, or askers that wait for events. */
export class EventBuffer<T> implements EventIterator<T> {
  missed = 0;
  readonly #limit: number;
  readonly #onEnd: (buffer: EventBuffer<T>) => void;
  #kept: T[] = [];
  /** Where the kept ones begin: shifting an array for each event costs more. */
  #head = 0;
  #waiting: Waiting<T>[] = [];
  #isDone = false;
  #failure: unknown;

  constructor(limit: number, onEnd: (buffer: EventBuffer<T>) => void) {
    this.#limit = Math.max(1, Math.floor(limit));
    this.#onEnd = onEnd;
  }

  push(value: T): void {
    if (this.#isDone) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting.resolve({ value, done: false });
      return;
    }
    if (this.#kept.length - this.#head >= this.#limit) {
      this.#take();
      this.missed++;
    }
    this.#kept.push(value);
  }

  /** Takes no more. What is kept can still be had, and after that the error, if there is one. */
  finish(failure?: unknown): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#failure = failure;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { resolve, reject } of waiting) {
      if (this.#failure === undefined) resolve({ value: undefined, done: true });
      else reject(this.#failed());
    }
    this.#onEnd(this);
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#head < this.#kept.length) return Promise.resolve({ value: this.#take(), done: false });
    if (this.#failure !== undefined) return Promise.reject(this.#failed());
    if (this.#isDone) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#kept = [];
    this.#head = 0;
    this.#failure = undefined;
    this.finish();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [dispose](): void {
    void this.return();
  }

  async [asyncDispose](): Promise<void> {
    await this.return();
  }

  #take(): T {
    const value = this.#kept[this.#head] as T;
    (this.#kept as unknown[])[this.#head++] = undefined;
    if (this.#head === this.#kept.length) {
      this.#kept.length = this.#head = 0;
    } else if (this.#head >= TRIM && this.#head * 2 >= this.#kept.length) {
      this.#kept.splice(0, this.#head);
      this.#head = 0;
    }
    return value;
  }

  /** An iterator fails once, and is done after that. */
  #failed(): unknown {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }
}
