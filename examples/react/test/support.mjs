// What the tests of the application need around it: a server, the built application, a browser.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { build, createServer, preview } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const nexusServer = process.env.NEXUS_SERVER ?? join(root, '../../target/debug/nexus-server');

/** Longer than anything takes on a busy machine. */
export const PATIENCE = 20_000;

/** The demo server. It can be killed, and started again at its port; tokens stay good. */
export class Server {
  #port = 0;
  #child;
  #ended;

  static async start() {
    const server = new Server();
    await server.start();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start() {
    const env = { ...process.env, JWT_SECRET: 'the secret of the tests, of forty letters' };
    const child = spawn(nexusServer, ['--demo', `--port=${this.#port}`, '--log=warn'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('exit', resolve));
    this.#port = await new Promise((resolve, reject) => {
      child.once('error', reject);
      this.#ended.then((code) => reject(new Error(`the server ended at once, with ${code}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        const found = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(line);
        if (found !== null) resolve(Number(found[1]));
      });
    });
  }

  async kill() {
    process.kill(this.#child.pid, 'SIGKILL');
    await this.#ended;
  }

  async stop() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
  }
}

const quiet = { root, logLevel: 'error' };

/** Builds the application for the server into a folder of its own, and serves it. */
export async function serveBuilt(backend) {
  process.env.VITE_BACKEND_URL = backend;
  const outDir = mkdtempSync(join(tmpdir(), 'nexus-react-'));
  await build({ ...quiet, build: { outDir, emptyOutDir: true } });
  const served = await preview({ ...quiet, build: { outDir }, preview: { host: '127.0.0.1', port: 0 } });
  return {
    url: served.resolvedUrls.local[0],
    async stop() {
      await served.close();
      rmSync(outDir, { recursive: true });
    },
  };
}

/** Serves the application as it is developed: React then mounts everything twice. */
export async function serveForDevelopment(backend) {
  process.env.VITE_BACKEND_URL = backend;
  const cacheDir = mkdtempSync(join(tmpdir(), 'nexus-react-'));
  const served = await createServer({ ...quiet, cacheDir, server: { host: '127.0.0.1', port: 0, hmr: false, watch: null } });
  await served.listen();
  return {
    url: served.resolvedUrls.local[0],
    async stop() {
      await served.close();
      rmSync(cacheDir, { recursive: true });
    },
  };
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A user's own browser, signed in. */
export async function signIn(browser, url, name, prepare = async () => {}) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 720 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const errors = [];
  const sockets = [];
  page.on('pageerror', (error) => errors.push(error));
  page.on('websocket', (socket) => {
    if (!socket.url().includes('/socket.io/')) return;
    const seen = { sent: [], isOpen: true };
    sockets.push(seen);
    socket.on('framesent', ({ payload }) => seen.sent.push(String(payload)));
    socket.on('close', () => (seen.isOpen = false));
  });
  await prepare(page);
  await page.goto(url);
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('.indicator[data-connected=true]').waitFor();
  return { page, errors, sockets, close: () => context.close() };
}

/** Writes a message in the application. */
export async function write(page, receiver, content) {
  await page.getByLabel('To', { exact: true }).fill(receiver);
  await page.getByLabel('Message', { exact: true }).fill(content);
  await page.getByRole('button', { name: 'Send' }).click();
}

/** The conversation's message with this text. */
export function bubble(page, content, side) {
  return page.getByLabel('Messages', { exact: true }).locator(`li.${side}`, { hasText: content });
}
