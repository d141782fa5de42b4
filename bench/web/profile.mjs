import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openPage } from "./browser.mjs";
import { clients } from "./measures.mjs";

const CASES = [
  ["receive", "small", 50_000],
  ["emit", "small", 50_000],
  ["ask", "small", 50_000],
  ["receive", "large", 1_000],
  ["emit", "large", 1_000],
];

/** Runs each case under Chromium's CPU profiler, keeps the profile in the folder, and prints the hottest functions. */
export async function profile({ browser, site, folder }) {
  mkdirSync(folder, { recursive: true });
  const { page, cdp, close } = await openPage(browser, `${site.origin}/alone`);
  await page.waitForFunction(() => globalThis.bench !== undefined);
  const call = (method, ...args) => page.evaluate(([name, rest]) => bench[name](...rest), [method, args]);
  for (const client of clients) await call("open", client);
  await cdp.send("Profiler.enable");
  await cdp.send("Profiler.setSamplingInterval", { interval: 100 });
  for (const [method, payload, count] of CASES) {
    for (const client of clients) {
      // The last turn, when the engine has compiled what is hot.
      let taken;
      for (let turn = 0; turn < 5; turn++) {
        await call("prepare", payload, count);
        await cdp.send("Profiler.start");
        await call(method, client, payload, count);
        taken = (await cdp.send("Profiler.stop")).profile;
      }
      writeFileSync(join(folder, `${client}-${method}-${payload}.cpuprofile`), JSON.stringify(taken));
      console.log(`\n${client}, ${method}, ${payload}`);
      for (const { name, share } of hottest(taken)) console.log(`${(share * 100).toFixed(1).padStart(6)} %  ${name}`);
    }
  }
  await close();
}

function hottest({ nodes, samples, timeDeltas }) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map();
  let busy = 0;
  samples.forEach((id, index) => {
    const { functionName, url } = frames.get(id);
    // Idle, and the browser itself, which on a busy machine is mostly waiting as well.
    if (functionName === "(idle)" || functionName === "(program)") return;
    busy += timeDeltas[index];
    const name = `${url.startsWith("wasm") ? "wasm " : ""}${functionName || "(anonymous)"}`;
    times.set(name, (times.get(name) ?? 0) + timeDeltas[index]);
  });
  const sorted = [...times].sort(([, one], [, other]) => other - one);
  return sorted.slice(0, 20).map(([name, time]) => ({ name, share: time / busy }));
}
