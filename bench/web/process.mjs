import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Starts a server of Node that says where it listens, and ends with its standard input. */
export async function startServer(script) {
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const url = await new Promise((resolve, reject) => {
    child.once("error", reject);
    ended.then((code) => reject(new Error(`the server ended at once, with ${code}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const found = /listening on (http:\S+)/.exec(line);
      if (found !== null) resolve(found[1]);
    });
  });
  return {
    url,
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}
