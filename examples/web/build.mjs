// Bundles the page into dist/: index.html, and assets whose names carry a hash of their content.
import { readFile, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

await rm(here("dist"), { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: ["src/main.ts", "src/theme.ts", "src/styles/main.css", "src/icon.svg"],
  absWorkingDir: here("."),
  outdir: "dist/assets",
  entryNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".svg": "copy" },
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});

const names = new Map();
for (const [path, output] of Object.entries(metafile.outputs)) {
  if (output.entryPoint) names.set(basename(output.entryPoint), `/assets/${basename(path)}`);
  // esbuild names no entry point for files that it only copies.
  else if (path.endsWith(".svg")) names.set("icon.svg", `/assets/${basename(path)}`);
}
const html = (await readFile(here("src/index.html"), "utf8")).replace(/\{\{(.+?)\}\}/g, (_, name) => {
  const path = names.get(name);
  if (!path) throw new Error(`index.html names ${name}, which was not built`);
  return path;
});
await writeFile(here("dist/index.html"), html);
