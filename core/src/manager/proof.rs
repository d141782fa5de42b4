use super::{command::Token, error::ServerError};

/// With what a namespace other than the primary one was asked for since it was joined last, or the application wanted it
/// anew.
#[derive(Debug, Default)]
pub(super) struct Proof {
    /// The token of the last CONNECT.
    presented: Option<Token>,
    /// What the server said of it, while another is sought.
    refusal: Option<ServerError>,
    /// Tokens refused in a row, over connections.
    refusals: u32,
}

impl Proof {
    /// A CONNECT goes out with this token.
    pub(super) fn present(&mut self, token: &Token) {
        self.presented = Some(token.clone());
        self.refusal = None;
    }

    /// The server refused what was presented. True if another token is worth trying: `current` is one already, or a
    /// provider can be asked, and no more than `max` were tried after the first.
    pub(super) fn refuse(&mut self, error: &ServerError, current: &Token, can_ask: bool, max: u32) -> bool {
        self.refusals = self.refusals.saturating_add(1);
        let is_current = self.presented.as_ref() == Some(current);
        let goes_on = self.refusals <= max && (can_ask || !is_current);
        self.refusal = goes_on.then(|| error.clone());
        goes_on
    }

    /// Whether this token is the one that was refused, and whose successor is sought.
    pub(super) fn is_refused(&self, token: &Token) -> bool {
        self.refusal.is_some() && self.presented.as_ref() == Some(token)
    }

    /// No other token is sought. Gives what the server said of the last.
    pub(super) fn give_up(&mut self) -> Option<ServerError> {
        self.refusal.take()
    }

    /// Tokens come from elsewhere now.
    pub(super) fn restart(&mut self) {
        self.refusals = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error() -> ServerError {
        ServerError { message: "expired".to_owned(), data: None, retry_after: None }
    }

    #[test]
    fn as_many_tokens_are_tried_after_the_first_as_allowed() {
        let mut proof = Proof::default();
        for token in ["a", "b"] {
            let token = Token::from(token);
            proof.present(&token);
            assert!(!proof.is_refused(&token));
            assert!(proof.refuse(&error(), &token, true, 2));
            assert!(proof.is_refused(&token));
        }
        proof.present(&"c".into());
        assert!(!proof.refuse(&error(), &"c".into(), true, 2), "the second after the first");
        assert!(!proof.is_refused(&"c".into()), "nothing is sought");
        proof.restart();
        assert!(proof.refuse(&error(), &"c".into(), true, 2));
        assert_eq!(proof.give_up(), Some(error()));
        assert_eq!(proof.give_up(), None);
    }

    #[test]
    fn a_token_that_nobody_can_replace_is_the_last() {
        let mut proof = Proof::default();
        proof.present(&"a".into());
        assert!(proof.refuse(&error(), &"b".into(), false, 3), "it has been replaced");
        proof.present(&"b".into());
        assert!(!proof.refuse(&error(), &"b".into(), false, 3));
    }
}
