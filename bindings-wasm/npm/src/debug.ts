export type LogArea = "connection" | "events" | "quality";

/**
 * Logs for developers, of names and figures, never of tokens or payloads. `localStorage.debug` turns areas on, with the
 * patterns of npm's `debug`: `websocket:*`, `websocket:*,-websocket:events`.
 */
export class Log {
  connection = false;
  events = false;
  quality = false;
  #isForced = false;

  /** Reads the page's setting, unless {@link force} was called. */
  read(): void {
    if (this.#isForced) return;
    const patterns = stored();
    for (const area of ["connection", "events", "quality"] as const) {
      this[area] = patterns !== undefined && matches(patterns, `websocket:${area}`);
    }
  }

  force(isOn: boolean): void {
    this.#isForced = true;
    this.connection = this.events = this.quality = isOn;
  }

  write(area: LogArea, ...parts: unknown[]): void {
    if (this[area]) console.debug(`websocket:${area}`, ...parts);
  }
}

function stored(): string | undefined {
  try {
    // Throws where a page is not allowed to store anything.
    const setting: unknown = globalThis.localStorage?.getItem("debug");
    return typeof setting === "string" ? setting : undefined;
  } catch {
    return undefined;
  }
}

/** Whether comma- or space-separated patterns with `*` take a name, and none with a leading `-` does. */
export function matches(patterns: string, name: string): boolean {
  let isWanted = false;
  for (const pattern of patterns.split(/[\s,]+/)) {
    if (pattern.startsWith("-")) {
      if (fits(pattern.slice(1), name)) return false;
    } else if (fits(pattern, name)) {
      isWanted = true;
    }
  }
  return isWanted;
}

function fits(pattern: string, name: string): boolean {
  if (pattern === "") return false;
  const [first = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return pattern === name;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  const last = rest.pop() ?? "";
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
