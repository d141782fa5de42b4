use std::sync::Arc;

use bytestring::ByteString;

use super::{
    super::{
        error::ListenFailed,
        event::{Event, Notice},
        listeners::{Callback, Listener},
        lock,
        subscription::{EventStream, NoticeStream, QualityStream, StatusStream, Subscription},
    },
    Client,
};
use crate::{
    manager::{Quality, StatusChange},
    socketio::Namespace,
};

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
