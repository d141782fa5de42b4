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

/** Of each durable emit, by its content. */
const statuses = {};
const notices = [];

/** Connects, listens to what comes back, and keeps what happens. */
async function start(facts, options = {}) {
  await prepare(facts, options);
  const { environment, manager } = globalThis.nexus;
  await environment.connect(manager);
  await manager.join("messaging");
  globalThis.nexus.reasons.length = 0;
}

/** The same without waiting for the connection, which there may not be. */
async function begin(facts, options = {}) {
  await prepare(facts, options);
  const { environment, manager } = globalThis.nexus;
  manager.connect(facts.user, environment.provider()).catch(() => {});
}

async function prepare(facts, options) {
  const environment = new Environment(lib, facts, (control, args) => globalThis.outside(facts.user, control, args), {});
  const manager = environment.manager(options);
  const record = new Record();
  const reasons = [];
  manager.addStatusListener((status, reason) => reasons.push(reason ? `${status}: ${reason.code}` : status));
  manager.addNoticeListener((notice) => notices.push(notice.type === "delivery" ? { ...notice, delivery: notice.delivery.status } : notice));
  echoes(environment, manager, record);
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

/** Emits durably, to somebody; gives the code with which it was not accepted. */
async function durable(content, receiverId, options) {
  const kept = (statuses[content.slice(0, 20)] = []);
  const emit = globalThis.nexus.manager.emit("messaging", "NEW_MESSAGE", { receiverId, content }, { delivery: "durable", ...options });
  kept.push(emit.status.status);
  emit.onStatus(({ status }) => kept.push(status));
  return emit.accepted.then(() => undefined, ({ code }) => code);
}

const queue = () => globalThis.nexus.manager.queue.messages().map(({ event, delivery, isAccepted, isSent }) => [event, delivery, isAccepted, isSent]);

globalThis.nexus = { lib, slim, start, begin, look, send, durable, queue, statuses, notices, until };
