import type { Received } from "./core.js";
import { EmitError, type EmitErrorCode, report } from "./errors.js";
import { Listeners } from "./listeners.js";
import { decode } from "./payload.js";
import type { DeliveryOutcome, DeliveryStatus, DurableEmit, Unsubscribe } from "./types.js";

/** One durable emit, as the application holds it. */
export class Durable implements DurableEmit<any> {
  /** In the core; negative while it is kept on this side. */
  id = 0;
  status: DeliveryStatus<any> = { status: "queued" };
  readonly accepted: Promise<void>;
  readonly outcome: Promise<DeliveryOutcome<any>>;
  readonly #listeners = new Listeners<[status: DeliveryStatus<any>]>();
  readonly #cancel: (id: number) => boolean;
  #accept!: { resolve: () => void; reject: (error: unknown) => void };
  #end!: { resolve: (outcome: DeliveryOutcome<any>) => void; reject: (error: unknown) => void };

  constructor(cancel: (id: number) => boolean) {
    this.#cancel = cancel;
    this.accepted = new Promise((resolve, reject) => (this.#accept = { resolve, reject }));
    this.outcome = new Promise((resolve, reject) => (this.#end = { resolve, reject }));
    // Who does not look at them has not forgotten anything.
    for (const promise of [this.accepted, this.outcome]) promise.catch(() => {});
  }

  onStatus(listener: (status: DeliveryStatus<any>) => void): Unsubscribe {
    return this.#listeners.add(listener);
  }

  cancel(): boolean {
    return this.#cancel(this.id);
  }

  /** What the core said. */
  tell(status: DeliveryStatus<any>): void {
    this.status = status;
    const { status: name } = status;
    if (name !== "queued") {
      const isRefused = name === "rejected" || name === "expired" || name === "cancelled";
      // After it was accepted this has no effect.
      if (isRefused) this.#accept.reject(refusal(status));
      else this.#accept.resolve();
      if (name !== "persisted" && name !== "sent") this.#end.resolve(status as DeliveryOutcome<any>);
    }
    this.#listeners.tell(status);
  }

  /** It never came to the core. */
  refuse(error: unknown): void {
    this.#accept.reject(error);
    if (!(error instanceof EmitError)) this.#end.reject(error);
    else if (error.code === "CANCELLED") this.tell({ status: "cancelled", isSent: false });
    else if (error.code === "EXPIRED") this.tell({ status: "expired", isSent: false });
    else this.tell({ status: "rejected", code: error.code, value: undefined });
  }

  /** Nobody will tell of it any more, whatever becomes of it. */
  abandon(error: unknown): void {
    this.#accept.reject(error);
    this.#end.reject(error);
  }
}

function refusal(status: DeliveryStatus): EmitError {
  const code = status.status === "rejected" ? status.code : status.status.toUpperCase();
  return new EmitError(code as EmitErrorCode, `not accepted: ${code}`);
}

/** The durable emits of which the core will tell. */
export class Deliveries {
  readonly #open = new Map<number, Durable>();
  /** What the core tells while it takes messages, whose ids are not known yet. */
  #early: [id: number, status: DeliveryStatus][] = [];
  #taking = 0;

  /** Has the core take one. `emit` gives `id * 4 + outcome`, and so does this. */
  take(durable: Durable, emit: () => number): number {
    this.#taking++;
    try {
      const result = emit();
      durable.id = Math.floor(result / 4);
      this.#open.set(durable.id, durable);
      for (const [id, status] of this.#early) if (id === durable.id) this.#tell(id, status);
      return result;
    } finally {
      if (--this.#taking === 0) this.#early = [];
    }
  }

  /** Gives the status, for others as well. */
  told(
    id: number,
    name: DeliveryStatus["status"],
    isSent: boolean | undefined,
    code: string | undefined,
    args: Received,
    attachments: Uint8Array[] | undefined,
  ): DeliveryStatus {
    let value: unknown;
    try {
      value = decode(args, attachments)[0];
    } catch (error) {
      report(error);
    }
    const status = {
      status: name,
      ...(isSent !== undefined && { isSent }),
      ...(code !== undefined && { code }),
      ...(args !== undefined && { value }),
    } as DeliveryStatus;
    if (this.#open.has(id)) this.#tell(id, status);
    else if (this.#taking > 0) this.#early.push([id, status]);
    return status;
  }

  abandonAll(error: unknown): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const durable of open) durable.abandon(error);
  }

  #tell(id: number, status: DeliveryStatus): void {
    const durable = this.#open.get(id);
    if (isOutcome(status)) this.#open.delete(id);
    durable?.tell(status);
  }
}

function isOutcome({ status }: DeliveryStatus): boolean {
  return status !== "queued" && status !== "persisted" && status !== "sent";
}
