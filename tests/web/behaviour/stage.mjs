// The stage of the scenarios, as a process of its own, and what it is asked for.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { start } from "../support/children.mjs";
import { builtPrograms, root } from "../support/servers.mjs";

const program = process.env.NEXUS_BEHAVIOUR_STAGE ?? join(builtPrograms, "behaviour-stage");

/** All scenarios, as the file has them. */
export function scenarios() {
  const { version, scenarios: list } = JSON.parse(readFileSync(join(root, "tests/behaviour/scenarios.json"), "utf8"));
  if (version !== 1) throw new Error(`version ${version} of the scenarios is not known`);
  return list;
}

export class BehaviourStage {
  #process;

  static async start() {
    if (!existsSync(program)) throw new Error(`there is no ${program}: cargo builds it with the package nexus-behaviour`);
    const stage = new BehaviourStage();
    stage.#process = await start(program, [`--root=${root}`], (line) => JSON.parse(line).port);
    return stage;
  }

  /** Gives a server to `run`: what a process needs to know of it. */
  async with(kind, run) {
    const port = this.#process.ready;
    const setting = { kind, port, ...(await ask(port, "POST", "/servers", { kind })) };
    try {
      await run(setting);
    } finally {
      await ask(port, "DELETE", `/servers/${setting.id}`);
    }
  }

  /** Waits until it has cleaned up. */
  stop() {
    return this.#process.finish();
  }
}

/** Has the stage carry out a step. */
export const perform = ({ port, id }, step) => ask(port, "POST", `/servers/${id}/do`, step);

async function ask(port, method, path, body) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    ...(body && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  if (answer.ok) return answer.json();
  throw new Error(`the stage: ${await answer.text()}`);
}
