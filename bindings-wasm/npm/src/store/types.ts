/** Names a durable message for ever: with the user it is the server's key of its outcome. */
export interface MessageKey {
  /** The life of a client that gave the id. */
  readonly instance: string;
  readonly namespace: string;
  /** Counts within both. */
  readonly id: number;
}

/** A durable message as a store keeps it. */
export interface StoredMessage extends MessageKey {
  readonly event: string;
  /** The JSON text of its arguments, with commas between. */
  readonly args: string;
  /** The binary parts that placeholders in the text stand for. */
  readonly attachments?: Uint8Array[] | undefined;
  /** When it was emitted, in milliseconds since 1970. */
  readonly emittedAt: number;
  /** When it expires, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** Which memory of the server it was first sent to, `null` for a server that has none. Not there: it was not sent. */
  readonly sent?: string | null | undefined;
}

/** One change of the open outbox. */
export type StoreChange =
  /** Takes a message in; one with this key is replaced. */
  | ({ readonly type: "put" } & StoredMessage)
  /** It is about to be sent for the first time: keeps `generation` as its `sent`. */
  | ({ readonly type: "sent"; readonly generation: string | null } & MessageKey)
  /** Forgets a message; one that is not there is no error. */
  | ({ readonly type: "remove" } & MessageKey)
  /** Keeps the last position in a namespace's inbox that was seen: an opaque text. */
  | { readonly type: "position"; readonly namespace: string; readonly position: string };

/** What was found when an outbox was opened. */
export interface OpenedOutbox {
  /** What former owners have left, under their keys, in any order. */
  readonly messages: StoredMessage[];
  /** Namespaces and the last positions that were kept. */
  readonly positions: [namespace: string, position: string][];
  /** How many records could not be read. They are set aside, not deleted. */
  readonly unreadable: number;
}

/** For whom an outbox is opened. */
export interface OutboxOwner {
  /** Origin and path of the server. */
  readonly server: string;
  readonly userId: string;
  /** Names the outbox; another with each opening. */
  readonly instance: string;
  /** To be called when an owner has gone while this outbox is open, with what it left, which belongs to this one now. */
  adopted(messages: StoredMessage[]): void;
}

/**
 * Where durable messages outlive the page or process. Calls come one at a time. What is thrown becomes the error of the
 * messages that it concerns; one with a `code` of `STORAGE_FULL` or `STORAGE_CORRUPT` is told apart.
 */
export interface DurableStore {
  /** Opens an outbox, closing the one that is open, and takes over every other one of the same server and user whose owner is gone. */
  open(owner: OutboxOwner): Promise<OpenedOutbox>;
  /** Makes all changes or none. What it has resolved outlives the process. */
  commit(changes: readonly StoreChange[]): Promise<void>;
  /** Lets go of the outbox, so that another owner may take it over. */
  close(): Promise<void>;
}
