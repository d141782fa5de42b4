// The same things in the words of each server: nexus-server has an application's events, the others those of a test.

export const dialectOf = (environment) =>
  environment.kind === "nexus-server" ? application(environment) : testEvents(environment);

/** Numbers go as messages of the user to themselves; the server echoes each to the sender's socket as MESSAGE_SENT. */
function application({ user }) {
  const draft = (content) => ({ receiverId: user, content: String(content) });
  return {
    namespace: "messaging",
    /** Whether what was sent is sent again after a loss, and done once. */
    isNegotiated: true,
    /** An event that asks for nothing, and comes back. */
    event: "NEW_MESSAGE",
    echo: "MESSAGE_SENT",
    // Three events go to the sender for each: more at a time make it a slow consumer, which is disconnected.
    burst: 500,
    send: (manager, value, options) => manager.emit("messaging", "NEW_MESSAGE", draft(value), options),
    /** What came back: numbers of numbers. */
    read: (message) => (/^\d+$/.test(message.content) ? Number(message.content) : message.content),
    request: async (manager, value, options) => {
      const receipt = await manager.emitWithAck("messaging", "NEW_MESSAGE", draft(value), options);
      if (receipt.ok !== true || typeof receipt.id !== "string") throw new Error(`refused: ${JSON.stringify(receipt)}`);
      return value;
    },
    /** Data of any shape, acknowledged. */
    deliver: async (manager, data) => {
      const pong = await manager.emitWithAck("realtime", "activity:ping", data);
      if (pong.ok !== true) throw new Error(`refused: ${JSON.stringify(pong)}`);
    },
  };
}

function testEvents() {
  return {
    namespace: "messaging",
    isNegotiated: false,
    event: "echo",
    echo: "echo",
    burst: 10_000,
    send: (manager, value, options) => manager.emit("messaging", "echo", value, options),
    read: (value) => value,
    request: (manager, value, options) => manager.emitWithAck("messaging", "echo", value, options),
    deliver: async (manager, data) => void (await manager.emitWithAck("messaging", "describe", data)),
  };
}

/** Records what comes back of what was sent by the dialect. */
export function echoes(environment, manager, record, options) {
  const { namespace, echo, read } = environment.dialect;
  return manager.on(namespace, echo, (value) => record.push(read(value)), options);
}
