// Carries out the steps of scenarios, in Node and in pages: `tests/behaviour/README.md` describes them.

import { Client } from "./client.mjs";
import { compare, decode, encode, expected, same, text } from "./values.mjs";

const PATIENCE = 10_000;
/** Events that are emitted in one go. */
const BREATH = 100;
const KEYS = new Set([
  "do", "client", "ns", "within", "fails", "only", "as", "of", "name", "options", "user", "token", "tokens", "event", "args", "range",
  "may", "expect", "reply", "value", "code", "timeout", "outcome", "volatile", "durable", "reachable",
]);

const pause = (time = 0) => new Promise((resolve) => setTimeout(resolve, time));

/** Waits until it is so. The time of a step bounds that: what is looked at last is in the error. */
async function until(step, look, isSo = (found) => same(found, step.expect)) {
  const deadline = Date.now() + (step.within ?? PATIENCE);
  for (;;) {
    const found = look();
    if (isSo(found)) return found;
    if (Date.now() > deadline) throw new Error(`it is ${text(found)} until the end`);
    await pause(2);
  }
}

/** One step after another. The error of one that fails says which it is. */
export async function inOrder(steps, carryOut) {
  for (const [index, step] of steps.entries()) {
    try {
      await carryOut(step);
    } catch (error) {
      throw new Error(`step ${index + 1}, ${text(step)}: ${error?.code ?? ""} ${error?.message ?? error}`, { cause: error });
    }
  }
}

export class Runner {
  #clients = new Map();
  #started = new Map();
  #durable = new Map();
  #platform;

  /**
   * @param lib the package under test
   * @param setting of the stage: `kind` and `url` of the server
   * @param platform `stage(step)` sends a step to the stage, `die()`; the others are options of managers: see `Client`
   */
  constructor(lib, setting, platform) {
    Object.assign(this, { lib, setting });
    this.#platform = platform;
  }

  /** Carries out all, and closes what is left. */
  async run(steps) {
    try {
      await inOrder(steps, (step) => this.step(step));
    } finally {
      this.close();
    }
  }

  close() {
    for (const { manager } of this.#clients.values()) manager.close();
  }

  async step(step) {
    if (step.only && !step.only.includes(this.setting.kind)) return;
    if (step.do.startsWith("stage.")) {
      await this.#platform.stage(step);
      return;
    }
    for (const key of Object.keys(step)) if (!KEYS.has(key)) throw new Error(`a key that is not known: ${key}`);
    const action = actions[step.do];
    if (action === undefined) throw new Error(`there is no step ${step.do}`);
    let timer;
    const within = step.within ?? PATIENCE;
    // A little later than what waits by itself, which knows more.
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`not within ${within} ms`)), within + 500)));
    const given = { client: "a", ns: "messaging", user: "ada", args: [], ...step };
    try {
      await Promise.race([(async () => action(this, given))(), late]);
    } catch (error) {
      if ([step.fails].flat().includes(error?.code) && step.fails !== undefined) return;
      throw error;
    } finally {
      clearTimeout(timer);
    }
    if (step.fails !== undefined) throw new Error("it did not fail");
  }

  client({ client }) {
    const found = this.#clients.get(client);
    if (found === undefined) throw new Error(`there is no client ${client}`);
    return found;
  }

  make({ client, options = {} }) {
    const { stage: _stage, die: _die, ...platform } = this.#platform;
    this.#clients.set(client, new Client(this.lib, this.setting.url, options, platform));
  }

  /** Waits for what `begin` starts, or keeps it for `await`. It gets a signal that ends it. */
  async start(step, begin) {
    const controller = new AbortController();
    const started = { controller, expect: "expect" in step ? [step.expect] : [], promise: begin(controller.signal) };
    if (step.as === undefined) return this.end(started);
    // Whoever awaits it hears of its failure.
    started.promise.catch(() => {});
    this.#started.set(step.as, started);
  }

  started({ of }) {
    const found = this.#started.get(of);
    if (found === undefined) throw new Error(`nothing was started as ${of}`);
    return found;
  }

  async end({ promise, expect }) {
    const given = decode(await promise);
    for (const wanted of expect) if (!same(given, wanted)) throw new Error(`${text(given)}, not ${text(wanted)}`);
  }

  keep(name, durable) {
    this.#durable.set(name, durable);
  }

  durable({ of }) {
    const found = this.#durable.get(of);
    if (found === undefined) throw new Error(`there is no durable event ${of}`);
    return found;
  }

  die() {
    this.#platform.die();
    return new Promise(() => {});
  }

  /** The arguments as the package takes them: one, several, or none. */
  data({ args }) {
    const encoded = args.map(encode);
    return encoded.length > 1 ? this.lib.args(...encoded) : encoded[0];
  }
}

