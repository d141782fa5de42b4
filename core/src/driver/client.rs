use std::{sync::Arc, time::Duration};

use bytestring::ByteString;
use serde::Serialize;
use tokio::sync::oneshot;

use super::{
    error::{AckFailed, BuildError, Closed, ConnectFailed, EmitFailed, JoinFailed, ListenFailed},
    event::{Event, Notice},
    listeners::{Callback, Listener},
    lock,
    options::{ClientBuilder, ClientStats, Queued},
    provider::Auth,
    shared::Shared,
    subscription::{EventStream, NoticeStream, QualityStream, StatusStream, Subscription},
};
use crate::{
    manager::{
        CancelError, Cancelled, Config, ConnectionStatus, Credentials, Emit, Emitted, JoinProgress, LeaveError,
        LeaveReason, Manager, MessageId, Quality, StatusChange,
    },
    socketio::{Namespace, Payload},
};

/// A handle of a real-time client. Clones are handles of the same client; when the last one is dropped, it is closed.
///
/// Methods that are not `async` return at once. Futures may be dropped at any time: what was asked for still happens,
/// only its result is not told.
///
/// Namespaces are named without their slash (`"messaging"` is `/messaging`, `"/"` the root), and joined when they are
/// first used.
#[derive(Clone, Debug)]
pub struct Client {
    handle: Arc<Handle>,
}

/// What all clones share. The client's task does not hold it, so its end is the end of the last clone.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Client {
    /// A client with default options for the driver.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn new(config: Config) -> Result<Self, BuildError> {
        Self::builder(config).build()
    }

    /// A client whose options can be chosen.
    #[must_use]
    pub fn builder(config: Config) -> ClientBuilder {
        ClientBuilder::new(config)
    }

    pub(super) fn from_shared(shared: Arc<Shared>) -> Self {
        Self { handle: Arc::new(Handle { shared }) }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }
}

/// Connection.
impl Client {
    /// Connects as a user and joins the primary namespace, and with it all that are wanted. Resolved when the primary
    /// namespace is joined.
    ///
    /// If the same user is connected already, or being connected, nothing happens but that a new token takes the place
    /// of the old one. Another user: disconnects first. Dropping the future does not stop the connecting.
    ///
    /// # Errors
    /// If the server refuses, or there is no connection in time;
    /// [`is_final`](ConnectFailed::is_final) tells whether the client still tries.
    pub async fn connect(&self, user_id: impl Into<String>, auth: impl Into<Auth>) -> Result<(), ConnectFailed> {
        let (user_id, auth) = (user_id.into(), auth.into());
        let resolved = self.shared().act(|state, now| {
            let (credentials, provider) = match auth {
                Auth::Token(token) => (Credentials::Token(token), None),
                Auth::Provider(provider) => (Credentials::Provider, Some(provider)),
            };
            let ticket = state.manager.connect(now, user_id, credentials)?;
            state.provider = provider;
            let (resolve, resolved) = oneshot::channel();
            state.connects.insert(ticket, resolve);
            Ok::<_, ConnectFailed>(resolved)
        })??;
        Ok(resolved.await.map_err(|_| Closed)??)
    }

    /// Ends the connection, or the search for one, until [`connect`](Self::connect) is called again. Listeners stay, and
    /// so does the offline queue, for the same user.
    pub fn disconnect(&self) {
        let _closed_is_disconnected = self.shared().with_manager(Manager::disconnect);
    }

    /// The status of now.
    #[must_use]
    pub fn connection_status(&self) -> ConnectionStatus {
        self.shared().state().manager.status()
    }

    /// The quality of now; offline unless connected.
    #[must_use]
    pub fn connection_quality(&self) -> Quality {
        self.shared().state().manager.quality()
    }

    /// Mean round trip time over the window of samples; `None` until there is a sample.
    #[must_use]
    pub fn average_latency(&self) -> Option<Duration> {
        self.shared().state().manager.average_latency()
    }

