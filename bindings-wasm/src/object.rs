//! Plain objects of JavaScript, read and made.

use std::time::Duration;

use js_sys::{Object, Reflect};
use wasm_bindgen::prelude::*;

/// The value under a key; undefined in what is no object.
pub(crate) fn get(object: &JsValue, key: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(key)).unwrap_or(JsValue::UNDEFINED)
}

/// The number under a key. A string of digits is none.
pub(crate) fn number(object: &JsValue, key: &str) -> Option<f64> {
    get(object, key).as_f64()
}

/// A new object, filled by chaining.
#[derive(Default)]
pub(crate) struct Fields(Object);

impl Fields {
    pub(crate) fn set(self, key: &str, value: impl Into<JsValue>) -> Self {
        // A plain object that was just made takes any key.
        let _taken = Reflect::set(&self.0, &JsValue::from_str(key), &value.into());
        self
    }

    pub(crate) fn set_count(self, key: &str, value: usize) -> Self {
        self.set(key, value as f64)
    }

    pub(crate) fn set_millis(self, key: &str, value: Option<Duration>) -> Self {
        match value {
            Some(value) => self.set(key, millis(value)),
            None => self,
        }
    }
}

impl From<Fields> for JsValue {
    fn from(fields: Fields) -> Self {
        fields.0.into()
    }
}

pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// A duration of JavaScript; what is no time at all is zero, and infinity is longer than anything lasts.
pub(crate) fn duration(millis: f64) -> Duration {
    // The cast saturates.
    Duration::from_nanos((millis * 1e6) as u64)
}
