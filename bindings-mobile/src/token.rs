use std::sync::Arc;

use async_trait::async_trait;
use nexus_core::{driver, manager};
use thiserror::Error;

/// Why a token is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum TokenReason {
    /// A connection is being made. A token that is still good will do.
    Connecting,
    /// The server refused the last one.
    Rejected,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, Error, uniffi::Error)]
pub enum TokenError {
    /// It may be asked again with the next attempt. Whatever else the foreign side throws counts as this.
    #[error("{text}")]
    Unavailable {
        /// What went wrong, for people. Not the token.
        text: String,
    },
    /// Asking again is pointless: signed out, say. The client stops.
    #[error("{text}")]
    SignedOut {
        /// What went wrong, for people.
        text: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for TokenError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unavailable { text: error.reason }
    }
}

/// Asks the application for tokens: with each connection, and again when the server refuses one.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait TokenProvider: Send + Sync {
    /// A token, or why there is none. Has [`ClientOptions::token_timeout_ms`](crate::ClientOptions::token_timeout_ms).
    async fn token(&self, reason: TokenReason) -> Result<String, TokenError>;
}

pub(crate) fn provider(foreign: Arc<dyn TokenProvider>) -> driver::TokenProvider {
    driver::TokenProvider::new(move |reason| {
        let foreign = Arc::clone(&foreign);
        async move {
            let reason = match reason {
                manager::TokenReason::Rejected => TokenReason::Rejected,
                _ => TokenReason::Connecting,
            };
            match foreign.token(reason).await {
                Ok(token) => Ok(manager::Token::from(token)),
                Err(TokenError::Unavailable { text }) => Err(manager::TokenFailure { message: text, is_final: false }),
                Err(TokenError::SignedOut { text }) => Err(manager::TokenFailure { message: text, is_final: true }),
            }
        }
    })
}
