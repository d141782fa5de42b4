//! What the driver tells, on to JavaScript.

use std::{cell::RefCell, rc::Rc};

use bytestring::ByteString;
use nexus_core::{
    driver::web::{Application, WebSocket},
    manager::{ConnectionId, DeliveryStatus, Event, ReceivedEvent, StoreRequest, TokenReason, TokenRequest},
    socketio::{Namespace, Payload},
};
use wasm_bindgen::prelude::*;

use crate::{channels::Channels, convert, errors::Failure, hooks::Hooks, store};

/// What is listened to, and how JavaScript is called.
pub(crate) struct Shell {
    pub(crate) hooks: Hooks,
    pub(crate) channels: RefCell<Channels>,
    /// Of events that are emitted. The package bounds them.
    pub(crate) names: RefCell<Vec<(Namespace, ByteString)>>,
}

impl Shell {
    pub(crate) fn new(hooks: Hooks) -> Rc<Self> {
        Rc::new(Self { hooks, channels: RefCell::default(), names: RefCell::default() })
    }

    fn received(&self, received: &ReceivedEvent) {
        let channel = self.channels.borrow().of(&received.namespace, &received.event);
        let Some(channel) = channel else { return };
        let (args, attachments) = (convert::args(&received.payload), convert::attachments(&received.payload));
        let reply = received.reply.map(|reply| reply.as_u64() as f64);
        self.hooks.receive(channel, &args, attachments, reply);
    }

    fn delivery(&self, message: f64, status: &DeliveryStatus) {
        let (sent, code, payload) = match status {
            DeliveryStatus::Acked(payload) => (None, None, Some(payload)),
            DeliveryStatus::Rejected { code, payload } => (None, Some(&**code), Some(payload)),
            DeliveryStatus::Expired { sent } | DeliveryStatus::Cancelled { sent } => (Some(*sent), None, None),
            _ => (None, None, None),
        };
        let args = payload.map_or(JsValue::UNDEFINED, convert::args);
        self.hooks.delivery(message, status.as_str(), sent, code, &args, payload.and_then(convert::attachments));
    }

    fn ack_resolved(&self, message: f64, result: Result<Payload, nexus_core::manager::AckError>) {
        match result {
            Ok(payload) => {
                let args = convert::args(&payload);
                self.hooks.ack_resolved(message, &JsValue::UNDEFINED, &args, convert::attachments(&payload));
            }
            Err(error) => {
                let error = Failure::from(error).into_js(&self.hooks);
                self.hooks.ack_resolved(message, &error, &JsValue::UNDEFINED, None);
            }
        };
    }
}

impl Application for Shell {
    fn store(&self, request: StoreRequest) {
        self.hooks.store(request.ticket.as_u64() as f64, &store::operation(&request.operation));
    }

    fn handle_event(&self, event: Event) {
        let notice = match event {
            Event::Received(received) => return self.received(&received),
            Event::AckResolved { message, result } => return self.ack_resolved(message.as_u64() as f64, result),
            Event::Status(change) => {
                let reason = change.reason.as_ref().map_or(JsValue::UNDEFINED, convert::reason);
                self.hooks.status(change.status.as_str(), &reason);
                return;
            }
            Event::Quality(quality) => {
                self.hooks.quality(quality.as_str());
                return;
            }
            Event::ConnectResolved { ticket, result } => {
                let error = result.err().map_or(JsValue::UNDEFINED, |error| Failure::from(error).into_js(&self.hooks));
                self.hooks.connect_resolved(ticket.as_u64() as f64, &error);
                return;
            }
            Event::RetryScheduled { failed_attempts, delay, reason } => {
                convert::retry_scheduled(failed_attempts, delay, &reason)
            }
            Event::Joined { namespace, sid, continuity } => convert::joined(&namespace, &sid, continuity),
            Event::JoinFailed { namespace, error } => {
                convert::join_failed(&namespace, Failure::from(error).into_js(&self.hooks))
            }
            Event::Left { namespace, reason } => convert::left(&namespace, reason),
            Event::MessageDropped(dropped) => convert::dropped(&dropped),
            Event::Delivery { message, status } => return self.delivery(message.as_u64() as f64, &status),
            Event::Restored { messages, unreadable } => store::restored(&messages, unreadable),
            Event::StoreFailed(error) => store::failed(&error),
            _ => return,
        };
        self.hooks.notice(&notice);
    }

    fn need_token(&self, request: TokenRequest, reason: TokenReason) {
        let reason = match reason {
            TokenReason::Rejected => "rejected",
            _ => "connecting",
        };
        self.hooks.need_token(request.as_u64() as f64, reason);
    }

    fn open_socket(&self, connection: ConnectionId, url: &str) -> Result<WebSocket, JsValue> {
        self.hooks.open_socket(connection.as_u64() as f64, url)
    }

    fn set_timeout(&self, callback: &JsValue, delay: f64) -> JsValue {
        self.hooks.set_timeout(callback, delay)
    }

    fn clear_timeout(&self, timeout: &JsValue) {
        self.hooks.clear_timeout(timeout);
    }
}
