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

use super::{
    Event, EventRejected, SocketInner,
    handlers::{Handler, Middleware},
    namespace::Shared,
};
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

    /// There is one event more. Returns whether the connection is to stop with that.
    fn occupy(&mut self, bytes: usize, shared: &Shared) -> bool {
        self.unfinished += 1;
        self.bytes += bytes;
        let fills = !self.full && (self.unfinished >= shared.event_queue || self.bytes >= shared.event_queue_bytes);
        self.full |= fills;
        fills
    }

    /// The handlers of an event have returned. Returns whether the connection may go on with that.
    fn finish(&mut self, bytes: usize, shared: &Shared) -> bool {
        self.unfinished = self.unfinished.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        let resumes =
            self.full && self.unfinished <= shared.event_queue / 2 && self.bytes <= shared.event_queue_bytes / 2;
        self.full &= !resumes;
        resumes
    }

    /// The next item for the dispatcher. Where there is none, and no handler runs, it is done.
    fn next(&mut self, running: bool) -> Option<Item> {
        let item = self.items.pop_front();
        if item.is_none() && !running {
            self.items = VecDeque::new();
            self.dispatching = false;
            self.dispatcher = None;
        }
        item
    }
}

impl SocketInner {
    /// Counts an event that runs elsewhere, until it has [`finished`](Self::finished).
    pub(super) fn occupy(&self, bytes: usize) {
        let fills = self.queue.lock().occupy(bytes, &self.namespace.shared);
        if fills {
            self.connection.pause();
        }
    }

    pub(super) fn enqueue(self: &Arc<Self>, item: Item) {
        let shared = &self.namespace.shared;
        let mut queue = self.queue.lock();
        let fills = match &item {
            Item::Event(event) => queue.occupy(event.size(), shared),
            Item::Disconnect(_) => false,
        };
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
        if let Some(first) = first {
            self.dispatch(first);
        }
    }

    /// The handlers are registered: starts what has come meanwhile.
    pub(super) fn open_queue(self: &Arc<Self>) {
        let mut queue = self.queue.lock();
        queue.closed = false;
        let starts = !queue.dispatching && !queue.items.is_empty();
        queue.dispatching |= starts;
        let first = if starts { queue.next(false) } else { None };
        drop(queue);
        if let Some(first) = first {
            self.dispatch(first);
        }
    }

    /// Takes items to their handlers. Those that need not wait are done when this returns; for
    /// others a dispatcher goes on as a task of its own, until there is nothing left to do.
    fn dispatch(self: &Arc<Self>, first: Item) {
        // Whatever is pending is polled again by the task, with the task's own waker.
        let mut cx = Context::from_waker(Waker::noop());
        let mut item = first;
        for _ in 0..BUDGET {
            let done = match item {
                Item::Event(event) => {
                    let bytes = event.size();
                    match self.begin(event, &mut cx) {
                        Begun::Done => Some(bytes),
                        begun => return self.spawn_dispatcher(begun),
                    }
                }
                Item::Disconnect(reason) => {
                    self.run_disconnect(reason);
                    None
                }
            };
            let mut queue = self.queue.lock();
            let resumes = done.is_some_and(|bytes| queue.finish(bytes, &self.namespace.shared));
            let next = queue.next(false);
            drop(queue);
            if resumes {
                self.connection.resume();
            }
            match next {
                Some(next) => item = next,
                None => return,
            }
        }
        self.queue.lock().items.push_front(item);
        self.spawn_dispatcher(Begun::Done);
    }

    fn spawn_dispatcher(self: &Arc<Self>, begun: Begun) {
        let mut dispatcher = Dispatcher { socket: Arc::clone(self), running: None, stage: Stage::Next };
        dispatcher.go_on(begun);
        self.connection.engine.tasks.spawn(dispatcher);
    }

