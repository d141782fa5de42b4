// Child processes: started, awaited until they are ready, ended by their process id.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** How long anything may take that is not the subject of a test. */
export const PATIENCE = 20_000;

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

/**
 * Starts a program and waits for the line of its output that says it is ready.
 *
 * @param ready takes a line, and gives what `start` resolves with as `ready`, or `undefined`
 * @param options those of `spawn`, and `watchErrors`: the lines are those of its error output
 */
export async function start(program, args, ready, { watchErrors = false, ...options } = {}) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], ...options });
  running.add(child);
  const ended = new Promise((resolve) => child.once("close", (code, signal) => resolve({ code, signal })));
  ended.then(() => running.delete(child));
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (errors = (errors + text).slice(-4_000)));
  const lines = createInterface({ input: watchErrors ? child.stderr : child.stdout });
  if (watchErrors) child.stdout.resume();
  const isReady = new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      const found = ready(line);
      if (found !== undefined) resolve(found);
    });
    child.once("error", reject);
    ended.then(({ code, signal }) => reject(new Error(`${program} ended (${code ?? signal}): ${errors}`)));
  });
  const found = await within(isReady, `${program} to be ready`);
  return {
    pid: child.pid,
    ready: found,
    ended,
    /** Ends its standard input, and waits until it has ended for that. */
    async finish() {
      child.stdin.end();
      await within(ended, `the end of ${program}`);
    },
    async stop(signal = "SIGKILL") {
      child.kill(signal);
      await within(ended, `the end of ${program}`);
    },
  };
}

/** The value of a promise, or an error that says what did not come. */
export async function within(promise, what, patience = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${patience} ms in vain for ${what}`)), patience);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
