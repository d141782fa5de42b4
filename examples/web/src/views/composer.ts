import { h, setText } from "../dom.js";
import { count } from "../format.js";
import { icon } from "../icons.js";
import { MAX_CONTENT_BYTES } from "../protocol.js";

interface Options {
  send: (text: string) => void;
  typing: (isTyping: boolean) => void;
}

export interface Composer {
  readonly element: HTMLElement;
  focus(): void;
  /** Another conversation: each keeps what was begun in it. */
  setPeer(peer: string, displayName: string): void;
}

const encoder = new TextEncoder();
/** Whether the field grows with its text by itself. */
const GROWS = CSS.supports("field-sizing", "content");

/** The field to write in. Enter sends, Shift and Enter begin a new line. */
export function composer({ send, typing }: Options): Composer {
  const drafts = new Map<string, string>();
  let peer = "";
  const limit = h("span", { class: "limit", role: "status" });
  const field = h("textarea", {
    rows: 1,
    name: "message",
    "aria-label": "Message",
    placeholder: "Message",
    dir: "auto",
    enterkeyhint: "send",
    oninput: changed,
    onkeydown: pressed,
    onblur: () => typing(false),
  });
  const button = h("button", { class: "send", type: "submit", "aria-label": "Send" }, icon("send"));
  const element = h("form", { class: "composer", onsubmit: submitted }, field, limit, button);

  function pressed(event: KeyboardEvent) {
    // While an input method composes, Enter is its own.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    element.requestSubmit();
  }

  function submitted(event: SubmitEvent) {
    event.preventDefault();
    const text = content();
    if (text === "" || isTooLong(text)) return;
    field.value = "";
    changed();
    send(text);
    field.focus();
  }

  function changed() {
    const text = content();
    drafts.set(peer, field.value);
    fit();
    const bytes = text.length * 3 > MAX_CONTENT_BYTES * 0.9 ? encoder.encode(text).length : 0;
    const left = MAX_CONTENT_BYTES - bytes;
    setText(limit, bytes > MAX_CONTENT_BYTES * 0.9 ? (left >= 0 ? `${count(left)} left` : `${count(-left)} too many`) : "");
    limit.classList.toggle("is-over", left < 0);
    button.disabled = text === "" || left < 0;
    typing(text !== "");
  }

  /** The server takes no control characters but those of lines. */
  function content(): string {
    return field.value.replace(/[^\P{Cc}\n\t]/gu, "").trim();
  }

  function fit() {
    if (GROWS) return;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }

  button.disabled = true;
  return {
    element,
    focus: () => field.focus({ preventScroll: true }),
    setPeer(next, displayName) {
      typing(false);
      peer = next;
      field.value = drafts.get(next) ?? "";
      field.placeholder = `Message ${displayName}`;
      field.setAttribute("aria-label", `Message to ${displayName}`);
      fit();
      button.disabled = content() === "" || isTooLong(content());
    },
  };
}

function isTooLong(text: string): boolean {
  return encoder.encode(text).length > MAX_CONTENT_BYTES;
}
