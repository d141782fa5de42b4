import type { Manager } from "./api.js";
import { compileInlined } from "./inline.js";
import { instantiate } from "./loader.js";
import { makeManager } from "./manager.js";
import type { AnyEvents, NamespaceMap } from "./maps.js";
import type { ManagerOptions } from "./options.js";

export * from "./exports.js";

/**
 * Makes a manager. Nothing is loaded or opened, and no global is touched, before its `connect`.
 *
 * @throws ConfigError if an option can't be used.
 */
export function createManager<Receives extends NamespaceMap = AnyEvents, Sends extends NamespaceMap = AnyEvents>(
  options: ManagerOptions = {},
): Manager<Receives, Sends> {
  return makeManager<Receives, Sends>(() => instantiate(compileInlined), options);
}

/** One manager for the whole application. `configure` sets its options. */
export const productionWebSocketManager: Manager = /* @__PURE__ */ createManager();
