/** The two users that are proposed: enough for a conversation between two tabs. */
export const SUGGESTED = ["ada", "bob"] as const;

const PREFIX = "nexus-demo:user:";

/** The users that other tabs of this browser are signed in as. Browsers tell it to pages of secure origins alone. */
export async function usersInOtherTabs(): Promise<Set<string>> {
  try {
    const { held = [] } = await navigator.locks.query();
    return new Set(held.flatMap(({ name }) => (name?.startsWith(PREFIX) ? [name.slice(PREFIX.length)] : [])));
  } catch {
    return new Set();
  }
}

/** Lets other tabs know for as long as this one is there. */
export function claim(user: string): void {
  // Shared: two tabs may well be two devices of one user.
  const forever = () => new Promise<void>(() => {});
  void navigator.locks?.request(PREFIX + user, { mode: "shared" }, forever).catch(() => {});
}

/** Where a tab is signed in as a user, with a conversation open. */
export function addressFor(user: string, peer: string | undefined): string {
  return `/?${new URLSearchParams(peer === undefined ? { as: user } : { as: user, to: peer })}`;
}

/** Who a tab proposes to talk to. */
export function suggestedPeer(user: string): string | undefined {
  return SUGGESTED.find((other) => other !== user);
}
