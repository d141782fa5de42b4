// A TCP proxy between a client and a server: counts sockets, shows what clients send, and is the bad network.

import { createServer, connect } from "node:net";
import { once } from "node:events";

/** Longest part of a frame that is kept. */
const SHOWN = 400;

export class Proxy {
  #server = createServer((client) => this.#accept(client));
  #target;
  #links = new Set();
  #isRefusing = false;
  #isHolding = false;
  #isDeaf = false;
  #isMute = false;
  /** WebSocket connections since the beginning. */
  total = 0;
  /** The most that were open at a time. */
  peak = 0;
  /** Addresses that clients asked for. */
  urls = [];
  /** Beginnings of the text messages that clients sent. */
  frames = [];

  static async start(target) {
    const proxy = new Proxy();
    proxy.#target = target;
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port() {
    return this.#server.address().port;
  }

  get open() {
    return [...this.#links].filter((link) => link.isWebSocket).length;
  }

  /** Cuts every connection, as a network that is gone does. */
  cut() {
    for (const link of [...this.#links]) link.end();
  }

  /** Whether new connections are closed at once. */
  refuse(isRefusing) {
    this.#isRefusing = isRefusing;
  }

  /** Whether nothing comes through any more, while connections stay open. It comes later, in order. */
  hold(isHolding) {
    this.#isHolding = isHolding;
    for (const link of this.#links) link.hold(isHolding);
  }

  /** Whether new connections hear the server, and the server hears nothing of them but that they are there. */
  deafen(isDeaf) {
    this.#isDeaf = isDeaf;
  }

  /** Whether clients hear nothing of the server, which hears them. What it says meanwhile is lost. */
  mute(isMute) {
    this.#isMute = isMute;
  }

  async stop() {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(client) {
    // Whoever is cut off may be heard of as an error.
    client.on("error", () => {});
    if (this.#isRefusing) {
      client.destroy();
      return;
    }
    const upstream = connect(this.#target, "127.0.0.1");
    const isDeaf = this.#isDeaf;
    // A goodbye that nobody answers would keep the socket for long.
    const tap = new Tap((text) => this.frames.push(text), () => isDeaf && link.end());
    let head = "";
    const link = {
      isWebSocket: false,
      end: () => {
        this.#links.delete(link);
        client.destroy();
        upstream.destroy();
      },
      hold: (isHolding) => {
        for (const socket of [client, upstream]) isHolding ? socket.pause() : socket.resume();
      },
    };
    this.#links.add(link);
    client.on("data", (data) => {
      if (link.isWebSocket) {
        tap.take(data);
        if (isDeaf) return;
      } else {
        head += data.toString("latin1");
        if (head.includes("\r\n\r\n") && /^upgrade: websocket/im.test(head)) {
          link.isWebSocket = true;
          this.total += 1;
          this.peak = Math.max(this.peak, this.open);
          this.urls.push(head.split(" ", 2)[1]);
        }
      }
      if (!upstream.write(data)) client.pause();
    });
    upstream.on("data", (data) => {
      if (this.#isMute) return;
      if (!client.write(data)) upstream.pause();
    });
    upstream.on("drain", () => this.#isHolding || client.resume());
    client.on("drain", () => this.#isHolding || upstream.resume());
    upstream.on("error", link.end);
    // What is on its way to the other side still goes there.
    client.on("end", () => upstream.end());
    upstream.on("end", () => client.end());
    for (const socket of [client, upstream]) socket.on("close", link.end);
    if (this.#isHolding) link.hold(true);
  }
}

/** Reads the text messages out of what a client sends: single frames that are masked and not compressed. */
class Tap {
  #bytes = Buffer.alloc(0);
  #show;
  #close;

  constructor(show, close) {
    this.#show = show;
    this.#close = close;
  }

  take(data) {
    this.#bytes = Buffer.concat([this.#bytes, data]);
    while (this.#takeFrame());
  }

  #takeFrame() {
    const bytes = this.#bytes;
    if (bytes.length < 2) return false;
    let length = bytes[1] & 0x7f;
    let at = 2;
    if (length === 126) {
      if (bytes.length < 4) return false;
      length = bytes.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return false;
      length = Number(bytes.readBigUInt64BE(2));
      at = 10;
    }
    const end = at + 4 + length;
    if (bytes.length < end) return false;
    if ((bytes[0] & 0x0f) === 1) {
      const mask = bytes.subarray(at, at + 4);
      const shown = bytes.subarray(at + 4, Math.min(end, at + 4 + SHOWN));
      this.#show(Buffer.from(shown.map((byte, index) => byte ^ mask[index % 4])).toString("utf8"));
    }
    if ((bytes[0] & 0x0f) === 8) this.#close();
    this.#bytes = bytes.subarray(end);
    return true;
  }
}
