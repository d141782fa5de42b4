/** What kind of operation was refused. */
export type ErrorKind = "config" | "connect" | "emit" | "ack" | "join" | "reply";

/** Fields that some errors have besides code and message. */
export interface ErrorDetails {
  readonly isFinal?: boolean;
  readonly requiresSignIn?: boolean;
  readonly isRetryable?: boolean;
  readonly isUnsent?: boolean;
  /** What the server said. */
  readonly serverMessage?: string;
  /** What it said besides, as JSON. */
  readonly dataJson?: string;
  readonly retryAfter?: number;
}

/** Base of all errors of this package. `code` is stable; `message` is for people, and parts of it may come from the server. */
export class RealtimeError<Code extends string = string> extends Error {
  override readonly name: string = "RealtimeError";
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type ConfigErrorCode =
  | "INVALID_URL"
  | "URL_WITH_PATH"
  | "RESERVED_AUTH_FIELD"
  | "INVALID_NAMESPACE"
  | "INVALID_OPTION";

/** An option was refused. */
export class ConfigError extends RealtimeError<ConfigErrorCode> {
  override readonly name = "ConfigError";
}

export type ConnectErrorCode =
  | "INVALID_USER_ID"
  | "TOKEN_TOO_LONG"
  | "TOO_MANY_CALLS"
  | "AUTH_REJECTED"
  | "AUTHENTICATION_TIMEOUT"
  | "NAMESPACE_REFUSED"
  | "TOKEN_UNAVAILABLE"
  | "TIMED_OUT"
  | "ATTEMPTS_EXHAUSTED"
  | "SERVER_DISCONNECT"
  | "CANCELLED";

/** A call of `connect` was rejected. */
export class ConnectError extends RealtimeError<ConnectErrorCode> {
  override readonly name = "ConnectError";
  /**
   * Whether the manager has stopped, so that nothing happens before the next `connect`. Otherwise it keeps trying, or, if
   * the call was refused for its arguments, does what it did before.
   */
  readonly isFinal: boolean;
  /** Whether the user has to sign in again. */
  readonly requiresSignIn: boolean;
  /** What the server said, if it did: show it as text. */
  readonly serverMessage: string | undefined;
  /** What the server said besides its message. */
  readonly data: unknown;
  /** Milliseconds that the server wishes to be left alone. */
  readonly retryAfter: number | undefined;

  constructor(code: ConnectErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(code, message, options);
    this.isFinal = details.isFinal ?? true;
    this.requiresSignIn = details.requiresSignIn ?? false;
    this.serverMessage = details.serverMessage;
    this.data = parse(details.dataJson);
    this.retryAfter = details.retryAfter;
  }
}

export type EmitErrorCode =
  | "NO_USER"
  | "RESERVED_EVENT"
  | "TOO_LARGE"
  | "TOO_MANY_ATTACHMENTS"
  | "QUEUE_FULL"
  | "TOO_MANY_PENDING_ACKS"
  | "NOT_WRITABLE"
  | "TOO_MANY_NAMESPACES"
  | "INVALID_NAMESPACE"
  | "NOT_ENCODABLE"
  | "NO_DURABLE_STORE"
  | "STORAGE_FULL"
  | "STORAGE_CORRUPT"
  | "STORAGE_UNAVAILABLE"
  | "EXPIRED"
  | "CANCELLED"
  | "USER_CHANGED";

/** An emit was refused: nothing was sent or queued. The last six are of durable emits that were not accepted. */
export class EmitError extends RealtimeError<EmitErrorCode> {
  override readonly name = "EmitError";
  /** Whether the same emit may be accepted later. */
  readonly isRetryable: boolean;

  constructor(code: EmitErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(code, message, options);
    this.isRetryable = details.isRetryable ?? false;
  }
}

export type AckErrorCode = "TIMED_OUT" | "DISCONNECTED" | "CANCELLED" | "NOT_SENT" | "UNKNOWN";

/** An awaited acknowledgement did not come. */
export class AckError extends RealtimeError<AckErrorCode> {
  override readonly name = "AckError";
  /** Whether the event was certainly never sent, so that sending it again can't repeat its effect. */
  readonly isUnsent: boolean;

  constructor(code: AckErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(code, message, options);
    this.isUnsent = details.isUnsent ?? false;
  }
}

export type JoinErrorCode =
  | "INVALID_NAMESPACE"
  | "TOO_MANY_NAMESPACES"
  | "NOT_JOINED"
  | "PRIMARY"
  | "REFUSED"
  | "TIMED_OUT";

/** A namespace could not be joined or left. The connection and the other namespaces are not affected. */
export class JoinError extends RealtimeError<JoinErrorCode> {
  override readonly name = "JoinError";
  /** What the server said, if it did: show it as text. */
  readonly serverMessage: string | undefined;
  /** What the server said besides its message. */
  readonly data: unknown;
  /** Milliseconds that the server wishes to be left alone. */
  readonly retryAfter: number | undefined;

  constructor(code: JoinErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(code, message, options);
    this.serverMessage = details.serverMessage;
    this.data = parse(details.dataJson);
    this.retryAfter = details.retryAfter;
  }
}

export type ReplyErrorCode = "GONE" | "TOO_LARGE" | "TOO_MANY_ATTACHMENTS" | "NOT_ENCODABLE";

/** An event could not be acknowledged: it was already, its connection is gone, or the data can't be sent. */
export class ReplyError extends RealtimeError<ReplyErrorCode> {
  override readonly name = "ReplyError";
}

/** The WebAssembly part could not be loaded. The next `connect` tries again. */
export class InitError extends RealtimeError<"INIT_FAILED"> {
  override readonly name = "InitError";

  constructor(message: string, options?: ErrorOptions) {
    super("INIT_FAILED", message, options);
  }
}

/** The WebAssembly part has panicked, a mistake of this package: the manager is of no use any more, a new one is. */
export class PanickedError extends RealtimeError<"PANICKED"> {
  override readonly name = "PanickedError";

  constructor(message: string, options?: ErrorOptions) {
    super("PANICKED", message, options);
  }
}

/** The manager has been closed. */
export class ClosedError extends RealtimeError<"CLOSED"> {
  override readonly name = "ClosedError";

  constructor() {
    super("CLOSED", "the manager has been closed");
  }
}

function parse(json: string | undefined): unknown {
  if (json === undefined) return undefined;
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}

/** Makes what the WebAssembly part throws or hands over. */
export function makeError(kind: ErrorKind, code: string, message: string, details?: ErrorDetails): RealtimeError {
  switch (kind) {
    case "config":
      return new ConfigError(code as ConfigErrorCode, message);
    case "connect":
      return new ConnectError(code as ConnectErrorCode, message, details);
    case "emit":
      return new EmitError(code as EmitErrorCode, message, details);
    case "ack":
      return new AckError(code as AckErrorCode, message, details);
    case "join":
      return new JoinError(code as JoinErrorCode, message, details);
    case "reply":
      return new ReplyError(code as ReplyErrorCode, message);
  }
}

/** Where errors of the application's own callbacks go, so that they stop nobody else. */
export function report(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
