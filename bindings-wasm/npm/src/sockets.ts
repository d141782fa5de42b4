import type { ManagerOptions, WebSocketConstructor } from "./options.js";

/** What sockets are made with, if there is anything. */
export function socketClass(options: ManagerOptions): WebSocketConstructor | undefined {
  return options.WebSocket ?? (globalThis.WebSocket as typeof WebSocket | undefined);
}

/** The sockets that are open, for the case that nobody else is left to close them. */
export class Sockets {
  readonly #open = new Set<WebSocket>();

  open(constructor: WebSocketConstructor, url: string): WebSocket {
    const socket = new constructor(url) as WebSocket;
    this.#open.add(socket);
    socket.addEventListener("close", () => this.#open.delete(socket));
    // A socket of `ws` that is closed while it opens fails, and throws what nobody listens to.
    socket.addEventListener("error", () => {});
    return socket;
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
