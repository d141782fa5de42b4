/** The loading of the real module: needs what `scripts/build.mjs` has made. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { InitError, PanickedError } from "../../src/errors.ts";
import { initError, instantiate } from "../../src/loader.ts";
import { failureOf, FakeSocket, settled } from "./fake.ts";

const dist = new URL("../../dist/", import.meta.url);
const bytes = readFileSync(new URL("nexus.wasm", dist));
const options = { url: "http://localhost:1", WebSocket: FakeSocket, lifecycle: false };

interface Slim {
  init(input: unknown): Promise<void>;
  createManager(options: object): any;
}
// What is loaded stays loaded, so that every call has a package of its own.
const folders: string[] = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

async function slim(): Promise<Slim> {
  const folder = mkdtempSync(join(tmpdir(), "nexus-realtime-"));
  folders.push(folder);
  cpSync(fileURLToPath(dist), join(folder, "dist"), { recursive: true });
  cpSync(fileURLToPath(new URL("../package.json", dist)), join(folder, "package.json"));
  return (await import(pathToFileURL(join(folder, "dist/slim.js")).href)) as Slim;
}

test("the inlined module is the module", async () => {
  const { createManager } = (await import(new URL("index.js", dist).href)) as Slim;
  let opened!: (url: string) => void;
  const opening = new Promise<string>((resolve) => (opened = resolve));
  class Socket extends FakeSocket {
    constructor(url: string) {
      super(url);
      opened(url);
    }
  }
  const manager = createManager({ ...options, WebSocket: Socket });
  const connecting = failureOf(manager.connect("ada", "secret"));
  assert.equal(await opening, "ws://localhost:1/socket.io/?EIO=4&transport=websocket");
  assert.equal(manager.getStats().counters.attempts, 1);
  manager.close();
  assert.equal((await connecting).code, "CANCELLED");
});

test("without init the slim entry says that it is missing", async () => {
  const { createManager } = await slim();
  const error = await failureOf(createManager(options).connect("ada", "secret"));
  assert.equal(error.code, "INIT_FAILED");
  assert.match(error.message, /call `init`/);
});

test("init takes bytes, a module, a promise, an answer and an address", async (context) => {
  const server = createServer((request, response) => {
    const isTyped = request.url === "/typed.wasm";
    response.statusCode = request.url === "/missing.wasm" ? 404 : 200;
    response.setHeader("content-type", isTyped ? "application/wasm" : "text/plain").end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const input of [
    () => bytes,
    () => WebAssembly.compile(bytes),
    () => Promise.resolve(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)),
    () => fetch(`${origin}/typed.wasm`),
    () => `${origin}/untyped.wasm`,
    () => new URL(`${origin}/typed.wasm`),
  ]) {
    const { init } = await slim();
    await init(input());
    await init("http://127.0.0.1:1/not-asked-for");
  }
  const { init } = await slim();
  const missing = await failureOf(init(`${origin}/missing.wasm`));
  assert.match(missing.message, /404/);
  const unusable = await failureOf(init(new Uint8Array([1, 2, 3])));
  assert.equal(unusable.code, "INIT_FAILED");
  assert.equal((await failureOf(init(Promise.reject(new Error("of the application"))))).cause.message, "of the application");
  await init(bytes);
});

test("after a panic the next call makes another instance, and only then", async () => {
  const compile = (): Promise<WebAssembly.Module> => WebAssembly.compile(bytes);
  const [first, same] = await Promise.all([instantiate(compile), instantiate(compile)]);
  assert.equal(first, same);
  assert.equal(await instantiate(compile), first);
  const order: string[] = [];
  first.owners.add((error) => (order.push(error.code), () => void order.push("told")));
  const panic = first.kill("for this test");
  assert.ok(panic instanceof PanickedError);
  assert.equal(first.kill("again"), panic);
  assert.deepEqual(order, [], "owners end when nothing is on the stack");
  await settled();
  assert.deepEqual(order, ["PANICKED", "told"]);
  const second = await instantiate(() => assert.fail("the module is compiled already"));
  assert.notEqual(second, first);
  assert.equal(second.panic, undefined);
});

test("a page's content security policy is named", () => {
  const blocked = new WebAssembly.CompileError(
    "WebAssembly.compile(): Compiling or instantiating WebAssembly module violates the following Content Security policy directive because neither 'wasm-eval' nor 'unsafe-eval' is an allowed source of script",
  );
  const error = initError(blocked);
  assert.match(error.message, /add 'wasm-unsafe-eval' to its script-src/);
  assert.equal(error.cause, blocked);
  assert.equal(initError(error), error);
  assert.doesNotMatch(initError(new Error("HTTP 500")).message, /unsafe-eval/);
  assert.ok(initError("odd") instanceof InitError);
});

test("where there is no WebAssembly, that is said", (context) => {
  const original = Object.getOwnPropertyDescriptor(globalThis, "WebAssembly")!;
  context.after(() => Object.defineProperty(globalThis, "WebAssembly", original));
  Object.defineProperty(globalThis, "WebAssembly", { value: undefined, configurable: true });
  assert.match(initError(new ReferenceError("WebAssembly is not defined")).message, /no WebAssembly/);
});
