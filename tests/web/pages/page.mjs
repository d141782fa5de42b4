// A page with one manager, which tests look at and pull at from outside.

import * as lib from "nexus-realtime";
import * as slim from "nexus-realtime/slim";
import { Record, until } from "../suite/check.mjs";
import { echoes } from "../suite/dialect.mjs";
import { Environment } from "../suite/environment.mjs";

const shows = [];
addEventListener("pageshow", (event) => shows.push(event.persisted));
const visibilities = [];
document.addEventListener("visibilitychange", () => visibilities.push(document.visibilityState));

/** Connects, listens to what comes back, and keeps what happens. */
async function start(facts, options = {}) {
  const environment = new Environment(lib, facts, (control, args) => globalThis.outside(facts.user, control, args), {});
  const manager = environment.manager(options);
  const record = new Record();
  const reasons = [];
  manager.addStatusListener((status, reason) => reasons.push(reason ? `${status}: ${reason.code}` : status));
  echoes(environment, manager, record);
  await environment.connect(manager);
  await manager.join("messaging");
  reasons.length = 0;
  Object.assign(globalThis.nexus, { environment, manager, record, reasons });
}

const look = () => {
  const { manager, record, reasons } = globalThis.nexus;
  const stats = manager.getStats();
  return {
    status: manager.getConnectionStatus(),
    isOnline: navigator.onLine,
    heard: record.items.slice(),
    reasons: reasons.slice(),
    shows: shows.slice(),
    visibilities: visibilities.slice(),
    queued: manager.queue.size,
    joined: ["realtime", "messaging"].filter((name) => manager.isJoined(name)),
    listeners: stats.listeners,
    counters: stats.counters,
  };
};

const send = (value) => globalThis.nexus.environment.dialect.send(globalThis.nexus.manager, value);

globalThis.nexus = { lib, slim, start, look, send, until };
