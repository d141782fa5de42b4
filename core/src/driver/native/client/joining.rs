use tokio::sync::oneshot;

use super::{
    super::error::{Closed, JoinFailed},
    Client,
};
use crate::{
    manager::{JoinProgress, LeaveError, LeaveReason},
    socketio::Namespace,
};

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
