import { cause, waiting, type Connection } from "../connection.js";
import { announce, h, perFrame, setText } from "../dom.js";
import { bytes, count, millis, secondsLeft } from "../format.js";
import { bars, icon } from "../icons.js";
import { latencyChart } from "./chart.js";
import { level, QUALITY_WORDS, STATUS_WORDS } from "./indicator.js";
import { logView } from "./log.js";

/** How often the counters are read. */
const REFRESH = 1_000;
/** The most squares that stand for messages in the queue. */
const SQUARES = 28;

/** Everything about the connection: status, the switch, round trips, the queue, counters, the log. */
export function panelView(connection: Connection, close: () => void): HTMLElement {
  return h(
    "section",
    { class: "panel", "aria-label": "Connection" },
    h(
      "header",
      { class: "bar" },
      h("h2", {}, "Connection"),
      h("button", { class: "icon-button panel-close", type: "button", "aria-label": "Close", onclick: close }, icon("close")),
    ),
    h(
      "div",
      { class: "panel-scroll" },
      statusCard(connection),
      latencyCard(connection),
      queueCard(connection),
      logView(connection.journal),
      countersCard(connection),
    ),
  );
}

function statusCard(connection: Connection): HTMLElement {
  const status = h("strong");
  const note = h("span", { class: "status-note" });
  const toggle = h("button", {
    class: "switch",
    type: "button",
    role: "switch",
    "aria-checked": "false",
    "aria-labelledby": "cut-label",
    "aria-describedby": "cut-note",
    onclick: () => connection.cutNetwork(!connection.network.isCut),
  });
  const element = h(
    "section",
    { class: "card status-card", "aria-label": "Status" },
    h("div", { class: "status" }, bars(), h("div", {}, status, note)),
    h(
      "div",
      { class: "cut" },
      h(
        "div",
        {},
        h("span", { class: "cut-label", id: "cut-label", onclick: () => toggle.click() }, "Cut the network"),
        h("span", { class: "cut-note", id: "cut-note" }, "Closes this tab’s sockets for real, and lets none open."),
      ),
      toggle,
    ),
  );
  let said = "";
  const render = () => {
    const { status: now, quality, network, reason, journal } = connection;
    const due = journal.pending?.due;
    element.dataset["level"] = level(connection);
    setText(status, STATUS_WORDS[now]);
    const next = due === undefined ? undefined : `Next attempt in ${secondsLeft(due - performance.now())}`;
    setText(note, now === "connected" ? `${QUALITY_WORDS[quality]} quality` : (next ?? (reason ? cause(reason) : "One moment")));
    toggle.setAttribute("aria-checked", String(network.isCut));
    element.classList.toggle("is-cut", network.isCut);
    if (said !== now) announce(STATUS_WORDS[now]);
    said = now;
  };
  for (const event of ["status", "quality"] as const) connection.on(event, render);
  setInterval(() => connection.journal.pending && render(), 100);
  render();
  return element;
}

function latencyCard(connection: Connection): HTMLElement {
  const numbers = figures(["Now", "Average", h("abbr", { title: "95th percentile" }, "p95")]);
  const render = () => {
    const { p95Latency } = connection.stats;
    numbers.set([millis(connection.latency), millis(connection.averageLatency), millis(p95Latency)]);
  };
  for (const event of ["status", "sample"] as const) connection.on(event, render);
  render();
  return card("Round trip", h("span", { class: "card-note" }, "a ping every 2 s"), latencyChart(connection), numbers.element);
}

function queueCard(connection: Connection): HTMLElement {
  const note = h("span", { class: "card-note" });
  const squares = h("div", { class: "squares", "aria-hidden": "true" });
  const empty = h("p", { class: "quiet" }, "What can’t be sent waits here, and goes out in order once it can.");
  const element = card("Offline queue", note, squares, empty);
  const render = () => {
    const { queue } = connection;
    setText(note, waiting(queue));
    element.classList.toggle("is-filled", queue.size > 0);
    const wanted = Math.min(queue.size, SQUARES);
    while (squares.children.length > wanted) squares.firstElementChild!.remove();
    while (squares.children.length < wanted) squares.append(h("span"));
    squares.classList.toggle("is-over", queue.size > SQUARES);
    empty.hidden = queue.size > 0;
  };
  const renderSoon = perFrame(render);
  for (const event of ["status", "queue"] as const) connection.on(event, renderSoon);
  // Messages leave it without a word when they go out or expire.
  setInterval(render, REFRESH);
  render();
  return element;
}

function countersCard(connection: Connection): HTMLElement {
  const numbers = figures(["Events in", "Events out", "Bytes in", "Bytes out", "Confirmed", "Reconnects"]);
  const render = () => {
    const { eventsIn, eventsOut, bytesIn, bytesOut, acksReceived, reconnects } = connection.stats.counters;
    numbers.set([count(eventsIn), count(eventsOut), bytes(bytesIn), bytes(bytesOut), count(acksReceived), count(reconnects)]);
  };
  connection.on("status", render);
  setInterval(() => !document.hidden && render(), REFRESH);
  render();
  return card("Traffic", undefined, numbers.element);
}

function card(title: string, note: HTMLElement | undefined, ...content: HTMLElement[]): HTMLElement {
  return h("section", { class: "card", "aria-label": title }, h("div", { class: "card-head" }, h("h3", {}, title), note), ...content);
}

/** Numbers with what they are. */
function figures(labels: (string | HTMLElement)[]): { element: HTMLElement; set: (values: string[]) => void } {
  const values = labels.map(() => h("dd"));
  const element = h("dl", { class: "figures" }, ...labels.map((label, n) => h("div", {}, h("dt", {}, label), values[n])));
  return { element, set: (texts) => texts.forEach((text, n) => setText(values[n]!, text)) };
}
