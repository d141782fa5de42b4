use std::{future::Future, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use smallvec::SmallVec;

use super::{Event, EventRejected};
use crate::session::DisconnectReason;

pub(super) type Handler = Arc<dyn Fn(Event) -> BoxFuture<'static, ()> + Send + Sync>;
pub(super) type Middleware = Arc<dyn Fn(Event) -> BoxFuture<'static, Result<(), EventRejected>> + Send + Sync>;
pub(super) type OnDisconnect = Box<dyn FnOnce(DisconnectReason) + Send>;

/// What an application registered on a socket.
#[derive(Default)]
pub(super) struct Handlers {
    /// Few, so a list is smaller and quicker than a map. Named ones and, without name, those for
    /// any event.
    events: Vec<(Option<Box<str>>, Handler)>,
    pub(super) middleware: Vec<Middleware>,
    pub(super) disconnect: Vec<OnDisconnect>,
}

impl Handlers {
    pub(super) fn add(&mut self, name: Option<&str>, handler: Handler) {
        self.events.push((name.map(Box::from), handler));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.events.retain(|(known, _)| known.as_deref() != Some(name));
    }

    /// Those for an event, in order of registration.
    pub(super) fn matching(&self, name: &str) -> SmallVec<[Handler; 2]> {
        let matches = |known: &Option<Box<str>>| known.as_deref().is_none_or(|known| known == name);
        self.events.iter().filter(|(known, _)| matches(known)).map(|(_, handler)| Arc::clone(handler)).collect()
    }
}

pub(super) fn handler<F, R>(handler: F) -> Handler
where
    F: Fn(Event) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    Arc::new(move |event| handler(event).boxed())
}

pub(super) fn middleware<F, R>(middleware: F) -> Middleware
where
    F: Fn(Event) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), EventRejected>> + Send + 'static,
{
    Arc::new(move |event| middleware(event).boxed())
}
