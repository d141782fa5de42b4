// What runs in the page, the same for every client. Times are of `performance.now()`, in milliseconds.
import { large, small } from "./payloads.js";

const payloads = { small, large };

/** Events per second from the first to the last of a burst, each looked at by its handler. */
export async function receive(client, { count, payload }) {
  let seen = 0;
  let first = 0;
  const elapsed = await new Promise((resolve, reject) => {
    const handler = (data) => {
      if (seen === 0) first = performance.now();
      if ((data.text ?? data.items).length === 0) reject(new Error("an event was empty"));
      if (++seen < count) return;
      client.off(payload, handler);
      resolve(performance.now() - first);
    };
    client.on(payload, handler);
    client.emit("burst", { payload, count });
  });
  return ((count - 1) * 1000) / elapsed;
}

/** Acknowledged events per second, with so many waiting at any time. */
export async function roundTrips(client, { count, inFlight }) {
  let left = count;
  const one = async () => {
    while (left-- > 0) {
      const answer = await client.ask("e", small);
      if (answer.at !== small.at) throw new Error("not the answer");
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, one));
  return (count * 1000) / (performance.now() - start);
}

/** Microseconds that a call of emit takes: the median of several batches. */
export async function emit(client, { batches, count, payload }) {
  const data = payloads[payload];
  const times = [];
  for (let batch = 0; batch < batches; batch++) {
    const start = performance.now();
    for (let index = 0; index < count; index++) client.emit("sink", data);
    times.push(((performance.now() - start) * 1000) / count);
    // Everything is on the other side before the next batch.
    await client.ask("e", small);
  }
  times.sort((one, other) => one - other);
  return times[times.length >> 1];
}
