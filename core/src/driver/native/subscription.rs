use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use futures_util::Stream;

use super::{
    event::{Event, Notice},
    listeners::{Listener, ListenerKey},
    lock,
    shared::Shared,
};
use crate::manager::{Quality, StatusChange};

/// A registered callback. Dropping it unsubscribes; [`detach`](Self::detach) lets the callback stay for as long as the
/// client.
///
/// After unsubscribing the callback is not called again, but for a call that is under way on another thread.
#[derive(Debug)]
#[must_use = "dropping a subscription unsubscribes: keep it, or detach it"]
pub struct Subscription {
    key: Option<ListenerKey>,
    shared: Weak<Shared>,
}

impl Subscription {
    /// Of a client that was closed before, there is no key.
    pub(super) fn new(key: Option<ListenerKey>, shared: &Arc<Shared>) -> Self {
        Self { key, shared: Arc::downgrade(shared) }
    }

    /// Ends the calls, as dropping does.
    pub fn unsubscribe(self) {
        drop(self);
    }

    /// Keeps the callback until the client is closed, or `off` is called for its event. A callback that holds its
    /// [`Client`](super::Client) keeps that client alive until then.
    pub fn detach(mut self) {
        self.key = None;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let (Some(key), Some(shared)) = (self.key.take(), self.shared.upgrade()) {
            let removed = lock(&shared.listeners).remove(&key);
            drop(removed); // it may hold anything: not under the lock
        }
    }
}

macro_rules! streams {
    ($($(#[$doc:meta])* $name:ident of $item:ty;)*) => {$(
        $(#[$doc])*
        ///
        /// Ends when the client is closed. Dropping it unsubscribes.
        #[must_use = "a stream does nothing unless polled"]
        pub struct $name {
            listener: Arc<Listener<$item>>,
            _subscription: Subscription,
        }

        impl $name {
            pub(super) fn new(listener: Arc<Listener<$item>>, subscription: Subscription) -> Self {
                Self { listener, _subscription: subscription }
            }

            /// The next item, for those who do without stream combinators. `None` when the client is closed. Dropping
            /// the future loses nothing.
            pub async fn recv(&mut self) -> Option<$item> {
                std::future::poll_fn(|cx| self.listener.poll_next(cx)).await
            }
        }

        impl Stream for $name {
            type Item = $item;

            fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<$item>> {
                self.listener.poll_next(cx)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

streams! {
    /// Events of one name in one namespace, in the order in which they came.
    EventStream of Event;
    /// The status as it is, then each change.
    StatusStream of StatusChange;
    /// The quality as it is, then each change.
    QualityStream of Quality;
    /// Notices, in order.
    NoticeStream of Notice;
}
