use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::{Rc, Weak},
    time::Duration,
};

use wasm_bindgen::JsValue;

use super::{
    clock::{Clock, wall_clock},
    socket::{Socket, WebSocket, text_of},
    timer::{self, Timer},
};
use crate::{
    manager::{
        Config, ConnectionId, Event, Manager, Output, StoreEvent, StoreRequest, TokenReason, TokenRequest,
        TransportEvent, TransportFailure, TransportFailureKind, TransportRequest,
    },
    time::Timestamp,
};

/// How long a host that takes no more is left alone before its buffer is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What is above a driver. Its methods are called outside of any borrow, and may call the driver.
pub trait Application {
    /// Is told what happened, in order.
    fn handle_event(&self, event: Event);

    /// Is asked for a token; [`Manager::provide_token`] takes the answer, now or later.
    fn need_token(&self, request: TokenRequest, reason: TokenReason);

    /// Has the store do something; [`Driver::handle_store`] takes the answer, now or later. Comes only if
    /// [`Config::has_store`]. Default: nothing.
    fn store(&self, _request: StoreRequest) {}

    /// Opens a WebSocket. Default: with the host's global constructor.
    ///
    /// What is opened here may have read the arguments of a frame, and then hands it to [`Driver::handle_event_frame`]
    /// instead of its `onmessage`. Where [`HostArgs`](crate::socketio::HostArgs) that hold a `JsValue` are emitted, it
    /// needs a method `sendEvent(head, args, tail)`, which sends `head + args + tail + "]"`.
    ///
    /// # Errors
    /// What the constructor throws, or says of there being none.
    fn open_socket(&self, _connection: ConnectionId, url: &str) -> Result<WebSocket, JsValue> {
        WebSocket::new(url)
    }

    /// Has a function called after so many milliseconds; gives what names the call. Default: the host's `setTimeout`.
    fn set_timeout(&self, callback: &JsValue, delay: f64) -> JsValue {
        timer::set_timeout(callback, delay)
    }

    /// Ends that. Default: the host's `clearTimeout`.
    fn clear_timeout(&self, timeout: &JsValue) {
        timer::clear_timeout(timeout);
    }
}

/// Drives one client. Clones are handles of the same one; when the last is dropped, socket and timer are closed.
#[derive(Clone)]
pub struct Driver {
    inner: Rc<Inner>,
}

struct Inner {
    manager: RefCell<Manager>,
    application: Rc<dyn Application>,
    socket: RefCell<Option<(ConnectionId, Socket)>>,
    clock: Clock,
    timer: Timer,
    /// Outputs are being carried out, further up the stack. New ones are left to that.
    running: Cell<bool>,
}

impl Driver {
    /// A client at rest. The application is shared with whoever made it.
    pub fn new(config: Config, application: Rc<dyn Application>) -> Self {
        // Jitter has to differ between clients, not to be secret.
        let seed = (js_sys::Math::random().to_bits() << 8) ^ js_sys::Date::now().to_bits();
        let clock = Clock::start();
        let mut manager = Manager::new(config, seed);
        manager.set_wall_clock(clock.now(), wall_clock());
        let inner = Rc::new_cyclic(|weak: &Weak<Inner>| {
            let due = weak.clone();
            Inner {
                manager: RefCell::new(manager),
                application,
                socket: RefCell::new(None),
                clock,
                timer: Timer::new(move || {
                    if let Some(inner) = due.upgrade() {
                        inner.handle_timeout();
                    }
                }),
                running: Cell::new(false),
            }
        });
        Self { inner }
    }

    /// Has the manager do something, and carries out what follows. The closure must not call the driver.
    pub fn with_manager<R>(&self, act: impl FnOnce(&mut Manager, Timestamp) -> R) -> R {
        let now = self.inner.clock.now();
        let result = act(&mut self.inner.manager.borrow_mut(), now);
        self.inner.carry_out(now);
        result
    }

    /// An event or ack came on a connection whose arguments the socket has read: the frame's text with nothing but the
    /// event's name among them, the arguments, and the length of the frame in UTF-16 units.
    ///
    /// Behind the text may stand, each behind a line feed, `last` and `unique` of [`TransportEvent::HostFrame`], empty
    /// for none: one text is read from the host faster than three.
    pub fn handle_event_frame(&self, connection: ConnectionId, text: String, args: JsValue, length: usize) {
        let socket = self.inner.socket.borrow();
        // What a socket still says that was given up counts for nothing.
        let Some((_, open)) = socket.as_ref().filter(|(of, _)| *of == connection) else { return };
        let event = open.event(text, args, length);
        drop(socket);
        self.inner.report(connection, event);
    }

