// Renders on a server.
import { createManager } from "nexus-realtime";
import { RealtimeProvider, useConnectionQuality, useConnectionStatus, useLatency } from "nexus-realtime/react";
import { createElement } from "react";
import { renderToString } from "react-dom/server";

function State() {
  return createElement("p", null, [useConnectionStatus(), useConnectionQuality(), String(useLatency())].join());
}

const provider = { manager: createManager(), userId: "ada", token: "a token" };
console.log(renderToString(createElement(RealtimeProvider, provider, createElement(State))));
