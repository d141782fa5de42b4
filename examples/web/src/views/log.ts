import { h, setText } from "../dom.js";
import { secondsLeft, timeWithSeconds } from "../format.js";
import { MAX_ENTRIES, type Entry, type Journal } from "../journal.js";

/** What happened on the connection, the latest first, the next attempt counted down. */
export function logView(journal: Journal): HTMLElement {
  const list = h("ol", { class: "log-entries" });
  const log = h("div", { class: "log", role: "log", "aria-label": "Connection log", "aria-live": "polite", tabindex: 0 }, list);
  const clear = h("button", { class: "link-button", type: "button", onclick: () => journal.clear() }, "Clear");
  let countdown: { element: HTMLElement; due: number; timer: ReturnType<typeof setInterval> } | undefined;

  const stop = (text: string) => {
    if (!countdown) return;
    clearInterval(countdown.timer);
    setText(countdown.element, text);
    countdown.element.classList.add("is-over");
    countdown = undefined;
  };
  const count = () => {
    const left = countdown ? countdown.due - performance.now() : 0;
    if (left <= 0) stop("tried");
    else setText(countdown!.element, secondsLeft(left));
  };
  const add = (entry: Entry) => {
    list.prepend(item(entry));
    while (list.children.length > MAX_ENTRIES) list.lastElementChild!.remove();
    if (entry.due === undefined) return;
    stop("");
    // Not read out ten times a second: the entry's text says how long it is.
    const element = h("span", { class: "countdown", "aria-hidden": "true" });
    list.firstElementChild!.querySelector(".log-text")!.append(element);
    countdown = { element, due: entry.due, timer: setInterval(count, 100) };
    count();
  };
  const all = () => {
    stop("");
    list.replaceChildren();
    journal.entries.forEach(add);
  };
  journal.on("entry", add);
  journal.on("settled", () => stop(countdown && countdown.due > performance.now() + 100 ? "not needed" : "tried"));
  journal.on("cleared", all);
  all();
  return h(
    "section",
    { class: "card card-log", "aria-labelledby": "log-title" },
    h("div", { class: "card-head" }, h("h3", { id: "log-title" }, "Log"), clear),
    log,
  );
}

function item({ at, tone, text, detail }: Entry): HTMLElement {
  return h(
    "li",
    { class: `log-entry tone-${tone}` },
    h("time", { datetime: new Date(at).toISOString() }, timeWithSeconds(at)),
    h("div", {}, h("span", { class: "log-text" }, text), detail && h("span", { class: "log-detail" }, detail)),
  );
}
