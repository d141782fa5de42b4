import wasm from "nexus-realtime/nexus.wasm?url";
import { createManager, init } from "nexus-realtime/slim";
import { talk } from "./talk.js";

const { server, token } = Object.fromEntries(new URLSearchParams(location.search));
globalThis.outcome = init(wasm).then(() => talk(createManager({ url: server }), token));
