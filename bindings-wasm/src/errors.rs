//! Errors of core, as kinds, codes and details from which the package makes its classes.

use nexus_core::{
    manager::{
        AckError, ConfigError, ConnectCallError, ConnectError, EmitError, JoinError, JoinFailure, LeaveError,
        ReplyError, ServerError,
    },
    socketio::{EncodeError, InvalidNamespace},
};
use wasm_bindgen::prelude::*;

use crate::{
    hooks::Hooks,
    object::{Fields, millis},
};

/// Which class of the package an error is of.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Config,
    Connect,
    Emit,
    Ack,
    Join,
    Reply,
}

/// An error on its way to JavaScript.
pub(crate) struct Failure {
    kind: Kind,
    code: &'static str,
    message: String,
    details: JsValue,
}

impl Failure {
    pub(crate) fn new(kind: Kind, code: &'static str, message: String) -> Self {
        Self { kind, code, message, details: JsValue::UNDEFINED }
    }

    /// An emit or reply whose data the host made wrong.
    pub(crate) fn not_encodable(kind: Kind, error: &EncodeError) -> Self {
        Self::new(kind, "NOT_ENCODABLE", error.to_string())
    }

    pub(crate) fn namespace(kind: Kind, error: &InvalidNamespace) -> Self {
        Self::new(kind, "INVALID_NAMESPACE", error.to_string())
    }

    /// What is to be thrown, or handed over.
    pub(crate) fn into_js(self, hooks: &Hooks) -> JsValue {
        let kind = match self.kind {
            Kind::Config => "config",
            Kind::Connect => "connect",
            Kind::Emit => "emit",
            Kind::Ack => "ack",
            Kind::Join => "join",
            Kind::Reply => "reply",
        };
        hooks.error(kind, self.code, &self.message, &self.details)
    }

    fn with(mut self, details: Fields) -> Self {
        self.details = details.into();
        self
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Kind::Config, error.code(), error.to_string())
    }
}

impl From<ConnectCallError> for Failure {
    fn from(error: ConnectCallError) -> Self {
        let details = Fields::default().set("isFinal", false).set("requiresSignIn", false);
        Self::new(Kind::Connect, error.code(), error.to_string()).with(details)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let mut details =
            Fields::default().set("isFinal", error.is_final()).set("requiresSignIn", error.requires_sign_in());
        if let ConnectError::AuthRejected(said) | ConnectError::NamespaceRefused(said) = &error {
            details = server_details(details, said);
        }
        Self::new(Kind::Connect, error.code(), error.to_string()).with(details)
    }
}

impl From<EmitError> for Failure {
    fn from(error: EmitError) -> Self {
        let details = Fields::default().set("isRetryable", error.is_retryable());
        Self::new(Kind::Emit, error.code(), error.to_string()).with(details)
    }
}

impl From<AckError> for Failure {
    fn from(error: AckError) -> Self {
        let details = Fields::default().set("isUnsent", error.is_unsent());
        Self::new(Kind::Ack, error.code(), error.to_string()).with(details)
    }
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        Self::new(Kind::Join, error.code(), error.to_string())
    }
}

impl From<JoinFailure> for Failure {
    fn from(error: JoinFailure) -> Self {
        let mut details = Fields::default();
        if let JoinFailure::Refused(said) = &error {
            details = server_details(details, said);
        }
        Self::new(Kind::Join, error.code(), error.to_string()).with(details)
    }
}

impl From<LeaveError> for Failure {
    fn from(error: LeaveError) -> Self {
        Self::new(Kind::Join, error.code(), error.to_string())
    }
}

impl From<ReplyError> for Failure {
    fn from(error: ReplyError) -> Self {
        Self::new(Kind::Reply, error.code(), error.to_string())
    }
}

/// What the server said more.
fn server_details(details: Fields, said: &ServerError) -> Fields {
    let details = details.set("serverMessage", said.message.as_str());
    let details = match &said.data {
        Some(json) => details.set("dataJson", &**json),
        None => details,
    };
    match said.retry_after {
        Some(after) => details.set("retryAfter", millis(after)),
        None => details,
    }
}
