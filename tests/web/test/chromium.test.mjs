// The suite in Chromium, in one page for each server.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { cases } from "../suite/cases.mjs";
import { launch, open } from "../support/browser.mjs";
import { Scene, Servers } from "../support/scene.mjs";
import { hasTestEvents, kinds } from "../support/servers.mjs";
import { Site } from "../support/site.mjs";

const servers = new Servers();
let site;
let browser;
before(async () => {
  [site, browser] = await Promise.all([Site.start(), launch()]);
});
after(async () => {
  await browser?.close();
  await Promise.all([site?.stop(), servers.stop()]);
});

for (const kind of kinds) {
  describe(`Chromium against ${kind}`, () => {
    const scenes = new Map();
    let opened;
    before(async () => {
      opened = await open(await browser.newContext(), site.url("suite"), scenes);
    });
    after(() => opened?.page.context().close());

    for (const { name, own, needsTestEvents } of cases) {
      if ((needsTestEvents || own?.pings) && !hasTestEvents(kind)) continue;
      test(name, { timeout: 60_000 }, async () => {
        const scene = await Scene.start(servers, kind, { own });
        scenes.set(scene.user, scene);
        try {
          await opened.page.evaluate(([each, facts]) => globalThis.runCase(each, facts), [name, scene.facts]);
        } finally {
          scenes.delete(scene.user);
          await scene.stop();
        }
        assert.deepEqual(opened.errors.splice(0), [], "errors that nobody handled");
      });
    }
  });
}
