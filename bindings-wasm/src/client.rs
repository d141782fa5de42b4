use std::{panic, rc::Rc};

use js_sys::{Array, Function, Object, Uint8Array};
use nexus_core::{
    driver::web::{Application, Driver},
    manager::{
        Cancelled, ConnectionId, Credentials, Delivery, Emit, EmitOutcome, JoinProgress, Manager, MessageId, ReplyId,
        StoreAnswer, StoreError, StoreEvent, StoreTicket, Token, TokenFailure, TokenRequest, TokenRequestError,
    },
    socketio::{Namespace, Payload},
};
use wasm_bindgen::prelude::*;

use crate::{
    convert,
    errors::{Failure, Kind},
    hooks::Hooks,
    object::duration,
    options,
    shell::Shell,
    store,
};

/// What servers take that say nothing else. Before there is a server, a text that could be over it is counted, too.
const SAFE_FRAME_BYTES: u64 = 1_000_000;
/// More than namespace, id and name of an event have, but for long names.
const ROOM_FOR_HEAD: u64 = 1024;
/// Of the flags of an emit, above the delivery class.
const MAY_END_IN_MARKER: u32 = 4;

/// Has the function called with the text of a panic, before the call that panicked throws.
#[wasm_bindgen(js_name = onPanic)]
pub fn on_panic(callback: Function) {
    panic::set_hook(Box::new(move |panic| {
        let _thrown = callback.call1(&JsValue::UNDEFINED, &JsValue::from(panic.to_string()));
    }));
}

/// One client: the manager, its driver, and what is listened to.
#[wasm_bindgen]
pub struct Client {
    driver: Driver,
    shell: Rc<Shell>,
}

