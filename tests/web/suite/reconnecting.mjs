import { equal, fails, ok, range, Record, until, within } from "./check.mjs";
import { echoes } from "./dialect.mjs";

const ownServer = (options, run) => Object.assign(run, { own: options });

export const reconnecting = {
  "a server that is killed and started again is found again": ownServer({}, async (env) => {
    const manager = await env.connected();
    const record = new Record();
    echoes(env, manager, record);
    await within(Promise.all([manager.join("messaging"), manager.join("notifications")]), "the namespaces");
    const statuses = env.statuses(manager);
    await env.control("kill");
    await statuses.has("reconnecting");
    for (const n of range(10)) equal(env.dialect.send(manager, n), "queued");
    await until(() => manager.getStats().failedAttempts >= 2, "attempts in vain");
    await env.control("restart");
    await statuses.has("connected");
    equal(statuses.items, ["disconnected", "reconnecting", "connected"]);
    await record.count(10, "echoes");
    await until(() => manager.isJoined("messaging") && manager.isJoined("notifications"), "the namespaces");
    env.dialect.send(manager, 10);
    await record.count(11, "echoes");
    equal(record.items, range(11));
    equal([manager.queue.size, manager.getStats().counters.reconnects, manager.getStats().listeners], [0, 1, 1]);
    equal((await env.control("sockets")).open, 1);
  }),

  async "attempts end where that is asked for"(env) {
    await env.control("refuse", true);
    const manager = env.manager({ reconnect: { initialDelay: 10, maxDelay: 20, maxAttempts: 3 } });
    const error = await fails(within(manager.connect(env.user, env.provider()), "the end"), "ConnectError", "ATTEMPTS_EXHAUSTED");
    equal([error.isFinal, error.requiresSignIn], [true, false]);
    equal([manager.getConnectionStatus(), manager.getStats().counters.attempts], ["disconnected", 3]);
    await env.control("refuse", false);
    await env.connect(manager);
  },

  async "connect rejects after its time, and the search goes on"(env) {
    await env.control("refuse", true);
    const manager = env.manager({ connectTimeout: 150 });
    const notices = env.notices(manager);
    const error = await fails(within(manager.connect(env.user, env.provider()), "the end"), "ConnectError", "TIMED_OUT");
    equal(error.isFinal, false);
    const retry = notices.items.find(({ type }) => type === "retryScheduled");
    ok(retry.delay >= 0 && retry.failedAttempts >= 1 && typeof retry.reason.code === "string", JSON.stringify(retry));
    await env.regain(manager);
  },

  async "a server that accepts and is silent is given up"(env) {
    await env.control("hold", true);
    const manager = env.manager({ openTimeout: 150 });
    const reasons = new Record();
    manager.addStatusListener((status, reason) => reasons.push(reason?.code));
    const connecting = manager.connect(env.user, env.provider());
    const notices = env.notices(manager);
    await notices.until((items) => items.some(({ type, reason }) => type === "retryScheduled" && reason.code === "open timeout"), "the next attempt");
    await env.control("hold", false);
    await within(connecting, "the connection");
  },

  async "the network's going and coming is acted upon at once"(env) {
    const manager = await env.connected({ reconnect: { initialDelay: 60_000, maxDelay: 60_000 } });
    const statuses = env.statuses(manager);
    await env.control("cut");
    await statuses.has("reconnecting");
    manager.networkChanged(false);
    manager.networkChanged(true);
    await statuses.has("connected");
    equal(await env.dialect.request(manager, 1), 1);
  },

  async "in the background the connection ends, in the foreground it comes back"(env) {
    const manager = await env.connected({ backgroundGrace: 0 });
    const record = new Record();
    echoes(env, manager, record);
    await manager.join("messaging");
    const reasons = [];
    manager.addStatusListener((status, reason) => reasons.push([status, reason?.code]));
    manager.enterBackground();
    await until(async () => (await env.control("sockets")).open === 0, "the socket to be closed");
    equal(reasons[0], ["disconnected", "background"]);
    equal(env.dialect.send(manager, 1), "queued");
    manager.enterForeground();
    equal(await record.count(1, "echoes"), [1]);
    await until(() => manager.getConnectionStatus() === "connected", "the connection");
    equal((await env.control("sockets")).open, 1);
  },
};

/** With the events of `peers/stock.mjs`. */
export const reconnectingOfTests = {
  async "a kick is told, and final until the next connect"(env) {
    const manager = await env.connected();
    const reasons = new Record();
    manager.addStatusListener((status, reason) => reasons.push([status, reason?.code]));
    manager.emit("messaging", "echo", 1);
    manager.emit("realtime", "leave");
    await reasons.has(["disconnected", "io server disconnect"]);
    equal(manager.getConnectionStatus(), "disconnected");
    await env.connect(manager);
    equal(await env.dialect.request(manager, 1), 1);
  },

  async "a namespace that the server ends is told, and the others live on"(env) {
    const manager = await env.connected();
    const notices = env.notices(manager);
    await Promise.all([manager.join("messaging"), manager.join("notifications")]);
    manager.emit("notifications", "leave");
    const left = (item) => item.type === "left" && item.namespace === "notifications" && item.reason === "serverDisconnect";
    await notices.until((items) => items.some(left), "the end of the namespace");
    equal([manager.isJoined("notifications"), manager.getConnectionStatus()], [false, "connected"]);
    equal(await env.dialect.request(manager, 1), 1);
    await within(manager.join("notifications"), "the namespace again");
  },

  async "a namespace that refuses says why"(env) {
    const manager = await env.connected();
    const error = await fails(within(manager.join("private"), "the refusal"), "JoinError", "REFUSED");
    equal(error.data, { code: "forbidden" });
    ok(error.message.includes("not for you"), error.message);
    equal(await env.dialect.request(manager, 1), 1);
  },

  async "a connection that the server hangs up is sought again"(env) {
    const manager = await env.connected();
    await manager.join("messaging");
    const statuses = env.statuses(manager);
    const { total } = await env.control("sockets");
    manager.emit("messaging", "hang-up");
    await until(async () => statuses.items.includes("disconnected"), "the loss");
    if (manager.getConnectionStatus() === "disconnected") await env.connect(manager);
    await until(() => manager.getConnectionStatus() === "connected", "the connection");
    equal((await env.control("sockets")).total, total + 1);
  },

  "heartbeats that do not come are a ping timeout": ownServer({ pings: { interval: 300, timeout: 700 } }, async (env) => {
    const manager = await env.connected();
    const reasons = new Record();
    manager.addStatusListener((status, reason) => reasons.push([status, reason?.code]));
    await until(() => manager.getStats().counters.framesIn >= 5, "some heartbeats");
    equal(reasons.items, []);
    await env.control("hold", true);
    await reasons.until((items) => items.length >= 2, "the loss");
    equal(reasons.items[0], ["disconnected", "ping timeout"]);
    await env.control("hold", false);
    await reasons.has(["connected", undefined]);
  }),
};
