//! The application of the binary `nexus-server`: settings, then gateways on an [`Io`](crate::Io), then HTTP.
//!
//! Gateways turn events into calls and hold no state; what they share comes from [`App::bind`], the one place where
//! everything is put together. Every event name stands in [`events`], every route in `routes.rs`.

pub mod auth;
pub mod events;

mod config;
mod demo;
mod gateways;
mod inbox;
mod messages;
mod page;
mod presence;
mod routes;
mod serve;
mod user;

use crate::clock;

pub use config::{AllowedOrigins, Args, ConfigError, Secret, Settings};
pub use demo::TokenReply;
pub use messages::{Delivery, Message, MessageDraft, MessageId, Receipt, RefusalCode, Refused, Typing};
pub use serve::{App, StartError};
pub use user::{InvalidUserId, UserId};
