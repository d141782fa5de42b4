//! The library's surface: namespaces, sockets, rooms, events.

mod ack;
mod broadcast;
pub(crate) mod connect;
mod delivery;
mod dispatch;
mod draft;
mod durable;
mod error;
mod event;
mod handlers;
mod handshake;
mod io;
mod members;
mod namespace;
mod recovery;
mod socket;

pub use broadcast::Broadcast;
pub use delivery::DeliveryConfig;
pub use error::{AckError, ConnectError, Disconnected, EmitError, EventRejected, NotDurable};
pub use event::Event;
pub use handshake::{ConnectRequest, Handshake};
pub use io::Io;
pub use namespace::Namespace;
pub use socket::{Emitter, Socket};

pub(crate) use io::Namespaces;
pub(crate) use socket::SocketInner;
