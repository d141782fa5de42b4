import type { Connection } from "../connection.js";
import { h, perFrame } from "../dom.js";
import { count, displayName, stamp } from "../format.js";
import { icon, mark } from "../icons.js";
import { isUserId } from "../protocol.js";
import type { Conversation, State } from "../state.js";
import { indicator } from "./indicator.js";
import { avatar, name, themeButton } from "./pieces.js";
import { tick } from "./message.js";

interface Options {
  state: State;
  connection: Connection;
  open: (peer: string) => void;
  openPanel: (from: HTMLElement) => void;
}

/** The conversations, who else is here, and a field to write to anybody. */
export function listView({ state, connection, open, openPanel }: Options): HTMLElement {
  const conversations = h("ul", { class: "rows" });
  const here = h("ul", { class: "rows rows-here" });
  const hereTitle = h("h2", { class: "section-title" }, "Also here");
  const hereSection = h("section", { "aria-label": "Also here" }, hereTitle, here);
  const input = h("input", {
    name: "peer",
    "aria-label": "Write to somebody, by name",
    placeholder: "Write to…",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    dir: "auto",
  });
  const write = (event: SubmitEvent) => {
    event.preventDefault();
    const peer = input.value.trim();
    if (!isUserId(peer) || peer === state.user) {
      input.setCustomValidity(peer === state.user ? "That is you." : "A name of at most 128 bytes, please.");
      input.reportValidity();
      return;
    }
    input.value = "";
    open(peer);
  };
  input.addEventListener("input", () => input.setCustomValidity(""));

  const render = () => {
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["peer"] : undefined;
    const inFocus = focused !== undefined && element.contains(document.activeElement);
    conversations.replaceChildren(...state.conversations().map((conversation) => row(state, conversation, open)));
    const strangers = state.others().filter((user) => !state.conversation(user));
    here.replaceChildren(...strangers.map((user) => strangerRow(user, open)));
    hereSection.hidden = strangers.length === 0;
    if (inFocus) element.querySelector<HTMLElement>(`[data-peer="${CSS.escape(focused)}"]`)?.focus();
  };

  const element = h(
    "section",
    { class: "rail", "aria-label": "Conversations", onkeydown: moveByArrows },
    h(
      "header",
      { class: "bar" },
      h("h1", { class: "brand" }, mark(), h("span", {}, "Nexus")),
      h("div", { class: "bar-end" }, indicator(connection, openPanel), themeButton()),
    ),
    h(
      "form",
      { class: "write-to", onsubmit: write, novalidate: true },
      input,
      h("button", { class: "icon-button", type: "submit", "aria-label": "Open the conversation" }, icon("plus")),
    ),
    h("nav", { class: "rail-scroll", "aria-label": "Conversations" }, conversations, hereSection),
    h(
      "footer",
      { class: "me" },
      avatar(state.user),
      h("div", { class: "me-text" }, name(state.user), h("span", { class: "me-note" }, "This tab")),
      h("a", { class: "icon-button", href: "/", "aria-label": "Sign out", title: "Sign out" }, icon("leave")),
    ),
  );
  const renderSoon = perFrame(render);
  for (const event of ["list", "presence", "typing"] as const) state.on(event, renderSoon);
  state.on("open", render);
  render();
  return element;
}

function row(state: State, { peer, messages, unread }: Conversation, open: (peer: string) => void): HTMLElement {
  const last = messages.at(-1);
  const isTyping = state.isTyping(peer);
  const preview = isTyping ? "typing…" : (last?.text ?? (state.isOnline(peer) ? "Here now: say hello" : "No messages yet"));
  const label = `${displayName(peer)}${state.isOnline(peer) ? ", here now" : ""}${unread ? `, ${unread} unread` : ""}`;
  return h(
    "li",
    {},
    h(
      "button",
      {
        class: "row",
        type: "button",
        "data-peer": peer,
        "aria-current": state.openPeer === peer ? "true" : undefined,
        "aria-label": label,
        onclick: () => open(peer),
      },
      presence(peer, state.isOnline(peer)),
      h(
        "span",
        { class: "row-text" },
        h(
          "span",
          { class: "row-top" },
          name(peer),
          last && h("span", { class: "row-time" }, stamp(last.at)),
        ),
        h(
          "span",
          { class: "row-bottom" },
          !isTyping && last?.own && tick(last),
          h("span", { class: `preview ${isTyping ? "preview-typing" : ""}`, dir: "auto" }, preview.slice(0, 200)),
          unread > 0 && h("span", { class: "badge" }, unread > 99 ? "99+" : count(unread)),
        ),
      ),
    ),
  );
}

function strangerRow(user: string, open: (peer: string) => void): HTMLElement {
  return h(
    "li",
    {},
    h(
      "button",
      { class: "row row-small", type: "button", "data-peer": user, onclick: () => open(user) },
      presence(user, true),
      h("span", { class: "row-text" }, name(user)),
    ),
  );
}

/** An avatar with a dot for who is here. */
function presence(user: string, isHere: boolean): HTMLElement {
  return h("span", { class: `presence ${isHere ? "is-here" : ""}` }, avatar(user));
}

/** Up and down go from row to row. */
function moveByArrows(event: KeyboardEvent): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const rows = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>(".row")];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = rows[at + (event.key === "ArrowDown" ? 1 : -1)];
  if (at < 0 && !(event.target instanceof HTMLInputElement && event.key === "ArrowDown")) return;
  (at < 0 ? rows[0] : next)?.focus();
  event.preventDefault();
}
