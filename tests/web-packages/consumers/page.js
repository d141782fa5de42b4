import { createManager } from "nexus-realtime";
import { talk } from "./talk.js";

const { server, token } = Object.fromEntries(new URLSearchParams(location.search));
globalThis.outcome = talk(createManager({ url: server }), token);
