//! What the client handles of all platforms share: who listens to what.
//!
//! A handle keeps its [`Listeners`], generic over what a platform calls: a mailbox, an object
//! behind a foreign interface. It asks for the handlers of an event and calls them itself, outside of its lock
//! or borrow, one after the other and each for itself: a handler that throws keeps no other from being called,
//! and each may add and remove listeners.

mod list;
mod listeners;

pub use list::{ListenerId, ListenerList, Targets};
pub use listeners::{EventKey, Listeners};
