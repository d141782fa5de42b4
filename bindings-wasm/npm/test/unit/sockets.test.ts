import assert from "node:assert/strict";
import { test } from "node:test";
import { Socket } from "../../src/sockets.ts";

class Raw {
  onopen: unknown;
  onclose: unknown;
  onerror: unknown;
  onmessage: ((event: { data: unknown }) => void) | undefined;
  binaryType = "blob";
  bufferedAmount = 0;
  isClosed = false;
  readonly sent: unknown[] = [];
  send = (data: unknown): void => void this.sent.push(data);
  close = (): void => void (this.isClosed = true);
}

function open(): { raw: Raw; socket: Socket; frames: unknown[]; events: unknown[]; failures: unknown[] } {
  const raw = new Raw();
  const failures: unknown[] = [];
  const frames: unknown[] = [];
  const events: unknown[] = [];
  const socket = new Socket(raw as unknown as WebSocket, {
    event: (head, args, length) => void events.push([head, args, length]),
    failed: (error) => failures.push(error),
  });
  socket.onmessage = ({ data }) => frames.push(data);
  return { raw, socket, frames, events, failures };
}

test("events and acknowledgements are read on this side", () => {
  for (const [frame, head, args] of [
    ['42["e"]', '42["e"]', []],
    ['42["e",1,{"a":[2]}]', '42["e"]', [1, { a: [2] }]],
    ['42["e","e7.41",1]', '42["e"]', ["e7.41", 1]],
    ['42/a[b],17["e",null]', '42/a[b],17["e"]', [null]],
    ['42/a[b],17["e","e7.41"]', '42/a[b],17["e"]', ["e7.41"]],
    ['43/chat,7["ok"]', "43/chat,7[]", ["ok"]],
    ['43/chat,7[{"a":{"b":1}}]', "43/chat,7[]", [{ a: { b: 1 } }]],
    ["430[]", "430[]", []],
    ['42["", 1 ]', '42[""]', [1]],
  ] as const) {
    const { raw, frames, events } = open();
    raw.onmessage!({ data: frame });
    assert.deepEqual(events, [[head, args, frame.length]], frame);
    assert.deepEqual(frames, [], frame);
  }
});

test("a last argument that may be the protocol's is told as text as well", () => {
  const long = "x".repeat(126);
  for (const [frame, text, args] of [
    ['42/chat,["e","e7.41"]', '42/chat,["e"]\n"e7.41"', ["e7.41"]],
    ['42["e",1,"[x]"]', '42["e"]\n"[x]"', [1, "[x]"]],
    ['42["e","\\"\\\\\\n"]', '42["e"]\n"\\"\\\\\\n"', ['"\\\n']],
    ['42["", "x" ]', '42[""]\n"x"', ["x"]],
    [`42["e","${long}"]`, `42["e"]\n"${long}"`, [long]],
    [`42["e","${long}x"]`, '42["e"]', [`${long}x`]],
    ['43/chat,7[1,{"$m":{"ok":1}}]', '43/chat,7[]\n{"$m":{"ok":1}}', [1, { $m: { ok: 1 } }]],
    ['43/chat,7[{"$m":{"ok":1}},1]', "43/chat,7[]", [{ $m: { ok: 1 } }, 1]],
  ] as const) {
    const { raw, events } = open();
    raw.onmessage!({ data: frame });
    assert.deepEqual(events, [[text, args, frame.length]], frame);
  }
});

