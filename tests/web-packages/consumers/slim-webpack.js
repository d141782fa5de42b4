import { createManager, init } from "nexus-realtime/slim";
import { talk } from "./talk.js";

const { server, token } = Object.fromEntries(new URLSearchParams(location.search));
const wasm = new URL("nexus-realtime/nexus.wasm", import.meta.url);
globalThis.outcome = init(wasm).then(() => talk(createManager({ url: server }), token));
