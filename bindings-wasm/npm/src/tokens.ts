import type { CoreClient } from "./core.js";
import type { TokenProvider } from "./types.js";

/**
 * Asks the application for a token, for one request of the core. A provider that throws or rejects is asked again with
 * the next attempt, unless its error says `isFinal`; one that gives no text has signed the user out. One that never
 * answers is the core's business, which waits no longer than `tokenTimeout`.
 */
export async function provideToken(
  provider: TokenProvider | undefined,
  reason: "connecting" | "rejected",
  client: CoreClient,
  request: number,
  isCurrent: () => boolean,
): Promise<void> {
  let token: unknown;
  try {
    if (provider === undefined) throw Object.assign(new Error("there is no token provider"), { isFinal: true });
    token = await provider(reason);
  } catch (error) {
    const isFinal = (error as { isFinal?: unknown } | undefined)?.isFinal === true;
    if (isCurrent()) client.refuseToken(request, error instanceof Error ? error.message : String(error), isFinal);
    return;
  }
  if (!isCurrent()) return;
  if (typeof token === "string" && token !== "") client.provideToken(request, token);
  else client.refuseToken(request, `the token provider gave ${describe(token)}, not a token`, true);
}

function describe(value: unknown): string {
  if (value === "") return "an empty text";
  return value === null ? "null" : typeof value;
}
