/**
 * The page's network, with a switch. Cut, it closes the sockets that are open and lets none open, so that the manager
 * sees what it would see in a tunnel.
 */
export class Network {
  #live = new Set<WebSocket>();
  #cut = false;
  /** To be given to the manager in place of the browser's. */
  readonly WebSocket: typeof WebSocket;

  constructor() {
    const network = this;
    this.WebSocket = class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        if (network.#cut) throw new DOMException("the network is cut", "NetworkError");
        super(url, protocols);
        network.#live.add(this);
        this.addEventListener("close", () => network.#live.delete(this));
      }
    };
  }

  /** As the browser's, while there is a network. */
  fetch(input: string, init?: RequestInit): Promise<Response> {
    return this.#cut ? Promise.reject(new TypeError("the network is cut")) : fetch(input, init);
  }

  get isCut(): boolean {
    return this.#cut;
  }

  /** Resolves when the sockets that were open are closed. */
  async cut(): Promise<void> {
    this.#cut = true;
    const closed = [...this.#live].map((socket) => {
      const event = new Promise((resolve) => socket.addEventListener("close", resolve, { once: true }));
      socket.close();
      return event;
    });
    await Promise.all(closed);
  }

  restore(): void {
    this.#cut = false;
  }
}
