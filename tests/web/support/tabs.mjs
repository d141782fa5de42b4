// A Chromium of its own, spoken to in the DevTools protocol.
//
// A test driver keeps every tab in the foreground and takes the brakes off timers. Here tabs hide each other, and
// hidden ones are throttled and frozen, as users have it.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import WebSocket from "ws";
import { executable, FLAGS } from "./browser.mjs";
import { start, within } from "./children.mjs";

export class Tabs {
  #process;
  #folder;
  #socket;
  #calls = 0;
  #waiting = new Map();

  /** With the folder of a browser that was killed, this one finds what that had. */
  static async start(folder) {
    const tabs = new Tabs();
    tabs.#folder = folder ?? (await mkdtemp(join(tmpdir(), "nexus-tabs-")));
    const flags = [...FLAGS, "--headless=new", "--remote-debugging-port=0", `--user-data-dir=${tabs.#folder}`, "about:blank"];
    const ready = (line) => /^DevTools listening on (ws:\S+)/.exec(line)?.[1];
    tabs.#process = await start(executable(), flags, ready, { watchErrors: true });
    tabs.#socket = new WebSocket(tabs.#process.ready);
    tabs.#socket.on("message", (data) => {
      const { id, result, error } = JSON.parse(data);
      tabs.#waiting.get(id)?.({ result, error });
      tabs.#waiting.delete(id);
    });
    await within(new Promise((resolve) => tabs.#socket.once("open", resolve)), "the browser's socket");
    return tabs;
  }

  async stop() {
    this.#socket.close();
    // It writes to its folder until it has ended.
    await this.#process.stop("SIGTERM");
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Ends the browser without a goodbye, and gives its folder. */
  async kill() {
    await this.#process.stop("SIGKILL");
    return this.#folder;
  }

  /** Opens a tab in the foreground; the one before it is hidden. */
  async open(url) {
    const { targetId } = await this.#send("Target.createTarget", { url });
    const { sessionId } = await this.#send("Target.attachToTarget", { targetId, flatten: true });
    const send = (method, params) => this.#send(method, params, sessionId);
    return {
      send,
      /** The value of an expression, or of the promise that it gives. */
      evaluate: async (expression) => {
        const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
      },
      show: () => this.#send("Target.activateTarget", { targetId }),
      close: () => this.#send("Target.closeTarget", { targetId }),
    };
  }

  #send(method, params = {}, sessionId = undefined) {
    const id = ++this.#calls;
    const answer = new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => (error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result)));
    });
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return within(answer, `the answer to ${method}`);
  }
}
