import { type AckWaiter, cancelledUnsent, fail } from "./acks.js";
import type { CoreClient } from "./core.js";
import type { Deliveries, Durable } from "./deliveries.js";
import { AckError, EmitError, type EmitErrorCode } from "./errors.js";
import type { Names } from "./names.js";
import type { ManagerOptions } from "./options.js";
import type { Packed } from "./payload.js";
import { type Class, emitPacked } from "./sending.js";
import type { Notice, QueuedMessage } from "./types.js";

const DAY = 86_400_000;
const DEFAULT_ACK_TIMEOUT = 10_000;
const RESERVED_EVENTS = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/** An emit, ready for the core. `ttl` and `ack` as the core takes them. */
export interface Emission {
  readonly namespace: string;
  readonly event: string;
  readonly packed: string | Packed;
  readonly delivery: Class;
  readonly ttl: number;
  readonly ack: number;
  readonly waiter: AckWaiter | undefined;
  /** What is told of it, if it is durable. */
  readonly durable: Durable | undefined;
}

interface Kept extends Emission {
  readonly id: number;
  readonly bytes: number;
  readonly keptAt: number;
  readonly expiresAt: number;
  readonly timer: ReturnType<typeof setTimeout> | undefined;
}

/** Emits of the time before the WebAssembly part is there, under the same rules as the core's own queue. */
export class Backlog {
  #kept: Kept[] = [];
  #lastId = 0;
  #bytes = 0;
  /** What the core calls the messages that it was given last. */
  #adopted = new Map<number, number>();
  readonly #notify: (notice: Notice) => void;

  constructor(notify: (notice: Notice) => void) {
    this.#notify = notify;
  }

  get size(): number {
    return this.#kept.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Gives the id, a negative one. */
  keep(emission: Emission, options: ManagerOptions): number {
    const { event, packed, waiter } = emission;
    if (RESERVED_EVENTS.includes(event)) {
      throw new EmitError("RESERVED_EVENT", `the event name "${event}" is reserved`);
    }
    const { maxMessages = 1000, maxBytes = 16 * 2 ** 20, ttl = DAY, overflow = "reject-new" } = options.queue ?? {};
    const bytes = sizeOf(packed) + event.length + emission.namespace.length;
    while (this.#kept.length >= maxMessages || this.#bytes + bytes > maxBytes) {
      const oldest = overflow === "drop-oldest" && bytes <= maxBytes ? this.#kept[0] : undefined;
      if (oldest === undefined) {
        throw new EmitError("QUEUE_FULL", "the offline queue is full", { isRetryable: true });
      }
      this.#drop(oldest, "the queue overflowed", "QUEUE_FULL");
    }
    const now = performance.now();
    const ack = emission.ack < 0 ? (options.ackTimeout ?? DEFAULT_ACK_TIMEOUT) : emission.ack;
    const kept: Kept = {
      ...emission,
      id: --this.#lastId,
      bytes,
      ack,
      keptAt: now,
      expiresAt: now + (Number.isNaN(emission.ttl) ? ttl : emission.ttl),
      timer: waiter && setTimeout(() => this.#timedOut(kept), ack),
    };
    if (waiter) waiter.id = kept.id;
    this.#kept.push(kept);
    this.#bytes += bytes;
    return kept.id;
  }

  /** Hands everything to the core, in order. `adopt` is told of each that asks for an acknowledgement. */
  flush(
    client: CoreClient,
    names: Names,
    adopt: (waiter: AckWaiter) => void,
    deliveries: Deliveries,
    failed: (error: unknown) => unknown,
  ): void {
    const now = performance.now();
    this.#adopted.clear();
    for (let kept = this.#kept[0]; kept !== undefined; kept = this.#kept[0]) {
      if (now >= kept.expiresAt) {
        this.#drop(kept, "expired", "EXPIRED");
        continue;
      }
      this.#take(kept);
      const { packed, waiter, durable, delivery } = kept;
      const ack = Math.max(1, kept.ack - (now - kept.keptAt));
      try {
        const name = names.of(client, kept.namespace, kept.event);
        // What was given no time has the core's own, which differs by class.
        const ttl = Number.isNaN(kept.ttl) && durable ? kept.ttl : kept.expiresAt - now;
        const emit = (): number => emitPacked(client, name, packed, delivery, ttl, ack);
        const id = Math.floor((durable ? deliveries.take(durable, emit) : emit()) / 4);
        this.#adopted.set(kept.id, id);
        if (waiter) {
          waiter.id = id;
          adopt(waiter);
        }
      } catch (cause) {
        const error = failed(cause);
        if (waiter) fail(waiter, error);
        else if (durable) durable.refuse(error);
        else this.#notifyDropped(kept, error instanceof Error ? error.message : String(error));
      }
    }
  }

  messages(): QueuedMessage[] {
    const now = performance.now();
    return this.#kept.map(({ id, namespace, event, bytes, expiresAt, waiter, durable }) => ({
      id,
      namespace,
      event,
      bytes,
      expiresIn: Math.max(0, expiresAt - now),
      awaitsAck: waiter !== undefined || durable !== undefined,
      delivery: durable ? "durable" : "buffered",
      isAccepted: durable === undefined,
      isSent: false,
    }));
  }

  /** The core's name of a message that was kept, or `undefined`. */
  adoptedAs(id: number): number | undefined {
    return this.#adopted.get(id);
  }

  cancel(id: number): boolean {
    const kept = this.#kept.find((one) => one.id === id);
    if (kept === undefined) return false;
    this.#drop(kept, "cancelled", "CANCELLED", kept.waiter && cancelledUnsent());
    return true;
  }

  /** Drops everything. Waits end with the error, or as not sent for the reason. */
  dropAll(reason: string, code: EmitErrorCode, error?: unknown): void {
    for (let kept = this.#kept[0]; kept !== undefined; kept = this.#kept[0]) this.#drop(kept, reason, code, error);
  }

  #timedOut(kept: Kept): void {
    this.#take(kept);
    this.#notifyDropped(kept, "the acknowledgement timed out");
    fail(kept.waiter!, new AckError("TIMED_OUT", "no acknowledgement in time (never sent)", { isUnsent: true }));
  }

  /** `code` and, if there is one, `error` say of a durable message why it was not accepted. */
  #drop(kept: Kept, reason: string, code: EmitErrorCode, error?: unknown): void {
    this.#take(kept);
    if (kept.durable) {
      kept.durable.refuse(error ?? new EmitError(code, `not accepted: ${reason}`));
      return;
    }
    this.#notifyDropped(kept, reason);
    if (kept.waiter) {
      fail(kept.waiter, error ?? new AckError("NOT_SENT", `never sent: ${reason}`, { isUnsent: true }));
    }
  }

  #take(kept: Kept): void {
    clearTimeout(kept.timer);
    this.#kept = this.#kept.filter((one) => one !== kept);
    this.#bytes -= kept.bytes;
  }

  #notifyDropped({ id, namespace, event }: Kept, reason: string): void {
    this.#notify({ type: "messageDropped", id, namespace, event, reason });
  }
}

function sizeOf(packed: string | Packed): number {
  if (typeof packed === "string") return packed.length;
  return packed.attachments.reduce((sum, part) => sum + part.byteLength, packed.text.length);
}
