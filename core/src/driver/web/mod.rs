//! The driver for WebAssembly with a JavaScript host: a page, a worker, Node.
//!
//! A [`Driver`] owns a [`Manager`](crate::manager::Manager), one `WebSocket` and one timer of the host. What is above it
//! is an [`Application`], which is told everything and calls back in through [`Driver::with_manager`]:
//!
//! ```no_run
//! use std::rc::Rc;
//!
//! use nexus_core::{driver::web::{Application, Driver}, manager::{Config, Credentials, Event, TokenReason, TokenRequest}};
//!
//! struct Print;
//! impl Application for Print {
//!     fn handle_event(&self, event: Event) {
//!         let _line = format!("{event:?}");
//!     }
//!     fn need_token(&self, _request: TokenRequest, _reason: TokenReason) {}
//! }
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let driver = Driver::new(Config::new("https://example.com")?, Rc::new(Print));
//! driver.with_manager(|manager, now| manager.connect(now, "ada".to_owned(), Credentials::Token("the token".into())))?;
//! # Ok(()) }
//! ```
//!
//! Everything happens on the thread of the host's events. The manager is never borrowed while the application or the
//! host is called, so either may call the driver again: what follows then is carried out after what is under way.

mod clock;
mod driver;
mod socket;
mod timer;

pub use driver::{Application, Driver};
pub use socket::WebSocket;
