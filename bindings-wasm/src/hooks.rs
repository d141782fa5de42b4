//! What the shell calls in JavaScript.

use js_sys::Array;
use nexus_core::driver::web::WebSocket;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What the package gives the shell to call. What one of them throws ends the instance, but for `openSocket`. */
export interface Hooks {
  /** Makes what is thrown or handed over. */
  error(kind: string, code: string, message: string, details: object | undefined): unknown;
  connectResolved(ticket: number, error: unknown): void;
  /** `args`: those given to `handleEventFrame`, or the text of a JSON array. */
  ackResolved(message: number, error: unknown, args: unknown, attachments: Uint8Array[] | undefined): void;
  /** `channel`: what `listen` gave. `args`: those given to `handleEventFrame`, or the text of a JSON array. */
  receive(channel: number, args: unknown, attachments: Uint8Array[] | undefined, reply: number | undefined): void;
  status(status: string, reason: { code: string; message: string } | undefined): void;
  quality(quality: string): void;
  needToken(request: number, reason: "connecting" | "rejected"): void;
  notice(notice: object): void;
  /** A durable message is further. `code`: of a rejection. `args` and `attachments`: of what the server said, as in `receive`. */
  delivery(
    message: number,
    status: string,
    isSent: boolean | undefined,
    code: string | undefined,
    args: unknown,
    attachments: Uint8Array[] | undefined,
  ): void;
  /** Work for the store, answered by `storeAnswered` or `storeFailed`, now or later, in the order of the requests. */
  store(ticket: number, operation: object): void;
  /**
   * Opens a socket. It may call `handleEventFrame` in place of `onmessage`, and has `sendEvent(head, args, tail)`, which
   * sends `head + args + tail + "]"`.
   */
  openSocket(connection: number, url: string): object;
  setTimeout(callback: () => void, delay: number): unknown;
  clearTimeout(timeout: unknown): void;
  /** Bytes of a text in UTF-8. */
  byteLength(text: string): number;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// The functions of the package.
    #[wasm_bindgen(typescript_type = "Hooks")]
    pub type Hooks;

    #[wasm_bindgen(method, structural)]
    pub(crate) fn error(this: &Hooks, kind: &str, code: &str, message: &str, details: &JsValue) -> JsValue;
    #[wasm_bindgen(method, structural, js_name = connectResolved)]
    pub(crate) fn connect_resolved(this: &Hooks, ticket: f64, error: &JsValue);
    #[wasm_bindgen(method, structural, js_name = ackResolved)]
    pub(crate) fn ack_resolved(this: &Hooks, message: f64, error: &JsValue, args: &JsValue, attachments: Option<Array>);
    #[wasm_bindgen(method, structural)]
    pub(crate) fn receive(this: &Hooks, channel: u32, args: &JsValue, attachments: Option<Array>, reply: Option<f64>);
    #[wasm_bindgen(method, structural)]
    pub(crate) fn status(this: &Hooks, status: &str, reason: &JsValue);
    #[wasm_bindgen(method, structural)]
    pub(crate) fn quality(this: &Hooks, quality: &str);
    #[wasm_bindgen(method, structural, js_name = needToken)]
    pub(crate) fn need_token(this: &Hooks, request: f64, reason: &str);
    #[wasm_bindgen(method, structural)]
    pub(crate) fn notice(this: &Hooks, notice: &JsValue);
    #[wasm_bindgen(method, structural)]
    pub(crate) fn delivery(
        this: &Hooks,
        message: f64,
        status: &str,
        is_sent: Option<bool>,
        code: Option<&str>,
        args: &JsValue,
        attachments: Option<Array>,
    );
    #[wasm_bindgen(method, structural)]
    pub(crate) fn store(this: &Hooks, ticket: f64, operation: &JsValue);
    #[wasm_bindgen(method, structural, js_name = setTimeout)]
    pub(crate) fn set_timeout(this: &Hooks, callback: &JsValue, delay: f64) -> JsValue;
    #[wasm_bindgen(method, structural, js_name = clearTimeout)]
    pub(crate) fn clear_timeout(this: &Hooks, timeout: &JsValue);
    #[wasm_bindgen(method, structural, js_name = byteLength)]
    pub(crate) fn byte_length(this: &Hooks, text: &JsValue) -> usize;
    #[wasm_bindgen(method, structural, catch, js_name = openSocket)]
    pub(crate) fn open_socket(this: &Hooks, connection: f64, url: &str) -> Result<WebSocket, JsValue>;
}