const actions = {
  client: (runner, step) => runner.make(step),
  connect(runner, step) {
    const client = runner.client(step);
    const token = step.tokens ? client.provider(step.tokens) : (step.token ?? `good-${step.user}`);
    return runner.start(step, () => client.manager.connect(step.user, token));
  },
  asked(runner, step) {
    const client = runner.client(step);
    compare("asked", client.asked.splice(0), step.expect);
  },
  disconnect: (runner, step) => runner.client(step).manager.disconnect(),
  close: (runner, step) => runner.client(step).manager.close(),
  status: (runner, step) => until(step, () => runner.client(step).manager.getConnectionStatus()),
  async statuses(runner, step) {
    const { statuses } = runner.client(step);
    await until(step, () => statuses, (found) => found.length >= step.expect.length);
    compare("statuses", statuses.splice(0), step.expect);
  },
  quality: (runner, step) => until(step, () => runner.client(step).manager.getConnectionQuality(), (found) => step.expect.includes(found)),
  background: (runner, step) => runner.client(step).manager.enterBackground(),
  foreground: (runner, step) => runner.client(step).manager.enterForeground(),
  network: (runner, step) => runner.client(step).manager.networkChanged(step.reachable),
  join: (runner, step) => runner.start(step, () => runner.client(step).manager.join(step.ns)),
  leave: (runner, step) => runner.client(step).manager.leave(step.ns),
  joined: (runner, step) => until(step, () => runner.client(step).manager.isJoined(step.ns)),
  listen: (runner, step) => runner.client(step).listen(step.ns, step.event, step.reply),
  unlisten: (runner, step) => runner.client(step).unlisten(step.ns, step.event),
  async events(runner, step) {
    const events = runner.client(step).events(step.ns, step.event);
    const wanted = expected(step);
    const counts = (args) => !(step.may ?? []).some((other) => same(args, other));
    await until(step, () => events, (found) => found.length >= wanted.length && found.filter(counts).length >= wanted.length);
    compare("events", events.splice(0).filter(counts), wanted);
  },
  emit(runner, step) {
    const options = step.volatile ? { volatile: true } : undefined;
    const outcome = runner.client(step).manager.emit(step.ns, step.event, runner.data(step), options);
    if (step.outcome !== undefined && outcome !== step.outcome) throw new Error(`${outcome}, not ${step.outcome}`);
  },
  async emit_many(runner, step) {
    const { manager } = runner.client(step);
    for (let n = step.range[0]; n < step.range[1]; n++) {
      if (step.durable) {
        await manager.emit(step.ns, step.event, n, { delivery: "durable" }).accepted;
        continue;
      }
      for (;;) {
        try {
          manager.emit(step.ns, step.event, n);
          break;
        } catch (error) {
          if (error.code !== "QUEUE_FULL") throw error;
          await pause(1);
        }
      }
      if (n % BREATH === 0) await pause();
    }
  },
  ack: (runner, step) =>
    runner.start(step, (signal) =>
      runner.client(step).manager.emitWithAck(step.ns, step.event, runner.data(step), { timeout: step.timeout, signal })),
  await(runner, step) {
    const started = runner.started(step);
    return runner.end({ ...started, expect: [...started.expect, ...("expect" in step ? [step.expect] : [])] });
  },
  cancel_wait: (runner, step) => runner.started(step).controller.abort(),
  async durable(runner, step) {
    const durable = runner.client(step).manager.emit(step.ns, step.event, runner.data(step), { delivery: "durable" });
    await durable.accepted;
    runner.keep(step.name, durable);
  },
  async outcome(runner, step) {
    const outcome = await runner.durable(step).outcome;
    for (const [key, wanted] of [["status", step.expect], ["value", step.value], ["code", step.code]]) {
      if (wanted !== undefined && !same(decode(outcome[key]), wanted)) throw new Error(`the outcome is ${text(outcome)}`);
    }
  },
  queue: (runner, step) => until(step, () => runner.client(step).manager.queue.messages().length),
  cancel(runner, step) {
    const { queue } = runner.client(step).manager;
    const message = step.of === undefined ? queue.messages().find(({ event }) => event === step.event) : undefined;
    const cancelled = step.of === undefined ? message !== undefined && queue.cancel(message.id) : runner.durable(step).cancel();
    if (cancelled !== step.expect) throw new Error(`it was ${cancelled ? "" : "not "}cancelled`);
  },
  die: (runner) => runner.die(),
};