#[wasm_bindgen]
impl Client {
    /// A client at rest.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &Object, hooks: Hooks) -> Result<Client, JsValue> {
        let shell = Shell::new(hooks);
        match options::config(options) {
            Ok(config) => Ok(Self { driver: Driver::new(config, Rc::clone(&shell) as Rc<dyn Application>), shell }),
            Err(failure) => Err(failure.into_js(&shell.hooks)),
        }
    }

    /// Without a token, `needToken` is called for one. Gives the ticket for `connectResolved`.
    pub fn connect(&self, user_id: String, token: Option<String>) -> Result<f64, JsValue> {
        let credentials = token.map_or(Credentials::Provider, |token| Credentials::Token(token.into()));
        let ticket = self.driver.with_manager(|manager, now| manager.connect(now, user_id, credentials));
        self.thrown(ticket).map(|ticket| ticket.as_u64() as f64)
    }

    /// Answers `needToken`. An answer that nobody waits for any more is ignored.
    #[wasm_bindgen(js_name = provideToken)]
    pub fn provide_token(&self, request: f64, token: String) {
        let answered = self.answer_token(request, Ok(Token::from(token)));
        if answered == Err(TokenRequestError::TooLong) {
            self.refuse_token(request, "the token is too long".to_owned(), true);
        }
    }

    /// Answers `needToken` with a failure.
    #[wasm_bindgen(js_name = refuseToken)]
    pub fn refuse_token(&self, request: f64, message: String, is_final: bool) {
        let _nobody_waits = self.answer_token(request, Err(TokenFailure { message, is_final }));
    }

    /// Ends the connection until `connect` is called again.
    pub fn disconnect(&self) {
        self.driver.with_manager(Manager::disconnect);
    }

    /// Ends everything: what waits is resolved, and nothing is listened to any more.
    pub fn close(&self) {
        self.disconnect();
        self.shell.channels.borrow_mut().clear();
    }

    /// Whether it was joined already.
    pub fn join(&self, namespace: &str) -> Result<bool, JsValue> {
        let namespace = self.namespace(Kind::Join, namespace)?;
        let joined = self.driver.with_manager(|manager, now| manager.join(now, &namespace));
        self.thrown(joined).map(|progress| progress == JoinProgress::Joined)
    }

    /// Leaves a namespace.
    pub fn leave(&self, namespace: &str) -> Result<(), JsValue> {
        let namespace = self.namespace(Kind::Join, namespace)?;
        let left = self.driver.with_manager(|manager, now| manager.leave(now, &namespace));
        self.thrown(left)
    }

    /// Whether a namespace is joined now.
    #[wasm_bindgen(js_name = isJoined)]
    pub fn is_joined(&self, namespace: &str) -> bool {
        Namespace::try_new(namespace).is_ok_and(|namespace| self.driver.read(|manager| manager.is_joined(&namespace)))
    }

    /// Whether a namespace is joined on a server that tells repeats of events by itself, so that `handleEventFrame` need
    /// not say what tells its events from others.
    #[wasm_bindgen(js_name = isNegotiated)]
    pub fn is_negotiated(&self, namespace: &str) -> bool {
        Namespace::try_new(namespace)
            .is_ok_and(|namespace| self.driver.read(|manager| manager.is_negotiated(&namespace)))
    }

    /// Has `receive` called with events of this name, and joins the namespace. Gives the channel that they come in.
    pub fn listen(&self, namespace: &str, event: &str) -> Result<u32, JsValue> {
        let namespace = self.namespace(Kind::Join, namespace)?;
        let joined = self.driver.with_manager(|manager, now| manager.join(now, &namespace));
        self.thrown(joined)?;
        Ok(self.shell.channels.borrow_mut().open(namespace, event))
    }

    /// Has it called no more.
    pub fn unlisten(&self, channel: u32) {
        self.shell.channels.borrow_mut().close(channel);
    }

    /// An event or acknowledgement came on a connection, of whose frame `args` are the arguments, `text` is the rest, and
    /// `length` the length in UTF-16 units. Behind the rest may stand, each behind a line feed, the JSON text of the last
    /// argument, and what tells the event from others; see [`Driver::handle_event_frame`].
    #[wasm_bindgen(js_name = handleEventFrame)]
    pub fn handle_event_frame(&self, connection: f64, text: String, args: JsValue, length: usize) {
        self.driver.handle_event_frame(ConnectionId::from_u64(connection as u64), text, args, length);
    }

    /// Gives a number for the name of an event that is emitted: texts are costly to read. Numbers count from 0.
    pub fn name(&self, namespace: &str, event: &str) -> Result<usize, JsValue> {
        let namespace = self.namespace(Kind::Emit, namespace)?;
        let mut names = self.shell.names.borrow_mut();
        names.push((namespace, event.into()));
        Ok(names.len() - 1)
    }

    /// Forgets all such numbers.
    #[wasm_bindgen(js_name = forgetNames)]
    pub fn forget_names(&self) {
        self.shell.names.borrow_mut().clear();
    }

    /// `name` is what [`name`](Self::name) gave; `args` is the text of the arguments, with commas between, and `size` its
    /// length in UTF-16 units, of which `byteLength` is asked for the bytes where that decides. `flags`: 0 buffered, 1
    /// volatile, 2 durable, and 4 more if the last argument may look like a marker of the protocol. `ttl` is in
    /// milliseconds, NaN for the default; `ack` as well: NaN asks for none, less than zero for one within the default time.
    ///
    /// Gives the message's id times four, plus 0 if it was transmitted, 1 if queued, 2 if dropped, 3 if it goes to the
    /// store: one number, as an object would have to be made for each emit.
    #[expect(clippy::too_many_arguments, reason = "an object of options would have to be made and read for each emit")]
    pub fn emit(
        &self,
        name: usize,
        args: JsValue,
        size: usize,
        attachments: Option<Vec<Uint8Array>>,
        flags: u32,
        ttl: f64,
        ack: f64,
    ) -> Result<f64, JsValue> {
        let Some((namespace, event)) = self.shell.names.borrow().get(name).cloned() else {
            return Err(JsValue::UNDEFINED);
        };
        let payload = self.payload(Kind::Emit, args, size, attachments, flags & MAY_END_IN_MARKER != 0)?;
        let mut emit = Emit::new(namespace, event, payload);
        emit.delivery = match flags % MAY_END_IN_MARKER {
            0 => Delivery::Buffered,
            1 => Delivery::Volatile,
            _ => Delivery::Durable,
        };
        emit.ttl = (!ttl.is_nan()).then(|| duration(ttl));
        emit.ack = (!ack.is_nan()).then(|| (ack >= 0.0).then(|| duration(ack)));
        let emitted = self.thrown(self.driver.with_manager(|manager, now| manager.emit(now, emit)))?;
        let outcome = match emitted.outcome {
            EmitOutcome::Transmitted => 0,
            EmitOutcome::Queued => 1,
            EmitOutcome::Dropped => 2,
            _ => 3,
        };
        Ok((emitted.message.as_u64() * 4 + outcome) as f64)
    }

    /// Acknowledges a received event. Arguments are as in [`emit`](Self::emit).
    pub fn reply(
        &self,
        reply: f64,
        args: JsValue,
        size: usize,
        attachments: Option<Vec<Uint8Array>>,
    ) -> Result<(), JsValue> {
        let payload = self.payload(Kind::Reply, args, size, attachments, false)?;
        let reply = ReplyId::from_u64(reply as u64);
        self.thrown(self.driver.with_manager(|manager, now| manager.reply(now, reply, &payload)))
    }

    /// The store is done. `opened` is what was found if it was opened: see [`store::opened`].
    #[wasm_bindgen(js_name = storeAnswered)]
    pub fn store_answered(&self, ticket: f64, opened: &JsValue) {
        self.answer_store(ticket, Ok(store::answer(opened)));
    }

    /// The store could not do it. `code` is one of [`StoreErrorKind::code`].
    #[wasm_bindgen(js_name = storeFailed)]
    pub fn store_failed(&self, ticket: f64, code: &str, message: String) {
        self.answer_store(ticket, Err(store::error(code, message)));
    }

    /// An owner of an outbox is gone, and these messages belong to this one now.
    #[wasm_bindgen(js_name = storeAdopted)]
    pub fn store_adopted(&self, messages: &Array) {
        self.driver.handle_store(StoreEvent::Adopted { messages: store::messages(messages).0 });
    }

    /// `"unsent"` if it was taken from the queue, `"wait"` if only the wait for its acknowledgement ended.
    pub fn cancel(&self, message: f64) -> Option<String> {
        let message = MessageId::from_u64(message as u64);
        let cancelled = self.driver.with_manager(|manager, now| manager.cancel(now, message)).ok()?;
        Some(if cancelled == Cancelled::Unsent { "unsent" } else { "wait" }.to_owned())
    }

    /// The messages in the offline queue, oldest first.
    pub fn queue(&self) -> Array {
        let now = self.driver.now();
        self.driver.read(|manager| manager.queue().map(|message| convert::queued(&message, now)).collect())
    }

    /// The status.
    pub fn status(&self) -> String {
        self.driver.read(|manager| manager.status().as_str().to_owned())
    }

    /// Mean round trip time in milliseconds; undefined until there is a sample.
    #[wasm_bindgen(js_name = averageLatency)]
    pub fn average_latency(&self) -> Option<f64> {
        self.driver.read(Manager::average_latency).map(crate::object::millis)
    }

    /// All figures.
    pub fn stats(&self) -> JsValue {
        convert::stats(&self.driver.read(Manager::stats))
    }

    /// The user of the last `connect`.
    #[wasm_bindgen(js_name = userId)]
    pub fn user_id(&self) -> Option<String> {
        self.driver.read(|manager| manager.user_id().map(str::to_owned))
    }

    /// The network has changed, come or gone.
    #[wasm_bindgen(js_name = networkChanged)]
    pub fn network_changed(&self, reachable: bool) {
        self.driver.with_manager(|manager, now| manager.network_changed(now, reachable));
    }

    /// Not visible any more: closes after a grace.
    #[wasm_bindgen(js_name = enterBackground)]
    pub fn enter_background(&self) {
        self.driver.with_manager(Manager::enter_background);
    }

    /// Visible again: checks the connection, or connects at once.
    #[wasm_bindgen(js_name = enterForeground)]
    pub fn enter_foreground(&self) {
        self.driver.with_manager(Manager::enter_foreground);
    }

    /// About to be frozen: closes at once.
    pub fn suspend(&self) {
        self.driver.with_manager(Manager::suspend);
    }
}

