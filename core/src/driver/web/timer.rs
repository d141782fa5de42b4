use std::cell::RefCell;

use wasm_bindgen::prelude::*;

use super::driver::Application;
use crate::time::Timestamp;

/// The longest delay that hosts take, in milliseconds; they fire at once beyond it.
const MAX_DELAY_MS: u64 = i32::MAX as u64;

#[wasm_bindgen]
extern "C" {
    /// The host's `setTimeout`, with its delay in milliseconds.
    #[wasm_bindgen(js_name = setTimeout)]
    pub(super) fn set_timeout(callback: &JsValue, delay: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    pub(super) fn clear_timeout(timeout: &JsValue);
}

/// The one timer of a driver.
///
/// Deadlines move with every message, mostly to later: a timer that is set already is left to fire too early then, which
/// costs one look at the manager, where setting it anew would cost two calls of the host for each message.
#[derive(Debug)]
pub(super) struct Timer {
    callback: Closure<dyn Fn()>,
    set: RefCell<Option<Set>>,
}

#[derive(Debug)]
struct Set {
    timeout: JsValue,
    fires_at: Timestamp,
}

impl Timer {
    pub(super) fn new(callback: impl Fn() + 'static) -> Self {
        Self { callback: Closure::new(callback), set: RefCell::new(None) }
    }

    /// Sees to it that the callback is called at the deadline at the latest, or not at all.
    pub(super) fn arm(&self, deadline: Option<Timestamp>, now: Timestamp, host: &dyn Application) {
        let mut set = self.set.borrow_mut();
        match (&*set, deadline) {
            (None, None) => return,
            (Some(set), Some(deadline)) if set.fires_at <= deadline => return,
            _ => {}
        }
        if let Some(set) = set.take() {
            host.clear_timeout(&set.timeout);
        }
        if let Some(deadline) = deadline {
            // Rounded up: hosts count whole milliseconds, and one that is early would have to be set again.
            let delay = (deadline.saturating_since(now).as_micros().div_ceil(1000) as u64).min(MAX_DELAY_MS);
            let fires_at = now + std::time::Duration::from_millis(delay);
            *set = Some(Set { timeout: host.set_timeout(self.callback.as_ref(), delay as f64), fires_at });
        }
    }

    /// To be called when the callback was.
    pub(super) fn fired(&self) {
        self.set.take();
    }
}
