import type { ManagerOptions, WebSocketConstructor } from "./options.js";

/** What sockets are made with, if there is anything. */
export function socketClass(options: ManagerOptions): WebSocketConstructor | undefined {
  return options.WebSocket ?? (globalThis.WebSocket as typeof WebSocket | undefined);
}

/** What the core sets and calls of a socket. */
type Handler<E> = ((event: E) => void) | null | undefined;

/** What a socket tells besides what the core asks of it. */
export interface SocketOwner {
  /** An event or acknowledgement came, as `handleEventFrame` of the core takes it. */
  event(text: string, args: unknown[], length: number): void;
  /** The core has thrown, which happens when it panics. */
  failed(error: unknown): void;
}

/** What a packet has at most for its arguments to be read on this side: the core's own limit, and the event's name. */
const MAX_VALUES = 257;

const [DIGIT_2, DIGIT_3, DIGIT_4] = [50, 51, 52];
const [QUOTE, DOLLAR, SLASH, BRACKET] = [34, 36, 47, 91];
/** The event of the protocol itself, which the core reads. */
const CONTROL = '["$nx"';
/** The longest text as last argument that may be the protocol's. */
const MAX_OFFSET = 126;

/**
 * A socket as the core has it. Arguments of events and acknowledgements are values of JavaScript on this side: the
 * core gets and gives only what stands before them, so that they are neither copied nor checked a second time. What is
 * sent in one go leaves in one microtask, so that an emit is cheap where it stands.
 */
export class Socket {
  onopen: Handler<Event>;
  onmessage: Handler<MessageEvent>;
  onclose: Handler<CloseEvent>;
  onerror: Handler<Event>;
  /** The namespaces, as frames name them, of whose events the core tells repeats by itself. */
  readonly negotiated = new Set<string>();
  readonly #raw: WebSocket;
  readonly #owner: SocketOwner;
  #waiting: (string | Uint8Array)[] = [];
  #waitingSize = 0;

  constructor(raw: WebSocket, owner: SocketOwner) {
    this.#raw = raw;
    this.#owner = owner;
    raw.onopen = (event) => this.#tell(this.onopen, event);
    raw.onclose = (event) => this.#tell(this.onclose, event);
    raw.onerror = (event) => this.#tell(this.onerror, event);
    raw.onmessage = (event) => {
      const data = event.data as unknown;
      if (typeof data !== "string" || !this.#receive(data)) this.#tell(this.onmessage, event);
    };
  }

  set binaryType(type: BinaryType) {
    this.#raw.binaryType = type;
  }

  get bufferedAmount(): number {
    return this.#raw.bufferedAmount + this.#waitingSize;
  }

  send(data: string | Uint8Array): void {
    this.#waitingSize += data.length;
    if (this.#waiting.push(data) === 1) queueMicrotask(this.#flush);
  }

  sendEvent(head: string, args: string, tail: string): void {
    this.send(`${head}${args}${tail}]`);
  }

  close(): void {
    this.#flush();
    this.#raw.close();
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingSize = 0;
    // One that is closing already drops what it is given, and says that it closes.
    for (const data of waiting) this.#raw.send(data as string);
  };

  /** Reads an event or acknowledgement without binary parts. What is anything else, or not right, is the core's. */
  #receive(text: string): boolean {
    if (text.charCodeAt(0) !== DIGIT_4) return false;
    const type = text.charCodeAt(1);
    if (type !== DIGIT_2 && type !== DIGIT_3) return false;
    let start = 2;
    let namespace = "/";
    if (text.charCodeAt(start) === SLASH) {
      start = text.indexOf(",", start) + 1;
      if (start === 0) return false;
      namespace = text.slice(2, start - 1);
    }
    const idAt = start;
    while (isDigit(text.charCodeAt(start))) start++;
    const hasId = start > idAt;
    if (text.charCodeAt(start) !== BRACKET) return false;
    let end = start + 1;
    if (type === DIGIT_2) {
      if (text.charCodeAt(end) !== QUOTE) return false;
      if (text.charCodeAt(end + 1) === DOLLAR && text.startsWith(CONTROL, start)) return false;
      end = text.indexOf('"', end + 1) + 1;
      const backslash = text.indexOf("\\", start);
      if (end === 0 || (backslash !== -1 && backslash < end)) return false;
    }
    let values: unknown[];
    try {
      values = JSON.parse(text.slice(start)) as unknown[];
    } catch {
      return false;
    }
    if (values.length > MAX_VALUES) return false;
    if (type === DIGIT_2) values.shift();
    let more = type === DIGIT_3 ? outcomeOf(values, text) : "";
    if (type === DIGIT_2 && !hasId) {
      more = offsetOf(values);
      const unique = this.negotiated.has(namespace) ? "" : uniqueOf(values[0], text, end);
      if (unique !== "") more = `${more === "" ? "\n" : more}\n${unique}`;
    }
    try {
      this.#owner.event(`${text.slice(0, end)}]${more}`, values, text.length);
    } catch (error) {
      this.#owner.failed(error);
    }
    return true;
  }

  #tell<E>(handler: Handler<E>, event: E): void {
    try {
      handler?.(event);
    } catch (error) {
      this.#owner.failed(error);
    }
  }
}

