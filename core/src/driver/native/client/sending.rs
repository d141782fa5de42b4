use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;

use super::{
    super::{
        durable::DurableEmit,
        error::{AckFailed, Closed, EmitFailed},
        options::Queued,
    },
    Client,
};
use crate::{
    manager::{CancelError, Cancelled, Emit, Emitted, MessageId},
    socketio::{Namespace, Payload},
};

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

    /// Keeps an event with one argument in the store until the server has it, however long there is no connection, and
    /// however often the process ends meanwhile.
    ///
    /// It is accepted, and survives, once [`accepted`](DurableEmit::accepted) says so.
    ///
    /// # Errors
    /// As [`emit`](Self::emit), and if the client has no store.
    pub fn emit_durable<T: Serialize + ?Sized>(
        &self,
        namespace: &str,
        event: &str,
        data: &T,
    ) -> Result<DurableEmit, EmitFailed> {
        self.send_durable(Emit::new(Namespace::try_new(namespace)?, event, Payload::from_value(data)?))
    }

    /// As [`emit_durable`](Self::emit_durable), for an event whose arguments and options are given.
    ///
    /// # Errors
    /// As [`emit_durable`](Self::emit_durable).
    pub fn send_durable(&self, emit: Emit) -> Result<DurableEmit, EmitFailed> {
        self.shared().act(|state, now| {
            let emitted = state.manager.emit(now, emit.durable())?;
            Ok(state.watch(emitted.message))
        })?
    }

    /// Sends an event with one argument and waits for its acknowledgement, within
    /// [`Config::ack_timeout`](crate::manager::Config::ack_timeout) from now.
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
    /// connection. Durable messages are not waited for: they need no living process.
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

    /// Takes a message out of the offline queue, or ends the wait for its acknowledgement. A durable message is not sent
    /// any more, by later processes neither.
    ///
    /// # Errors
    /// If there is neither.
    pub fn cancel(&self, message: MessageId) -> Result<Cancelled, CancelError> {
        let cancelled = self.shared().with_manager(|manager, now| manager.cancel(now, message));
        cancelled.unwrap_or(Err(CancelError::Unknown))
    }
}
