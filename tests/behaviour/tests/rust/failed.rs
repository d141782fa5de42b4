//! How steps fail: with the codes that errors have on every platform.

use std::fmt;

use nexus_core::{
    driver::{AckFailed, Closed, ConnectFailed, EmitFailed, JoinFailed, ListenFailed, NotAccepted},
    manager::LeaveError,
};

/// Why a step failed. One without a code is what no step expects.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) code: Option<String>,
    text: String,
}

impl Failed {
    pub(crate) fn text(text: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { code: None, text: text.into().to_string() }
    }

    pub(crate) fn code(code: &str, text: &dyn fmt::Display) -> Self {
        Self { code: Some(code.to_owned()), text: text.to_string() }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{code}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl std::error::Error for Failed {}

const CLOSED: &str = "CLOSED";
const INVALID_NAMESPACE: &str = "INVALID_NAMESPACE";

macro_rules! coded {
    ($($error:ty: $value:ident => $code:expr;)*) => {$(
        impl From<$error> for Failed {
            fn from($value: $error) -> Self {
                let code: String = $code.into();
                Self::code(&code, &$value)
            }
        }
    )*};
}

coded! {
    Closed: error => CLOSED;
    LeaveError: error => error.code();
    ConnectFailed: error => match &error {
        ConnectFailed::Refused(refused) => refused.code(),
        ConnectFailed::NotConnected(error) => error.code(),
        _ => CLOSED,
    };
    EmitFailed: error => emit(&error);
    AckFailed: error => match &error {
        AckFailed::Emit(refused) => emit(refused),
        AckFailed::Unacknowledged(error) => error.code(),
        _ => CLOSED,
    };
    JoinFailed: error => match &error {
        JoinFailed::Namespace(_) => INVALID_NAMESPACE,
        JoinFailed::Refused(error) => error.code(),
        JoinFailed::Failed(failure) => failure.code(),
        JoinFailed::Left(_) => "NOT_JOINED",
        _ => CLOSED,
    };
    ListenFailed: error => match &error {
        ListenFailed::Namespace(_) => INVALID_NAMESPACE,
        ListenFailed::Join(error) => error.code(),
        _ => CLOSED,
    };
    NotAccepted: error => match &error {
        NotAccepted::Rejected { code } => code.as_ref(),
        NotAccepted::Cancelled => "CANCELLED",
        NotAccepted::Expired => "EXPIRED",
        _ => CLOSED,
    };
}

fn emit(error: &EmitFailed) -> &'static str {
    match error {
        EmitFailed::Namespace(_) => INVALID_NAMESPACE,
        EmitFailed::Encode(_) => "NOT_ENCODABLE",
        EmitFailed::Refused(refused) => refused.code(),
        _ => CLOSED,
    }
}
