//! Every event name of the application, by namespace. The names are those of existing clients.

/// The namespaces that the server has. All of them ask for a token.
pub mod namespace {
    /// What concerns a user anywhere in an application.
    pub const REALTIME: &str = "/realtime";
    /// Notifications.
    pub const NOTIFICATIONS: &str = "/notifications";
    /// Messages between users.
    pub const MESSAGING: &str = "/messaging";
}

/// On `/realtime`.
pub mod realtime {
    /// From a client: it is there, and measures how far away the server is. The data is the application's own. The
    /// acknowledgement is `{"ok": true, "timestamp"}`, in milliseconds since 1970.
    pub const ACTIVITY_PING: &str = "activity:ping";
    /// To all devices of a message's receiver and sender: a copy of what `/messaging` carries, with the same
    /// `uniqueId`, unless the mirror is turned off.
    pub const NEW_MESSAGE: &str = super::messaging::NEW_MESSAGE;
    /// In the demo, to everybody: a user came or went, `{"userId", "status", "timestamp"}`.
    pub const PRESENCE_UPDATE: &str = "presence:update";
    /// In the demo, from a client: who is here? The acknowledgement is `{"ok": true, "users"}`, with `userId`, `status`
    /// and `since` of each.
    pub const PRESENCE_LIST: &str = "presence:list";

    /// What clients may send.
    pub const FROM_CLIENTS: &[&str] = &[ACTIVITY_PING];
    /// What clients may send to a demo.
    pub const FROM_CLIENTS_OF_DEMO: &[&str] = &[ACTIVITY_PING, PRESENCE_LIST];
}

/// On `/messaging`.
pub mod messaging {
    /// From a client: a [`MessageDraft`](crate::app::MessageDraft), acknowledged with a
    /// [`Receipt`](crate::app::Receipt). To clients: a [`Message`](crate::app::Message).
    pub const NEW_MESSAGE: &str = "NEW_MESSAGE";
    /// To the socket that sent a message: the same receipt as an event.
    pub const MESSAGE_SENT: &str = "MESSAGE_SENT";
    /// From a client: a [`Typing`](crate::app::Typing); to clients: the same with `senderId`.
    pub const USER_TYPING: &str = "USER_TYPING";

    /// From a client: it has a message, a [`Delivery`](crate::app::Delivery). To all devices of who sent the message:
    /// `{"id", "receiverId", "timestamp"}`.
    pub const MESSAGE_DELIVERED: &str = "MESSAGE_DELIVERED";

    /// What clients may send.
    pub const FROM_CLIENTS: &[&str] = &[NEW_MESSAGE, USER_TYPING, MESSAGE_DELIVERED];
}

/// On every namespace.
pub mod common {
    /// To a client: why an event that asked for no acknowledgement was refused, a
    /// [`Refused`](crate::app::Refused).
    pub const EXCEPTION: &str = "exception";
}
