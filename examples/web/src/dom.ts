/** Elements by code. Text always goes in as text. */

type Child = Node | string | null | undefined | false;

interface Attributes {
  class?: string;
  [name: string]: string | number | boolean | undefined | null | ((event: never) => void);
}

/** An element. `on…` attributes are listeners; `true` sets an empty attribute, `false` and `undefined` none. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as (event: Event) => void);
    else if (value !== undefined && value !== null && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  append(element, children);
  return element;
}

/** An element of SVG. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number> = {},
  ...children: Node[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** Sets text only where it differs: what did not change is not announced, selected text stays selected. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function append(element: Element, children: Child[]): void {
  element.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
}

/** How long a hidden page may take to catch up: it gets no frames. */
const HIDDEN_PAUSE = 200;

/** What renders at most once a frame, however often it is called. */
export function perFrame(render: () => void): () => void {
  let isDue = false;
  const run = () => {
    isDue = false;
    render();
  };
  return () => {
    if (isDue) return;
    isDue = true;
    if (document.hidden) setTimeout(run, HIDDEN_PAUSE);
    else requestAnimationFrame(run);
  };
}

/** Tells people who don't see the page what changed on it. */
export function announce(text: string): void {
  const region = document.getElementById("announcer");
  if (region) setText(region, text);
}
