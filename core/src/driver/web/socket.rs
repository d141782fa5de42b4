use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use bytes::Bytes;
use bytestring::ByteString;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::{
    engineio::Frame,
    manager::{TransportEvent, TransportFailure, TransportFailureKind as Kind},
    socketio::HostArgs,
};

/// Bytes that may wait in the host's buffer for frames to count as taken.
const BUFFERED_BYTES: f64 = (64 << 10) as f64;
/// Bytes sent between two looks at the host's buffer.
const LOOK_EVERY_BYTES: usize = 16 << 10;

/// Codes that a host makes up when no close frame came (RFC 6455, section 7.4.1).
const NO_STATUS: u16 = 1005;
const ABNORMAL: u16 = 1006;

#[wasm_bindgen]
extern "C" {
    /// A WebSocket of the host, or whatever behaves like one: npm's `ws` does.
    #[derive(Debug)]
    pub type WebSocket;

    #[wasm_bindgen(constructor, catch)]
    pub(super) fn new(url: &str) -> Result<WebSocket, JsValue>;

    #[wasm_bindgen(method, setter, js_name = binaryType, structural)]
    fn set_binary_type(this: &WebSocket, kind: &str);
    #[wasm_bindgen(method, setter, structural)]
    fn set_onopen(this: &WebSocket, handler: Option<&Closure<dyn Fn()>>);
    #[wasm_bindgen(method, setter, structural)]
    fn set_onmessage(this: &WebSocket, handler: Option<&Closure<dyn Fn(MessageEvent)>>);
    #[wasm_bindgen(method, setter, structural)]
    fn set_onclose(this: &WebSocket, handler: Option<&Closure<dyn Fn(CloseEvent)>>);
    #[wasm_bindgen(method, setter, structural)]
    fn set_onerror(this: &WebSocket, handler: Option<&Closure<dyn Fn(ErrorEvent)>>);
    #[wasm_bindgen(method, getter, js_name = bufferedAmount, structural)]
    fn buffered_amount(this: &WebSocket) -> f64;
    #[wasm_bindgen(method, structural, catch, js_name = send)]
    fn send_text(this: &WebSocket, text: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, structural, catch, js_name = send)]
    fn send_binary(this: &WebSocket, bytes: &Uint8Array) -> Result<(), JsValue>;
    /// Sends the text, the arguments, the tail and a `]`: called only for arguments that came from an application.
    #[wasm_bindgen(method, structural, catch, js_name = sendEvent)]
    fn send_event(this: &WebSocket, head: &str, args: &JsValue, tail: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn close(this: &WebSocket) -> Result<(), JsValue>;

    // Only looked at: npm's `ws` has event classes of its own.
    type MessageEvent;
    #[wasm_bindgen(method, getter, structural)]
    fn data(this: &MessageEvent) -> JsValue;

    type CloseEvent;
    #[wasm_bindgen(method, getter, structural)]
    fn code(this: &CloseEvent) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn reason(this: &CloseEvent) -> JsValue;

    type ErrorEvent;
    #[wasm_bindgen(method, getter, structural)]
    fn message(this: &ErrorEvent) -> JsValue;
}

thread_local! {
    /// The handler of errors of sockets that were given up.
    static IGNORE: Closure<dyn Fn(ErrorEvent)> = Closure::new(|_: ErrorEvent| {});
}

/// One socket, in the manager's terms. Dropped, it closes, and is heard of no more.
pub(super) struct Socket {
    raw: WebSocket,
    max_frame_bytes: usize,
    /// Frames sent and not counted as taken yet.
    unflushed: Cell<usize>,
    /// Bytes sent since the last look at the host's buffer.
    unlooked: Cell<usize>,
    _on_open: Closure<dyn Fn()>,
    _on_message: Closure<dyn Fn(MessageEvent)>,
    _on_close: Closure<dyn Fn(CloseEvent)>,
    _on_error: Closure<dyn Fn(ErrorEvent)>,
}

