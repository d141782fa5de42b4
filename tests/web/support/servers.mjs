// The servers that the package is tested against, each in a process of its own.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PATIENCE, start } from "./children.mjs";

const here = dirname(fileURLToPath(import.meta.url));
export const root = process.env.NEXUS_ROOT ?? join(here, "../../..");
const nexusServer = process.env.NEXUS_SERVER ?? join(root, "target/debug/nexus-server");
/** Where cargo has put programs. */
export const builtPrograms = dirname(nexusServer);
// An example of the workspace: the library of nexus-server with the events of `peers/stock.mjs`.
const behaviourServer = process.env.NEXUS_BEHAVIOUR_SERVER ?? join(builtPrograms, "examples/behaviour-server");

/** The applications that are served: which case can run where depends on their events. */
export const kinds = ["nexus-server", "socket.io", "nexus library"];
if (!existsSync(behaviourServer)) {
  throw new Error(`there is no ${behaviourServer}: cargo builds it with the examples of the package nexus-tests`);
}

/** Those that have the events of `peers/stock.mjs`. */
export const hasTestEvents = (kind) => kind !== "nexus-server";

/** Short heartbeats can be asked for where servers have flags for them. */
export class Server {
  kind;
  #process;
  #port;
  #flags;
  #tokens = new Map();

  static async start(kind, { port = 0, pings } = {}) {
    const server = new Server();
    server.kind = kind;
    server.#flags = pings ? [`--ping-interval=${pings.interval}`, `--ping-timeout=${pings.timeout}`] : [];
    server.#port = port;
    await server.start();
    return server;
  }

  get port() {
    return this.#port;
  }

  /** Starts it, again at the port that it had. */
  async start() {
    const flags = [`--port=${this.#port}`, ...this.#flags];
    if (this.kind === "nexus-server") {
      this.#process = await start(nexusServer, ["--demo", ...flags, "--log=warn"], (line) => {
        const found = /^listening on http:\/\/127\.0\.0\.1:(\d+)$/.exec(line);
        return found ? Number(found[1]) : undefined;
      });
    } else {
      const [program, ...args] =
        this.kind === "socket.io" ? [process.execPath, join(here, "../peers/stock.mjs")] : [behaviourServer];
      this.#process = await start(program, [...args, ...flags], (line) => JSON.parse(line).port);
    }
    this.#port = this.#process.ready;
    this.#tokens.clear();
  }

  /** Kills its process. */
  kill() {
    return this.#process.stop("SIGKILL");
  }

  /** A token that it takes for this user. */
  async token(userId) {
    if (this.kind !== "nexus-server") return `good-${userId}`;
    if (!this.#tokens.has(userId)) {
      const answer = await fetch(`http://127.0.0.1:${this.#port}/demo/token`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ userId }),
        signal: AbortSignal.timeout(PATIENCE),
      });
      if (!answer.ok) throw new Error(`no token: ${answer.status}`);
      this.#tokens.set(userId, (await answer.json()).token);
    }
    return this.#tokens.get(userId);
  }
}
