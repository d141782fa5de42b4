/**
 * Measures what durable emits of nexus-realtime cost in Chromium, beside buffered ones, and prints a section for the page of
 * `cargo xtask bench delivery`, which starts it.
 *
 *     node bench/web/delivery.mjs [--rounds N] [--messages N]
 *
 * The package must have been built; the environment's NEXUS_PACKAGE names another copy of it, CHROMIUM the browser,
 * DELIVERY_SERVER the server, and DELIVERY_FOLDER a folder on the disk to measure, for profiles of the browser and the
 * server's files.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { flags, serve } from "./browser.mjs";
import { bundle } from "./build.mjs";

const CLASSES = ["buffered", "durable"];
const WINDOW = 128;
const RATE = 50;
const OUTBOX = 5_000;

const { values: options } = parseArgs({ options: { rounds: { type: "string", default: "3" }, messages: { type: "string", default: "300" } } });
const [rounds, messages] = [Number(options.rounds), Number(options.messages)];
const folder = process.env.DELIVERY_FOLDER;
const site = await serve({ "delivery.js": await bundle("page/delivery.js") });

/** Values by name and class. */
const figures = {};
const add = (name, delivery, value) => ((figures[name] ??= {})[delivery] ??= []).push(value);

try {
  for (let round = 0; round < rounds; round++) {
    for (const delivery of CLASSES) await withPage((...opened) => measure(delivery, ...opened));
    await withPage(fill);
  }
  console.log(section());
} finally {
  site.close();
}

/** A page with a server and a profile of its own. */
async function withPage(run) {
  const profile = join(folder, "profile");
  for (const made of [profile, join(folder, "web-server")]) {
    rmSync(made, { recursive: true, force: true });
    mkdirSync(made, { recursive: true });
  }
  const server = await startServer();
  const context = await chromium.launchPersistentContext(profile, { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
  try {
    const page = await context.newPage();
    page.on("pageerror", (error) => console.error(`in the page: ${error.stack ?? error}`));
    await page.goto(`${site.origin}/delivery`);
    await page.waitForFunction(() => globalThis.bench !== undefined);
    const call = (method, ...args) => page.evaluate(([name, rest]) => bench[name](...rest), [method, args]);
    await call("open", server.url, "web");
    await run(call, server, profile);
  } finally {
    await context.close();
    server.kill();
  }
}

async function measure(delivery, call, server) {
  await call("measure", "lone", delivery, 50);
  const note = (name, value) => add(name, delivery, value);
  const written = async (name, count, option) => {
    const before = [browserBytes(server.pid), bytesOf(server.pid)];
    const { rate, accepted, acked } = await call("measure", name, delivery, count, option);
    note(`${name} rate`, rate);
    for (const [at, percent] of [50, 99].entries()) {
      note(`${name} accepted ${percent}`, accepted[at]);
      note(`${name} acked ${percent}`, acked[at]);
    }
    note(`${name} browser bytes`, (browserBytes(server.pid) - before[0]) / count);
    note(`${name} server bytes`, (bytesOf(server.pid) - before[1]) / count);
  };
  await written("lone", messages);
  await written("paced", messages, RATE);
  await written("pipelined", delivery === "durable" ? messages * 5 : messages * 50, WINDOW);
}

/** A full outbox, in a profile in which nothing was stored before. */
async function fill(call, _server, profile) {
  const stored = join(profile, "Default/IndexedDB");
  const before = existsSync(stored) ? bytesIn(stored) : 0;
  add("estimate", "durable", (await call("offline", OUTBOX)) / OUTBOX);
  add("files", "durable", (bytesIn(stored) - before) / OUTBOX);
}

async function startServer() {
  const port = await freePort();
  const child = spawn(process.env.DELIVERY_SERVER, ["--port", String(port), "--data-dir", join(folder, "web-server")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the server ended at once, with ${code}`)));
    createInterface({ input: child.stdout }).once("line", resolve);
  });
  return { url: `http://127.0.0.1:${port}`, pid: child.pid, kill: () => child.kill("SIGKILL") };
}

function freePort() {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** What a process has had the system write to files, in bytes. */
function bytesOf(pid) {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))[1]);
}

/** The same of all that this process has started, and they in turn, but the server. */
function browserBytes(except) {
  const children = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, "utf8"))[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It has ended.
    }
  }
  const of = (pid) => (children.get(pid) ?? []).filter((child) => child !== except).reduce((sum, child) => sum + bytesOf(child) + of(child), 0);
  return of(process.pid);
}

function bytesIn(path) {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

function section() {
  const middle = (name, delivery) => {
    const sorted = figures[name][delivery].toSorted((one, other) => one - other);
    return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
  };
  const spread = (name, delivery) => {
    const values = figures[name][delivery];
    return `${middle(name, delivery).toFixed(0)} (${Math.min(...values).toFixed(0)} - ${Math.max(...values).toFixed(0)})`;
  };
  const ratio = (name, delivery) => (middle(name, delivery) / middle(name, "buffered")).toPrecision(2);
  const times = (name, delivery) => `${middle(`${name} 50`, delivery).toFixed(2)}, ${middle(`${name} 99`, delivery).toFixed(1)}`;
  const kib = (name, delivery) => `${(middle(name, delivery) / 1024).toFixed(1)} KiB`;
  const rate = CLASSES.map((one) => [one, spread("pipelined rate", one), ratio("pipelined rate", one)]);
  const latency = CLASSES.map((one) => [
    one,
    ...["lone", "paced"].flatMap((way) => [times(`${way} accepted`, one), times(`${way} acked`, one), ratio(`${way} acked 50`, one)]),
  ]);
  const disk = ["lone", "paced", "pipelined"].map((way) => [
    { lone: "one at a time", paced: "steady", pipelined: "pipelined" }[way],
    ...CLASSES.map((one) => kib(`${way} browser bytes`, one)),
    kib(`${way} server bytes`, "durable"),
  ]);
  const table = (head, rows) => [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  return `## In a browser
The package \`nexus-realtime\` in Chromium, with its store in IndexedDB (each commit with \`durability: "strict"\`), against the same
server: messages of 200 bytes, acknowledged, ${WINDOW} underway where they are pipelined. All arrived once.

${table(["class", "emits/s", "of buffered"], rate)}

Milliseconds from the call of emit until the message is accepted, and until its acknowledgement is told: median and 99th
percentile. Steady: ${RATE} a second.

${table(["class", "one at a time: accepted, 99th", "acked, 99th", "of buffered", "steady: accepted, 99th", "acked, 99th", "of buffered"], latency)}

Bytes written for each message by all processes of the browser (those with buffered messages are what it writes anyway), and by the server.

${table(["", "browser, buffered", "browser, durable", "server, durable"], disk)}

A message that waits takes ${middle("files", "durable").toFixed(0)} bytes in the files of IndexedDB, ${OUTBOX} of them, and ${middle("estimate", "durable").toFixed(0)} in the
browser's own estimate.`;
}
