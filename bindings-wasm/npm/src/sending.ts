import type { AckWaiter } from "./acks.js";
import type { Emission } from "./backlog.js";
import type { Connection } from "./connection.js";
import type { CoreClient } from "./core.js";
import { EmitError } from "./errors.js";
import { checkNamespace } from "./joins.js";
import type { Packed } from "./payload.js";

const DAY = 86_400_000;
/** Outcomes in the core's numbering. */
const QUEUED = 1;
const DROPPED = 2;

/** Sends, or keeps what can't be handed over yet. Gives `id * 4 + outcome`. */
export function send(
  connection: Connection,
  namespace: string,
  event: string,
  packed: string | Packed,
  isVolatile: boolean,
  ttl: number,
  ack: number,
  waiter: AckWaiter | undefined,
): number {
  const client = connection.ready;
  if (client === undefined) {
    return keep(connection, { namespace, event, packed, volatile: isVolatile, ttl, ack, waiter });
  }
  try {
    return emitPacked(client, connection.names.of(client, namespace, event), packed, isVolatile, ttl, ack);
  } catch (error) {
    throw connection.failed(error);
  }
}

/** Calls the core with what was encoded. */
export function emitPacked(
  client: CoreClient,
  name: number,
  packed: string | Packed,
  isVolatile: boolean,
  ttl: number,
  ack: number,
): number {
  return typeof packed === "string"
    ? client.emit(name, packed, packed.length, undefined, isVolatile, ttl, ack)
    : client.emit(name, packed.text, packed.text.length, packed.attachments, isVolatile, ttl, ack);
}

/** Milliseconds as the core takes them: what is no duration has its default. */
export function ttlOf(ttl: number | undefined): number {
  return ttl !== undefined && ttl >= 0 ? Math.min(ttl, 30 * DAY) : Number.NaN;
}

export function ackTimeoutOf(timeout: number | undefined): number {
  return timeout !== undefined && timeout >= 0 ? Math.min(timeout, DAY) : -1;
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
  if (emission.volatile) {
    if (emission.waiter) throw new EmitError("NOT_WRITABLE", "not writable now", { isRetryable: true });
    return DROPPED;
  }
  return connection.backlog.keep(emission, connection.options) * 4 + QUEUED;
}
