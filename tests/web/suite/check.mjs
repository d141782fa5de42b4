// Assertions and waits that work in a page as well as in Node.

/** How long an expected thing may take. */
export const PATIENCE = 15_000;

export function ok(value, what) {
  if (!value) throw new Error(what);
}

export function equal(actual, expected, what = "values differ") {
  const [one, other] = [show(actual), show(expected)];
  if (one !== other) throw new Error(`${what}: got ${shorten(one)}, expected ${shorten(other)}`);
}

/** Throws unless the call or promise fails with an error of this class and code. Gives the error. */
export async function fails(work, name, code) {
  let result;
  try {
    result = await (typeof work === "function" ? work() : work);
  } catch (error) {
    if (error?.name !== name || error.code !== code) {
      throw new Error(`expected ${name} ${code}, got ${error?.name} ${error?.code}: ${error?.message}`, { cause: error });
    }
    return error;
  }
  throw new Error(`expected ${name} ${code}, got no error but ${shorten(show(result))}`);
}

/** Waits for a promise, not for ever. */
export async function within(promise, what, patience = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${patience} ms in vain for ${what}`)), patience);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Looks again and again until a condition holds, for what tells nobody that it changed. */
export async function until(condition, what, patience = PATIENCE) {
  const deadline = Date.now() + patience;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited ${patience} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** What happened, in order. */
export class Record {
  items = [];
  #waiting = new Set();

  /** A listener that keeps its first argument. */
  push = (item) => {
    this.items.push(item);
    for (const look of this.#waiting) look();
  };

  /** Resolves as soon as the condition holds for what was kept. */
  until(condition, what) {
    let look;
    const found = new Promise((resolve) => {
      look = () => condition(this.items) && resolve(this.items);
      this.#waiting.add(look);
      look();
    });
    const described = () => `${what} (so far: ${shorten(show(this.items))})`;
    return within(found, what)
      .catch(() => {
        throw new Error(`waited in vain for ${described()}`);
      })
      .finally(() => this.#waiting.delete(look));
  }

  count(count, what) {
    return this.until((items) => items.length >= count, `${count} of ${what}`);
  }

  has(item, what = `${show(item)}`) {
    return this.until((items) => items.some((each) => show(each) === show(item)), what);
  }
}

/** A digest of bytes. */
export function fnv1a(bytes) {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

export const range = (count) => Array.from({ length: count }, (_, index) => index);

/** Canonical text of a value, with bytes told apart from what looks like them. */
function show(value) {
  return JSON.stringify(plain(value)) ?? String(value);
}

function plain(value) {
  if (value instanceof ArrayBuffer) return { "[ArrayBuffer]": hex(new Uint8Array(value)) };
  if (ArrayBuffer.isView(value)) {
    return { [`[${value.constructor.name}]`]: hex(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) };
  }
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value !== "object" || value === null) return value === undefined ? "[undefined]" : value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, plain(value[key])]));
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const shorten = (text) => (text.length <= 600 ? text : `${text.slice(0, 400)} … ${text.slice(-180)} (${text.length})`);
