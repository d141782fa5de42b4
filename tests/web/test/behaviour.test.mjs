// What clients of all platforms do, through the package in Node: `tests/behaviour/README.md` describes the scenarios.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { program, runHere } from "../behaviour/node.mjs";
import { BehaviourStage, scenarios } from "../behaviour/stage.mjs";

const limit = { timeout: 180_000 };
let stage;
before(async () => {
  stage = await BehaviourStage.start();
});
after(() => stage?.stop());

/** Runs a phase in a process of its own, which ends as the phase says. */
async function runApart(setting, { name, phases }, phase) {
  const child = spawn(process.execPath, [program, JSON.stringify({ setting, name, phase })], { stdio: ["ignore", "inherit", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (errors = (errors + text).slice(-4_000)));
  const [code, signal] = await once(child, "close");
  const dies = phases[phase].some((step) => step.do === "die");
  assert.deepEqual({ code, signal }, dies ? { code: null, signal: "SIGKILL" } : { code: 0, signal: null }, `phase ${phase}: ${errors}`);
}

for (const kind of ["nexus", "node"]) {
  describe(`${kind}, through Node`, () => {
    for (const scenario of scenarios()) {
      if (!(scenario.servers ?? ["nexus", "node"]).includes(kind)) continue;
      test(`${kind}: ${scenario.name}`, limit, () =>
        stage.with(kind, async (setting) => {
          const { phases } = scenario;
          if (phases.length === 1) await runHere(setting, phases[0]);
          else for (const phase of phases.keys()) await runApart(setting, scenario, phase);
        }));
    }
  });
}
