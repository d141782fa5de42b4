import { equal, fails, ok, range, Record, until, within } from "./check.mjs";
import { echoes } from "./dialect.mjs";

export const connecting = {
  async "connects, with the token in the first message and not in the address"(env) {
    const manager = env.manager();
    const statuses = env.statuses(manager);
    const token = await env.token();
    await within(manager.connect(env.user, token), "the connection");
    equal(manager.getConnectionStatus(), "connected");
    equal(statuses.items, ["connecting", "connected"]);
    equal(await env.control("sockets"), { open: 1, peak: 1, total: 1 });
    const [url] = await env.control("urls");
    ok(url.startsWith("/socket.io/?") && url.includes("EIO=4") && url.includes("transport=websocket"), url);
    ok(!url.includes(token), "the token is in the address");
    const [first] = await env.control("frames");
    const auth = JSON.parse(first.slice(first.indexOf(",") + 1));
    equal([first.slice(0, 12), auth.token, auth.userId], ["40/realtime,", token, env.user]);
    ok(manager.isJoined("realtime"), "the primary namespace is not joined");
  },

  async "joins namespaces when they are first used, over one socket"(env) {
    const manager = await env.connected();
    equal(await env.joinsSeen(), ["/realtime"]);
    const notices = env.notices(manager);
    manager.on(env.dialect.namespace, env.dialect.echo, () => {});
    await notices.until((items) => items.some((item) => item.type === "joined" && item.namespace === "messaging"), "messaging");
    equal(await env.joinsSeen(), ["/realtime", "/messaging"]);
    equal(manager.isJoined("notifications"), false);
    await within(manager.join("notifications"), "notifications");
    await within(manager.join("/notifications"), "the same again");
    equal(await env.joinsSeen(), ["/realtime", "/messaging", "/notifications"]);
    equal(await env.dialect.request(manager, 7), 7);
    manager.leave("notifications");
    equal(manager.isJoined("notifications"), false);
    equal(await env.control("sockets"), { open: 1, peak: 1, total: 1 });
  },

  async "keeps what was called before the connection, in order"(env) {
    const manager = env.manager();
    const record = new Record();
    echoes(env, manager, record);
    const connecting = env.connect(manager);
    for (const n of range(20)) equal(env.dialect.send(manager, n), "queued");
    equal(manager.queue.size, 20);
    await connecting;
    equal((await record.count(20, "echoes")).slice(), range(20));
    equal(manager.queue.size, 0);
  },

  async "takes the same connect again as the same connection"(env) {
    const manager = env.manager();
    const statuses = env.statuses(manager);
    const token = await env.token();
    await within(Promise.all([manager.connect(env.user, token), manager.connect(env.user, token)]), "both");
    await within(manager.connect(env.user, token), "a third");
    equal(statuses.items, ["connecting", "connected"]);
    equal((await env.control("sockets")).total, 1);
  },

  async "disconnects, and connects again"(env) {
    const manager = await env.connected();
    const statuses = env.statuses(manager);
    manager.disconnect();
    equal(statuses.items, ["disconnected"]);
    equal(env.dialect.send(manager, 1), "queued");
    await until(async () => (await env.control("sockets")).open === 0, "the socket to be closed");
    const record = new Record();
    echoes(env, manager, record);
    await env.connect(manager);
    equal(await record.count(1, "echoes"), [1]);
    equal(statuses.items, ["disconnected", "connecting", "connected"]);
  },

  async "keeps two managers apart"(env) {
    const [one, other] = await Promise.all([env.connected(), env.connected()]);
    equal((await env.control("sockets")).open, 2);
    const record = new Record();
    const otherRecord = new Record();
    echoes(env, one, record);
    echoes(env, other, otherRecord);
    await Promise.all([one.join("messaging"), other.join("messaging")]);
    env.dialect.send(one, 1);
    env.dialect.send(other, 2);
    await Promise.all([record.count(1, "echoes"), otherRecord.count(1, "echoes")]);
    one.close();
    equal(await env.dialect.request(other, 3), 3);
    await otherRecord.has(2);
    equal([record.items, otherRecord.items.filter((n) => n !== 3)], [[1], [2]]);
  },

  async "switches the account: another user has another connection and nothing of the first one's queue"(env) {
    const other = `${env.user}-other`;
    const manager = await env.connected();
    const notices = env.notices(manager);
    const record = new Record();
    echoes(env, manager, record);
    await env.lose(manager);
    const lost = env.dialect.request(manager, 1);
    lost.catch(() => {});
    await env.control("refuse", false);
    const statuses = env.statuses(manager);
    await env.connect(manager, other);
    const error = await lost.then(
      () => undefined,
      (failure) => failure,
    );
    equal([error?.name, error?.isUnsent], ["AckError", true], "what was queued for the first user");
    ok(notices.items.some(({ type }) => type === "messageDropped") || error, "nobody was told");
    equal(statuses.items.at(-1), "connected");
    env.dialect.send(manager, 2);
    await record.count(1, "echoes");
    equal(record.items, [2]);
    const users = (await env.control("frames")).filter((frame) => frame.startsWith("40/realtime")).map((frame) => JSON.parse(frame.slice(12)).userId);
    equal([users[0], users.at(-1)], [env.user, other]);
    equal((await env.control("sockets")).open, 1);
  },

  async "refuses a namespace that is not there, and lives on"(env) {
    const manager = await env.connected();
    const notices = env.notices(manager);
    await fails(within(manager.join("nowhere"), "the refusal"), "JoinError", "REFUSED");
    ok(notices.items.some((item) => item.type === "joinFailed" && item.namespace === "nowhere"), "no notice");
    equal(await env.dialect.request(manager, 1), 1);
    await fails(manager.join("a,b"), "JoinError", "INVALID_NAMESPACE");
    await fails(() => manager.leave("never-joined"), "JoinError", "NOT_JOINED");
    await fails(() => manager.leave("realtime"), "JoinError", "PRIMARY");
    equal(manager.getConnectionStatus(), "connected");
  },

  async "refuses options that can't be used"(env) {
    for (const url of ["example.com", "127.0.0.1:3000", "ftp://127.0.0.1", "http://", "", "//127.0.0.1"]) {
      await fails(() => env.manager({ url }), "ConfigError", "INVALID_URL");
    }
    await fails(() => env.manager({ url: `${env.url}/messaging` }), "ConfigError", "URL_WITH_PATH");
    await fails(() => env.manager({ auth: { token: "x" } }), "ConfigError", "RESERVED_AUTH_FIELD");
    await fails(() => env.manager({ ackTimeout: -1 }), "ConfigError", "INVALID_OPTION");
    const manager = await env.connected();
    await fails(() => manager.configure({ ackTimeout: 77 }), "ConfigError", "INVALID_OPTION");
    manager.disconnect();
    manager.configure({ ackTimeout: 77 });
    await env.connect(manager);
  },

  async "refuses users and tokens that are none"(env) {
    const manager = env.manager();
    for (const user of ["", undefined, 7]) await fails(manager.connect(user, "t"), "ConnectError", "INVALID_USER_ID");
    for (const token of ["", undefined, {}]) await fails(manager.connect("u", token), "ConnectError", "TOKEN_UNAVAILABLE");
    await fails(() => manager.emit("messaging", "x"), "EmitError", "NO_USER");
    equal((await env.control("sockets")).total, 0);
  },

  async "refuses calls after close, and leaves nothing"(env) {
    const manager = await env.connected();
    const statuses = env.statuses(manager);
    const waiting = new Promise((resolve) => manager.emitWithAck("nowhere-at-all", "x").catch(resolve));
    manager.close();
    manager.close();
    equal(statuses.items, ["disconnected"]);
    equal((await within(waiting, "the rejection")).code, "CLOSED", "an awaited acknowledgement");
    for (const call of [
      () => manager.connect(env.user, "t"),
      () => manager.emit("messaging", "x"),
      () => manager.emitWithAck("messaging", "x"),
      () => manager.on("messaging", "x", () => {}),
      () => manager.join("messaging"),
      () => manager.leave("messaging"),
      () => manager.addStatusListener(() => {}),
      () => manager.configure({}),
      () => manager.enterForeground(),
      () => manager.networkChanged(true),
    ]) {
      await fails(call, "ClosedError", "CLOSED");
    }
    manager.disconnect();
    manager.off("messaging", "x");
    equal([manager.getConnectionStatus(), manager.getConnectionQuality(), manager.isJoined("realtime")], ["disconnected", "offline", false]);
    equal([manager.queue.size, manager.getStats().listeners, manager.getAverageLatency()], [0, 0, null]);
    await until(async () => (await env.control("sockets")).open === 0, "the socket to be closed");
  },

  async "can be closed while it connects"(env) {
    const before = env.manager();
    const first = before.connect(env.user, env.provider());
    before.close();
    await fails(within(first, "the rejection"), "ConnectError", "CANCELLED");
    await env.control("hold", true);
    const during = env.manager();
    const second = during.connect(env.user, env.provider()).catch((failure) => failure);
    await until(() => during.getStats().counters.attempts > 0, "the attempt");
    during.close();
    equal((await within(second, "the rejection")).code, "CANCELLED");
    await env.control("hold", false);
  },

  async "measures the connection"(env) {
    const manager = env.manager();
    const qualities = new Record();
    manager.addQualityListener(qualities.push);
    equal([manager.getConnectionQuality(), manager.getAverageLatency()], ["offline", null]);
    await env.connect(manager);
    for (const n of range(3)) await env.dialect.request(manager, n);
    const latency = await until(() => manager.getAverageLatency(), "a latency");
    ok(latency > 0 && latency < 5_000, `a latency of ${latency}`);
    await until(() => manager.getConnectionQuality() !== "offline", "a quality");
    const stats = manager.getStats();
    equal([stats.status, stats.namespaces, stats.joinedNamespaces, stats.counters.connects], ["connected", 2, 2, 1]);
    ok(stats.counters.acksReceived >= 3 && stats.counters.bytesIn > 0 && stats.counters.framesOut >= 4, JSON.stringify(stats));
    manager.disconnect();
    equal(qualities.items.at(-1), "offline");
  },
};
