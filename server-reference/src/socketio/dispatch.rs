use std::{
    collections::VecDeque,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
};

use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, CatchUnwind},
    stream::FuturesUnordered,
};
use smallvec::SmallVec;

use super::{Event, EventRejected, SocketInner, handlers::Middleware};
use crate::session::DisconnectReason;

/// The most items that a dispatcher takes before it lets other tasks run.
const BUDGET: usize = 64;

/// What waits for a socket's handlers.
pub(super) enum Item {
    Event(Event),
    Disconnect(DisconnectReason),
}

/// The events of one socket whose handlers have not returned.
pub(super) struct EventQueue {
    items: VecDeque<Item>,
    /// Handlers are being registered: nothing starts yet.
    closed: bool,
    /// There is a dispatcher, which sees new items by itself.
    dispatching: bool,
    dispatcher: Option<Waker>,
    /// Events queued or running, and their bytes.
    unfinished: usize,
    bytes: usize,
    full: bool,
}

impl EventQueue {
    /// A queue that takes items, and starts none before it is opened.
    pub(super) fn closed() -> Self {
        Self {
            items: VecDeque::new(),
            closed: true,
            dispatching: false,
            dispatcher: None,
            unfinished: 0,
            bytes: 0,
            full: false,
        }
    }
}

impl SocketInner {
    pub(super) fn enqueue(self: &Arc<Self>, item: Item) {
        let shared = &self.namespace.shared;
        let mut queue = self.queue.lock();
        if let Item::Event(event) = &item {
            queue.unfinished += 1;
            queue.bytes += event.size();
        }
        let fills = !queue.full && (queue.unfinished >= shared.event_queue || queue.bytes >= shared.event_queue_bytes);
        queue.full |= fills;
        let starts = !queue.closed && !queue.dispatching;
        let first = if starts {
            queue.dispatching = true;
            Some(item)
        } else {
            queue.items.push_back(item);
            if let Some(waker) = queue.dispatcher.take() {
                waker.wake();
            }
            None
        };
        drop(queue);
        if fills {
            self.connection.pause();
        }
        if starts {
            self.dispatch(first);
        }
    }

    /// The handlers are registered: starts what has come meanwhile.
    pub(super) fn open_queue(self: &Arc<Self>) {
        let mut queue = self.queue.lock();
        queue.closed = false;
        let starts = !queue.dispatching && !queue.items.is_empty();
        queue.dispatching |= starts;
        drop(queue);
        if starts {
            self.dispatch(None);
        }
    }

    /// Starts a dispatcher. Handlers that need not wait are done when this returns; for others it
    /// becomes a task of its own, which ends when there is nothing left to do.
    fn dispatch(self: &Arc<Self>, first: Option<Item>) {
        let mut dispatcher = Dispatcher { socket: Arc::clone(self), first, running: None, stage: Stage::Next };
        // Whatever is pending is polled again by the task, with the task's own waker.
        if Pin::new(&mut dispatcher).poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.connection.engine.tasks.spawn(dispatcher);
        }
    }

    /// The handlers of an event have returned.
    fn finished(&self, bytes: usize) {
        let shared = &self.namespace.shared;
        let mut queue = self.queue.lock();
        queue.unfinished = queue.unfinished.saturating_sub(1);
        queue.bytes = queue.bytes.saturating_sub(bytes);
        let resumes =
            queue.full && queue.unfinished <= shared.event_queue / 2 && queue.bytes <= shared.event_queue_bytes / 2;
        if resumes {
            queue.full = false;
        }
        drop(queue);
        if resumes {
            self.connection.resume();
        }
    }

    fn panicked(&self, what: &str) {
        self.namespace.shared.metrics.handler_panics.increment();
        tracing::error!(socket = %self.id, namespace = %self.namespace.name, "{what} panicked");
    }

    fn run_disconnect(&self, reason: DisconnectReason) {
        let callbacks = std::mem::take(&mut self.handlers.lock().disconnect);
        for callback in callbacks {
            if catch_unwind(AssertUnwindSafe(|| callback(reason))).is_err() {
                self.panicked("an on_disconnect callback");
            }
        }
        // Handlers often hold their socket: it would never be freed.
        let handlers = std::mem::take(&mut *self.handlers.lock());
        drop(handlers);
    }
}

type Handling = CatchUnwind<AssertUnwindSafe<BoxFuture<'static, ()>>>;

/// The handlers of one event that have not returned.
struct Running {
    socket: Arc<SocketInner>,
    handlers: SmallVec<[Handling; 1]>,
    bytes: usize,
}

