// Runs cases of the suite in a page, when asked to from outside.

import * as lib from "nexus-realtime";
import { cases } from "../suite/cases.mjs";
import { Environment } from "../suite/environment.mjs";

globalThis.runCase = async (name, facts) => {
  const { run } = cases.find((each) => each.name === name);
  const environment = new Environment(lib, facts, (control, args) => globalThis.outside(facts.user, control, args), {});
  await environment.run(run);
};
