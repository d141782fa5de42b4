import assert from "node:assert/strict";
import { test } from "node:test";
import vm from "node:vm";
import { EmitError } from "../../src/errors.ts";
import { args, decode, encode, encodeArgs, type Packed } from "../../src/payload.ts";

/** The list of arguments as it goes out. */
const json = (result: string | Packed): string => {
  assert.ok(typeof result === "string");
  return `[${result}]`;
};

const packed = (data: unknown): Packed => {
  const result = encode(data);
  assert.ok(typeof result !== "string");
  return { text: `[${result.text}]`, attachments: result.attachments };
};

const refusal = (data: unknown): EmitError => {
  try {
    encode(data);
  } catch (error) {
    assert.ok(error instanceof EmitError);
    assert.equal(error.code, "NOT_ENCODABLE");
    return error;
  }
  throw new Error("it was encoded");
};

/** `depth` lists in one another. */
const nested = (depth: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
};

test("data without binary parts is the JSON that JSON.stringify gives", () => {
  assert.equal(json(encode(undefined)), "[]");
  assert.equal(json(encode(null)), "[null]");
  assert.equal(json(encode("ü\u2028\ud800")), '["ü\u2028\\ud800"]');
  assert.equal(json(encode(Number.NaN)), "[null]");
  assert.equal(json(encode(Symbol("s"))), "[null]");
  assert.equal(json(encode({ a: [1, { b: undefined, c: new Date(0) }] })), '[{"a":[1,{"c":"1970-01-01T00:00:00.000Z"}]}]');
  assert.equal(json(encode([1, 2])), "[[1,2]]");
  assert.equal(json(encode(args(1, undefined, "x"))), '[1,null,"x"]');
  assert.equal(json(encode(args())), "[]");
});

test("an own property called __proto__ is data", () => {
  const data = JSON.parse('{"__proto__":{"isAdmin":true},"b":1}') as object;
  assert.equal(json(encode(data)), '[{"__proto__":{"isAdmin":true},"b":1}]');
  const withBytes = packed({ data, bytes: new Uint8Array(1) });
  assert.equal(
    withBytes.text,
    '[{"data":{"__proto__":{"isAdmin":true},"b":1},"bytes":{"_placeholder":true,"num":0}}]',
  );
  const [received] = decode('[{"__proto__":{"_placeholder":true,"num":0}}]', [new Uint8Array([7])]) as [object];
  assert.equal(Object.getPrototypeOf(received), Object.prototype);
  assert.ok(Object.getOwnPropertyDescriptor(received, "__proto__")?.value instanceof ArrayBuffer);
});

test("binary parts are views of what was given, in order", () => {
  const bytes = new Uint8Array([0, 1, 2, 3, 4, 5]);
  const { text, attachments } = packed({
    whole: bytes.buffer,
    part: bytes.subarray(2, 4),
    view: new DataView(bytes.buffer, 1, 2),
    list: [1, new Uint16Array(bytes.buffer, 4, 1), "x"],
    node: Buffer.from("hi"),
  });
  const hole = (num: number): string => `{"_placeholder":true,"num":${num}}`;
  assert.equal(
    text,
    `[{"whole":${hole(0)},"part":${hole(1)},"view":${hole(2)},"list":[1,${hole(3)},"x"],"node":${hole(4)}}]`,
  );
  assert.deepEqual(
    attachments.map((part) => [...part]),
    [[0, 1, 2, 3, 4, 5], [2, 3], [1, 2], [4, 5], [104, 105]],
  );
  assert.equal(attachments[0]!.buffer, bytes.buffer);
});

test("a binary part alone, among arguments, and from another realm", () => {
  assert.equal(packed(new ArrayBuffer(3)).text, '[{"_placeholder":true,"num":0}]');
  assert.equal((encodeArgs([1, new Uint8Array(1)]) as Packed).text, '1,{"_placeholder":true,"num":0}');
  const foreign = vm.runInNewContext("({ bytes: new ArrayBuffer(2), plain: { a: 1 } })") as unknown;
  assert.equal(packed(foreign).text, '[{"bytes":{"_placeholder":true,"num":0},"plain":{"a":1}}]');
  assert.equal(json(encode(vm.runInNewContext("({ a: [1] })"))), '[{"a":[1]}]');
});

