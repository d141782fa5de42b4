import type { Connection } from "../connection.js";
import { h, perFrame, setText } from "../dom.js";
import { count, secondsLeft } from "../format.js";

/** Tells, above the messages, that there is no connection, what waits, and when it is tried again. */
export function offlineBanner(connection: Connection): HTMLElement {
  const title = h("strong");
  const note = h("span", { class: "banner-note" });
  const element = h("div", { class: "banner", hidden: true }, h("span", { class: "banner-dot", "aria-hidden": "true" }), h("p", {}, title, note));
  let timer: ReturnType<typeof setInterval> | undefined;
  const render = () => {
    const { status, network, journal, queue } = connection;
    const isOff = status !== "connected";
    element.hidden = !isOff;
    if (!isOff) return stop();
    const due = journal.pending?.due;
    setText(title, network.isCut ? "The network is cut." : status === "connecting" ? "Connecting…" : "No connection.");
    const waits =
      queue.size === 0
        ? "What you write now waits here."
        : `${count(queue.size)} ${queue.size === 1 ? "message waits" : "messages wait"} to go out.`;
    const next = due === undefined ? "" : ` Next attempt in ${secondsLeft(due - performance.now())}.`;
    setText(note, ` ${waits}${next}`);
    if (due === undefined) stop();
    else timer ??= setInterval(render, 100);
  };
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
  };
  connection.on("status", render);
  connection.on("queue", perFrame(render));
  connection.journal.on("entry", render);
  connection.journal.on("settled", render);
  render();
  return element;
}
