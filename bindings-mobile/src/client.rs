use std::{sync::Arc, time::Duration};

use nexus_core::{
    driver,
    manager::{Delivery, Emit, EmitOutcome, MessageId},
    socketio::Namespace,
};

use crate::{
    delivery::DurableMessage,
    error::{RealtimeError, millis},
    event::Payload,
    options::ClientOptions,
    runtime::within,
    source::{EventSource, NoticeSource, QualitySource, StatusSource},
    stats::{Stats, count},
    status::{ConnectionStatus, Quality},
    token::{TokenProvider, provider},
};

/// A real-time client. Methods that are not `async` return at once, and all may be called from any thread.
///
/// Namespaces are named without their slash (`messaging` is `/messaging`, `/` the root), and joined when they are first
/// used. Letting go of the last reference closes the client.
#[derive(Debug, uniffi::Object)]
pub struct Client {
    client: driver::Client,
}

/// An event to send.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Outgoing {
    /// Where it goes.
    pub namespace: String,
    /// Its name.
    pub event: String,
    /// Its arguments.
    pub payload: Payload,
    /// Whether it is dropped when it can't be written now. Without meaning for durable ones.
    #[uniffi(default = false)]
    pub volatile: bool,
    /// How long it may wait, in milliseconds. Default: the option of the client.
    #[uniffi(default = None)]
    pub ttl_ms: Option<u64>,
    /// How long its acknowledgement is awaited, in milliseconds, for emits that ask for one. Default: the option of the
    /// client.
    #[uniffi(default = None)]
    pub ack_timeout_ms: Option<u64>,
}

/// What became of an emit so far.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Emitted {
    /// Handed to the transport.
    Transmitted {
        /// Names it.
        message: u64,
    },
    /// In the offline queue.
    Queued {
        /// Names it.
        message: u64,
    },
    /// It was volatile and could not be written.
    Dropped,
}

/// A message in the offline queue.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct QueuedMessage {
    /// Names it: see [`Client::cancel`].
    pub message: u64,
    /// Where it goes.
    pub namespace: String,
    /// Its name.
    pub event: String,
    /// Its arguments.
    pub payload: Payload,
    /// What it counts against the queue's bound.
    pub bytes: u64,
    /// From now until it is dropped, in milliseconds.
    pub expires_in_ms: u64,
    /// Whether it asks for an acknowledgement.
    pub awaits_ack: bool,
}

impl Outgoing {
    fn into_emit(self) -> Result<Emit, RealtimeError> {
        let mut emit = Emit::new(Namespace::try_new(&self.namespace)?, self.event, self.payload.into_core()?);
        if self.volatile {
            emit.delivery = Delivery::Volatile;
        }
        emit.ttl = self.ttl_ms.map(Duration::from_millis);
        Ok(emit)
    }
}

/// Connection.
#[uniffi::export]
impl Client {
    /// Makes a client. Nothing is connected yet.
    ///
    /// # Errors
    /// [`RealtimeError::Config`] if an option can't be used.
    #[uniffi::constructor]
    pub fn new(options: ClientOptions) -> Result<Arc<Self>, RealtimeError> {
        Ok(Arc::new(Self { client: options.build()? }))
    }

    /// Connects as a user with a token for all connections: waits until the primary namespace is joined, within
    /// [`ClientOptions::connect_timeout_ms`].
    ///
    /// If the same user is connected already, or being connected, nothing happens but that a new token takes the place
    /// of the old one. Another user: disconnects first. Giving up the wait does not stop the connecting.
    ///
    /// # Errors
    /// [`RealtimeError::Connect`], or [`RealtimeError::Closed`].
    pub async fn connect(&self, user_id: String, token: String) -> Result<(), RealtimeError> {
        Ok(self.client.connect(user_id, token).await?)
    }

