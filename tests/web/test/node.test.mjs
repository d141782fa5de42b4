// The suite in Node, with the option `WebSocket`.

import { after, describe, test } from "node:test";
import WebSocket from "ws";
import { cases } from "../suite/cases.mjs";
import { Environment } from "../suite/environment.mjs";
import { load } from "../support/package.mjs";
import { Scene, Servers } from "../support/scene.mjs";
import { hasTestEvents, kinds } from "../support/servers.mjs";

const lib = await load();
const servers = new Servers();
after(() => servers.stop());

for (const kind of kinds) {
  describe(`Node against ${kind}`, () => {
    for (const { name, run, own, needsTestEvents } of cases) {
      if (needsTestEvents && !hasTestEvents(kind) || own?.pings && !hasTestEvents(kind)) continue;
      test(name, { timeout: 60_000 }, async () => {
        const scene = await Scene.start(servers, kind, { own });
        try {
          const environment = new Environment(lib, scene.facts, (control, args) => scene.control(control, ...args), { WebSocket });
          await environment.run(run);
        } finally {
          await scene.stop();
        }
      });
    }
  });
}
