import { svg } from "./dom.js";

const PATHS = {
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  send: "M5 12h13M12 5l7 7-7 7",
  down: "M12 5v14M5 12l7 7 7-7",
  plus: "M12 5v14M5 12h14",
  out: "M8 16L17 7M9 7h8v8",
  clock: "M12 7.5V12l3 2M12 4a8 8 0 100 16 8 8 0 000-16z",
  tick: "M5 12.5l4.5 4.5L19 7.5",
  ticks: "M2 12.5l4.5 4.5L16 7.5M11.5 16.2l.8.8L22 7.5",
  alert: "M12 8v5M12 16.2v.1M12 3.5l9 16H3z",
  moon: "M19.5 14.5A8 8 0 019.5 4.5a8 8 0 1010 10z",
  sun: "M12 8a4 4 0 100 8 4 4 0 000-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  leave: "M14 5H6v14h8M11 12h9M16.5 8.5L20 12l-3.5 3.5",
} as const;

export type Icon = keyof typeof PATHS;

/** A drawing that says nothing by itself: what it stands for is in the text beside it. */
export function icon(name: Icon): SVGSVGElement {
  const path = svg("path", { d: PATHS[name] });
  return svg("svg", { class: `icon icon-${name}`, viewBox: "0 0 24 24", "aria-hidden": "true" }, path);
}

/** The mark of the page: an N of four nodes, of which one is the other side. */
export function mark(): SVGSVGElement {
  const nodes = [[5, 19], [5, 5], [19, 19]].map(([cx, cy]) => svg("circle", { cx: cx!, cy: cy!, r: 2.7 }));
  return svg(
    "svg",
    { class: "mark", viewBox: "0 0 24 24", "aria-hidden": "true" },
    svg("path", { d: "M5 19V5l14 14V5", pathLength: 1 }),
    ...nodes,
    svg("circle", { cx: 19, cy: 5, r: 3, class: "mark-other" }),
  );
}

/** Four bars, as phones show their network. */
export function bars(): SVGSVGElement {
  const rects = [0, 1, 2, 3].map((n) => {
    const height = 5 + n * 4;
    return svg("rect", { x: 2 + n * 5.5, y: 20 - height, width: 3.5, height, rx: 1.2, class: `bar bar-${n + 1}` });
  });
  return svg("svg", { class: "bars", viewBox: "0 0 24 24", "aria-hidden": "true" }, ...rects);
}
