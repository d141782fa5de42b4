// Carries out steps of scenarios in a page, when asked to from outside, where the stage is.

import * as lib from "nexus-realtime";
import { Runner } from "../behaviour/runner.mjs";

let runner;
globalThis.begin = (setting) => {
  runner = new Runner(lib, setting, {});
};
globalThis.step = (step) => runner.step(step);
globalThis.finish = () => runner.close();