    /// All figures.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        let manager = self.shared().state().manager.stats();
        let listeners = lock(&self.shared().listeners);
        ClientStats {
            manager,
            listeners: listeners.len(),
            waiting_items: listeners.waiting(),
            missed_items: self.shared().missed_items(),
        }
    }

    /// The system says that its network has changed, or come (`reachable`) or gone. The connection is checked, or
    /// sought again at once.
    pub fn network_changed(&self, reachable: bool) {
        let _closed = self.shared().with_manager(|manager, now| manager.network_changed(now, reachable));
    }

    /// The application is not visible any more. After [`Config::background_grace`] the connection is closed.
    pub fn enter_background(&self) {
        let _closed = self.shared().with_manager(Manager::enter_background);
    }

    /// The application is visible again: checks the connection, or connects again at once.
    pub fn enter_foreground(&self) {
        let _closed = self.shared().with_manager(Manager::enter_foreground);
    }

    /// Disconnects for good: sends what was handed to the transport (a second at most), ends streams, and resolves all
    /// futures. Messages that still wait in the offline queue are lost: [`flush`](Self::flush) first.
    ///
    /// Returns when every task of the client has ended, callbacks under way included: not to be awaited from one.
    pub async fn close(&self) {
        self.shared().close();
        self.shared().tasks.wait().await;
    }
}

/// Namespaces.
impl Client {
    /// Joins a namespace, with this connection and each later one, and waits until it is joined for the first time:
    /// however long there is no connection.
    ///
    /// # Errors
    /// If the server refuses or does not answer. It is tried again with the next connection.
    pub async fn join(&self, namespace: &str) -> Result<(), JoinFailed> {
        let namespace = Namespace::try_new(namespace)?;
        let pending = self.shared().act(|state, now| match state.manager.join(now, &namespace)? {
            JoinProgress::Joined => Ok::<_, JoinFailed>(None),
            JoinProgress::Pending => {
                let (resolve, resolved) = oneshot::channel();
                let waiting = state.joins.entry(namespace).or_default();
                waiting.retain(|waiter| !waiter.is_closed());
                waiting.push(resolve);
                Ok(Some(resolved))
            }
        })??;
        match pending {
            Some(resolved) => resolved.await.map_err(|_| Closed)?,
            None => Ok(()),
        }
    }

    /// Leaves a namespace. What is queued for it is dropped. Listeners stay, for when it is joined again.
    ///
    /// # Errors
    /// If it is the primary namespace, or was not wanted. A closed client has left all.
    pub fn leave(&self, namespace: &str) -> Result<(), LeaveError> {
        let namespace = Namespace::try_new(namespace).map_err(|_| LeaveError::NotJoined)?;
        let left = self.shared().act(|state, now| {
            state.manager.leave(now, &namespace)?;
            Ok(state.joins.remove(&namespace).unwrap_or_default())
        });
        for waiter in left.unwrap_or(Err(LeaveError::NotJoined))? {
            let _forgotten = waiter.send(Err(JoinFailed::Left(LeaveReason::ClientLeft)));
        }
        Ok(())
    }

    /// Whether a namespace is joined now.
    #[must_use]
    pub fn is_joined(&self, namespace: &str) -> bool {
        Namespace::try_new(namespace).is_ok_and(|namespace| self.shared().state().manager.is_joined(&namespace))
    }
}

/// Sending.
impl Client {
    /// Sends an event with one argument, or queues it while there is no connection.
    ///
    /// # Errors
    /// If it can't be accepted: see [`EmitFailed`]. Many emits without a pause can fill the queue: await
    /// [`flush`](Self::flush) now and then.
    pub fn emit<T: Serialize + ?Sized>(&self, namespace: &str, event: &str, data: &T) -> Result<Emitted, EmitFailed> {
        self.send(Emit::new(Namespace::try_new(namespace)?, event, Payload::from_value(data)?))
    }

