import type { AckWaiter } from "./acks.js";
import type { EmitOptions } from "./api.js";
import type { Emission } from "./backlog.js";
import type { Connection } from "./connection.js";
import type { Durable } from "./deliveries.js";
import { type CoreClient, Flag } from "./core.js";
import { EmitError } from "./errors.js";
import { checkNamespace } from "./joins.js";
import { storeOf } from "./store/index.js";
import { mayEndInMarker, type Packed } from "./payload.js";

const DAY = 86_400_000;
/** Outcomes in the core's numbering. */
const QUEUED = 1;
const DROPPED = 2;

/** How an emit is treated. */
export type Class = typeof Flag.Buffered | typeof Flag.Volatile | typeof Flag.Durable;

/** Sends, or keeps what can't be handed over yet. Gives `id * 4 + outcome`. */
export function send(
  connection: Connection,
  namespace: string,
  event: string,
  packed: string | Packed,
  delivery: Class,
  ttl: number,
  ack: number,
  waiter: AckWaiter | undefined,
  durable?: Durable,
): number {
  const client = connection.ready;
  if (client === undefined) {
    return keep(connection, { namespace, event, packed, delivery, ttl, ack, waiter, durable });
  }
  try {
    const name = connection.names.of(client, namespace, event);
    if (durable !== undefined) return connection.deliveries.take(durable, () => emitPacked(client, name, packed, delivery, ttl, ack));
    return emitPacked(client, name, packed, delivery, ttl, ack);
  } catch (error) {
    throw connection.failed(error);
  }
}

function noStore(): EmitError {
  return new EmitError("NO_DURABLE_STORE", "durable emits need a store: there is no IndexedDB here, and the option `store` gives none");
}

/** Calls the core with what was encoded. */
export function emitPacked(
  client: CoreClient,
  name: number,
  packed: string | Packed,
  delivery: Class,
  ttl: number,
  ack: number,
): number {
  if (typeof packed !== "string") return client.emit(name, packed.text, packed.text.length, packed.attachments, delivery, ttl, ack);
  const flags = mayEndInMarker(packed) ? delivery + Flag.MayEndInMarker : delivery;
  return client.emit(name, packed, packed.length, undefined, flags, ttl, ack);
}

/** Milliseconds as the core takes them: what is no duration has its default. */
export function ttlOf(ttl: number | undefined): number {
  return ttl !== undefined && ttl >= 0 ? Math.min(ttl, 30 * DAY) : Number.NaN;
}

export function ackTimeoutOf(timeout: number | undefined): number {
  return timeout !== undefined && timeout >= 0 ? Math.min(timeout, DAY) : -1;
}

/** Of what is not durable. */
export function classOf(options: EmitOptions | undefined): Class {
  return options?.volatile === true || options?.delivery === "volatile" ? Flag.Volatile : Flag.Buffered;
}

/** Takes a message out of the queue, or ends the wait for its acknowledgement. */
export function cancelMessage(connection: Connection, id: number): boolean {
  const { backlog, client } = connection;
  if (backlog.cancel(id)) return true;
  const adopted = id < 0 ? backlog.adoptedAs(id) : id;
  if (adopted === undefined || client === undefined) return false;
  return connection.guard(() => client.cancel(adopted)) !== undefined;
}

function keep(connection: Connection, emission: Emission): number {
  connection.check();
  if (connection.userId === undefined) throw new EmitError("NO_USER", "connect has not been called");
  try {
    checkNamespace(emission.namespace);
  } catch (cause) {
    throw new EmitError("INVALID_NAMESPACE", (cause as Error).message, {}, { cause });
  }
  if (emission.delivery === Flag.Volatile) {
    if (emission.waiter) throw new EmitError("NOT_WRITABLE", "not writable now", { isRetryable: true });
    return DROPPED;
  }
  if (emission.durable !== undefined && storeOf(connection.options) === undefined) throw noStore();
  const id = connection.backlog.keep(emission, connection.options);
  if (emission.durable !== undefined) emission.durable.id = id;
  return id * 4 + QUEUED;
}
