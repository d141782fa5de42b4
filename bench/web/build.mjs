import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Where the package is. NEXUS_PACKAGE names another copy of it. */
export const packageFolder = process.env.NEXUS_PACKAGE ?? fileURLToPath(new URL("../../bindings-wasm/npm", import.meta.url));

/** The bundle of an entry point in this folder, or of the given text, as an application would make it. */
export async function bundle(entry, { readable = false } = {}) {
  const { outputFiles } = await build({
    absWorkingDir: here,
    ...(entry.text === undefined ? { entryPoints: [entry] } : { stdin: { contents: entry.text, resolveDir: here } }),
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    platform: "browser",
    minify: !readable,
    legalComments: "none",
    // By its folder, so that nothing has to be installed anew when it was built anew.
    alias: {
      "nexus-realtime/slim": `${packageFolder}/dist/slim.js`,
      "nexus-realtime": `${packageFolder}/dist/index.js`,
    },
  });
  return outputFiles[0].contents;
}
