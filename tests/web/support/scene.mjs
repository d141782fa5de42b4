// What a case of the suite has on its outside: a server behind a proxy of its own, and the strings to pull.

import { Proxy } from "./proxy.mjs";
import { Server } from "./servers.mjs";

/** Servers that cases share, one of each kind. */
export class Servers {
  #shared = new Map();

  async shared(kind) {
    if (!this.#shared.has(kind)) this.#shared.set(kind, Server.start(kind));
    return this.#shared.get(kind);
  }

  async stop() {
    // One that did not start has said so where it was needed.
    for (const server of this.#shared.values()) await server.then((running) => running.kill(), () => {});
  }
}

let users = 0;

export class Scene {
  static async start(servers, kind, options = {}) {
    const scene = new Scene();
    scene.isOwn = options.own !== undefined;
    scene.server = scene.isOwn ? await Server.start(kind, options.own) : await servers.shared(kind);
    scene.isUp = true;
    scene.proxy = await Proxy.start(scene.server.port);
    scene.user = `user-${process.pid}-${++users}`;
    return scene;
  }

  /** What the case is told. */
  get facts() {
    return { kind: this.server.kind, url: `http://127.0.0.1:${this.proxy.port}`, user: this.user };
  }

  async stop() {
    await this.proxy.stop();
    if (this.isOwn && this.isUp) await this.server.kill();
  }

  /** Does what the case asks for; arguments and results are JSON. */
  async control(name, ...args) {
    const { proxy, server } = this;
    switch (name) {
      case "sockets":
        return { open: proxy.open, total: proxy.total, peak: proxy.peak };
      case "frames":
        return proxy.frames;
      case "urls":
        return proxy.urls;
      case "cut":
        return proxy.cut();
      case "refuse":
        return proxy.refuse(args[0]);
      case "hold":
        return proxy.hold(args[0]);
      case "deafen":
        return proxy.deafen(args[0]);
      case "token":
        return server.token(args[0]);
      case "kill":
        this.isUp = false;
        return server.kill();
      case "restart":
        await server.start();
        this.isUp = true;
        return undefined;
      default:
        throw new Error(`there is no control ${name}`);
    }
  }
}
