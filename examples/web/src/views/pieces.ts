import { h } from "../dom.js";
import { displayName, hue, initials } from "../format.js";
import { icon } from "../icons.js";

/** A picture for a user: initials on a colour of their own. */
export function avatar(user: string, size: "small" | "large" | "" = ""): HTMLElement {
  const element = h("span", { class: `avatar ${size}`, "aria-hidden": "true" }, initials(user));
  element.style.setProperty("--hue", String(hue(user)));
  return element;
}

/** A user's name. It takes the direction of its own script. */
export function name(user: string, className = "name"): HTMLElement {
  return h("bdi", { class: className, title: user }, displayName(user));
}

/** Switches between light and dark. Back at what the system has, nothing is kept. */
export function themeButton(): HTMLElement {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const isDark = () => (root.dataset["theme"] ? root.dataset["theme"] === "dark" : system.matches);
  const button = h("button", { class: "icon-button", type: "button", onclick: toggle });
  function render() {
    button.replaceChildren(icon(isDark() ? "sun" : "moon"));
    button.setAttribute("aria-label", isDark() ? "Use the light theme" : "Use the dark theme");
    button.title = button.getAttribute("aria-label")!;
  }
  function toggle() {
    const dark = !isDark();
    if (dark === system.matches) delete root.dataset["theme"];
    else root.dataset["theme"] = dark ? "dark" : "light";
    try {
      if (root.dataset["theme"]) localStorage.setItem("nexus-demo:theme", root.dataset["theme"]);
      else localStorage.removeItem("nexus-demo:theme");
    } catch {
      // Storage can be forbidden: the choice lasts as long as the page.
    }
    render();
  }
  system.addEventListener("change", render);
  render();
  return button;
}
