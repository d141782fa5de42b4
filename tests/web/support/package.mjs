// The package under test, as it was built.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./servers.mjs";

const dist = join(root, "bindings-wasm/npm/dist");
if (!existsSync(join(dist, "index.js"))) throw new Error("the package is not built: `cargo xtask web` builds it");

export const entries = {
  default: join(dist, "index.js"),
  slim: join(dist, "slim.js"),
  react: join(dist, "react.js"),
  wasm: join(dist, "nexus.wasm"),
};

export const load = (entry = "default") => import(pathToFileURL(entries[entry]));
