import type { Received } from "./core.js";
import { EmitError } from "./errors.js";

/** The core counts the list of arguments as well. */
const MAX_DEPTH = 511;

/** Several arguments of one event; made by {@link args}. */
export class Args<A extends unknown[] = unknown[]> {
  readonly values: A;

  constructor(values: A) {
    this.values = values;
  }
}

/** Several arguments where one is usual: `emit("chat", "typing", args(roomId, true))`. */
export function args<A extends unknown[]>(...values: A): Args<A> {
  return new Args(values);
}

/** Arguments with binary parts: the text, without brackets, has a placeholder for each. */
export interface Packed {
  readonly text: string;
  readonly attachments: Uint8Array[];
}

/**
 * Encodes what was given to an emit: the text of the arguments with commas between, or, if there are binary parts, text and parts.
 * The parts are views: no bytes are copied here.
 */
export function encode(data: unknown): string | Packed {
  // Most data is text, numbers or plain objects: no list of arguments is made for them.
  if (data === undefined) return "";
  return data instanceof Args ? encodeArgs(data.values) : pack(data, false);
}

/** Encodes a list of arguments. */
export function encodeArgs(values: readonly unknown[]): string | Packed {
  if (values.some((value) => typeof value === "function")) throw isFunction();
  return pack(values, true);
}

function pack(value: unknown, isList: boolean): string | Packed {
  try {
    if (typeof value === "function") throw isFunction();
    const depth = isList ? 0 : 1;
    if (typeof value === "object" && value !== null && holdsBinary(value, "", depth)) {
      const attachments: Uint8Array[] = [];
      const text = JSON.stringify(detach(value, "", attachments, depth));
      return { text: isList ? text.slice(1, -1) : text, attachments };
    }
    const text = JSON.stringify(value) ?? "null";
    return isList ? text.slice(1, -1) : text;
  } catch (error) {
    throw error instanceof EmitError ? error : refusal(reasonOf(error, value), error);
  }
}

function refusal(reason: string, cause?: unknown): EmitError {
  return new EmitError("NOT_ENCODABLE", `the data can't be encoded: ${reason}`, {}, cause === undefined ? {} : { cause });
}

function isFunction(): EmitError {
  return refusal("it is a function; `emitWithAck` gives the acknowledgement as a promise");
}

class TooDeep extends Error {}

/** Says why data can't be encoded, in the same words in all browsers. */
function reasonOf(error: unknown, value: unknown): string {
  let found = error;
  if (error instanceof TooDeep) {
    // The browser knows best whether it is deep or endless.
    try {
      JSON.stringify(value);
    } catch (cause) {
      found = cause;
    }
  }
  if (found instanceof TooDeep || found instanceof RangeError) {
    return found instanceof RangeError && /string length|allocation/i.test(found.message)
      ? "it is too large"
      : `it is nested deeper than ${MAX_DEPTH}`;
  }
  const message = found instanceof Error ? found.message : String(found);
  if (/circular|cyclic/i.test(message)) return "it is cyclic";
  if (/bigint/i.test(message)) return "it has a BigInt; send it as a string";
  return message;
}

type Tag = "binary" | "blob" | undefined;

/** By tag, so that buffers of other realms (frames, test runners) count. */
function tagOf(value: object): Tag {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return "binary";
  switch (Object.prototype.toString.call(value)) {
    case "[object ArrayBuffer]":
    case "[object SharedArrayBuffer]":
      return "binary";
    case "[object Blob]":
    case "[object File]":
      return "blob";
    default:
      return undefined;
  }
}

/** Whether there is a binary part, in one walk that stops at the first. */
function holdsBinary(value: object, key: string | number, depth: number): boolean {
  if (depth > MAX_DEPTH) throw new TooDeep();
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const item: unknown = value[index];
      if (typeof item === "object" && item !== null && holdsBinary(item, index, depth + 1)) return true;
    }
    return false;
  }
  const isPlain = Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlain) {
    const tag = tagOf(value);
    if (tag === "binary") return true;
    if (tag === "blob") throw refusal("a Blob is read asynchronously; send `await blob.arrayBuffer()`");
  }
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") {
    const shown: unknown = toJSON.call(value, String(key));
    if (shown !== value) {
      return typeof shown === "object" && shown !== null && holdsBinary(shown, key, depth + 1);
    }
  }
  // `for in` is several times as fast as `Object.keys`, but looks at prototypes, whose getters are not to be run.
  for (const name in value) {
    if (!isPlain && !Object.hasOwn(value, name)) continue;
    const item = (value as Record<string, unknown>)[name];
    if (typeof item === "object" && item !== null && holdsBinary(item, name, depth + 1)) return true;
  }
  return false;
}

/** A copy with placeholders for the binary parts, which are added to the list. */
function detach(value: unknown, key: string, attachments: Uint8Array[], depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth > MAX_DEPTH) throw new TooDeep();
  if (Array.isArray(value)) {
    return value.map((item, index) => detach(item, String(index), attachments, depth + 1));
  }
  const tag = tagOf(value);
  if (tag === "binary") {
    const view = ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(value as ArrayBuffer);
    return { _placeholder: true, num: attachments.push(view) - 1 };
  }
  if (tag === "blob") throw refusal("a Blob is read asynchronously; send `await blob.arrayBuffer()`");
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") {
    const shown: unknown = toJSON.call(value, key);
    if (shown !== value) return detach(shown, key, attachments, depth + 1);
  }
  // Without a prototype, every key is an ordinary one.
  const copy = Object.create(null) as Record<string, unknown>;
  for (const name of Object.keys(value)) {
    copy[name] = detach((value as Record<string, unknown>)[name], name, attachments, depth + 1);
  }
  return copy;
}

/** Whether the last of the arguments in a text may look like a marker of the protocol. */
export function mayEndInMarker(text: string): boolean {
  return text.endsWith("}}") && text.includes('{"$m":{');
}

const encoder = new TextEncoder();

/** Bytes of a text in UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).byteLength;
}

/** Gives the values of arguments; placeholders become `ArrayBuffer`s. */
export function decode(received: Received, attachments: Uint8Array[] | undefined): unknown[] {
  if (typeof received !== "string") return received ?? [];
  const values = JSON.parse(received) as unknown[];
  if (attachments !== undefined) attach(values, attachments);
  return values;
}

function attach(value: object, attachments: Uint8Array[]): void {
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    if (typeof item !== "object" || item === null) continue;
    const { _placeholder: isPlaceholder, num } = item as { _placeholder?: unknown; num?: unknown };
    const bytes = isPlaceholder === true && typeof num === "number" ? attachments[num] : undefined;
    if (bytes === undefined) attach(item, attachments);
    // It is an own property already, so that even `__proto__` is defined anew, and sets no prototype.
    else Object.defineProperty(value, key, { value: bufferOf(bytes) });
  }
}

function bufferOf(bytes: Uint8Array): ArrayBufferLike {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
}
