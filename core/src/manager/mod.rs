//! The sans-IO connection manager.

mod acks;
mod backoff;
mod command;
mod config;
mod durable;
mod error;
mod event;
mod grade;
mod ids;
mod kept;
mod latency;
mod levels;
mod link;
mod machine;
mod namespaces;
mod outbox;
mod proof;
mod resume;
mod seen;
mod stats;
mod status;
mod store;
mod timers;
mod url;
mod wire;

pub use command::{
    Cancelled, Command, Credentials, Delivery, Emit, EmitOutcome, Emitted, JoinProgress, Receipt, Token, TokenFailure,
};
pub use config::{
    AuthFields, Config, DurableConfig, HeartbeatBounds, Limits, OutboxConfig, Overflow, ProbeConfig, QualityThresholds,
    ReconnectPolicy,
};
pub use error::{
    AckError, CancelError, CommandError, ConfigError, ConnectCallError, ConnectError, EmitError, JoinError,
    JoinFailure, LeaveError, ReplyError, ServerError, TokenRequestError,
};
pub use event::{
    Continuity, DeliveryStatus, DropReason, DroppedMessage, Event, LeaveReason, Output, ReceivedEvent, TokenReason,
    TransportEvent, TransportFailure, TransportFailureKind, TransportRequest,
};
pub use ids::{ConnectTicket, ConnectionId, MessageId, ReplyId, StoreTicket, TokenRequest};
#[doc(hidden)]
pub use levels::Levels;
pub use machine::{Manager, QueuedMessage};
pub use stats::{Counters, Stats};
pub use status::{ConnectionStatus, DisconnectReason, Quality, StatusChange};
pub use store::{
    MessageKey, OpenedOutbox, StoreAnswer, StoreChange, StoreError, StoreErrorKind, StoreEvent, StoreOperation,
    StoreRequest, StoredMessage,
};
pub use url::ServerUrl;
