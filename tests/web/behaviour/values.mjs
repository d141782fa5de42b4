// Values of the scenarios, and what the package takes and gives for them.

/** What `{"$bytes": length}` stands for. */
const pattern = (length) => Uint8Array.from({ length }, (_, i) => (31 * i + 7) % 256);

/** With bytes where the file has `{"$bytes": N}`. */
export function encode(value) {
  if (Array.isArray(value)) return value.map(encode);
  if (typeof value !== "object" || value === null) return value;
  if (typeof value.$bytes === "number") return pattern(value.$bytes);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, encode(item)]));
}

/** In the words of the file. Bytes that are not as they should be are equal to nothing there. */
export function decode(value) {
  if (value === undefined) return null;
  if (value instanceof ArrayBuffer) return described(new Uint8Array(value));
  if (ArrayBuffer.isView(value)) return described(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decode(item)]));
}

function described(bytes) {
  const right = pattern(bytes.length);
  const isRight = bytes.every((byte, i) => byte === right[i]);
  return isRight ? { $bytes: bytes.length } : { "other bytes": bytes.length };
}

/** Whatever the order of keys. */
export const text = (value) =>
  JSON.stringify(value, (_key, item) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([one], [other]) => (one < other ? -1 : 1)))
      : item);

export const same = (one, other) => text(one) === text(other);

/** Lists of arguments that a step expects: as they are, or numbered. */
export function expected({ expect, range }) {
  if (expect !== undefined) return expect;
  const [from, to] = range;
  return Array.from({ length: to - from }, (_, n) => [from + n]);
}

export function compare(what, found, wanted) {
  if (same(found, wanted)) return;
  const at = found.findIndex((item, i) => !same(item, wanted[i]));
  const differs = at < 0 ? found.length : at;
  const shown = (list) => text(list.slice(differs, differs + 5));
  throw new Error(`${what}: ${found.length} instead of ${wanted.length}; from number ${differs} on ${shown(found)}, not ${shown(wanted)}`);
}