impl Socket {
    /// Has `report` called with what happens. Frames longer than `max_frame_bytes` end the connection.
    pub(super) fn new(
        raw: WebSocket,
        max_frame_bytes: usize,
        report: impl Fn(TransportEvent) + Clone + 'static,
    ) -> Self {
        raw.set_binary_type("arraybuffer");
        let opened = Rc::new(Cell::new(false));
        let trouble = Rc::new(RefCell::new(String::new()));

        let tell = report.clone();
        let was_opened = Rc::clone(&opened);
        let on_open = Closure::<dyn Fn()>::new(move || {
            was_opened.set(true);
            tell(TransportEvent::Opened { can_ping: false });
        });
        let tell = report.clone();
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            tell(received(&event.data(), max_frame_bytes));
        });
        let note = Rc::clone(&trouble);
        // Browsers say nothing here; other hosts may, and `close` follows in all of them.
        let on_error = Closure::<dyn Fn(ErrorEvent)>::new(move |event: ErrorEvent| {
            note.replace(event.message().as_string().unwrap_or_default());
        });
        let on_close = Closure::<dyn Fn(CloseEvent)>::new(move |event: CloseEvent| {
            report(if opened.get() { closed(&event) } else { not_opened(&trouble.borrow()) });
        });

        raw.set_onopen(Some(&on_open));
        raw.set_onmessage(Some(&on_message));
        raw.set_onclose(Some(&on_close));
        raw.set_onerror(Some(&on_error));
        Self {
            raw,
            max_frame_bytes,
            unflushed: Cell::new(0),
            unlooked: Cell::new(0),
            _on_open: on_open,
            _on_message: on_message,
            _on_close: on_close,
            _on_error: on_error,
        }
    }

    /// Sends a frame; one whose arguments the host keeps is put together by it.
    pub(super) fn send(&self, frame: &Frame, args: Option<&HostArgs>, tail: &str) -> Result<(), TransportFailure> {
        let host_args = args.and_then(HostArgs::value::<JsValue>);
        let sent = match (frame, host_args) {
            (Frame::Text(head), Some(args)) => self.raw.send_event(head, args, tail),
            (Frame::Text(text), None) => self.raw.send_text(text),
            // A copy of the host's own: what it is given to send must not change with this memory.
            (Frame::Binary(bytes), _) => self.raw.send_binary(&Uint8Array::from(&bytes[..])),
        };
        self.unflushed.set(self.unflushed.get() + 1);
        let size = frame.len() + args.map_or(0, HostArgs::size);
        self.unlooked.set(self.unlooked.get() + size);
        sent.map_err(|error| TransportFailure::new(Kind::Io, text_of(&error)))
    }

    /// An event or ack whose arguments the host has read, of a frame of so many UTF-16 units.
    pub(super) fn event(&self, text: String, args: JsValue, length: usize) -> TransportEvent {
        if length > self.max_frame_bytes {
            return too_large();
        }
        let text = ByteString::from(text);
        let mut parts = text.splitn(3, '\n');
        let head = parts.next().unwrap_or_default();
        let mut next = || parts.next().filter(|part| !part.is_empty()).map(|part| text.slice_ref(part));
        let (last, unique) = (next(), next());
        let size = length.saturating_sub(head.len());
        TransportEvent::HostFrame { head: text.slice_ref(head), args: HostArgs::new(args, size), last, unique }
    }

    /// How many more frames the host has taken. Hosts don't say when, so a look at the size of their buffer has to do.
    pub(super) fn take_flushed(&self) -> usize {
        if self.unflushed.get() == 0 {
            return 0;
        }
        if self.unlooked.get() >= LOOK_EVERY_BYTES {
            if self.raw.buffered_amount() > BUFFERED_BYTES {
                return 0;
            }
            self.unlooked.set(0);
        }
        self.unflushed.take()
    }

    /// Whether frames wait for [`take_flushed`](Self::take_flushed) to be asked again.
    pub(super) fn is_behind(&self) -> bool {
        self.unflushed.get() > 0
    }
}

impl Drop for Socket {
    /// The host sends what it has before it closes.
    fn drop(&mut self) {
        self.raw.set_onopen(None);
        self.raw.set_onmessage(None);
        self.raw.set_onclose(None);
        // Node's `ws` throws an error for which there is no handler, and closing a socket that is not open yet is one.
        IGNORE.with(|ignore| self.raw.set_onerror(Some(ignore)));
        let _already_closed = self.raw.close();
    }
}

fn received(data: &JsValue, max_frame_bytes: usize) -> TransportEvent {
    let frame = if let Some(text) = data.as_string() {
        Frame::Text(ByteString::from(text))
    } else if let Some(buffer) = data.dyn_ref::<ArrayBuffer>() {
        Frame::Binary(Bytes::from(Uint8Array::new(buffer).to_vec()))
    } else {
        return failed(Kind::WebSocket, "a message that is neither text nor an ArrayBuffer");
    };
    if frame.len() > max_frame_bytes {
        return too_large();
    }
    TransportEvent::Frame(frame)
}

fn closed(event: &CloseEvent) -> TransportEvent {
    let code = event.code().as_f64().map(|code| code as u16).filter(|code| !matches!(*code, NO_STATUS | ABNORMAL));
    TransportEvent::Closed { code, text: event.reason().as_string().unwrap_or_default().into() }
}

fn not_opened(trouble: &str) -> TransportEvent {
    failed(Kind::Unknown, if trouble.is_empty() { "the WebSocket could not be opened" } else { trouble })
}

fn too_large() -> TransportEvent {
    failed(Kind::WebSocket, "a frame is larger than the limit")
}

fn failed(kind: Kind, message: &str) -> TransportEvent {
    TransportEvent::Failed(TransportFailure::new(kind, message))
}

/// What an exception says.
pub(super) fn text_of(error: &JsValue) -> String {
    let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    message.or_else(|| error.as_string()).unwrap_or_else(|| "the host refused".to_owned())
}
