use std::{fmt, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use futures_util::FutureExt;

use crate::manager::{Token, TokenFailure, TokenReason};

type TokenFuture = Pin<Box<dyn Future<Output = Result<Token, TokenFailure>> + Send>>;

/// How a user proves who it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Auth {
    /// This token, for all connections. When the server refuses it, the client stops.
    Token(Token),
    /// Whoever is asked for one with each connection, and again when the server refuses one.
    Provider(TokenProvider),
}

impl From<Token> for Auth {
    fn from(token: Token) -> Self {
        Self::Token(token)
    }
}

impl From<&str> for Auth {
    fn from(token: &str) -> Self {
        Self::Token(token.into())
    }
}

impl From<String> for Auth {
    fn from(token: String) -> Self {
        Self::Token(token.into())
    }
}

impl From<TokenProvider> for Auth {
    fn from(provider: TokenProvider) -> Self {
        Self::Provider(provider)
    }
}

/// Asks the application for tokens. Cheap to clone.
#[derive(Clone)]
pub struct TokenProvider {
    ask: Arc<dyn Fn(TokenReason) -> TokenFuture + Send + Sync>,
}

impl TokenProvider {
    /// One that calls `ask`. The future is dropped when its answer is no longer needed; it has
    /// [`Config::token_timeout`](crate::manager::Config::token_timeout). A panic counts as a failure that may pass.
    pub fn new<F, Answer>(ask: F) -> Self
    where
        F: Fn(TokenReason) -> Answer + Send + Sync + 'static,
        Answer: Future<Output = Result<Token, TokenFailure>> + Send + 'static,
    {
        Self { ask: Arc::new(move |reason| Box::pin(ask(reason))) }
    }

    pub(super) async fn ask(self, reason: TokenReason) -> Result<Token, TokenFailure> {
        let answer = AssertUnwindSafe(async { (self.ask)(reason).await }).catch_unwind();
        answer.await.unwrap_or_else(|_panic| {
            Err(TokenFailure { message: String::from("the token provider panicked"), is_final: false })
        })
    }
}

impl fmt::Debug for TokenProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenProvider")
    }
}
