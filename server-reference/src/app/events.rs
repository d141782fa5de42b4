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

/// On `/messaging`.
pub mod messaging {
    /// From a client: a [`MessageDraft`](crate::app::MessageDraft), acknowledged with a
    /// [`Receipt`](crate::app::Receipt). To clients: a [`Message`](crate::app::Message).
    pub const NEW_MESSAGE: &str = "NEW_MESSAGE";
    /// To the socket that sent a message: the same receipt as an event.
    pub const MESSAGE_SENT: &str = "MESSAGE_SENT";
    /// From a client: a [`Typing`](crate::app::Typing); to clients: the same with `senderId`.
    pub const USER_TYPING: &str = "USER_TYPING";

    /// What clients may send.
    pub const FROM_CLIENTS: &[&str] = &[NEW_MESSAGE, USER_TYPING];
}

/// On every namespace.
pub mod common {
    /// To a client: why an event that asked for no acknowledgement was refused, a
    /// [`Refused`](crate::app::Refused).
    pub const EXCEPTION: &str = "exception";
}
