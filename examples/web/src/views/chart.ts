import { spoken, WINDOW, type Connection, type Sample } from "../connection.js";
import { h, svg } from "../dom.js";

const HEIGHT = 132;
const [TOP, BOTTOM, LEFT] = [12, 18, 34];
/** Tops of the scale, in milliseconds. */
const SCALES = [4, 10, 20, 40, 100, 200, 400, 1000, 2000, 5000];
/** How long a stretch without connection has to be to be seen. */
const VISIBLE = 500;
/** How often it moves along. */
const REFRESH = 500;
/** How often its description for screen readers changes. */
const DESCRIBE = 10_000;

/** Round trip times of the last two minutes, with the stretches without connection hatched. */
export function latencyChart(connection: Connection): HTMLElement {
  const grid = svg("g", { class: "chart-grid" });
  const gaps = svg("g");
  const area = svg("path", { class: "chart-area" });
  const line = svg("path", { class: "chart-line" });
  const average = svg("line", { class: "chart-average" });
  const lost = svg("g", { class: "chart-lost" });
  const head = svg("circle", { class: "chart-head", r: 3.5 });
  const canvas = svg("svg", { height: HEIGHT, class: "chart-canvas" }, definitions(), grid, gaps, area, average, line, lost, head);
  const figure = h("figure", { class: "chart", role: "img" }, canvas as unknown as HTMLElement);
  let width = 0;
  let described = -DESCRIBE;

  const render = () => {
    if (width === 0) return;
    const now = performance.now();
    const samples = connection.samples.filter(({ at }) => at > now - WINDOW);
    const times = samples.flatMap(({ ms }) => (ms === undefined ? [] : [ms]));
    const most = Math.max(...times, connection.averageLatency ?? 0, 0);
    const scale = SCALES.find((top) => top >= most * 1.1) ?? Math.ceil(most / 5000) * 5000;
    const x = (at: number) => LEFT + (1 - (now - at) / WINDOW) * (width - LEFT - 6);
    const y = (ms: number) => TOP + (1 - ms / scale) * (HEIGHT - TOP - BOTTOM);
    canvas.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    grid.replaceChildren(...gridLines(scale, y, width));
    gaps.replaceChildren(
      ...connection.gaps
        .filter(({ from, to }) => (to ?? now) > now - WINDOW && (to ?? now) - from > VISIBLE)
        .map(({ from, to }) => {
          const left = Math.max(x(from), LEFT);
          return svg("rect", { class: "chart-gap", x: left, y: TOP, width: Math.max(x(to ?? now) - left, 1.5), height: HEIGHT - TOP - BOTTOM });
        }),
    );
    const runs = runsOf(samples);
    const points = (run: Sample[]) => run.map(({ at, ms }) => `${x(at).toFixed(1)} ${y(ms!).toFixed(1)}`).join("L");
    line.setAttribute("d", runs.map((run) => `M${points(run)}`).join(""));
    const floor = y(0);
    area.setAttribute("d", runs.map((run) => `M${x(run[0]!.at)} ${floor}L${points(run)}L${x(run.at(-1)!.at)} ${floor}Z`).join(""));
    lost.replaceChildren(...samples.filter(({ ms }) => ms === undefined).map(({ at }) => svg("path", { d: `M${x(at) - 3} ${floor - 8}l6 6m0-6l-6 6` })));
    const last = samples.at(-1);
    const isLive = last?.ms !== undefined && connection.status === "connected";
    head.setAttribute("visibility", isLive ? "visible" : "hidden");
    if (isLive) {
      head.setAttribute("cx", String(x(last.at)));
      head.setAttribute("cy", String(y(last.ms!)));
    }
    const mean = connection.averageLatency;
    average.setAttribute("visibility", mean === null || times.length < 3 ? "hidden" : "visible");
    for (const [name, value] of [["x1", LEFT], ["x2", width], ["y1", y(mean ?? 0)], ["y2", y(mean ?? 0)]] as const) {
      average.setAttribute(name, String(value));
    }
    if (now - described >= DESCRIBE) {
      described = now;
      figure.setAttribute("aria-label", spoken(connection));
    }
  };

  new ResizeObserver(([entry]) => {
    width = Math.round(entry!.contentRect.width);
    render();
  }).observe(figure);
  connection.on("sample", render);
  connection.on("status", render);
  // Nobody looks at a hidden tab, and browsers slow its timers down.
  setInterval(() => !document.hidden && render(), REFRESH);
  return figure;
}

/** The samples that follow one another without a loss. A pause is one too: no line goes over it. */
function runsOf(samples: Sample[]): Sample[][] {
  const runs: Sample[][] = [];
  let before: Sample | undefined;
  for (const sample of samples) {
    if (sample.ms !== undefined) {
      const joins = before?.ms !== undefined && sample.at - before.at < 7_000;
      if (joins) runs.at(-1)!.push(sample);
      else runs.push([sample]);
    }
    before = sample;
  }
  return runs;
}

function gridLines(scale: number, y: (ms: number) => number, width: number): Node[] {
  const lines = [0, scale / 2, scale].flatMap((ms): Node[] => {
    const label = svg("text", { x: LEFT - 8, y: y(ms) + 3.5, "text-anchor": "end" });
    label.textContent = ms >= 1000 ? `${ms / 1000} s` : String(ms);
    return [svg("line", { x1: LEFT, x2: width, y1: y(ms), y2: y(ms) }), label];
  });
  return [...lines, ...timeLabels(width)];
}

function timeLabels(width: number): Node[] {
  return ([["2 min ago", LEFT, "start"], ["now", width - 6, "end"]] as const).map(([text, x, anchor]) => {
    const label = svg("text", { x, y: HEIGHT - 3, "text-anchor": anchor });
    label.textContent = text;
    return label;
  });
}

function definitions(): SVGDefsElement {
  const stripes = svg(
    "pattern",
    { id: "stripes", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("line", { x1: 0, y1: 0, x2: 0, y2: 6, class: "chart-stripe" }),
  );
  const fade = svg(
    "linearGradient",
    { id: "fade", x1: 0, y1: 0, x2: 0, y2: 1 },
    svg("stop", { offset: 0, class: "chart-fade-top" }),
    svg("stop", { offset: 1, class: "chart-fade-end" }),
  );
  return svg("defs", {}, stripes, fade);
}
