/** What the server sends and takes, by namespace: the event maps that the manager is typed with. */

export interface Draft {
  receiverId: string;
  content: string;
  /** Chosen here and carried along by the server: a draft that was sent twice is recognised by it. */
  tempId: string;
}

export interface Message extends Draft {
  id: string;
  uniqueId: string;
  senderId: string;
  timestamp: number;
}

export interface Receipt {
  ok: true;
  id: string;
  uniqueId: string;
  timestamp: number;
}

export interface Refusal {
  ok: false;
  code: string;
  message: string;
}

export interface TypingNotice {
  senderId: string;
  isTyping: boolean;
}

export interface DeliveryNotice {
  id: string;
  receiverId: string;
}

export interface PresenceUpdate {
  userId: string;
  status: "online" | "offline";
  timestamp: number;
}

export interface PresenceList {
  ok: true;
  users: { userId: string; since: number }[];
}

export interface Receives {
  realtime: {
    "presence:update": (update: PresenceUpdate) => void;
  };
  messaging: {
    NEW_MESSAGE: (message: Message) => void;
    MESSAGE_SENT: (message: Message) => void;
    MESSAGE_DELIVERED: (notice: DeliveryNotice) => void;
    USER_TYPING: (notice: TypingNotice) => void;
  };
}

export interface Sends {
  realtime: {
    "activity:ping": (data: object, ack: (pong: { ok: true; timestamp: number }) => void) => void;
    "presence:list": (data: object, ack: (list: PresenceList | Refusal) => void) => void;
  };
  messaging: {
    NEW_MESSAGE: (draft: Draft, ack: (receipt: Receipt | Refusal) => void) => void;
    MESSAGE_DELIVERED: (delivery: { id: string; senderId: string }) => void;
    USER_TYPING: (typing: { receiverId: string; isTyping: boolean }) => void;
  };
}

/** The longest content that the server takes, in bytes. */
export const MAX_CONTENT_BYTES = 16 * 1024;
/** The longest user id that the server takes, in bytes. */
export const MAX_USER_BYTES = 128;

/** Whether the server takes this as a user's id. */
export function isUserId(text: string): boolean {
  const bytes = new TextEncoder().encode(text).length;
  return bytes >= 1 && bytes <= MAX_USER_BYTES && !/\p{Cc}/u.test(text);
}
