// What clients of all platforms do, through the package in Chromium: `tests/behaviour/README.md` describes the scenarios.
// The process that dies there is the browser.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { inOrder } from "../behaviour/runner.mjs";
import { BehaviourStage, perform, scenarios } from "../behaviour/stage.mjs";
import { until } from "../suite/check.mjs";
import { launch, open } from "../support/browser.mjs";
import { Site } from "../support/site.mjs";
import { Tabs } from "../support/tabs.mjs";

const limit = { timeout: 180_000 };
let stage;
let site;
let browser;
before(async () => {
  [stage, site, browser] = await Promise.all([BehaviourStage.start(), Site.start(), launch()]);
});
after(async () => {
  await browser?.close();
  await Promise.all([stage?.stop(), site?.stop()]);
});

/** Steps of the stage here, the others in the page; `die` is for who has started the browser. */
async function carryOut(setting, steps, inPage) {
  await inPage("begin", setting);
  await inOrder(steps, async (step) => {
    if (step.do === "die") return;
    if (!step.do.startsWith("stage.")) await inPage("step", step);
    else if (step.only?.includes(setting.kind) !== false) await perform(setting, step);
  });
}

async function runInPage(setting, steps) {
  const context = await browser.newContext();
  try {
    const { page, errors } = await open(context, site.url("behaviour"));
    await carryOut(setting, steps, (name, argument) => page.evaluate(([each, given]) => globalThis[each](given), [name, argument]));
    await page.evaluate(() => globalThis.finish());
    assert.deepEqual(errors, [], "errors that nobody handled");
  } finally {
    await context.close();
  }
}

/** Each phase in a browser of its own, which finds what the one before has left. */
async function runInBrowsers(setting, phases) {
  let tabs = await Tabs.start();
  try {
    for (const [index, steps] of phases.entries()) {
      const tab = await tabs.open(site.url("behaviour"));
      await until(() => tab.evaluate("globalThis.begin !== undefined"), "the page");
      await carryOut(setting, steps, (name, argument) => tab.evaluate(`globalThis.${name}(${JSON.stringify(argument)})`));
      if (index + 1 < phases.length) tabs = await Tabs.start(await tabs.kill());
    }
  } finally {
    await tabs.stop();
  }
}

for (const kind of ["nexus", "node"]) {
  describe(`${kind}, through Chromium`, () => {
    for (const { name, phases, servers = ["nexus", "node"] } of scenarios()) {
      if (!servers.includes(kind)) continue;
      test(`${kind}: ${name}`, limit, () =>
        stage.with(kind, (setting) => (phases.length === 1 ? runInPage(setting, phases[0]) : runInBrowsers(setting, phases))));
    }
  });
}
