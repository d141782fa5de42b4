import { Emitter } from "./emitter.js";

/** What an entry is about: decides how it is marked. */
export type Tone = "good" | "bad" | "wait" | "plain";

export interface Entry {
  readonly at: number;
  readonly tone: Tone;
  readonly text: string;
  /** A second line. */
  readonly detail?: string | undefined;
  /** When what it announces happens, by `performance.now()`. It is counted down to. */
  readonly due?: number;
}

/** The most entries that are kept. */
export const MAX_ENTRIES = 200;

/** What happened on the connection, for the log on the page. */
export class Journal extends Emitter<{ entry: [entry: Entry]; settled: []; cleared: [] }> {
  entries: Entry[] = [];
  #pending: Entry | undefined;

  /** The attempt that is counted down to. */
  get pending(): Entry | undefined {
    return this.#pending;
  }

  add(tone: Tone, text: string, detail?: string): void {
    this.#push({ at: Date.now(), tone, text, detail });
  }

  /** Announces something that happens in so many milliseconds. */
  countDown(text: string, delay: number, detail?: string): void {
    this.settle();
    const entry: Entry = { at: Date.now(), tone: "wait", text, detail, due: performance.now() + delay };
    this.#pending = entry;
    this.#push(entry);
  }

  /** What was announced has happened, or never will. */
  settle(): void {
    if (!this.#pending) return;
    this.#pending = undefined;
    this.tell("settled");
  }

  clear(): void {
    this.entries = this.#pending ? [this.#pending] : [];
    this.tell("cleared");
  }

  #push(entry: Entry): void {
    this.entries.push(entry);
    if (this.entries.length > MAX_ENTRIES) this.entries.shift();
    this.tell("entry", entry);
  }
}
