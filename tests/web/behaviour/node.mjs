// Runs steps in this process. As a program, the phase of a scenario that is its argument.

import { fileURLToPath } from "node:url";
import WebSocket from "ws";
import { load } from "../support/package.mjs";
import { FileStore } from "./file-store.mjs";
import { Runner } from "./runner.mjs";
import { perform, scenarios } from "./stage.mjs";

export const program = fileURLToPath(import.meta.url);

export async function runHere(setting, steps) {
  const runner = new Runner(await load(), setting, {
    stage: (step) => perform(setting, step),
    die: () => process.kill(process.pid, "SIGKILL"),
    makeStore: () => new FileStore(setting.store),
    WebSocket,
  });
  await runner.run(steps);
}

if (process.argv[1] === program) {
  const { setting, name, phase } = JSON.parse(process.argv[2]);
  await runHere(setting, scenarios().find((scenario) => scenario.name === name).phases[phase]);
}
