import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openPage } from "./browser.mjs";
import { clients } from "./measures.mjs";

const CASES = [
  ["receive", "small", 10_000],
  ["emit", "small", 5_000],
  ["ask", "small", 5_000],
  ["receive", "large", 200],
  ["emit", "large", 200],
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
      const run = async () => {
        await call("prepare", payload, count);
        await call(method, client, payload, count);
      };
      // Until the engine has compiled what is hot.
      for (let turn = 0; turn < 5; turn++) await run();
      await cdp.send("Profiler.start");
      for (let turn = 0; turn < 5; turn++) await run();
      const { profile: taken } = await cdp.send("Profiler.stop");
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
    if (functionName === "(idle)") return;
    busy += timeDeltas[index];
    const name = `${url.startsWith("wasm") ? "wasm " : ""}${functionName || "(anonymous)"}`;
    times.set(name, (times.get(name) ?? 0) + timeDeltas[index]);
  });
  const sorted = [...times].sort(([, one], [, other]) => other - one);
  return sorted.slice(0, 20).map(([name, time]) => ({ name, share: time / busy }));
}
