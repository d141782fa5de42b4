import { Connection } from "../connection.js";
import { h, perFrame } from "../dom.js";
import { displayName } from "../format.js";
import { State } from "../state.js";
import { keep, load } from "../storage.js";
import { chatView } from "./chat.js";
import { listView } from "./list.js";
import { panelView } from "./panel.js";

interface Options {
  user: string;
  /** Conversations that are there from the start. */
  peers: string[];
  /** The one that is open from the start. */
  open: string | undefined;
  /** Where a tab is signed in as a user, with a conversation open. */
  addressFor: (user: string, peer: string | undefined) => string;
}

/** From this width on the panel has a column of its own. */
const WIDE = matchMedia("(min-width: 74rem)");
/** Below this one there is the list or the conversation. */
const NARROW = matchMedia("(max-width: 47.99rem)");

/** The whole page for a user who has signed in. */
export function showApp(root: HTMLElement, { user, peers, open, addressFor }: Options): void {
  const state = new State(user, load(user));
  const connection = new Connection(state);
  keep(state);

  let openedFrom: HTMLElement | undefined;
  const openPanel = (from: HTMLElement) => {
    openedFrom = from;
    setPanel(true);
    panel.querySelector<HTMLElement>(".panel-close")?.focus();
  };
  const closePanel = () => {
    setPanel(false);
    openedFrom?.focus();
  };
  const openChat = (peer: string) => {
    state.open(peer);
    // On a phone the keyboard would cover what is to be read first.
    if (!NARROW.matches) chat.focus();
  };
  const back = () => {
    const peer = state.openPeer;
    state.open(undefined);
    if (peer !== undefined) list.querySelector<HTMLElement>(`[data-peer="${CSS.escape(peer)}"]`)?.focus();
  };

  const list = listView({ state, connection, open: openChat, openPanel });
  const chat = chatView({ state, connection, addressFor: (peer) => addressFor(peer, user), back, openPanel });
  const panel = panelView(connection, closePanel);
  const veil = h("div", { class: "veil", onclick: closePanel });
  const shell = h("main", { class: "shell" }, list, chat.element, veil, panel);

  const isPanelOpen = () => shell.classList.contains("has-panel");
  function setPanel(isOpen: boolean) {
    shell.classList.toggle("has-panel", isOpen);
    arrange();
  }
  /** What can't be seen can't have the focus either. */
  function arrange() {
    const isOverlay = !WIDE.matches;
    panel.inert = isOverlay && !isPanelOpen();
    const isCovered = isOverlay && isPanelOpen();
    list.inert = isCovered || (NARROW.matches && state.openPeer !== undefined);
    chat.element.inert = isCovered || (NARROW.matches && state.openPeer === undefined);
    if (isCovered) panel.setAttribute("role", "dialog");
    else panel.removeAttribute("role");
  }
  WIDE.addEventListener("change", arrange);
  NARROW.addEventListener("change", arrange);
  state.on("open", (peer) => {
    shell.classList.toggle("has-chat", peer !== undefined);
    // So that a reload comes back to it.
    history.replaceState(null, "", addressFor(user, peer));
    arrange();
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    if (isPanelOpen() && !WIDE.matches) closePanel();
    else if (NARROW.matches && state.openPeer !== undefined) back();
  });

  const title = () => (document.title = `${state.unread ? `(${state.unread}) ` : ""}${displayName(user)} · Nexus`);
  state.on("list", perFrame(title));
  document.addEventListener("visibilitychange", () => state.setVisible(!document.hidden));
  state.setVisible(!document.hidden);

  connection.on("refused", (message) => root.replaceChildren(refusal(message)));
  root.replaceChildren(shell);
  for (const peer of peers) state.start(peer);
  const first = open ?? (NARROW.matches ? undefined : state.conversations()[0]?.peer);
  if (first === undefined) state.open(undefined);
  else openChat(first);
  connection.start();
}

/** The server does not let the user in, and asking again would not help. */
function refusal(message: string): HTMLElement {
  return h(
    "main",
    { class: "refusal" },
    h("h1", {}, "This did not work"),
    h("p", {}, message),
    h("a", { class: "button", href: "/" }, "Back to the start"),
  );
}
