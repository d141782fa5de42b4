// A Node process that uses the package ends when it has nothing else to do.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { pathToFileURL, fileURLToPath } from "node:url";
import { start, within } from "../support/children.mjs";
import { entries, load } from "../support/package.mjs";
import { Scene, Servers } from "../support/scene.mjs";
import { kinds } from "../support/servers.mjs";

const client = fileURLToPath(new URL("../peers/client.mjs", import.meta.url));
const servers = new Servers();
after(() => servers.stop());

/** Runs the client; gives its scene while it runs. */
async function run(kind, way, meanwhile) {
  const scene = await Scene.start(servers, kind);
  const args = [client, pathToFileURL(entries.default).href, scene.facts.url, await scene.control("token", "u"), way];
  const child = await start(process.execPath, args, (line) => (line === "imported" ? true : undefined));
  try {
    await meanwhile(child, scene);
  } finally {
    await child.stop();
    await scene.stop();
  }
}

for (const kind of kinds) {
  describe(`a process with a connection to ${kind}`, () => {
    for (const way of ["import", "close", "disconnect", "close in vain"]) {
      test(`ends by itself: ${way}`, { timeout: 60_000 }, () =>
        run(kind, way, async (child, scene) => {
          assert.deepEqual(await within(child.ended, "the end of the process"), { code: 0, signal: null });
          assert.equal(scene.proxy.total, way === "import" ? 0 : 1);
          assert.equal(scene.proxy.open, 0);
        }));
    }
  });
}

test("where there is no WebSocket, connect says which option to set", { skip: typeof globalThis.WebSocket === "function" && "this Node has one" }, async () => {
  const { createManager } = await load();
  const manager = createManager({ url: "http://127.0.0.1:9" });
  await assert.rejects(manager.connect("u", "t"), { name: "ConfigError", code: "INVALID_OPTION", message: /option `WebSocket`/ });
  assert.equal(manager.getConnectionStatus(), "disconnected");
});
