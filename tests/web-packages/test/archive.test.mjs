// The archive itself: what is in it, and what it weighs in an application.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { brotliCompressSync, constants } from "node:zlib";
import { Project, tarball } from "../support.mjs";

let project;
before(async () => (project = await Project.with("esbuild@0.28")));

const installed = (name) => readFileSync(project.path(`node_modules/nexus-realtime/${name}`));

function brotli(bytes) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return brotliCompressSync(bytes, { params }).length;
}

async function bundled(code) {
  project.write("entry.js", code);
  await project.run("npx", "esbuild", "entry.js", "--bundle", "--minify", "--format=esm", "--outfile=out/entry.js");
  return readFileSync(project.path("out/entry.js"));
}

test("the archive has what is built, and its licences, and nothing else", async () => {
  const listing = await project.run("tar", "--list", "--file", await tarball());
  const files = listing.trim().split("\n").map((name) => name.replace(/^package\//, ""));
  for (const name of ["package.json", "LICENSE-MIT", "LICENSE-APACHE", "dist/nexus.wasm"]) assert.ok(files.includes(name), name);
  for (const entry of ["index", "slim", "react"]) {
    for (const ending of ["js", "js.map", "d.ts"]) assert.ok(files.includes(`dist/${entry}.${ending}`), `${entry}.${ending}`);
  }
  const others = files.filter((name) => !/^(package\.json|README\.md|LICENSE-(MIT|APACHE)|dist\/[\w-]+\.(js|js\.map|d\.ts|wasm|json)|dist\/store\/[\w-]+\.d\.ts)$/.test(name));
  assert.deepEqual(others, []);
});

test("every entry that the package names is there", () => {
  const { exports, main, types } = JSON.parse(installed("package.json"));
  const paths = [main, types, ...Object.values(exports).flatMap((one) => (typeof one === "string" ? [one] : Object.values(one)))];
  assert.ok(paths.length > 6);
  for (const path of paths) assert.ok(installed(path).length > 0, path);
});

test("source maps and scripts name no path of the machine that built them", () => {
  for (const entry of ["index", "slim", "react"]) {
    const { sources } = JSON.parse(installed(`dist/${entry}.js.map`));
    for (const source of sources) assert.doesNotMatch(source, /^(\/|file:|[a-z]:)/i);
  }
  for (const name of ["dist/index.js", "dist/nexus.wasm"]) {
    const paths = installed(name).toString("latin1").match(/\/(home|root|Users)\/[\w.\/-]*/g) ?? [];
    assert.deepEqual([...new Set(paths)], [], name);
  }
});

test("an application carries no more for the default entry than the package says", async (context) => {
  const { brotli: said } = JSON.parse(installed("dist/size.json"));
  const bundle = await bundled('import { createManager } from "nexus-realtime"; globalThis.manager = createManager();');
  context.diagnostic(`default entry in a bundle: ${bundle.length} bytes, ${brotli(bundle)} with brotli`);
  assert.ok(brotli(bundle) <= said * 1.01, `${brotli(bundle)} instead of ${said} bytes`);
});

test("a part of an application that wants an error's class alone carries no WebAssembly", async () => {
  const bundle = await bundled('import { EmitError } from "nexus-realtime"; globalThis.EmitError = EmitError;');
  // The file as text has several times that.
  assert.ok(bundle.length < 64 * 1024, `${bundle.length} bytes`);
});
