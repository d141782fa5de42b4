import { h } from "../dom.js";
import { displayName } from "../format.js";
import { icon, mark } from "../icons.js";
import { isUserId, MAX_USER_BYTES } from "../protocol.js";
import { SUGGESTED } from "../tabs.js";
import { avatar, themeButton } from "./pieces.js";

/** Asks who the user is. Anybody may be anybody here: it is a demo. */
export function showSignIn(root: HTMLElement, taken: ReadonlySet<string>, enter: (user: string) => void): void {
  const first = SUGGESTED.find((user) => !taken.has(user)) ?? SUGGESTED[0];
  const choose = (user: string) => {
    const isTaken = taken.has(user);
    return h(
      "button",
      { class: `choice ${user === first ? "choice-first" : ""}`, type: "button", onclick: () => enter(user) },
      avatar(user, "large"),
      h(
        "span",
        { class: "choice-text" },
        h("strong", {}, displayName(user)),
        h("span", {}, isTaken ? "Open in another tab" : user === first ? "Continue as" : "Or join as"),
      ),
      icon("send"),
    );
  };
  const problem = h("p", { class: "problem", id: "name-problem", role: "alert" });
  const input = h("input", {
    id: "name",
    name: "name",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    placeholder: "Another name",
    "aria-describedby": "name-problem",
    dir: "auto",
  });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const user = input.value.trim();
    if (isUserId(user)) return enter(user);
    problem.textContent = user === "" ? "Type a name, or pick one above." : `At most ${MAX_USER_BYTES} bytes, please.`;
    input.focus();
  };
  root.replaceChildren(
    h(
      "div",
      { class: "sign-in" },
      h("div", { class: "sign-in-theme" }, themeButton()),
      h(
        "main",
        { class: "sign-in-card" },
        h("div", { class: "brand" }, mark(), h("span", {}, "Nexus")),
        h("h1", {}, "Open it twice, and talk."),
        h(
          "p",
          { class: "lead" },
          "A chat over one live connection, with everything that happens on it in view. Be one user here and the other in a second tab; then cut the network and watch nothing get lost.",
        ),
        h("div", { class: "choices" }, ...SUGGESTED.map(choose)),
        h(
          "form",
          { class: "name-form", onsubmit: submit, novalidate: true },
          h("label", { for: "name", class: "sr-only" }, "Another name"),
          input,
          h("button", { class: "button", type: "submit" }, "Join"),
        ),
        problem,
        h("p", { class: "fine-print" }, "A demo: everybody is who they say, and nothing is stored on the server."),
      ),
    ),
  );
  root.querySelector<HTMLElement>(".choice-first")?.focus({ preventScroll: true });
}
