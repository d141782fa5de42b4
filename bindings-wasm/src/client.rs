use std::{panic, rc::Rc};

use js_sys::{Array, Function, Object, Uint8Array};
use nexus_core::{
    client::{EventKey, ListenerId},
    driver::web::{Application, Driver},
    manager::{
        Cancelled, Credentials, Delivery, Emit, EmitOutcome, JoinProgress, Manager, MessageId, ReplyId, Token,
        TokenFailure, TokenRequest, TokenRequestError,
    },
    socketio::Namespace,
};
use wasm_bindgen::prelude::*;

use crate::{
    convert,
    errors::{Failure, Kind},
    hooks::Hooks,
    object::duration,
    options,
    shell::{Listeners, Shell},
};

/// Has the function called with the text of a panic, before the call that panicked throws.
#[wasm_bindgen(js_name = onPanic)]
pub fn on_panic(callback: Function) {
    panic::set_hook(Box::new(move |panic| {
        let _thrown = callback.call1(&JsValue::UNDEFINED, &JsValue::from(panic.to_string()));
    }));
}

/// One client: the manager, its driver, and who listens.
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

    /// Ends everything: what waits is resolved, and nobody listens any more.
    pub fn close(&self) {
        self.disconnect();
        let listeners = self.shell.listeners.borrow_mut().take();
        drop(listeners);
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

    /// Listens, and joins the namespace. Gives the listener's id.
    pub fn on(&self, namespace: &str, event: &str, handler: Function, once: bool) -> Result<f64, JsValue> {
        let namespace = self.namespace(Kind::Join, namespace)?;
        let joined = self.driver.with_manager(|manager, now| manager.join(now, &namespace));
        self.thrown(joined)?;
        let mut listeners = self.shell.listeners.borrow_mut();
        let key = if once {
            listeners.once(namespace, event.into(), handler)
        } else {
            listeners.on(namespace, event.into(), handler)
        };
        Ok(key.id.as_u64() as f64)
    }

    /// Takes one listener off. Whether there was such.
    pub fn off(&self, namespace: &str, event: &str, listener: f64) -> bool {
        let Ok(namespace) = Namespace::try_new(namespace) else { return false };
        let key = EventKey { namespace, event: event.into(), id: ListenerId::from_u64(listener as u64) };
        let removed = self.shell.listeners.borrow_mut().off(&key);
        removed.is_some()
    }

    /// Takes the listeners off that are this function, or all of the event. Gives their number.
    #[wasm_bindgen(js_name = offHandler)]
    pub fn off_handler(&self, namespace: &str, event: &str, handler: Option<Function>) -> usize {
        let Ok(namespace) = Namespace::try_new(namespace) else { return 0 };
        let mut listeners = self.shell.listeners.borrow_mut();
        let removed = match handler {
            Some(handler) => listeners.off_matching(&namespace, event, |other| *other == handler),
            None => listeners.off_all(&namespace, event),
        };
        drop(listeners);
        removed.len()
    }

    /// Listens to the status. Gives the listener's id.
    #[wasm_bindgen(js_name = addStatusListener)]
    pub fn add_status_listener(&self, handler: Function) -> f64 {
        self.shell.listeners.borrow_mut().add_status_listener(handler).as_u64() as f64
    }

    /// Takes a listener to the status off.
    #[wasm_bindgen(js_name = removeStatusListener)]
    pub fn remove_status_listener(&self, listener: f64) -> bool {
        self.remove(|listeners| listeners.remove_status_listener(ListenerId::from_u64(listener as u64)))
    }

    /// Listens to the quality. Gives the listener's id.
    #[wasm_bindgen(js_name = addQualityListener)]
    pub fn add_quality_listener(&self, handler: Function) -> f64 {
        self.shell.listeners.borrow_mut().add_quality_listener(handler).as_u64() as f64
    }

    /// Takes a listener to the quality off.
    #[wasm_bindgen(js_name = removeQualityListener)]
    pub fn remove_quality_listener(&self, listener: f64) -> bool {
        self.remove(|listeners| listeners.remove_quality_listener(ListenerId::from_u64(listener as u64)))
    }

    /// `args` is the text of a JSON array. `ttl` is in milliseconds, NaN for the default; `ack` as well: NaN asks for none,
    /// less than zero for one within the default time.
    ///
    /// Gives the message's id times four, plus 0 if it was transmitted, 1 if queued, 2 if dropped: one number, as an
    /// object would have to be made for each emit.
    #[expect(clippy::too_many_arguments, reason = "an object of options would have to be made and read for each emit")]
    pub fn emit(
        &self,
        namespace: &str,
        event: &str,
        args: String,
        attachments: Option<Vec<Uint8Array>>,
        volatile: bool,
        ttl: f64,
        ack: f64,
    ) -> Result<f64, JsValue> {
        let namespace = self.namespace(Kind::Emit, namespace)?;
        let payload = convert::payload(args, attachments)
            .map_err(|error| Failure::not_encodable(Kind::Emit, &error).into_js(&self.shell.hooks))?;
        let mut emit = Emit::new(namespace, event, payload);
        emit.delivery = if volatile { Delivery::Volatile } else { Delivery::Buffered };
        emit.ttl = (!ttl.is_nan()).then(|| duration(ttl));
        emit.ack = (!ack.is_nan()).then(|| (ack >= 0.0).then(|| duration(ack)));
        let emitted = self.thrown(self.driver.with_manager(|manager, now| manager.emit(now, emit)))?;
        let outcome = match emitted.outcome {
            EmitOutcome::Transmitted => 0,
            EmitOutcome::Queued => 1,
            _ => 2,
        };
        Ok((emitted.message.as_u64() * 4 + outcome) as f64)
    }

    /// Acknowledges a received event.
    pub fn reply(&self, reply: f64, args: String, attachments: Option<Vec<Uint8Array>>) -> Result<(), JsValue> {
        let payload = convert::payload(args, attachments)
            .map_err(|error| Failure::not_encodable(Kind::Reply, &error).into_js(&self.shell.hooks))?;
        let reply = ReplyId::from_u64(reply as u64);
        self.thrown(self.driver.with_manager(|manager, now| manager.reply(now, reply, &payload)))
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

    /// The quality.
    pub fn quality(&self) -> String {
        self.driver.read(|manager| manager.quality().as_str().to_owned())
    }

    /// Mean round trip time in milliseconds; undefined until there is a sample.
    #[wasm_bindgen(js_name = averageLatency)]
    pub fn average_latency(&self) -> Option<f64> {
        self.driver.read(Manager::average_latency).map(crate::object::millis)
    }

    /// All figures.
    pub fn stats(&self) -> JsValue {
        let listeners = self.shell.listeners.borrow().len();
        convert::stats(&self.driver.read(Manager::stats), listeners)
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

    fn namespace(&self, kind: Kind, name: &str) -> Result<Namespace, JsValue> {
        Namespace::try_new(name).map_err(|error| Failure::namespace(kind, &error).into_js(&self.shell.hooks))
    }

    fn answer_token(&self, request: f64, token: Result<Token, TokenFailure>) -> Result<(), TokenRequestError> {
        let request = TokenRequest::from_u64(request as u64);
        self.driver.with_manager(|manager, now| manager.provide_token(now, request, token))
    }

    /// Removes outside of what dropping a handler may call.
    fn remove(&self, act: impl FnOnce(&mut Listeners) -> Option<Function>) -> bool {
        let removed = act(&mut self.shell.listeners.borrow_mut());
        removed.is_some()
    }
}
