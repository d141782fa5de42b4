import { readFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { bundle, packageFolder } from "./build.mjs";

/** What an application that uses nothing but the client has to load. */
export async function sizes() {
  const rows = [];
  const add = (name, bytes) => rows.push({ name, min: bytes.length, gzip: gzip(bytes), brotli: brotli(bytes) });
  add("nexus-realtime", await bundle({ text: 'export { createManager } from "nexus-realtime";' }));
  const slim = await bundle({ text: 'export { createManager, init } from "nexus-realtime/slim";' });
  const wasm = readFileSync(`${packageFolder}/dist/nexus.wasm`);
  add("nexus-realtime/slim", slim);
  add("nexus-realtime/nexus.wasm", wasm);
  rows.push({
    name: "slim and wasm, two files",
    min: slim.length + wasm.length,
    gzip: gzip(slim) + gzip(wasm),
    brotli: brotli(slim) + brotli(wasm),
  });
  add("socket.io-client", await bundle({ text: 'export { io } from "socket.io-client";' }));
  return rows;
}

function gzip(bytes) {
  return gzipSync(bytes, { level: 9 }).length;
}

function brotli(bytes) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return brotliCompressSync(bytes, { params }).length;
}
