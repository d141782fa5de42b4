// The page where both clients take turns.
import * as nexus from "../clients/nexus.js";
import * as socketio from "../clients/socketio.js";
import * as measures from "./measures.js";

const clients = { nexus, socketio };
const opened = {};

globalThis.bench = {
  open: async (name, url) => void (opened[name] = await clients[name].open(url)),
  measure: (name, measure, options) => measures[measure](opened[name], options),
};
