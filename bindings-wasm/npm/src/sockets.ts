import type { WebSocketConstructor } from "./options.js";

/** The sockets that are open, for the case that nobody else is left to close them. */
export class Sockets {
  readonly #open = new Set<WebSocket>();

  open(constructor: WebSocketConstructor, url: string): WebSocket {
    const socket = new constructor(url) as WebSocket;
    this.#open.add(socket);
    socket.addEventListener("close", () => this.#open.delete(socket));
    return socket;
  }

  /** Closes all, and calls nothing of theirs any more. */
  abandon(): void {
    for (const socket of this.#open) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      // A socket of `ws` that is closed while it opens fails, and throws what nobody listens to.
      socket.onerror = () => {};
      socket.close();
    }
    this.#open.clear();
  }
}
