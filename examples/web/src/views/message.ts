import { h } from "../dom.js";
import { day, isJumbo, isSameDay, time } from "../format.js";
import { icon, type Icon } from "../icons.js";
import type { ChatMessage } from "../state.js";

/** Messages of one side that are this close together stand as a group. */
const GROUP = 4 * 60_000;

const TICKS: Record<NonNullable<ChatMessage["delivery"]>, [Icon, string]> = {
  waiting: ["clock", "Waiting to be sent"],
  sent: ["tick", "Sent"],
  delivered: ["ticks", "Delivered"],
  failed: ["alert", "Not sent"],
};

/** How far an own message is. */
export function tick({ delivery, problem }: ChatMessage): HTMLElement | undefined {
  if (!delivery) return undefined;
  const [drawing, text] = TICKS[delivery];
  const words = delivery === "failed" ? (problem ?? text) : text;
  return h("span", { class: `tick tick-${delivery}`, title: words }, icon(drawing), h("span", { class: "sr-only" }, words));
}

/** A message's element. A later call with the same element brings it up to date. */
export function renderMessage(item: HTMLElement, message: ChatMessage, sendAgain: () => void): void {
  item.classList.toggle("is-failed", message.delivery === "failed");
  const meta = h(
    "span",
    { class: "meta", dir: "ltr" },
    h("time", { datetime: new Date(message.at).toISOString() }, time(message.at)),
    tick(message),
  );
  const bubble = item.querySelector(".bubble");
  if (bubble) {
    // The text stays: it may be selected.
    bubble.querySelector(".meta")?.replaceWith(meta);
  } else {
    item.append(
      h(
        "div",
        // The text comes first, so that the direction is its own.
        { class: `bubble ${isJumbo(message.text) ? "is-jumbo" : ""}`, dir: "auto" },
        h("p", { class: "text" }, message.text),
        meta,
      ),
    );
  }
  item.querySelector(".failure")?.remove();
  if (message.delivery === "failed") {
    item.append(
      h(
        "div",
        { class: "failure" },
        h("span", {}, message.problem ?? "Not sent"),
        h("button", { class: "link-button", type: "button", onclick: sendAgain }, "Send again"),
      ),
    );
  }
}

export function messageItem(message: ChatMessage, sendAgain: () => void): HTMLElement {
  const item = h("li", { class: `message ${message.own ? "is-own" : ""}` });
  item.append(h("span", { class: "sr-only" }, message.own ? "You:" : "They:"));
  renderMessage(item, message, sendAgain);
  return item;
}

/** Whether a message continues the group of the one before. */
export function continues(before: ChatMessage | undefined, message: ChatMessage): boolean {
  return (
    before !== undefined &&
    before.own === message.own &&
    message.at - before.at < GROUP &&
    isSameDay(before.at, message.at)
  );
}

/** What stands before a message of another day than the one before. */
export function dayItem(before: ChatMessage | undefined, message: ChatMessage): HTMLElement | undefined {
  if (before && isSameDay(before.at, message.at)) return undefined;
  return h("li", { class: "day" }, h("span", {}, day(message.at)));
}
