// All cases, by name. `own`: needs a server of its own, with these options. `tests`: needs the events of `peers/stock.mjs`.

import { connecting } from "./connecting.mjs";
import { listening } from "./listening.mjs";
import { messages, messagesOfTests } from "./messages.mjs";
import { queueing } from "./queueing.mjs";
import { reconnecting, reconnectingOfTests } from "./reconnecting.mjs";
import { tokens } from "./tokens.mjs";

const list = (group, needsTestEvents) =>
  Object.entries(group).map(([name, run]) => ({ name, run, own: run.own, needsTestEvents }));

export const cases = [
  ...[connecting, tokens, messages, listening, queueing, reconnecting].flatMap((group) => list(group, false)),
  ...[messagesOfTests, reconnectingOfTests].flatMap((group) => list(group, true)),
];
