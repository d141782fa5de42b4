import type { Connection } from "../connection.js";
import { h, setText } from "../dom.js";
import { millis } from "../format.js";
import { bars } from "../icons.js";

export const STATUS_WORDS = {
  connected: "Connected",
  connecting: "Connecting",
  reconnecting: "Reconnecting",
  disconnected: "Offline",
} as const;

export const QUALITY_WORDS = {
  excellent: "Excellent",
  good: "Good",
  fair: "Fair",
  poor: "Poor",
  offline: "Offline",
} as const;

/** What `data-level` of an element says: colours follow it. */
export function level({ status, quality }: Connection): string {
  return status === "connected" ? quality : status === "disconnected" ? "offline" : "pending";
}

/** The connection in one button, which opens the panel. */
export function indicator(connection: Connection, open: (from: HTMLElement) => void): HTMLElement {
  const text = h("span", { class: "indicator-text" });
  const button = h("button", { class: "indicator", type: "button", onclick: () => open(button) }, bars(), text);
  const render = () => {
    const { status, quality, latency } = connection;
    button.dataset["level"] = level(connection);
    setText(text, status !== "connected" ? STATUS_WORDS[status] : latency === undefined ? "Online" : millis(latency));
    const words = status === "connected" ? `${STATUS_WORDS[status]}, ${QUALITY_WORDS[quality]}` : STATUS_WORDS[status];
    button.setAttribute("aria-label", `Connection: ${words}. Show details`);
  };
  for (const event of ["status", "quality", "sample"] as const) connection.on(event, render);
  render();
  return button;
}
