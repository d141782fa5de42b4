import type { Connection } from "../connection.js";
import { announce, h, perFrame, setText } from "../dom.js";
import { displayName, time } from "../format.js";
import { icon, mark } from "../icons.js";
import type { ChatMessage, State } from "../state.js";
import { composer } from "./composer.js";
import { indicator } from "./indicator.js";
import { continues, dayItem, messageItem, renderMessage } from "./message.js";
import { offlineBanner } from "./banner.js";
import { avatar, name } from "./pieces.js";

interface Options {
  state: State;
  connection: Connection;
  addressFor: (user: string) => string;
  back: () => void;
  openPanel: (from: HTMLElement) => void;
}

/** How near the end counts as at the end, in pixels. */
const NEAR = 80;

/** The open conversation. */
export function chatView({ state, connection, addressFor, back, openPanel }: Options): { element: HTMLElement; focus: () => void } {
  const items = new Map<string, HTMLElement>();
  const picture = h("span", { class: "chat-picture" });
  const title = h("h2", { class: "chat-name" });
  const subtitle = h("p", { class: "chat-note" });
  const messages = h("ol", { class: "messages" });
  const log = h("div", { role: "log", "aria-label": "Messages", "aria-live": "polite" }, messages);
  const typing = h("div", { class: "typing", "aria-hidden": "true" }, h("span"), h("span"), h("span"));
  const invitation = h("div", { class: "invitation" });
  const beginning = h("div", { class: "beginning" });
  const scroll = h(
    "div",
    { class: "chat-scroll", tabindex: "0", role: "group", "aria-label": "Messages, scrollable" },
    h("div", { class: "chat-fill" }),
    beginning,
    log,
    invitation,
    typing,
  );
  const toEnd = h(
    "button",
    { class: "to-end", type: "button", hidden: true, "aria-label": "To the latest message", onclick: () => scrollToEnd("smooth") },
    icon("down"),
  );
  const field = composer({
    send: (text) => state.openPeer !== undefined && connection.send(state.openPeer, text),
    typing: (isTyping) => state.openPeer !== undefined && connection.tellTyping(state.openPeer, isTyping),
  });
  const conversation = h(
    "div",
    { class: "conversation" },
    h(
      "header",
      { class: "bar chat-bar" },
      h("button", { class: "icon-button back", type: "button", "aria-label": "Back to the conversations", onclick: back }, icon("back")),
      picture,
      h("div", { class: "chat-title" }, title, subtitle),
      h("div", { class: "bar-end" }, indicator(connection, openPanel)),
    ),
    offlineBanner(connection),
    h("div", { class: "chat-body" }, scroll, toEnd),
    field.element,
  );
  const nothing = h(
    "div",
    { class: "nothing" },
    mark(),
    h("p", {}, "Pick a conversation, or write to somebody by name."),
  );
  const element = h("section", { class: "chat", "aria-label": "Conversation" }, conversation, nothing);

  const isAtEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR;
  const scrollToEnd = (behavior: ScrollBehavior = "instant") => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    scroll.scrollTo({ top: scroll.scrollHeight, behavior: calm ? "instant" : behavior });
  };
  // Whether the end is to stay in view: when messages come, and when a keyboard on the screen or a longer draft takes room.
  let follows = true;
  const scrolled = () => {
    follows = isAtEnd();
    toEnd.hidden = follows;
  };
  scroll.addEventListener("scroll", scrolled, { passive: true });
  const follow = perFrame(() => {
    if (follows) scrollToEnd();
    else toEnd.hidden = isAtEnd();
  });
  new ResizeObserver(follow).observe(scroll);

  const add = (peer: string, before: ChatMessage | undefined, message: ChatMessage) => {
    const item = messageItem(message, () => connection.sendAgain(peer, message.key));
    item.classList.toggle("is-first", !continues(before, message));
    items.set(message.key, item);
    const parts = [dayItem(before, message), item].filter((part) => part !== undefined);
    messages.append(...parts);
    return item;
  };

  const renderHead = () => {
    const peer = state.openPeer;
    if (peer === undefined) return;
    const [isHere, seen] = [state.isOnline(peer), state.lastSeen(peer)];
    const isConnected = connection.status === "connected";
    const note = state.isTyping(peer)
      ? "typing…"
      : isHere
        ? "Here now"
        : !isConnected
          ? "You are offline"
          : seen === undefined
            ? "Not here"
            : `Left at ${time(seen)}`;
    setText(subtitle, note);
    subtitle.classList.toggle("is-here", isHere);
    picture.classList.toggle("is-here", isHere);
    typing.classList.toggle("is-shown", state.isTyping(peer));
    const invites = isConnected && !isHere;
    if (invites && invitation.dataset["peer"] !== peer) {
      invitation.replaceChildren(
        h("p", {}, name(peer, "strong"), " is not here, and this server keeps nothing for later."),
        h("a", { class: "button", href: addressFor(peer), target: "_blank", rel: "noopener" }, `Open ${displayName(peer)} in a second tab`, icon("out")),
      );
      invitation.dataset["peer"] = peer;
    }
    invitation.hidden = !invites;
    follow();
  };

  state.on("open", (peer) => {
    conversation.hidden = peer === undefined;
    nothing.hidden = peer !== undefined;
    items.clear();
    messages.replaceChildren();
    if (peer === undefined) return;
    picture.replaceChildren(avatar(peer));
    title.replaceChildren(name(peer));
    field.setPeer(peer, displayName(peer));
    beginning.replaceChildren(avatar(peer, "large"), h("p", {}, "The beginning of your conversation with ", name(peer, "strong")));
    // All at once is no news: it is not read out.
    log.setAttribute("aria-live", "off");
    let before: ChatMessage | undefined;
    for (const message of state.conversation(peer)?.messages ?? []) {
      add(peer, before, message);
      before = message;
    }
    requestAnimationFrame(() => log.setAttribute("aria-live", "polite"));
    delete invitation.dataset["peer"];
    renderHead();
    follows = true;
    scrollToEnd();
    toEnd.hidden = true;
  });

  state.on("message", (peer, message, isNew) => {
    if (isNew && !message.own) announceElsewhere(peer, message);
    if (peer !== state.openPeer) return;
    const item = items.get(message.key);
    if (item) return renderMessage(item, message, () => connection.sendAgain(peer, message.key));
    if (message.own) follows = true;
    const before = state.conversation(peer)?.messages.at(-2);
    add(peer, before, message).classList.add("is-new");
    follow();
  });

  /** The log of the open conversation is read out by itself. */
  const announceElsewhere = (peer: string, message: ChatMessage) => {
    if (peer !== state.openPeer) announce(`${displayName(peer)}: ${message.text.slice(0, 200)}`);
  };

  state.on("presence", renderHead);
  state.on("typing", (peer) => peer === state.openPeer && renderHead());
  connection.on("status", renderHead);
  conversation.hidden = true;
  return { element, focus: field.focus };
}