test("what tells an event from others is told where the core wants it", () => {
  const { raw, socket, events } = open();
  const told = (frame: string): string => {
    raw.onmessage!({ data: frame });
    return (events.pop() as [string])[0].split("\n").slice(1).join("|");
  };
  assert.equal(told('42/chat,["e",{"uniqueId":"x","id":1}]'), '|"x"');
  assert.equal(told('42/chat,["e",{"uniqueId":7},"e7.1"]'), '"e7.1"|7');
  assert.equal(told('42/chat,["e",{"uniqueId":null}]'), "");
  assert.equal(told('42/chat,["e",{"uniqueId":"a\\nb"}]'), '|"a\\nb"', "no line feed stands in it");
  assert.equal(told('42/chat,3["e",{"uniqueId":"x"}]'), "");
  const first = told('42/chat,["e",{"id":1,"text":"a"}]');
  assert.match(first, /^\|#\d+\.\d+$/);
  assert.equal(told('42/chat,["e",{"id":1,"text":"a"}]'), first);
  assert.notEqual(told('42/chat,["e",{"id":1,"text":"b"}]'), first);
  socket.negotiated.add("/chat");
  assert.equal(told('42/chat,["e",{"uniqueId":"x"},"e7.1"]'), '"e7.1"');
  assert.equal(told('42["e",{"uniqueId":"x"}]'), '|"x"');
  socket.negotiated.add("/");
  assert.equal(told('42["e",{"uniqueId":"x"}]'), "");
});

test("whatever is anything else, or not right, is left to the core as it came", () => {
  const deep = `42["e",${"[".repeat(100)}${"]".repeat(99)}]`;
  const many = `42["e"${",1".repeat(257)}]`;
  for (const frame of [
    "", "2", "3probe", "40/chat,{}", "41/chat,", '44/chat,"no"', '451-["e",{"_placeholder":true,"num":0}]', '461-0[]',
    "42", "42[]", "42{}", "42[1]", "42[null]", '42["e"', '42["e",]', '42["e"]]', '42["e\\u0041"]', '42/chat["e"]', '42-1["e"]', "43[", "43/chat", deep, many,
    '42/chat,["$nx",{"b":12}]',
  ]) {
    const { raw, frames, events } = open();
    raw.onmessage!({ data: frame });
    assert.deepEqual([frames, events], [[frame], []], frame.slice(0, 40));
  }
  const { raw, frames } = open();
  const buffer = new ArrayBuffer(2);
  raw.onmessage!({ data: buffer });
  assert.deepEqual(frames, [buffer]);
});

test("an own property called __proto__ stays one", () => {
  const { raw, events } = open();
  raw.onmessage!({ data: '42["e",{"__proto__":{"isAdmin":true}}]' });
  const [, [received]] = events[0] as [string, [object]];
  assert.equal(Object.getPrototypeOf(received), Object.prototype);
  assert.ok(Object.hasOwn(received, "__proto__"));
});

test("what is sent in one go leaves in order in one microtask, and counts as buffered until then", async () => {
  const { raw, socket } = open();
  raw.bufferedAmount = 5;
  socket.send("a");
  socket.sendEvent('42["e",', "1,2", "");
  socket.sendEvent('42["e",', "1", ',{"$m":{}}');
  socket.send(new Uint8Array([1]));
  assert.deepEqual(raw.sent, []);
  assert.equal(socket.bufferedAmount, 5 + 1 + 11 + 19 + 1);
  await null;
  assert.deepEqual(raw.sent, ["a", '42["e",1,2]', '42["e",1,{"$m":{}}]', new Uint8Array([1])]);
  assert.equal(socket.bufferedAmount, 5);
});

test("closing sends what waits first, and nothing is heard any more", () => {
  const { raw, socket, frames } = open();
  socket.send("41");
  socket.onmessage = undefined;
  socket.close();
  assert.deepEqual([raw.sent, raw.isClosed], [["41"], true]);
  raw.onmessage!({ data: "2" });
  assert.deepEqual(frames, []);
});

test("what the core throws is told, and not left to the platform", () => {
  const raw = new Raw();
  const failures: unknown[] = [];
  const trap = new WebAssembly.RuntimeError("unreachable");
  const fail = (): never => {
    throw trap;
  };
  const socket = new Socket(raw as unknown as WebSocket, { event: fail, failed: (error) => failures.push(error) });
  socket.onmessage = socket.onclose = fail;
  raw.onmessage!({ data: '42["e"]' });
  raw.onmessage!({ data: "2" });
  (raw.onclose as (event: unknown) => void)({});
  assert.deepEqual(failures, [trap, trap, trap]);
});
