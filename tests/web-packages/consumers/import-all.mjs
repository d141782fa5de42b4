// Imports every entry where nothing of a browser is, and notes what is looked at meanwhile.
const looked = [];
const absent = ["WebSocket", "WebAssembly", "fetch", "localStorage", "location", "navigator", "document", "window", "performance"];
const timers = ["setTimeout", "setInterval", "queueMicrotask"];
for (const name of [...absent, ...timers]) {
  const value = absent.includes(name) ? undefined : globalThis[name];
  Object.defineProperty(globalThis, name, { configurable: true, get: () => (looked.push(name), value) });
}
const before = Object.getOwnPropertyNames(globalThis);

// What the entries themselves do, not what React does.
if (process.argv.includes("react")) {
  await import("react");
  looked.length = 0;
  await import("nexus-realtime/react");
}
const normal = await import("nexus-realtime");
const slim = await import("nexus-realtime/slim");
for (const { createManager, productionWebSocketManager } of [normal, slim]) {
  const manager = createManager({ url: "https://example.com", auth: { device: "server" } });
  manager.on("messaging", "NEW_MESSAGE", () => {});
  manager.addStatusListener(() => {});
  productionWebSocketManager.configure({ url: "https://example.com" });
}
const added = Object.getOwnPropertyNames(globalThis).filter((name) => !before.includes(name));
console.log(JSON.stringify({ looked, added, resources: process.getActiveResourcesInfo().filter((one) => /TCP|Timeout|Immediate/.test(one)) }));