    /// What the store reports of [`Application::store`].
    pub fn handle_store(&self, event: StoreEvent) {
        self.with_manager(|manager, now| manager.handle_store(now, event));
    }

    /// The time of now, as the manager is given it.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Looks at the manager.
    pub fn read<R>(&self, look: impl FnOnce(&Manager) -> R) -> R {
        look(&self.inner.manager.borrow())
    }
}

impl Inner {
    fn handle_timeout(self: &Rc<Self>) {
        self.timer.fired();
        let now = self.clock.now();
        let mut manager = self.manager.borrow_mut();
        if self.clock.slept() {
            manager.set_wall_clock(now, wall_clock());
            manager.woke(now);
        }
        manager.handle_timeout(now);
        drop(manager);
        self.carry_out(now);
    }

    fn report(self: &Rc<Self>, connection: ConnectionId, event: TransportEvent) {
        let is_over = matches!(event, TransportEvent::Closed { .. } | TransportEvent::Failed(_));
        let now = self.clock.now();
        self.manager.borrow_mut().handle_transport(now, connection, event);
        if is_over {
            self.hang_up(connection);
        }
        self.carry_out(now);
    }

    /// Does what the manager says until it says nothing more. The clock was read on the way in: reading it costs as much as
    /// a small event, and what passes meanwhile is the application's time.
    fn carry_out(self: &Rc<Self>, now: Timestamp) {
        if self.running.replace(true) {
            return;
        }
        loop {
            let output = self.manager.borrow_mut().poll_output();
            match output {
                Some(output) => self.carry_out_one(output),
                None if self.report_flushed(now) => {}
                None => break,
            }
        }
        self.running.set(false);
        let look_again =
            self.socket.borrow().as_ref().filter(|(_, socket)| socket.is_behind()).map(|_| now + LOOK_AGAIN);
        let deadline = self.manager.borrow().poll_timeout().into_iter().chain(look_again).min();
        self.timer.arm(deadline, now, &*self.application);
    }

    fn carry_out_one(self: &Rc<Self>, output: Output) {
        match output {
            Output::Connect { connection, request } => self.connect(connection, &request),
            Output::Transmit { connection, frame, args, tail } => {
                let socket = self.socket.borrow();
                let sent = socket
                    .as_ref()
                    .filter(|(of, _)| *of == connection)
                    .map(|(_, socket)| socket.send(&frame, args.as_ref(), &tail));
                drop(socket);
                if let Some(Err(failure)) = sent {
                    self.hang_up(connection);
                    self.fail(connection, failure);
                }
            }
            Output::Close { connection } => self.hang_up(connection),
            Output::NeedToken { request, reason } => self.application.need_token(request, reason),
            Output::Store(request) => self.application.store(request),
            Output::Event(event) => self.application.handle_event(event),
            // Scripts can't send pings, which `Opened` said.
            Output::Ping { .. } => {}
        }
    }

    fn connect(self: &Rc<Self>, connection: ConnectionId, request: &TransportRequest) {
        let raw = match self.application.open_socket(connection, &request.url) {
            Ok(raw) => raw,
            Err(error) => {
                return self.fail(connection, TransportFailure::new(TransportFailureKind::Unknown, text_of(&error)));
            }
        };
        let weak = Rc::downgrade(self);
        let socket = Socket::new(raw, request.max_frame_bytes, move |event| {
            if let Some(inner) = weak.upgrade() {
                inner.report(connection, event);
            }
        });
        let _given_up = self.socket.replace(Some((connection, socket)));
    }

    /// The manager hears of a failure, and what follows is carried out by the loop that is running.
    fn fail(&self, connection: ConnectionId, failure: TransportFailure) {
        self.manager.borrow_mut().handle_transport(self.clock.now(), connection, TransportEvent::Failed(failure));
    }

    fn hang_up(&self, connection: ConnectionId) {
        let given_up = self.socket.borrow_mut().take_if(|(of, _)| *of == connection);
        drop(given_up);
    }

    /// Whether the manager was told that the host took frames.
    fn report_flushed(&self, now: Timestamp) -> bool {
        let flushed = self.socket.borrow().as_ref().map(|(connection, socket)| (*connection, socket.take_flushed()));
        match flushed {
            Some((connection, frames)) if frames > 0 => {
                let event = TransportEvent::Flushed { frames };
                self.manager.borrow_mut().handle_transport(now, connection, event);
                true
            }
            _ => false,
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.timer.arm(None, Timestamp::ZERO, &*self.application);
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}
