/** Checked by the compiler alone. A line after `@ts-expect-error` that compiles is an error. */
import { args, createManager, type EventIterator, type Manager } from "../../src/index.ts";
import { typedHooks, useEmit, useEvent, useManager } from "../../src/react.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(..._equal: Equal<A, B> extends true ? [] : ["these types differ"]): void => {};

interface Message {
  readonly id: string;
  readonly content: string;
}
interface Receipt {
  readonly id: string;
}
// Interfaces and types will both do.
interface Receives {
  messaging: {
    NEW_MESSAGE: (message: Message) => void;
    typing: (userId: string, isTyping: boolean) => void;
    question: (text: string, ack: (answer: number) => void) => void;
    nothing: () => void;
  };
  "/": { hello: (name: string) => void };
}
type Sends = {
  messaging: {
    NEW_MESSAGE: (draft: { content: string; receiverId: string }, ack: (receipt: Receipt) => void) => void;
    typing: (roomId: string, isTyping: boolean) => void;
    move: (x: number, y: number, ack: (ok: boolean) => void) => void;
    mark: (id?: string) => void;
    ping: () => void;
    sync: (ack: () => void) => void;
    save: (data: string, ack?: (version: number) => void) => void;
    kind: (kind: "a" | "b") => void;
  };
};

const manager = createManager<Receives, Sends>({ url: "http://localhost:3000" });

manager.on("messaging", "NEW_MESSAGE", (message) => same<typeof message, Message>());
manager.on("messaging", "NEW_MESSAGE", async (message) => message.id);
manager.on("messaging", "NEW_MESSAGE", () => {});
manager.on("messaging", "typing", (userId, isTyping) => {
  same<typeof userId, string>();
  same<typeof isTyping, boolean>();
});
manager.on("messaging", "question", (_text, ack) => ack(42));
manager.once("/", "hello", (name) => same<typeof name, string>());
manager.off("messaging", "nothing");
same<ReturnType<typeof manager.emit>, "transmitted" | "queued" | "dropped">();

const durable = manager.emit("messaging", "NEW_MESSAGE", { content: "a", receiverId: "b" }, { delivery: "durable", ttl: 1 });
void durable.outcome.then((outcome) => {
  if (outcome.status === "acked") same<typeof outcome.value, Receipt>();
  if (outcome.status === "expired") same<typeof outcome.isSent, boolean>();
});
same<typeof durable.accepted, Promise<void>>();
void manager.emit("messaging", "ping", undefined, { delivery: "durable" }).outcome.then((outcome) => {
  if (outcome.status === "acked") same<typeof outcome.value, undefined>();
});
manager.emit("messaging", "typing", args("room", true), { delivery: "durable" });
// @ts-expect-error the data is of another type
manager.emit("messaging", "NEW_MESSAGE", { content: 1 }, { delivery: "durable" });
// @ts-expect-error an acknowledgement is awaited by `outcome`
manager.emitWithAck("messaging", "NEW_MESSAGE", { content: "a", receiverId: "b" }, { delivery: "durable" });

// @ts-expect-error no such namespace
manager.on("message", "NEW_MESSAGE", () => {});
// @ts-expect-error no such event
manager.on("messaging", "NEW_MESAGE", () => {});
// @ts-expect-error an event of another direction
manager.on("messaging", "ping", () => {});
// @ts-expect-error the handler takes something else
manager.on("messaging", "NEW_MESSAGE", (message: number) => message);
// @ts-expect-error more parameters than there are arguments
manager.on("messaging", "NEW_MESSAGE", (_message, _more) => {});
// @ts-expect-error the answer is a number
manager.on("messaging", "question", (_text, ack) => ack("42"));
// @ts-expect-error no such option
manager.on("messaging", "nothing", () => {}, { one: true });

manager.emit("messaging", "NEW_MESSAGE", { content: "a", receiverId: "b" });
manager.emit("messaging", "NEW_MESSAGE", { content: "a", receiverId: "b" }, { ttl: 1000, volatile: true });
manager.emit("messaging", "typing", args("room", true));
manager.emit("messaging", "ping");
manager.emit("messaging", "ping", undefined, { volatile: true });
manager.emit("messaging", "mark");
manager.emit("messaging", "mark", "id");
manager.emit("messaging", "kind", "a");
manager.emit("messaging", "kind", args("b"));
manager.emit("messaging", "save", "data");

