import { openPage } from "./browser.mjs";

export const clients = ["nexus", "socketio"];

/** The events after which the heap is looked at. */
const HEAP_EVENTS = 100_000;

/** Everything with a network, both clients in one page and in turn. The first round warms up. */
export async function inOnePage({ browser, site, server, rounds, figures }) {
  const opened = await openPage(browser, `${site.origin}/shared`);
  await opened.page.waitForFunction(() => globalThis.bench !== undefined);
  const call = (method, ...args) => opened.page.evaluate(([name, rest]) => bench[name](...rest), [method, args]);
  for (const client of clients) await call("open", client, server.url);
  await inTurn(rounds + 1, async (client, round) => {
    const add = (name, value) => round > 0 && figures.add(name, client, value);
    const measure = async (name, options, thousands) => {
      const before = await opened.taskTime();
      const value = await call("measure", client, name, options);
      return { value, main: ((await opened.taskTime()) - before) / thousands };
    };
    const small = await measure("receive", { count: 20_000, payload: "small" }, 20);
    add("received", small.value);
    add("receiveMain", small.main);
    add("sequential", (await measure("roundTrips", { count: 2_000, inFlight: 1 }, 2)).value);
    const acks = await measure("roundTrips", { count: 10_000, inFlight: 100 }, 10);
    add("inFlight", acks.value);
    add("ackMain", acks.main);
    const emits = await measure("emit", { batches: 20, count: 500, payload: "small" }, 10);
    add("emit", emits.value);
    add("emitMain", emits.main);
    const large = await measure("receive", { count: 500, payload: "large" }, 0.5);
    add("receivedLarge", large.value);
    add("receiveLargeMain", large.main);
    const emitsLarge = await measure("emit", { batches: 20, count: 10, payload: "large" }, 0.2);
    add("emitLarge", emitsLarge.value);
    add("emitLargeMain", emitsLarge.main);
  });
  await opened.close();
}

/** Microseconds of the main thread that the clients' own code takes, on a socket that is a stand-in. */
export async function alone({ browser, site, rounds, figures }) {
  const opened = await openPage(browser, `${site.origin}/alone`);
  await opened.page.waitForFunction(() => globalThis.bench !== undefined);
  const call = (method, ...args) => opened.page.evaluate(([name, rest]) => bench[name](...rest), [method, args]);
  for (const client of clients) await call("open", client);
  const cases = [
    ["receive", "small", 10_000],
    ["emit", "small", 5_000],
    ["ask", "small", 5_000],
    ["receive", "large", 200],
    ["emit", "large", 200],
  ];
  // Several rounds until the engine has compiled what is hot.
  await inTurn(rounds + 4, async (client, round) => {
    for (const [method, payload, count] of cases) {
      await call("prepare", payload, count);
      const before = await opened.taskTime();
      await call(method, client, payload, count);
      const micros = (((await opened.taskTime()) - before) * 1000) / count;
      if (round >= 4) figures.add(`alone ${method} ${payload}`, client, micros);
    }
  });
  await opened.close();
}

/** Milliseconds from the import to the connection, each time in a new profile. */
export async function cold({ browser, site, server, rounds, figures }) {
  await inTurn(rounds, async (client) => {
    const opened = await openPage(browser, `${site.origin}/blank`);
    const elapsed = await opened.page.evaluate(
      async ([module, url]) => {
        const start = performance.now();
        const { open } = await import(module);
        await open(url);
        return performance.now() - start;
      },
      [`/${client}.js`, server.url],
    );
    figures.add("cold", client, elapsed);
    await opened.close();
  });
}

/** Kilobytes of the heap that a connected client takes, at first and after many events. */
export async function heap({ browser, site, server, rounds, figures }) {
  await inTurn(rounds, async (client) => {
    const opened = await openPage(browser, `${site.origin}/one`);
    await opened.page.waitForFunction(() => globalThis.measures !== undefined);
    await opened.page.evaluate(noteMemory);
    const empty = await opened.heap();
    await opened.page.evaluate(
      async ([module, url]) => {
        const { open } = await import(module);
        globalThis.client = await open(url);
        await measures.receive(client, { count: 1, payload: "small" });
      },
      [`/${client}.js`, server.url],
    );
    figures.add("heapConnected", client, ((await opened.heap()) - empty) / 1024);
    for (let done = 0; done < HEAP_EVENTS; done += 20_000) {
      await opened.page.evaluate(() => measures.receive(client, { count: 20_000, payload: "small" }));
    }
    figures.add("heapAfter", client, ((await opened.heap()) - empty) / 1024);
    figures.add("wasmMemory", client, await opened.page.evaluate(() => (globalThis.memory?.buffer.byteLength ?? 0) / 1024));
    await opened.close();
  });
}

/** Runs in the page: keeps the memory of what is instantiated. */
function noteMemory() {
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (...args) => {
    const result = await instantiate(...args);
    globalThis.memory = Object.values((result.instance ?? result).exports).find((one) => one instanceof WebAssembly.Memory);
    return result;
  };
}

/** Each client in each round, the one and the other first. */
async function inTurn(rounds, measure) {
  for (let round = 0; round < rounds; round++) {
    for (const client of round % 2 === 0 ? clients : clients.toReversed()) await measure(client, round);
  }
}
