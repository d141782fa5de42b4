// Runs cases of the suite in a worker.

import * as lib from "nexus-realtime";
import { cases } from "../suite/cases.mjs";
import { Environment } from "../suite/environment.mjs";

const waiting = new Map();
let calls = 0;

function control(name, args) {
  const id = ++calls;
  postMessage({ type: "control", id, name, args });
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

async function run({ name, facts }) {
  const environment = new Environment(lib, facts, control, {});
  await environment.run(cases.find((each) => each.name === name).run);
}

onmessage = ({ data }) => {
  if (data.type === "run") {
    run(data).then(
      () => postMessage({ type: "done" }),
      (error) => postMessage({ type: "done", error: String(error?.stack ?? error) }),
    );
    return;
  }
  const { resolve, reject } = waiting.get(data.id);
  waiting.delete(data.id);
  if (data.error === undefined) resolve(data.result);
  else reject(new Error(data.error));
};
