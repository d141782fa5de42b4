import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createManager, init } from "nexus-realtime/slim";
import WebSocket from "ws";
import { talk } from "./talk.js";

const [server, token] = process.argv.slice(2);
await init(readFile(fileURLToPath(import.meta.resolve("nexus-realtime/nexus.wasm"))));
console.log(JSON.stringify(await talk(createManager({ url: server, WebSocket }), token)));