test("toJSON is honoured, with and without binary parts", () => {
  class Point {
    x = 1;
    secret = new Uint8Array(4);
    toJSON(): unknown {
      return { x: this.x };
    }
  }
  assert.equal(json(encode({ point: new Point() })), '[{"point":{"x":1}}]');
  assert.equal(
    packed({ point: new Point(), bytes: new Uint8Array(1) }).text,
    '[{"point":{"x":1},"bytes":{"_placeholder":true,"num":0}}]',
  );
  assert.equal(packed({ toJSON: () => ({ bytes: new Uint8Array(1) }) }).text, '[{"bytes":{"_placeholder":true,"num":0}}]');
  class Itself {
    bytes = new Uint8Array(1);
    toJSON(): this {
      return this;
    }
  }
  assert.equal(packed(new Itself()).text, '[{"bytes":{"_placeholder":true,"num":0}}]');
});

test("getters of prototypes are not touched", () => {
  class Trap {
    own = 1;
    get trap(): never {
      throw new Error("touched");
    }
  }
  assert.equal(json(encode(new Trap())), '[{"own":1}]');
});

test("what can't be encoded is refused with the reason", () => {
  const cyclic: Record<string, unknown> = { a: 1 };
  cyclic["self"] = { cyclic };
  assert.match(refusal(cyclic).message, /cyclic/);
  assert.match(refusal({ cyclic, bytes: new Uint8Array(1) }).message, /cyclic/);
  assert.match(refusal({ bytes: new Uint8Array(1), cyclic }).message, /cyclic/);
  assert.match(refusal({ n: 1n }).message, /BigInt/);
  assert.match(refusal(1n).message, /BigInt/);
  assert.match(refusal(() => {}).message, /emitWithAck/);
  assert.match(refusal(args(1, () => {})).message, /emitWithAck/);
  assert.match(refusal({ file: new Blob(["x"]) }).message, /await blob\.arrayBuffer\(\)/);
  const cause = new Error("from the application");
  const thrown = refusal({ toJSON: () => { throw cause; } });
  assert.match(thrown.message, /from the application/);
  assert.equal(thrown.cause, cause);
});

test("the depth that the core takes is the depth that is taken", () => {
  assert.equal(typeof encode(nested(511)), "string");
  assert.match(refusal(nested(512)).message, /deeper/);
  assert.match(refusal(nested(100_000)).message, /deeper/);
  const endless = { toJSON: (): unknown => ({ toJSON: endless.toJSON }) };
  assert.match(refusal(endless).message, /deeper/);
});

test("received binary parts are ArrayBuffers of their own", () => {
  const pool = new Uint8Array([9, 1, 2, 9]);
  const [data] = decode('[{"a":{"_placeholder":true,"num":1},"b":[{"_placeholder":true,"num":0}]}]', [
    new Uint8Array([5]),
    pool.subarray(1, 3),
  ]) as [{ a: ArrayBuffer; b: [ArrayBuffer] }];
  assert.ok(data.a instanceof ArrayBuffer);
  assert.deepEqual([...new Uint8Array(data.a)], [1, 2]);
  assert.deepEqual([...new Uint8Array(data.b[0])], [5]);
});

test("what looks like a placeholder is data where there are no parts, or not that one", () => {
  const text = '[{"_placeholder":true,"num":0}]';
  assert.deepEqual(decode(text, undefined), [{ _placeholder: true, num: 0 }]);
  assert.deepEqual(decode('[{"_placeholder":true,"num":-1},{"_placeholder":true,"num":"length"}]', [new Uint8Array(1)]), [
    { _placeholder: true, num: -1 },
    { _placeholder: true, num: "length" },
  ]);
});
