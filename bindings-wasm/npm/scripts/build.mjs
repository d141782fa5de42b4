/**
 * Makes `dist/` out of `src/` and of what wasm-bindgen left in `generated/`, and says how large it is.
 *
 *     node scripts/build.mjs
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { alphabet, encodeBytes } from "./text.mjs";

/** Largest size of the default entry with all that it imports, minified and compressed with brotli. */
const BUDGET = 114_000;

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");
const require = createRequire(import.meta.url);

const wasm = optimize();
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
writeFileSync(join(dist, "nexus.wasm"), wasm);
const bundles = await bundle();
await declarations();
for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) {
  const source = join(root, "../..", licence);
  if (existsSync(source)) cpSync(source, join(root, licence));
}
report();

/** `wasm-opt -Oz`, for the features that the module itself declares. */
function optimize() {
  const input = join(root, "generated/nexus_wasm_bg.wasm");
  const output = join(root, "generated/optimized.wasm");
  if (!existsSync(input)) throw new Error("generated/ has no wasm: `cargo xtask web` makes it");
  const tool = join(dirname(require.resolve("binaryen/package.json")), "bin/wasm-opt");
  const flags = ["-Oz", "--converge", "--one-caller-inline-max-function-size=30", "--strip-debug", "--strip-producers", "--strip-target-features"];
  execFileSync(process.execPath, [tool, input, "-o", output, ...flags], { stdio: "inherit" });
  return readFileSync(output);
}

async function bundle() {
  const common = {
    absWorkingDir: root,
    bundle: true,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    minify: true,
    sourcemap: true,
    outdir: "dist",
    metafile: true,
    logLevel: "warning",
    legalComments: "none",
  };
  const client = await build({
    ...common,
    entryPoints: ["src/index.ts", "src/slim.ts"],
    splitting: true,
    chunkNames: "shared-[hash]",
    plugins: [inlineWasm(), shortTexts()],
  });
  // Server components may import it: the directive says that its hooks run in the browser.
  const react = await build({
    ...common,
    entryPoints: ["src/react.ts"],
    external: ["react"],
    banner: { js: '"use client";' },
  });
  for (const name of ["index.js", "slim.js"]) markPure(join(dist, name));
  const outputs = { ...client.metafile.outputs, ...react.metafile.outputs };
  for (const name of Object.keys(outputs).filter((output) => output.endsWith(".map"))) dropInlinedSource(join(root, name));
  return outputs;
}

/**
 * Says that the manager made at import has no effect, so that bundlers of applications that want something else alone
 * drop it, and the WebAssembly with it. The comment in the source does not outlive minifying.
 */