/** The last argument of an acknowledgement, behind a line feed, if it may be the protocol's. */
function outcomeOf(values: unknown[], text: string): string {
  if (!text.endsWith("}}]")) return "";
  const last = values[values.length - 1];
  return isMarker(last) ? `\n${JSON.stringify(last)}` : "";
}

/** The last argument of an event, as well: it is the protocol's on some namespaces. */
function offsetOf(values: unknown[]): string {
  const last = values[values.length - 1];
  return typeof last === "string" && last.length <= MAX_OFFSET ? `\n${JSON.stringify(last)}` : "";
}

/** What tells an event from others of its name, as the core takes it; nothing if it does not say. */
function uniqueOf(first: unknown, text: string, argsAt: number): string {
  if (typeof first !== "object" || first === null) return "";
  const { uniqueId, id } = first as { uniqueId?: unknown; id?: unknown };
  if (isPlain(uniqueId)) return JSON.stringify(uniqueId);
  return isPlain(id) ? `#${hash(text, argsAt)}` : "";
}

function isPlain(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number";
}

let seed: number | undefined;

/** A hash of a text from some place on, another one in each page: who knew it could make others' events look like repeats. */
function hash(text: string, from: number): string {
  seed ??= Math.floor(Math.random() * 2 ** 32);
  let one = seed;
  let other = ~seed;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    one = Math.imul(one ^ code, 0x9e3779b1);
    other = Math.imul(other ^ (one >>> 15), 0x85ebca6b) ^ code;
    one ^= one >>> 13;
  }
  return `${one >>> 0}.${other >>> 0}`;
}

function isMarker(value: unknown): boolean {
  return typeof value === "object" && value !== null && "$m" in value;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** The sockets that are open, for the case that nobody else is left to close them. */
export class Sockets {
  readonly #open = new Set<WebSocket>();
  #last: Socket | undefined;

  open(constructor: WebSocketConstructor, url: string, owner: SocketOwner): Socket {
    const raw = new constructor(url) as WebSocket;
    this.#open.add(raw);
    raw.addEventListener("close", () => this.#open.delete(raw));
    // A socket of `ws` that is closed while it opens fails, and throws what nobody listens to.
    raw.addEventListener("error", () => {});
    return (this.#last = new Socket(raw, owner));
  }

  /** A namespace was joined, by its name without slash, and the core tells repeats of its events by itself. */
  negotiated(namespace: string): void {
    this.#last?.negotiated.add(namespace === "/" ? namespace : `/${namespace}`);
  }

  /** Closes all, and calls nothing of theirs any more. */
  abandon(): void {
    for (const socket of this.#open) {
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
      socket.close();
    }
    this.#open.clear();
  }
}
