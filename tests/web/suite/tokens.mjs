import { equal, fails, ok, until, within } from "./check.mjs";

const BAD = "bad-token";

export const tokens = {
  async "a token that is refused rejects, and asks to sign in"(env) {
    const manager = env.manager();
    const reasons = [];
    manager.addStatusListener((status, reason) => reasons.push([status, reason?.code]));
    const error = await fails(within(manager.connect(env.user, BAD), "the refusal"), "ConnectError", "AUTH_REJECTED");
    equal([error.isFinal, error.requiresSignIn], [true, true]);
    equal(reasons, [["connecting", undefined], ["disconnected", "authentication rejected"]]);
    await until(async () => (await env.control("sockets")).open === 0, "the socket to be closed");
    ok(!error.message.includes(BAD), "the token is in the message");
    await env.connect(manager);
  },

  async "a token that is refused is renewed by the provider"(env) {
    const manager = env.manager();
    const reasons = [];
    const provider = (reason) => {
      reasons.push(reason);
      return reason === "rejected" ? env.token() : BAD;
    };
    await within(manager.connect(env.user, provider), "the connection");
    equal(reasons, ["connecting", "rejected"]);
    equal(manager.getConnectionStatus(), "connected");
    equal(await env.dialect.request(manager, 1), 1);
  },

  async "tokens of a provider that are refused again and again end it"(env) {
    const manager = env.manager({ reconnect: { initialDelay: 20, maxDelay: 50, maxAuthAttempts: 2 } });
    let asked = 0;
    const connecting = manager.connect(env.user, async () => {
      asked += 1;
      return BAD;
    });
    const error = await fails(within(connecting, "the refusal"), "ConnectError", "AUTH_REJECTED");
    equal([error.isFinal, error.requiresSignIn], [true, true]);
    ok(asked >= 2 && asked <= 3, `asked ${asked} times`);
    equal(manager.getConnectionStatus(), "disconnected");
  },

  async "the provider is asked for each connection, and each has the newest token"(env) {
    const manager = env.manager();
    let asked = 0;
    await within(manager.connect(env.user, () => (asked++, env.token())), "the connection");
    await env.control("cut");
    await until(() => manager.getStats().counters.reconnects === 1, "the reconnection");
    equal(asked, 2);
  },

  async "a provider that throws is asked again with the next attempt"(env) {
    for (const failure of [() => { throw new Error("no luck"); }, () => Promise.reject(new Error("no luck"))]) {
      const manager = env.manager();
      let asked = 0;
      const provider = () => (asked++ === 0 ? failure() : env.token());
      await within(manager.connect(env.user, provider), "the connection");
      equal(asked, 2);
      equal(await env.dialect.request(manager, 1), 1);
      manager.close();
    }
  },

  async "a provider that says it is final ends it"(env) {
    const manager = env.manager();
    const failure = Object.assign(new Error("signed out"), { isFinal: true });
    const connecting = manager.connect(env.user, () => Promise.reject(failure));
    const error = await fails(within(connecting, "the refusal"), "ConnectError", "TOKEN_UNAVAILABLE");
    equal(error.isFinal, true);
    equal(manager.getConnectionStatus(), "disconnected");
    for (const nothing of [undefined, null, "", 7]) {
      await fails(within(manager.connect(env.user, () => nothing), "the refusal"), "ConnectError", "TOKEN_UNAVAILABLE");
    }
    await env.connect(manager);
  },

  async "a provider that never answers is asked again after its time"(env) {
    const manager = env.manager({ tokenTimeout: 100 });
    let asked = 0;
    const provider = () => (asked++ === 0 ? new Promise(() => {}) : env.token());
    await within(manager.connect(env.user, provider), "the connection");
    ok(asked >= 2, `asked ${asked} times`);
    equal(manager.getConnectionStatus(), "connected");
  },

  async "a server that never lets in is an authentication timeout"(env) {
    await env.control("deafen", true);
    const manager = env.manager({ authenticationTimeout: 200 });
    const notices = env.notices(manager);
    const connecting = manager.connect(env.user, env.provider());
    const error = await fails(within(connecting, "the rejection"), "ConnectError", "AUTHENTICATION_TIMEOUT");
    equal([error.isFinal, error.requiresSignIn], [false, false]);
    const isRetry = ({ type, reason }) => type === "retryScheduled" && reason.code === "authentication timeout";
    await notices.until((items) => items.some(isRetry), "the next attempt");
    await env.control("deafen", false);
    await until(() => manager.getConnectionStatus() === "connected", "the connection");
  },
};
