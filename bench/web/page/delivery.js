// The page whose emits are counted, all against the server of `cargo xtask bench delivery`.
import { createManager } from "nexus-realtime";

/** The namespace that grants everything, and the one that is stock Socket.IO. */
const GRANTED = "/granted";
const PLAIN = "/plain";
const text = "The quick brown fox jumps over the lazy dog while the band plays on and on, and nobody is bored.";

let manager;
let user;

const message = (n) => ({ user, n, id: "0190c5f2-7b1e-7c3a-9d4e-5f60718293a4", text });

/** Milliseconds until it is accepted, and until its acknowledgement is told. */
async function send(delivery, n) {
  const start = performance.now();
  if (delivery === "durable") {
    const emit = manager.emit(GRANTED, "m", message(n), { delivery });
    await emit.accepted;
    const accepted = performance.now() - start;
    const outcome = await emit.outcome;
    if (outcome.status !== "acked") throw new Error(`a durable message ended as ${outcome.status}`);
    return [accepted, performance.now() - start];
  }
  const answer = manager.emitWithAck(GRANTED, "m", message(n));
  const accepted = performance.now() - start;
  await answer;
  return [accepted, performance.now() - start];
}

const ways = {
  /** So many underway at once. */
  async pipelined(delivery, count, window) {
    const sent = [];
    let next = 0;
    const one = async () => {
      while (next < count) sent.push(await send(delivery, next++));
    };
    await Promise.all(Array.from({ length: window }, one));
    return sent;
  },

  /** One after another. */
  lone: (delivery, count) => ways.pipelined(delivery, count, 1),

  /** So many a second, however long each takes. */
  async paced(delivery, count, perSecond) {
    const sent = [];
    const start = performance.now();
    for (let n = 0; n < count; n++) {
      const wait = start + (n * 1000) / perSecond - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      sent.push(send(delivery, n));
    }
    return Promise.all(sent);
  },
};

function percentile(times, percent) {
  const sorted = times.toSorted((one, other) => one - other);
  return sorted[Math.min(Math.floor((sorted.length * percent) / 100), sorted.length - 1)];
}

globalThis.bench = {
  async open(url, name) {
    user = name;
    manager = createManager({ url, primaryNamespace: GRANTED });
    await manager.connect(user, "no token is looked at");
    await manager.join(PLAIN);
  },

  /** Fails unless each message ran once. */
  async measure(way, delivery, count, option) {
    const start = performance.now();
    const sent = await ways[way](delivery, count, option);
    const seconds = (performance.now() - start) / 1000;
    // The ends of durable messages are in the store as well.
    while (manager.getStats().durableMessages > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const [distinct, runs] = await new Promise((resolve, reject) => {
      manager.emitWithAck(PLAIN, "ran", { userId: user }).then(resolve, reject);
    });
    if (distinct !== count || runs !== count) throw new Error(`${count} messages were sent, ${distinct} arrived, and ran ${runs} times`);
    const [accepted, acked] = [sent.map(([time]) => time), sent.map(([, time]) => time)];
    return {
      rate: count / seconds,
      accepted: [percentile(accepted, 50), percentile(accepted, 99)],
      acked: [percentile(acked, 50), percentile(acked, 99)],
    };
  },

  /** Disconnects, and has so many messages accepted. */
  async offline(count) {
    manager.disconnect();
    const before = (await navigator.storage.estimate()).usage;
    await Promise.all(Array.from({ length: count }, (_, n) => manager.emit(GRANTED, "m", message(n), { delivery: "durable" }).accepted));
    return (await navigator.storage.estimate()).usage - before;
  },
};