impl Client {
    /// The result, its error as what JavaScript throws.
    fn thrown<T, E: Into<Failure>>(&self, result: Result<T, E>) -> Result<T, JsValue> {
        result.map_err(|error| error.into().into_js(&self.shell.hooks))
    }

    fn payload(
        &self,
        kind: Kind,
        args: JsValue,
        length: usize,
        attachments: Option<Vec<Uint8Array>>,
        may_end_in_marker: bool,
    ) -> Result<Payload, JsValue> {
        // A unit has three bytes at most.
        let limit = self.driver.read(Manager::frame_limit).min(SAFE_FRAME_BYTES);
        let may_be_too_large = length as u64 * 3 + ROOM_FOR_HEAD > limit;
        let size = if may_be_too_large { self.shell.hooks.byte_length(&args) } else { length };
        convert::payload(args, size, attachments, may_end_in_marker)
            .map_err(|error| Failure::not_encodable(kind, &error).into_js(&self.shell.hooks))
    }

    fn namespace(&self, kind: Kind, name: &str) -> Result<Namespace, JsValue> {
        Namespace::try_new(name).map_err(|error| Failure::namespace(kind, &error).into_js(&self.shell.hooks))
    }

    fn answer_store(&self, ticket: f64, result: Result<StoreAnswer, StoreError>) {
        self.driver.handle_store(StoreEvent::Answer { ticket: StoreTicket::from_u64(ticket as u64), result });
    }

    fn answer_token(&self, request: f64, token: Result<Token, TokenFailure>) -> Result<(), TokenRequestError> {
        let request = TokenRequest::from_u64(request as u64);
        self.driver.with_manager(|manager, now| manager.provide_token(now, request, token))
    }
}
