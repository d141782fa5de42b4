import { createManager, init } from "nexus-realtime/slim";
import { talk } from "./talk.js";

const { server, token, as } = Object.fromEntries(new URLSearchParams(location.search));
const address = "/node_modules/nexus-realtime/dist/nexus.wasm";
const inputs = {
  text: () => address,
  url: () => new URL(address, location.href),
  response: () => fetch(address),
  bytes: async () => (await fetch(address)).arrayBuffer(),
  module: async () => WebAssembly.compile(await (await fetch(address)).arrayBuffer()),
};
globalThis.outcome = init(inputs[as]()).then(() => talk(createManager({ url: server }), token));
