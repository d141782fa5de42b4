import { cpus, release, totalmem, type } from "node:os";

/** Less than this is no difference. */
const SAME = 0.05;

/** The values of all rounds, by measure and client. */
export class Figures {
  #values = new Map();

  add(name, client, value) {
    if (!this.#values.has(name)) this.#values.set(name, { nexus: [], socketio: [] });
    this.#values.get(name)[client].push(value);
  }

  has(name) {
    return this.#values.has(name);
  }

  median(name, client) {
    return median(this.#values.get(name)[client]);
  }

  spread(name, client) {
    const values = this.#values.get(name)[client];
    return `${show(median(values))} (${show(Math.min(...values))} - ${show(Math.max(...values))})`;
  }
}

/** What is compared: whether more is better, and whether it is among the goals. */
const SECTIONS = [
  {
    title: "Through a connection",
    text: `Both clients in one page, in turn, each with its connection to one server: socket.io of Node, on the same machine.
Objects of 200 bytes, or of 66 KB where it says so. Rates end where the server or the browser does; what the client costs
is in the main thread's CPU time: everything that the page's main thread did for 1,000 events, the browser's own part
included. socket.io-client only notes an event when \`emit\` is called, and sends it later: what is put off is in the
main-thread time.`,
    rows: [
      ["received", "events received and handled, per second", true],
      ["receiveMain", "main thread, ms per 1,000 received", false],
      ["sequential", "acknowledged events per second, one after another", true],
      ["inFlight", "acknowledged events per second, 100 in flight", true],
      ["ackMain", "main thread, ms per 1,000 acknowledged", false],
      ["emit", "one call of emit, µs", false],
      ["emitMain", "main thread, ms per 1,000 emitted", false],
      ["receivedLarge", "66 KB: events received and handled, per second", true],
      ["receiveLargeMain", "66 KB: main thread, ms per 1,000 received", false],
      ["emitLarge", "66 KB: one call of emit, µs", false],
      ["emitLargeMain", "66 KB: main thread, ms per 1,000 emitted", false],
    ],
  },
  {
    title: "The clients alone",
    text: `Main-thread CPU time of the clients' own code, µs per event, on a stand-in for the WebSocket that does nothing: the
browser's sending and receiving, the same for both, is left out.`,
    rows: [
      ["alone receive small", "receive 200 bytes", false],
      ["alone emit small", "emit 200 bytes", false],
      ["alone ask small", "acknowledged event, 100 in flight", false],
      ["alone receive large", "receive 66 KB", false],
      ["alone emit large", "emit 66 KB", false],
    ],
  },
  {
    title: "Start and memory",
    text: `Start: from \`import()\` in an empty page, with a new browser profile each time, to the connection; the file comes from
the same machine, so a network's share is to be read from the sizes below. Memory: JavaScript heap after a forced
collection, above the page without a client.`,
    rows: [
      ["cold", "from import to connected, ms", false],
      ["heapConnected", "heap when connected, KiB", false],
      ["heapAfter", "heap after 100,000 events, KiB", false],
      ["wasmMemory", "WebAssembly memory after them, KiB", undefined],
    ],
  },
];

export function markdown({ figures, sizes, versions, rounds }) {
  const lines = [
    "# Benchmarks in the browser",
    "Written by `cargo xtask bench web`, which measures nexus-realtime and socket.io-client in one run and in turn, so that",
    `ratios hold even where the machine is noisy. A figure is the median of ${rounds} rounds, with the lowest and the highest in`,
    "parentheses.",
    "",
    `- ${machine()}`,
    ...versions.map((version) => `- ${version}`),
    "",
    "The goal: slower than socket.io-client in nothing, faster in most. Differences below 5 % count as none.",
  ];
  const counts = { faster: 0, same: 0, slower: 0 };
  for (const { title, text, rows } of SECTIONS) {
    const present = rows.filter(([name]) => figures.has(name));
    if (present.length === 0) continue;
    lines.push("", `## ${title}`, text, "");
    lines.push("| | nexus-realtime | socket.io-client | ratio | |", "|---|---|---|---|---|");
    for (const [name, what, isMoreBetter] of present) {
      const ratio = figures.median(name, "nexus") / figures.median(name, "socketio");
      const verdict = isMoreBetter === undefined ? undefined : judge(isMoreBetter ? ratio : 1 / ratio);
      if (verdict !== undefined) counts[verdict]++;
      const cells = [what, figures.spread(name, "nexus"), figures.spread(name, "socketio"), verdict ? ratio.toFixed(2) : "", verdict ?? ""];
      lines.push(`| ${cells.join(" | ")} |`);
    }
  }
  const all = counts.faster + counts.same + counts.slower;
  if (all > 0) {
    lines.push("", "## The goal", "| goal | measured | |", "|---|---|---|");
    lines.push(`| slower in nothing | slower in ${counts.slower} of ${all} | ${met(counts.slower === 0)} |`);
    lines.push(`| faster in most | faster in ${counts.faster} of ${all} | ${met(counts.faster * 2 > all)} |`);
  }
  lines.push("", "## Sizes", "Bytes that an application loads for the client, bundled and minified by esbuild.", "");
  lines.push("| | min | min + gzip | min + brotli |", "|---|---|---|---|");
  for (const { name, min, gzip, brotli } of sizes) lines.push(`| ${name} | ${min} | ${gzip} | ${brotli} |`);
  return `${lines.join("\n")}\n`;
}

function judge(gain) {
  if (gain > 1 + SAME) return "faster";
  return gain < 1 / (1 + SAME) ? "slower" : "same";
}

function met(isMet) {
  return isMet ? "met" : "missed";
}

function machine() {
  const all = cpus();
  return `${all.length} cores (${all[0].model.trim()}), memory ${Math.round(totalmem() / 1024)} kB, ${type()} ${release()}`;
}

function median(values) {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function show(value) {
  if (value === 0) return "0";
  return value.toFixed(value >= 1000 ? 0 : value >= 10 ? 1 : 2);
}
