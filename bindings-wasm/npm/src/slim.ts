import type { Manager } from "./api.js";
import { InitError } from "./errors.js";
import { initError, instantiate } from "./loader.js";
import { makeManager } from "./manager.js";
import type { AnyEvents, NamespaceMap } from "./maps.js";
import type { ManagerOptions } from "./options.js";

export * from "./exports.js";

/** The module of `nexus-realtime/nexus.wasm`: compiled, as bytes, as an answer of `fetch`, or as an address. */
export type InitInput = WebAssembly.Module | BufferSource | Response | URL | string;

let given: (InitInput | Promise<InitInput>) | undefined;

/**
 * Loads the WebAssembly part, and says where `connect` gets it from. Once it is loaded, further calls do nothing.
 *
 * @throws InitError if that fails. Call it again with what is better.
 */
export async function init(input: InitInput | Promise<InitInput>): Promise<void> {
  given = input;
  await instantiate(compileGiven);
}

async function compileGiven(): Promise<WebAssembly.Module> {
  if (given === undefined) throw new InitError("call `init` with the module of `nexus-realtime/nexus.wasm` first");
  try {
    const input = await given;
    return await compile(typeof input === "string" || input instanceof URL ? await fetch(input) : input);
  } catch (cause) {
    // A promise or answer can be used once. An address is worth another try.
    if (typeof given !== "string" && !(given instanceof URL)) given = undefined;
    throw initError(cause);
  }
}

async function compile(input: WebAssembly.Module | BufferSource | Response): Promise<WebAssembly.Module> {
  if (input instanceof WebAssembly.Module) return input;
  if (typeof Response === "undefined" || !(input instanceof Response)) return WebAssembly.compile(input as BufferSource);
  if (!input.ok) throw new InitError(`the WebAssembly file could not be fetched: HTTP status ${input.status}`);
  // Servers that do not know the type of the file are common, and streams insist on it.
  const isTyped = input.headers.get("content-type")?.startsWith("application/wasm") === true;
  if (isTyped && typeof WebAssembly.compileStreaming === "function") return WebAssembly.compileStreaming(input);
  return WebAssembly.compile(await input.arrayBuffer());
}

/**
 * Makes a manager. Nothing is opened, and no global is touched, before its `connect`, and `connect` needs {@link init}.
 *
 * @throws ConfigError if an option can't be used.
 */
export function createManager<Receives extends NamespaceMap = AnyEvents, Sends extends NamespaceMap = AnyEvents>(
  options: ManagerOptions = {},
): Manager<Receives, Sends> {
  return makeManager<Receives, Sends>(() => instantiate(compileGiven), options);
}

/** One manager for the whole application. `configure` sets its options. */
export const productionWebSocketManager: Manager = /* @__PURE__ */ createManager();