impl Future for Running {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.handlers.retain(|handler| match handler.poll_unpin(cx) {
            Poll::Pending => true,
            Poll::Ready(result) => {
                if result.is_err() {
                    this.socket.panicked("a handler");
                }
                false
            }
        });
        if this.handlers.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.socket.finished(self.bytes);
    }
}

enum Stage {
    /// The next event may start.
    Next,
    /// Middleware looks at an event.
    Checking(Event, BoxFuture<'static, bool>),
    /// In ordered mode: the handlers of an event have not returned.
    Ordered(Running),
}

/// Runs the handlers of one socket.
struct Dispatcher {
    socket: Arc<SocketInner>,
    first: Option<Item>,
    running: Option<FuturesUnordered<Running>>,
    stage: Stage,
}

impl Future for Dispatcher {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        for _ in 0..BUDGET {
            if let Some(running) = &mut this.running {
                while let Poll::Ready(Some(())) = running.poll_next_unpin(cx) {}
            }
            match &mut this.stage {
                Stage::Next => {}
                Stage::Checking(event, check) => match check.poll_unpin(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(passed) => {
                        let event = event.clone();
                        this.stage = Stage::Next;
                        if passed {
                            this.start(&event, cx);
                        } else {
                            this.socket.finished(event.size());
                        }
                        continue;
                    }
                },
                Stage::Ordered(running) => {
                    if running.poll_unpin(cx).is_pending() {
                        return Poll::Pending;
                    }
                    this.stage = Stage::Next;
                }
            }
            match this.next(cx) {
                Some(Poll::Ready(Item::Event(event))) => this.begin(event, cx),
                Some(Poll::Ready(Item::Disconnect(reason))) => this.socket.run_disconnect(reason),
                Some(Poll::Pending) => return Poll::Pending,
                None => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Dispatcher {
    /// The next item; pending while handlers run, nothing when there is nothing left to do.
    fn next(&mut self, cx: &Context<'_>) -> Option<Poll<Item>> {
        if let Some(first) = self.first.take() {
            return Some(Poll::Ready(first));
        }
        let mut queue = self.socket.queue.lock();
        if let Some(item) = queue.items.pop_front() {
            return Some(Poll::Ready(item));
        }
        if self.running.as_ref().is_some_and(|running| !running.is_empty()) {
            queue.dispatcher = Some(cx.waker().clone());
            return Some(Poll::Pending);
        }
        queue.items = VecDeque::new();
        queue.dispatching = false;
        queue.dispatcher = None;
        None
    }

    fn begin(&mut self, event: Event, cx: &mut Context<'_>) {
        let middleware = self.socket.handlers.lock().middleware.clone();
        if middleware.is_empty() {
            self.start(&event, cx);
        } else {
            let check = check(Arc::clone(&self.socket), middleware, event.clone()).boxed();
            self.stage = Stage::Checking(event, check);
        }
    }

    /// Starts the handlers of an event and runs them to their first suspension.
    fn start(&mut self, event: &Event, cx: &mut Context<'_>) {
        let mut running = Running { socket: Arc::clone(&self.socket), handlers: SmallVec::new(), bytes: event.size() };
        let matching = self.socket.handlers.lock().matching(event.name());
        if matching.is_empty() {
            self.socket.namespace.shared.metrics.events_unhandled.increment();
        }
        for handler in matching {
            match catch_unwind(AssertUnwindSafe(|| handler(event.clone()))) {
                Ok(handling) => running.handlers.push(AssertUnwindSafe(handling).catch_unwind()),
                Err(_) => self.socket.panicked("a handler"),
            }
        }
        if running.poll_unpin(cx).is_ready() {
            return;
        }
        if self.socket.ordered.load(Ordering::Acquire) {
            self.stage = Stage::Ordered(running);
        } else {
            self.running.get_or_insert_default().push(running);
        }
    }
}

/// Runs the middleware of an event, one after another, until one refuses it.
async fn check(socket: Arc<SocketInner>, middleware: Vec<Middleware>, event: Event) -> bool {
    for step in middleware {
        let checking = AssertUnwindSafe(async { step(event.clone()).await }).catch_unwind();
        let result: Result<Result<(), EventRejected>, _> = checking.await;
        match result {
            Ok(Ok(())) => {}
            Ok(Err(rejected)) => {
                socket.namespace.shared.metrics.events_refused.increment();
                tracing::debug!(socket = %socket.id, event = ?event.name(), reason = ?rejected.to_string(), "event refused");
                return false;
            }
            Err(_) => {
                socket.panicked("a middleware");
                return false;
            }
        }
    }
    true
}