    /// As [`connect`](Self::connect), with one who is asked for tokens.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_with(&self, user_id: String, tokens: Arc<dyn TokenProvider>) -> Result<(), RealtimeError> {
        Ok(self.client.connect(user_id, provider(tokens)).await?)
    }

    /// Ends the connection, or the search for one, until `connect` is called again. Sources stay, and so does the offline
    /// queue, for the same user.
    pub fn disconnect(&self) {
        self.client.disconnect();
    }

    /// The status of now.
    pub fn connection_status(&self) -> ConnectionStatus {
        self.client.connection_status().into()
    }

    /// The quality of now; offline unless connected.
    pub fn connection_quality(&self) -> Quality {
        self.client.connection_quality().into()
    }

    /// Mean round trip time in milliseconds; `None` until there is a sample.
    pub fn average_latency_ms(&self) -> Option<f64> {
        self.client.average_latency().map(|latency| latency.as_secs_f64() * 1e3)
    }

    /// All figures.
    pub fn stats(&self) -> Stats {
        self.client.stats().into()
    }

    /// The system says that its network has changed, or come (`reachable`) or gone. The connection is checked, or
    /// sought again at once.
    pub fn network_changed(&self, reachable: bool) {
        self.client.network_changed(reachable);
    }

    /// The application is not visible any more. After [`ClientOptions::background_grace_ms`] the connection is closed.
    pub fn enter_background(&self) {
        self.client.enter_background();
    }

    /// The application is about to be stopped by its system: as [`enter_background`](Self::enter_background), with the
    /// grace over at once.
    pub fn suspend(&self) {
        self.client.suspend();
    }

    /// The application is visible again: checks the connection, or connects again at once.
    pub fn enter_foreground(&self) {
        self.client.enter_foreground();
    }

    /// Disconnects for good, ends sources, and resolves all waits. Durable messages stay in the store.
    ///
    /// Waits until every task has ended: a second for the transport and 5 s for the store at most, beside token providers.
    /// The client is closed as soon as this is called, however long the wait is.
    ///
    /// # Errors
    /// [`RealtimeError::WaitTimedOut`].
    pub async fn close(&self, timeout_ms: u64) -> Result<(), RealtimeError> {
        within(timeout_ms, self.client.close()).await?.ok_or(RealtimeError::WaitTimedOut)
    }
}

/// Namespaces and listening.
#[uniffi::export]
impl Client {
    /// Joins a namespace, with this connection and each later one, and waits until it is joined for the first time.
    ///
    /// # Errors
    /// [`RealtimeError::Join`] if the server refuses or does not answer, [`RealtimeError::WaitTimedOut`], or
    /// [`RealtimeError::Closed`]. It is tried again with the next connection.
    pub async fn join(&self, namespace: String, timeout_ms: u64) -> Result<(), RealtimeError> {
        let joined = within(timeout_ms, self.client.join(&namespace)).await?;
        Ok(joined.ok_or(RealtimeError::WaitTimedOut)??)
    }

    /// Leaves a namespace. What is queued for it is dropped. Sources stay, for when it is joined again.
    ///
    /// # Errors
    /// [`RealtimeError::Join`] if it is the primary namespace, or was not wanted.
    pub fn leave(&self, namespace: String) -> Result<(), RealtimeError> {
        Ok(self.client.leave(&namespace)?)
    }

    /// Whether a namespace is joined now.
    pub fn is_joined(&self, namespace: String) -> bool {
        self.client.is_joined(&namespace)
    }

    /// The events of one name from now on. Joins the namespace.
    ///
    /// # Errors
    /// [`RealtimeError::Join`] if the namespace can't be joined, or [`RealtimeError::Closed`].
    pub fn events(&self, namespace: String, event: String) -> Result<Arc<EventSource>, RealtimeError> {
        Ok(EventSource::new(self.client.events(&namespace, &event)?))
    }

    /// Ends all sources of an event; gives their number.
    pub fn off(&self, namespace: String, event: String) -> u64 {
        count(self.client.off(&namespace, &event))
    }

