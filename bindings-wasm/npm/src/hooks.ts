import type { Channels } from "./channels.js";
import type { CoreClient, Hooks } from "./core.js";
import { makeError, ReplyError, report } from "./errors.js";
import { byteLength, decode, encodeArgs } from "./payload.js";
import { provideToken } from "./tokens.js";
import type { TokenProvider } from "./types.js";

/** What the calls of the core need of a manager. */
export interface HookOwner {
  readonly channels: Channels;
  readonly client: CoreClient | undefined;
  readonly provider: TokenProvider | undefined;
  check(): void;
  guard<T>(call: () => T): T;
  failed(error: unknown): unknown;
}

type Shared = Pick<Hooks, "connectResolved" | "ackResolved" | "status" | "quality" | "notice" | "openSocket" | "delivery" | "store" | "setTimeout" | "clearTimeout">;

/** Completes the hooks: events and tokens are between the core and the application. */
export function makeHooks(owner: HookOwner, shared: Shared): Hooks {
  return {
    ...shared,
    error: makeError,
    byteLength,
    receive: (channel, received, attachments, reply) => {
      let args: unknown[];
      try {
        args = decode(received, attachments);
      } catch (error) {
        report(error);
        return;
      }
      if (reply !== undefined) args.push((...values: unknown[]) => sendReply(owner, reply, values));
      owner.channels.deliver(channel, args);
    },
    needToken: (request, reason) => {
      const { client, provider } = owner;
      if (client === undefined) return;
      provideToken(provider, reason, client, request, () => owner.client === client).catch((error: unknown) =>
        report(owner.failed(error)),
      );
    },
  };
}

function sendReply(owner: HookOwner, reply: number, values: unknown[]): void {
  owner.check();
  const packed = encodeReply(values);
  owner.guard(() =>
    typeof packed === "string"
      ? owner.client?.reply(reply, packed, packed.length, undefined)
      : owner.client?.reply(reply, packed.text, packed.text.length, packed.attachments),
  );
}

function encodeReply(values: unknown[]): ReturnType<typeof encodeArgs> {
  try {
    return encodeArgs(values);
  } catch (cause) {
    throw new ReplyError("NOT_ENCODABLE", (cause as Error).message, { cause });
  }
}
