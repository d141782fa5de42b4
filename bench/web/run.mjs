/**
 * Measures nexus-realtime beside socket.io-client in Chromium, and writes docs/benchmarks-web.md.
 *
 *     node bench/web/run.mjs [--rounds N] [--print] [--profile FOLDER] [WHAT...]
 *
 * WHAT: page, alone, cold, heap; nothing named is everything, and only that is written. `--profile` keeps a CPU profile of
 * each measure on the stand-in socket in the folder, and prints its hottest functions. The package must have been built;
 * the environment's NEXUS_PACKAGE names another copy of it, CHROMIUM the browser.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { launch, serve } from "./browser.mjs";
import { bundle, packageFolder } from "./build.mjs";
import { alone, cold, heap, inOnePage } from "./measures.mjs";
import { startServer } from "./process.mjs";
import { profile } from "./profile.mjs";
import { Figures, markdown } from "./report.mjs";
import { sizes } from "./sizes.mjs";

const KINDS = { page: inOnePage, alone, cold, heap };

const { values: flags, positionals: named } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "7" },
    print: { type: "boolean", default: false },
    profile: { type: "string" },
  },
});
const rounds = Number(flags.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds is a whole number from 1 on");
for (const name of named) if (KINDS[name] === undefined) throw new Error(`no such measure: ${name}`);

const readable = flags.profile !== undefined;
const site = await serve({
  "shared.js": await bundle("page/shared.js"),
  "alone.js": await bundle("page/alone.js", { readable }),
  "one.js": await bundle("page/one.js"),
  "nexus.js": await bundle("clients/nexus.js"),
  "socketio.js": await bundle("clients/socketio.js"),
});
const server = await startServer(fileURLToPath(new URL("server.mjs", import.meta.url)));
const browser = await launch();
try {
  if (readable) {
    await profile({ browser, site, folder: flags.profile });
  } else {
    const figures = new Figures();
    for (const [name, measure] of Object.entries(KINDS)) {
      if (named.length > 0 && !named.includes(name)) continue;
      await measure({ browser, site, server, rounds, figures });
    }
    const page = markdown({ figures, rounds, sizes: await sizes(), versions: versions() });
    console.log(page);
    if (named.length === 0 && !flags.print) writeFileSync(new URL("../../docs/benchmarks-web.md", import.meta.url), page);
  }
} finally {
  await browser.close();
  await server.stop();
  site.close();
}

function versions() {
  const versionOf = (path) => JSON.parse(readFileSync(path, "utf8")).version;
  const installed = (name) => `${name} ${versionOf(new URL(`node_modules/${name}/package.json`, import.meta.url))}`;
  return [
    `Chromium ${browser.version()}, Node ${process.version}`,
    `nexus-realtime ${versionOf(`${packageFolder}/package.json`)}, ${installed("socket.io-client")}, ${installed("socket.io")}`,
  ];
}
