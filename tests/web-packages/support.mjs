// New projects with the packed package, the demo server, a browser and a plain web server.
import { execFile, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = process.env.NEXUS_ROOT ?? join(here, "../..");
const nexusServer = process.env.NEXUS_SERVER ?? join(root, "target/debug/nexus-server");
const consumers = join(here, "consumers");

/** Longer than anything takes on a busy machine. */
export const PATIENCE = 60_000;
/** Installing and building, which is up to the network and the tools. */
const INSTALLING = 300_000;

const run = promisify(execFile);
const temporary = [];
process.on("exit", () => temporary.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function folder() {
  const made = mkdtempSync(join(tmpdir(), "nexus-package-"));
  temporary.push(made);
  return made;
}

/** The archive that npm would publish: NEXUS_TARBALL, or the built package packed. */
export async function tarball() {
  if (process.env.NEXUS_TARBALL !== undefined) return resolve(process.env.NEXUS_TARBALL);
  const source = join(root, "bindings-wasm/npm");
  if (!existsSync(join(source, "dist/index.js"))) throw new Error("the package is not built: `cargo xtask web` builds it");
  const target = folder();
  await run("npm", ["pack", "--pack-destination", target], { cwd: source, timeout: INSTALLING });
  return join(target, readdirSync(target)[0]);
}

/** A new project outside of the repository, with the package, with others, and with the consumers' code. */
export class Project {
  folder = folder();

  static async with(...packages) {
    const project = new Project();
    project.write("package.json", JSON.stringify({ name: "new-project", private: true, type: "module" }));
    cpSync(consumers, project.folder, { recursive: true });
    await project.run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error", await tarball(), ...packages);
    return project;
  }

  path(name) {
    return join(this.folder, name);
  }

  write(name, text) {
    writeFileSync(this.path(name), text);
  }

  /** A program, or one of an installed package by `npx`. Gives what it prints. */
  async run(program, ...args) {
    const { stdout } = await run(program, args, { cwd: this.folder, timeout: INSTALLING });
    return stdout;
  }

  node(...args) {
    return this.run(process.execPath, ...args);
  }

  /** The text of a page that loads a script. */
  page(name, script) {
    this.write(name, `<!doctype html><title>consumer</title><body>${script}</body>`);
  }
}

/** The demo server. */
export async function startServer() {
  const child = spawn(nexusServer, ["--demo", "--port=0", "--log=warn"], { stdio: ["ignore", "pipe", "ignore"] });
  const ended = new Promise((done) => child.once("exit", done));
  const url = await new Promise((found, failed) => {
    child.once("error", failed);
    ended.then((code) => failed(new Error(`the server ended at once, with ${code}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [, address] = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(line) ?? [];
      if (address !== undefined) found(address);
    });
  });
  const answer = await fetch(`${url}/demo/token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ userId: "ada" }),
  });
  const { token } = await answer.json();
  return {
    url,
    token,
    async stop() {
      process.kill(child.pid, "SIGKILL");
      await ended;
    },
  };
}

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

/** Serves the files of a folder, as simple web servers do. */
export async function serve(directory, headers = {}) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    // Browsers ask for it by themselves.
    if (pathname === "/favicon.ico") return response.writeHead(204).end();
    try {
      const body = await readFile(join(directory, normalize(pathname)));
      response.writeHead(200, { "content-type": TYPES[extname(pathname)] ?? "application/octet-stream", ...headers }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Opens a page of a folder in a new profile, has it looked at, and checks that nothing in it went wrong. */
export async function visit({ browser, server, directory, path, headers, query = {}, look }) {
  const site = await serve(directory, headers);
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("response", (response) => response.status() >= 400 && problems.push(`${response.status()} ${response.url()}`));
  const parameters = new URLSearchParams({ server: server.url, token: server.token, ...query });
  try {
    await page.goto(`${site.url}/${path}?${parameters}`);
    return { seen: await look(page), problems };
  } finally {
    await context.close();
    site.stop();
  }
}

/** What the consumer made of its talk with the server. */
export async function outcome(page) {
  await page.waitForFunction(() => globalThis.outcome !== undefined);
  return page.evaluate(() => globalThis.outcome);
}

export const GOOD = { status: "connected", isOk: true, hasId: true };