// @ts-expect-error the data is missing
manager.emit("messaging", "NEW_MESSAGE");
// @ts-expect-error a field is missing
manager.emit("messaging", "NEW_MESSAGE", { content: "a" });
// @ts-expect-error the data is of another kind
manager.emit("messaging", "kind", "c");
// @ts-expect-error several arguments go as args(…)
manager.emit("messaging", "typing", "room");
// @ts-expect-error arguments of other kinds
manager.emit("messaging", "typing", args(true, "room"));
// @ts-expect-error there is no argument
manager.emit("messaging", "ping", 1);
// @ts-expect-error no such event to send
manager.emit("messaging", "question", "?");
// @ts-expect-error no such namespace to send to
manager.emit("/", "hello", "x");
// @ts-expect-error a callback is no option
manager.emit("messaging", "NEW_MESSAGE", { content: "a", receiverId: "b" }, (_receipt: Receipt) => {});

export async function acknowledged(): Promise<void> {
  const receipt = await manager.emitWithAck("messaging", "NEW_MESSAGE", { content: "a", receiverId: "b" }, { timeout: 5 });
  same<typeof receipt, Receipt>();
  const ok = await manager.emitWithAck("messaging", "move", args(1, 2));
  same<typeof ok, boolean>();
  const nothing = await manager.emitWithAck("messaging", "sync");
  same<typeof nothing, undefined>();
  const version = await manager.emitWithAck("messaging", "save", "data");
  same<typeof version, number>();
  // @ts-expect-error this event is not acknowledged
  await manager.emitWithAck("messaging", "typing", args("room", true));
  // @ts-expect-error no such option
  await manager.emitWithAck("messaging", "sync", undefined, { retries: 3 });
}

export async function iterated(): Promise<void> {
  same<ReturnType<typeof manager.events<"messaging", "NEW_MESSAGE">>, EventIterator<Message>>();
  for await (const message of manager.events("messaging", "NEW_MESSAGE", { buffer: 10 })) same<typeof message, Message>();
  // @ts-expect-error no such event
  manager.events("messaging", "NEW");
}

// @ts-expect-error no such namespace in either direction
void manager.join("other");
manager.leave("messaging");

// Without maps everything goes.
const untyped: Manager = createManager();
untyped.on("any", "event", (data) => data.any.thing);
untyped.emit("any", "event", { any: 1 });
untyped.emit("any", "event");
untyped.emit("any", "event", args(1, 2), { volatile: true });
export const anything = (): Promise<any> => untyped.emitWithAck("any", "event", 1);
void untyped.connect("ada", () => "token");
void untyped.connect("ada", async (reason) => (reason === "rejected" ? "new" : "old"));
// @ts-expect-error a token is a text
void untyped.connect("ada", 5);
// @ts-expect-error a provider gives a text
void untyped.connect("ada", () => 5);
// @ts-expect-error the user is a text
void untyped.connect(5, "token");
untyped.configure({ url: process.env["BACKEND_URL"], auth: { device: "x" } });
// @ts-expect-error no such option
untyped.configure({ uri: "http://localhost" });
untyped.addStatusListener((status, reason) => {
  same<typeof status, "disconnected" | "connecting" | "connected" | "reconnecting">();
  reason?.message.length;
});
untyped.addNoticeListener((notice) => {
  if (notice.type === "retryScheduled") notice.delay.toFixed();
  // @ts-expect-error of another notice
  if (notice.type === "joined") notice.delay;
});
same<ReturnType<typeof untyped.getAverageLatency>, number | null>();

export function Component(): null {
  const hooks = typedHooks<Receives, Sends>();
  hooks.useEvent("messaging", "NEW_MESSAGE", (message) => same<typeof message, Message>());
  // @ts-expect-error no such event
  hooks.useEvent("messaging", "NEW", () => {});
  const emit = hooks.useEmit();
  emit("messaging", "ping");
  // @ts-expect-error the data is missing
  emit("messaging", "NEW_MESSAGE");
  same<ReturnType<typeof hooks.useManager>, Manager<Receives, Sends>>();
  useEvent("any", "event", (data) => data.any);
  useEmit()("any", "event", 1);
  useEmit<Sends>()("messaging", "kind", "b");
  const plain = useManager();
  same<typeof plain, Manager>();
  return null;
}