    /// Sends an event whose arguments and options are given.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn send(&self, emit: Emit) -> Result<Emitted, EmitFailed> {
        Ok(self.shared().with_manager(|manager, now| manager.emit(now, emit))??)
    }

    /// Sends an event with one argument and waits for its acknowledgement, within
    /// [`Config::ack_timeout`] from now.
    ///
    /// The event is accepted when the future is first polled. Dropping the future later forgets the acknowledgement
    /// and nothing else.
    ///
    /// # Errors
    /// If it can't be accepted, or is not acknowledged.
    pub async fn emit_with_ack<T: Serialize + ?Sized + Sync>(
        &self,
        namespace: &str,
        event: &str,
        data: &T,
    ) -> Result<Payload, AckFailed> {
        let payload = Payload::from_value(data).map_err(EmitFailed::from)?;
        let namespace = Namespace::try_new(namespace).map_err(EmitFailed::from)?;
        self.send_with_ack(Emit::new(namespace, event, payload)).await
    }

    /// As [`emit_with_ack`](Self::emit_with_ack), with a timeout of its own.
    ///
    /// # Errors
    /// As [`emit_with_ack`](Self::emit_with_ack).
    pub async fn emit_with_ack_timeout<T: Serialize + ?Sized + Sync>(
        &self,
        namespace: &str,
        event: &str,
        data: &T,
        timeout: Duration,
    ) -> Result<Payload, AckFailed> {
        let payload = Payload::from_value(data).map_err(EmitFailed::from)?;
        let namespace = Namespace::try_new(namespace).map_err(EmitFailed::from)?;
        self.send_with_ack(Emit::new(namespace, event, payload).with_ack_timeout(timeout)).await
    }

    /// Sends an event whose arguments and options are given, and waits for its acknowledgement.
    ///
    /// # Errors
    /// As [`emit_with_ack`](Self::emit_with_ack).
    pub async fn send_with_ack(&self, mut emit: Emit) -> Result<Payload, AckFailed> {
        emit.ack.get_or_insert(None);
        let accepted = self.shared().act(|state, now| {
            let emitted = state.manager.emit(now, emit)?;
            let (resolve, resolved) = oneshot::channel();
            state.acks.insert(emitted.message, resolve);
            Ok::<_, EmitFailed>(resolved)
        });
        let resolved = accepted.map_err(EmitFailed::from)??;
        Ok(resolved.await.map_err(|_| Closed)??)
    }

    /// Waits until all that was accepted so far, and since, has been handed to the network: however long there is no
    /// connection.
    ///
    /// # Errors
    /// If the client is closed meanwhile.
    pub async fn flush(&self) -> Result<(), Closed> {
        let resolved = self.shared().act(|state, _now| {
            let (resolve, resolved) = oneshot::channel();
            state.flushes.retain(|waiter| !waiter.is_closed());
            state.flushes.push(resolve);
            resolved
        })?;
        resolved.await.map_err(|_| Closed)
    }

    /// The messages in the offline queue, oldest first.
    #[must_use]
    pub fn queue(&self) -> Vec<Queued> {
        let state = self.shared().state();
        let now = self.shared().clock.now();
        let queued = state.manager.queue().map(|message| Queued {
            message: message.message,
            namespace: message.namespace.clone(),
            event: message.event.clone(),
            payload: message.payload.clone(),
            bytes: message.bytes,
            expires_in: message.expires_at.saturating_since(now),
            awaits_ack: message.awaits_ack,
        });
        queued.collect()
    }

    /// Takes a message out of the offline queue, or ends the wait for its acknowledgement.
    ///
    /// # Errors
    /// If there is neither.
    pub fn cancel(&self, message: MessageId) -> Result<Cancelled, CancelError> {
        let cancelled = self.shared().with_manager(|manager, now| manager.cancel(now, message));
        cancelled.unwrap_or(Err(CancelError::Unknown))
    }
}

/// Listening.
impl Client {
    /// Calls `listener` with each event of this name, until the subscription is dropped. Joins the namespace.
    ///
    /// # Errors
    /// If the namespace can't be joined, or the client is closed.
    pub fn on(
        &self,
        namespace: &str,
        event: &str,
        listener: impl FnMut(Event) + Send + 'static,
    ) -> Result<Subscription, ListenFailed> {
        Ok(self.listen(namespace, event, false, Some(Box::new(listener)))?.1)
    }

    /// Calls `listener` with the next event of this name, unless the subscription is dropped before. Joins the
    /// namespace.
    ///
    /// # Errors
    /// As [`on`](Self::on).
    pub fn once(
        &self,
        namespace: &str,
        event: &str,
        listener: impl FnOnce(Event) + Send + 'static,
    ) -> Result<Subscription, ListenFailed> {
        let mut listener = Some(listener);
        let callback = move |event| {
            if let Some(listener) = listener.take() {
                listener(event);
            }
        };
        Ok(self.listen(namespace, event, true, Some(Box::new(callback)))?.1)
    }

