import { createManager } from "nexus-realtime";
import { RealtimeProvider, useConnectionStatus, useEmit, useEvent } from "nexus-realtime/react";
import { createElement, StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

const { server, token } = Object.fromEntries(new URLSearchParams(location.search));
const manager = createManager({ url: server });

function Note() {
  const status = useConnectionStatus();
  const emit = useEmit();
  const [sent, setSent] = useState([]);
  useEvent("messaging", "MESSAGE_SENT", ({ content }) => setSent((known) => [...known, content]));
  useEffect(() => {
    if (status === "connected") emit("messaging", "NEW_MESSAGE", { receiverId: "bob", content: "from React" });
  }, [status, emit]);
  return createElement("p", { "data-status": status }, sent.join());
}

const root = document.body.appendChild(document.createElement("main"));
createRoot(root).render(
  createElement(StrictMode, null, createElement(RealtimeProvider, { manager, userId: "ada", token }, createElement(Note))),
);