    /// The status as it is, then each change.
    pub fn status_changes(&self) -> Arc<StatusSource> {
        StatusSource::new(self.client.status())
    }

    /// The quality as it is, then each change.
    pub fn quality_changes(&self) -> Arc<QualitySource> {
        QualitySource::new(self.client.quality())
    }

    /// Notices from now on.
    pub fn notices(&self) -> Arc<NoticeSource> {
        NoticeSource::new(self.client.notices())
    }
}

/// Sending.
#[uniffi::export]
impl Client {
    /// Sends an event, or queues it while there is no connection.
    ///
    /// # Errors
    /// [`RealtimeError::Emit`] if it is refused, or [`RealtimeError::Closed`].
    pub fn emit(&self, event: Outgoing) -> Result<Emitted, RealtimeError> {
        let emitted = self.client.send(event.into_emit()?)?;
        let message = emitted.message.as_u64();
        Ok(match emitted.outcome {
            EmitOutcome::Transmitted => Emitted::Transmitted { message },
            EmitOutcome::Dropped => Emitted::Dropped,
            _ => Emitted::Queued { message },
        })
    }

    /// Sends an event and waits for its acknowledgement, within [`Outgoing::ack_timeout_ms`] from now.
    ///
    /// # Errors
    /// [`RealtimeError::Emit`] if it is refused, [`RealtimeError::Ack`] if it is not acknowledged, or
    /// [`RealtimeError::Closed`].
    pub async fn emit_with_ack(&self, event: Outgoing) -> Result<Payload, RealtimeError> {
        let timeout = event.ack_timeout_ms.map(Duration::from_millis);
        let mut emit = event.into_emit()?;
        emit.ack = Some(timeout);
        Ok((&self.client.send_with_ack(emit).await?).into())
    }

    /// Keeps an event in the store until the server has it. It is accepted once [`DurableMessage::accepted`] says so.
    ///
    /// # Errors
    /// [`RealtimeError::Emit`] if it is refused, `NO_DURABLE_STORE` among the codes, or [`RealtimeError::Closed`].
    pub fn emit_durable(&self, event: Outgoing) -> Result<Arc<DurableMessage>, RealtimeError> {
        Ok(DurableMessage::new(self.client.send_durable(event.into_emit()?)?))
    }

    /// Waits until all that was emitted has been handed to the network. Durable messages are not waited for.
    ///
    /// # Errors
    /// [`RealtimeError::WaitTimedOut`], or [`RealtimeError::Closed`].
    pub async fn flush(&self, timeout_ms: u64) -> Result<(), RealtimeError> {
        let flushed = within(timeout_ms, self.client.flush()).await?;
        Ok(flushed.ok_or(RealtimeError::WaitTimedOut)??)
    }

    /// The messages in the offline queue, oldest first.
    pub fn queue(&self) -> Vec<QueuedMessage> {
        let queued = self.client.queue().into_iter().map(|queued| QueuedMessage {
            message: queued.message.as_u64(),
            namespace: queued.namespace.name().to_owned(),
            event: queued.event.to_string(),
            payload: (&queued.payload).into(),
            bytes: count(queued.bytes),
            expires_in_ms: millis(queued.expires_in),
            awaits_ack: queued.awaits_ack,
        });
        queued.collect()
    }

    /// Takes a message out of the offline queue, or ends the wait for its acknowledgement. A durable message is not sent any
    /// more, by later processes neither. `true`: the server will not see it; `false`: it had been sent.
    ///
    /// # Errors
    /// [`RealtimeError::UnknownMessage`] if there is neither.
    pub fn cancel(&self, message: u64) -> Result<bool, RealtimeError> {
        let cancelled = self.client.cancel(MessageId::from_u64(message))?;
        Ok(cancelled == nexus_core::manager::Cancelled::Unsent)
    }
}
