// A script of Node, which ends by itself once the manager is closed.
import { createManager } from "nexus-realtime";
import WebSocket from "ws";
import { talk } from "./talk.js";

const [server, token] = process.argv.slice(2);
console.log(JSON.stringify(await talk(createManager({ url: server, WebSocket }), token)));
