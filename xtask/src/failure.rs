//! Why a command could not do its part, in one line for its user.

use std::fmt;
use std::io;
use std::path::Path;

/// What went wrong and, where that helps, what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    message: String,
    told: bool,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), told: false }
    }

    /// A program that could not be started.
    pub(crate) fn start(program: &str, error: &io::Error) -> Self {
        Self::new(format!("`{program}` could not be started: {error}"))
    }

    /// A file or folder that could not be read or written.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::new(format!("{}: {error}", path.display()))
    }

    /// A failure that the user has read about already; nothing is printed after it.
    pub(crate) fn told() -> Self {
        Self { message: "see above".to_owned(), told: true }
    }

    /// Whether the user has read about it already.
    pub(crate) fn is_told(&self) -> bool {
        self.told
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}
