use std::{cell::Cell, time::Duration};

use wasm_bindgen::prelude::*;

use crate::time::Timestamp;

/// How far wall-clock time may run ahead of monotonic time before that counts as sleep.
const SLEEP_TOLERANCE_MS: f64 = 5000.0;

#[wasm_bindgen]
extern "C" {
    /// Kept, as looking up the global costs more than asking it.
    #[derive(Debug)]
    type Performance;
    #[wasm_bindgen(thread_local_v2, js_name = performance)]
    static PERFORMANCE: Performance;
    #[wasm_bindgen(method, structural)]
    fn now(this: &Performance) -> f64;
}

/// The driver's time: the host's monotonic clock, from when this was made.
#[derive(Debug)]
pub(super) struct Clock {
    performance: Performance,
    origin: f64,
    /// Wall-clock time less monotonic time, as of the last look.
    ahead: Cell<f64>,
}

impl Clock {
    pub(super) fn start() -> Self {
        let performance = PERFORMANCE.with(|performance| Performance::from(JsValue::from(performance)));
        let now = performance.now();
        Self { performance, origin: now, ahead: Cell::new(js_sys::Date::now() - now) }
    }

    pub(super) fn now(&self) -> Timestamp {
        let millis = self.performance.now() - self.origin;
        // Microseconds are the finest that hosts give. A negative or absurd number saturates.
        Timestamp::from(Duration::from_micros((millis * 1000.0) as u64))
    }

    /// Whether the machine slept since the last call: in some hosts monotonic time stands still meanwhile.
    pub(super) fn slept(&self) -> bool {
        let ahead = js_sys::Date::now() - self.performance.now();
        ahead - self.ahead.replace(ahead) >= SLEEP_TOLERANCE_MS
    }
}

/// What time it is outside, in milliseconds since 1970.
pub(super) fn wall_clock() -> u64 {
    // A time before 1970 saturates.
    js_sys::Date::now() as u64
}