    /// Takes an event to the middleware or, where there is none, to its handlers.
    fn begin(self: &Arc<Self>, event: Event, cx: &mut Context<'_>) -> Begun {
        let handlers = self.handlers.lock();
        if handlers.middleware.is_empty() {
            let matching = handlers.matching(event.name());
            drop(handlers);
            return self.start(event, matching, cx);
        }
        let middleware = handlers.middleware.clone();
        drop(handlers);
        let mut check = check(Arc::clone(self), middleware, event.clone()).boxed();
        match check.poll_unpin(cx) {
            Poll::Pending => Begun::Checking(event, check),
            Poll::Ready(true) => {
                let matching = self.handlers.lock().matching(event.name());
                self.start(event, matching, cx)
            }
            Poll::Ready(false) => Begun::Done,
        }
    }

    /// Starts the handlers of an event and runs them to their first suspension.
    fn start(self: &Arc<Self>, event: Event, mut matching: SmallVec<[Handler; 2]>, cx: &mut Context<'_>) -> Begun {
        let bytes = event.size();
        let mut handlers = SmallVec::new();
        let mut start = |handler: Handler, event| match catch_unwind(AssertUnwindSafe(|| handler(event))) {
            Ok(handling) => handlers.push(AssertUnwindSafe(handling).catch_unwind()),
            Err(_) => self.panicked("a handler"),
        };
        let last = matching.pop();
        for handler in matching {
            start(handler, event.clone());
        }
        match last {
            Some(last) => start(last, event),
            None => self.namespace.shared.metrics.events_unhandled.increment(),
        }
        if self.poll_handlers(&mut handlers, cx).is_ready() {
            return Begun::Done;
        }
        Begun::Running(Running { socket: Arc::clone(self), handlers, bytes })
    }

    /// Polls the handlers of one event; ready when all have returned.
    fn poll_handlers(&self, handlers: &mut SmallVec<[Handling; 1]>, cx: &mut Context<'_>) -> Poll<()> {
        handlers.retain(|handler| match handler.poll_unpin(cx) {
            Poll::Pending => true,
            Poll::Ready(result) => {
                if result.is_err() {
                    self.panicked("a handler");
                }
                false
            }
        });
        if handlers.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// The handlers of an event have returned.
    pub(super) fn finished(&self, bytes: usize) {
        let resumes = self.queue.lock().finish(bytes, &self.namespace.shared);
        if resumes {
            self.connection.resume();
        }
    }

    pub(super) fn panicked(&self, what: &str) {
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

/// What became of an event that was begun.
enum Begun {
    /// Its handlers have returned.
    Done,
    /// Middleware looks at it.
    Checking(Event, BoxFuture<'static, bool>),
    /// Its handlers wait for something.
    Running(Running),
}

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
        this.socket.poll_handlers(&mut this.handlers, cx)
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
                        let bytes = event.size();
                        if passed {
                            let matching = this.socket.handlers.lock().matching(event.name());
                            let begun = this.socket.start(event, matching, cx);
                            this.begun(begun, bytes);
                        } else {
                            this.socket.finished(bytes);
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
                Some(Poll::Ready(Item::Event(event))) => {
                    let bytes = event.size();
                    let begun = this.socket.begin(event, cx);
                    this.begun(begun, bytes);
                }
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
        let running = self.running.as_ref().is_some_and(|running| !running.is_empty());
        let mut queue = self.socket.queue.lock();
        match queue.next(running) {
            Some(item) => Some(Poll::Ready(item)),
            None if running => {
                queue.dispatcher = Some(cx.waker().clone());
                Some(Poll::Pending)
            }
            None => None,
        }
    }

    fn begun(&mut self, begun: Begun, bytes: usize) {
        match begun {
            Begun::Done => self.socket.finished(bytes),
            begun => self.go_on(begun),
        }
    }

    /// Takes over an event that is not done.
    fn go_on(&mut self, begun: Begun) {
        match begun {
            Begun::Done => {}
            Begun::Checking(event, check) => self.stage = Stage::Checking(event, check),
            Begun::Running(running) if self.socket.ordered.load(Ordering::Acquire) => {
                self.stage = Stage::Ordered(running);
            }
            Begun::Running(running) => self.running.get_or_insert_default().push(running),
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
