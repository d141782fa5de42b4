// What every consumer does with a manager: connects, and sends a message that is acknowledged.
export async function talk(manager, token) {
  await manager.connect("ada", token);
  const draft = { receiverId: "bob", content: "from a new project" };
  const receipt = await manager.emitWithAck("messaging", "NEW_MESSAGE", draft);
  const status = manager.getConnectionStatus();
  manager.close();
  return { status, isOk: receipt.ok, hasId: typeof receipt.id === "string" };
}