function markPure(path) {
  const text = readFileSync(path, "utf8");
  const marked = text.replace(/=([\w$]+\(\);export ?\{)/, "=/* @__PURE__ */$1");
  if (marked === text) throw new Error(`${path} makes no manager where one was expected`);
  writeFileSync(path, marked);
}

/** Gives `nexus:wasm`. */
function inlineWasm() {
  return {
    name: "inline-wasm",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^nexus:wasm$/ }, ({ path }) => ({ path, namespace: "nexus" }));
      onLoad({ filter: /.*/, namespace: "nexus" }, () => {
        const values = { ...encodeBytes(wasm), size: wasm.length, alphabet };
        const lines = Object.entries(values).map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};`);
        return { contents: lines.join("\n"), loader: "js" };
      });
    },
  };
}

/** Has the glue read short texts, as frames begin with, byte by byte: a `TextDecoder` costs more than the rest of an emit. */
function shortTexts() {
  const before = "    return decodeText(getUint8ArrayMemory0().subarray(ptr, ptr + len));\n";
  const after = `    const bytes = getUint8ArrayMemory0();
    let text = "";
    for (let at = ptr; len <= 64 && at < ptr + len && bytes[at] < 128; at++) text += String.fromCharCode(bytes[at]);
    return text.length === len ? text : decodeText(bytes.subarray(ptr, ptr + len));
`;
  return {
    name: "short-texts",
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]generated[\\/]nexus_wasm\.js$/ }, ({ path }) => {
        const glue = readFileSync(path, "utf8");
        if (!glue.includes(before)) throw new Error("the glue reads texts in another way than expected");
        return { contents: glue.replace(before, after), loader: "js" };
      });
    },
  };
}

/** The text of the module in a source map helps nobody. */
function dropInlinedSource(path) {
  const map = JSON.parse(readFileSync(path, "utf8"));
  map.sourcesContent = map.sources.map((source, index) =>
    source.startsWith("nexus:") ? null : map.sourcesContent[index],
  );
  writeFileSync(path, JSON.stringify(map));
}

async function declarations() {
  const tsc = join(dirname(require.resolve("typescript/package.json")), "bin/tsc");
  execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.json")], { stdio: "inherit" });
  const reachable = new Set(["index", "slim", "react"]);
  for (const name of reachable) {
    const text = readFileSync(join(dist, `${name}.d.ts`), "utf8");
    for (const [, imported] of text.matchAll(/(?:from|import\() ?"\.\/([\w-]+)\.js"/g)) reachable.add(imported);
  }
  for (const name of readdirSync(dist)) {
    if (name.endsWith(".d.ts") && !reachable.has(name.slice(0, -".d.ts".length))) rmSync(join(dist, name));
  }
  // As the compiler of a user with strict settings sees them.
  const lib = "es2022,dom";
  const strict = ["--noEmit", "--strict", "--skipLibCheck", "false", "--module", "nodenext", "--target", "es2022", "--lib", lib];
  const entries = ["index", "slim", "react"].map((name) => join(dist, `${name}.d.ts`));
  execFileSync(process.execPath, [tsc, "--ignoreConfig", ...strict, "--types", "", ...entries], { stdio: "inherit" });
}

function report() {
  const sizes = Object.keys(bundles)
    .filter((name) => name.endsWith(".js"))
    .map((name) => ({ name: name.slice("dist/".length), ...measure(readFileSync(join(root, name))) }));
  sizes.push({ name: "nexus.wasm", ...measure(wasm) });
  print("file", sizes);

  const index = closure("dist/index.js");
  const code = Buffer.concat(index.map((name) => readFileSync(join(root, name))));
  const parts = partsOf(index, code);
  print("part of the default entry", parts);

  const { brotli } = measure(code);
  const verdict = brotli <= BUDGET ? "within" : "over";
  console.log(`\ndefault entry: ${brotli} bytes (min + brotli), ${verdict} the budget of ${BUDGET}`);
  writeFileSync(join(dist, "size.json"), `${JSON.stringify({ budget: BUDGET, brotli, files: sizes, parts }, null, 2)}\n`);
  if (brotli > BUDGET) process.exitCode = 1;
}

/** A bundle and the chunks that it imports. */
function closure(entry) {
  const found = new Set([entry]);
  for (const name of found) {
    for (const { path, external } of bundles[name].imports) if (!external) found.add(path);
  }
  return [...found];
}

/** Where the bytes are. The compressed shares of glue and TypeScript are in proportion to their minified sizes. */
function partsOf(names, code) {
  const { text, ranks } = encodeBytes(wasm);
  const carried = measure(Buffer.from(text + ranks + alphabet));
  const bytesOf = { glue: 0, TypeScript: 0 };
  for (const name of names) {
    for (const [source, { bytesInOutput }] of Object.entries(bundles[name].inputs)) {
      if (source.startsWith("generated/")) bytesOf.glue += bytesInOutput;
      else if (source.startsWith("src/")) bytesOf.TypeScript += bytesInOutput;
    }
  }
  const total = measure(code);
  const rest = (share, key) => Math.round(((total[key] - carried[key]) * share) / (bytesOf.glue + bytesOf.TypeScript));
  return [
    { name: "wasm, as text", ...carried },
    ...Object.entries(bytesOf).map(([name, share]) => ({
      name,
      min: rest(share, "min"),
      gzip: rest(share, "gzip"),
      brotli: rest(share, "brotli"),
    })),
    { name: "all", ...total },
  ];
}

function measure(bytes) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return {
    min: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes, { params }).length,
  };
}

function print(title, rows) {
  const line = (name, ...figures) => name.padEnd(28) + figures.map((figure) => String(figure).padStart(10)).join("");
  console.log(`\n${line(title, "min", "gzip", "brotli")}`);
  for (const { name, min, gzip, brotli } of rows) console.log(line(name, min, gzip, brotli));
}