    /// Forgets all listeners and ends all streams of an event, detached ones too; gives their number. A single listener
    /// is forgotten through its [`Subscription`].
    pub fn off(&self, namespace: &str, event: &str) -> usize {
        let Ok(namespace) = Namespace::try_new(namespace) else { return 0 };
        let removed = lock(&self.shared().listeners).remove_all(&namespace, event);
        removed.len()
    }

    /// The events of this name as a stream. Joins the namespace.
    ///
    /// # Errors
    /// As [`on`](Self::on).
    pub fn events(&self, namespace: &str, event: &str) -> Result<EventStream, ListenFailed> {
        let (listener, subscription) = self.listen(namespace, event, false, None)?;
        Ok(EventStream::new(listener, subscription))
    }

    /// Calls `listener` with each change of the status.
    pub fn add_status_listener(&self, listener: impl FnMut(StatusChange) + Send + 'static) -> Subscription {
        self.listen_to_status(Some(Box::new(listener))).1
    }

    /// Ends the calls of a status listener, as dropping its subscription does.
    pub fn remove_status_listener(&self, subscription: Subscription) {
        subscription.unsubscribe();
    }

    /// The status as it is, then each change.
    pub fn status(&self) -> StatusStream {
        // Under the state's lock no change can come between the two.
        let state = self.shared().state();
        let (listener, subscription) = self.listen_to_status(None);
        self.shared().deliver_to(&listener, StatusChange { status: state.manager.status(), reason: None });
        StatusStream::new(listener, subscription)
    }

    /// Calls `listener` with each change of the quality.
    pub fn add_quality_listener(&self, listener: impl FnMut(Quality) + Send + 'static) -> Subscription {
        self.listen_to_quality(Some(Box::new(listener))).1
    }

    /// Ends the calls of a quality listener, as dropping its subscription does.
    pub fn remove_quality_listener(&self, subscription: Subscription) {
        subscription.unsubscribe();
    }

    /// The quality as it is, then each change.
    pub fn quality(&self) -> QualityStream {
        let state = self.shared().state();
        let (listener, subscription) = self.listen_to_quality(None);
        self.shared().deliver_to(&listener, state.manager.quality());
        QualityStream::new(listener, subscription)
    }

    /// Calls `listener` with each notice: namespaces joined and left, retries, messages dropped.
    pub fn add_notice_listener(&self, listener: impl FnMut(Notice) + Send + 'static) -> Subscription {
        self.listen_to_notices(Some(Box::new(listener))).1
    }

    /// Notices as a stream.
    pub fn notices(&self) -> NoticeStream {
        let (listener, subscription) = self.listen_to_notices(None);
        NoticeStream::new(listener, subscription)
    }

    fn listen(
        &self,
        namespace: &str,
        event: &str,
        once: bool,
        callback: Option<Callback<Event>>,
    ) -> Result<(Arc<Listener<Event>>, Subscription), ListenFailed> {
        let namespace = Namespace::try_new(namespace)?;
        let listener = self.shared().listener(callback);
        self.shared().act(|state, now| {
            state.manager.join(now, &namespace)?;
            let mut listeners = lock(&self.shared().listeners);
            let key = listeners.add_event(namespace, ByteString::from(event), once, Arc::clone(&listener));
            Ok((listener, Subscription::new(key, self.shared())))
        })?
    }

    fn listen_to_status(
        &self,
        callback: Option<Callback<StatusChange>>,
    ) -> (Arc<Listener<StatusChange>>, Subscription) {
        let listener = self.shared().listener(callback);
        let key = lock(&self.shared().listeners).add_status(Arc::clone(&listener));
        (listener, Subscription::new(key, self.shared()))
    }

    fn listen_to_quality(&self, callback: Option<Callback<Quality>>) -> (Arc<Listener<Quality>>, Subscription) {
        let listener = self.shared().listener(callback);
        let key = lock(&self.shared().listeners).add_quality(Arc::clone(&listener));
        (listener, Subscription::new(key, self.shared()))
    }

    fn listen_to_notices(&self, callback: Option<Callback<Notice>>) -> (Arc<Listener<Notice>>, Subscription) {
        let listener = self.shared().listener(callback);
        let key = lock(&self.shared().listeners).add_notice(Arc::clone(&listener));
        (listener, Subscription::new(key, self.shared()))
    }
}
