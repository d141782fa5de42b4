// A React application under StrictMode, which renders what the hooks say.

import { createElement as h, StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { createManager } from "nexus-realtime";
import { RealtimeProvider, useConnectionQuality, useConnectionStatus, useEmit, useEvent, useLatency, useManager } from "nexus-realtime/react";

const heard = [];
const renders = { status: 0 };
const managers = new Set();
const emits = new Set();

function Status() {
  renders.status += 1;
  return h("p", { id: "status" }, `${useConnectionStatus()} ${useConnectionQuality()} ${useLatency(100) === null ? "none" : "measured"}`);
}

function Messages({ name }) {
  const [count, setCount] = useState(0);
  const emit = useEmit();
  managers.add(useManager());
  emits.add(emit);
  // A new function in each rendering, with the newest of everything.
  useEvent("messaging", "echo", (value) => {
    heard.push([name, value, count]);
    setCount((old) => old + 1);
  });
  useEffect(() => {
    globalThis.application.emit = emit;
  }, [emit]);
  return h("p", { id: `count-${name}` }, String(count));
}

let root;
globalThis.application = {
  heard,
  renders,
  facts: () => ({ managers: managers.size, emits: emits.size }),
  show(facts, parts = ["one"]) {
    const application = globalThis.application;
    application.manager ??= createManager({ url: facts.url, reconnect: { initialDelay: 30, maxDelay: 200 } });
    root ??= createRoot(document.getElementById("root"));
    const token = () => globalThis.outside(facts.user, "token", [facts.user]);
    const children = [h(Status, { key: "status" }), ...parts.map((name) => h(Messages, { key: name, name }))];
    const { manager } = application;
    root.render(h(StrictMode, null, h(RealtimeProvider, { manager, userId: facts.userId, token }, children)));
  },
  unmount() {
    root.unmount();
    root = undefined;
  },
};
