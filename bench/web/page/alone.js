// The page where clients talk to a stand-in, which has to be there before they are.
import { StandIn } from "./stand-in.js";
import * as nexus from "../clients/nexus.js";
import * as socketio from "../clients/socketio.js";
import { roundTrips } from "./measures.js";
import { large, small } from "./payloads.js";

const clients = { nexus, socketio };
const payloads = { small, large };
/** Emits in one go: as many as no client takes for too many. */
const BATCH = { small: 1_000, large: 10 };
const opened = {};
let texts = [];

globalThis.bench = {
  async open(name) {
    const client = await clients[name].open("http://127.0.0.1:1");
    opened[name] = { client, socket: StandIn.last };
  },

  /** New strings, as a socket gives them. */
  prepare(payload, count) {
    const bytes = new TextEncoder().encode(`42["m",${JSON.stringify(payloads[payload])}]`);
    const decoder = new TextDecoder();
    texts = Array.from({ length: count }, () => decoder.decode(bytes));
  },

  async receive(name, _payload, count) {
    const { client, socket } = opened[name];
    let left = count;
    const all = new Promise((resolve) => {
      client.on("m", function handler(data) {
        if ((data.text ?? data.items).length === 0 || --left > 0) return;
        client.off("m", handler);
        resolve();
      });
    });
    for (const text of texts) socket.receive(text);
    await all;
  },

  async emit(name, payload, count) {
    const { client, socket } = opened[name];
    for (let goal = socket.sent, left = count; left > 0; left -= BATCH[payload]) {
      goal += BATCH[payload];
      for (let index = 0; index < BATCH[payload]; index++) client.emit("sink", payloads[payload]);
      // Some send later.
      while (socket.sent < goal) await new Promise((resolve) => setTimeout(resolve));
    }
  },

  async ask(name, _payload, count) {
    await roundTrips(opened[name].client, { count, inFlight: 100 });
  },
};
