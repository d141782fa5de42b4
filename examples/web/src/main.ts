import { isUserId } from "./protocol.js";
import { addressFor, claim, suggestedPeer, usersInOtherTabs } from "./tabs.js";
import { showApp } from "./views/app.js";
import { showSignIn } from "./views/sign-in.js";

const root = document.getElementById("app")!;

/** The name in the address, else the one that is picked. */
async function start(): Promise<void> {
  const address = new URLSearchParams(location.search);
  const [as, to] = [address.get("as"), address.get("to")];
  if (as !== null && isUserId(as)) return enter(as, to !== null && isUserId(to) && to !== as ? to : undefined);
  showSignIn(root, await usersInOtherTabs(), (user) => enter(user, undefined));
}

function enter(user: string, peer: string | undefined): void {
  claim(user);
  const suggested = suggestedPeer(user);
  showApp(root, {
    user,
    peers: [peer, suggested].filter((other): other is string => other !== undefined),
    open: peer,
    addressFor,
  });
}

void start();
