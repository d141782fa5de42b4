use std::{any::Any, fmt, sync::Arc};

/// Arguments that the host of a driver keeps in a form of its own: in a browser, values and text of JavaScript.
///
/// They pass through packets and queues like encoded ones, and cost the same wherever bytes are counted, but nobody here
/// reads them: the driver that brought them in hands them out again.
#[derive(Clone)]
pub struct HostArgs {
    value: Arc<dyn Any + Send + Sync>,
    size: usize,
    lacks_last: bool,
    may_end_in_marker: bool,
}

impl HostArgs {
    /// Wraps what the host has. `size` is what it takes on the wire, in bytes.
    pub fn new(value: impl Any + Send + Sync, size: usize) -> Self {
        Self { value: Arc::new(value), size, lacks_last: false, may_end_in_marker: false }
    }

    /// What was wrapped, if it was a `T`.
    #[must_use]
    pub fn value<T: Any>(&self) -> Option<&T> {
        self.value.downcast_ref()
    }

    /// The same without the last argument, which was the protocol's.
    #[must_use]
    pub fn without_last(&self) -> Self {
        Self { lacks_last: true, ..self.clone() }
    }

    /// Whether the host is to leave out the last argument when it hands out the value.
    #[must_use]
    pub fn lacks_last(&self) -> bool {
        self.lacks_last
    }

    /// Says whether the last argument may look like a [marker](super::delivery::looks_like_marker).
    #[must_use]
    pub fn ending_in_marker(mut self, may: bool) -> Self {
        self.may_end_in_marker = may;
        self
    }

    /// Whether the last argument may look like a marker.
    #[must_use]
    pub fn may_end_in_marker(&self) -> bool {
        self.may_end_in_marker
    }

    /// The bytes that it takes on the wire.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }
}

/// The same value in the host's memory, not merely an equal one.
impl PartialEq for HostArgs {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.value, &other.value) && self.lacks_last == other.lacks_last
    }
}

impl fmt::Debug for HostArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostArgs({} bytes)", self.size)
    }
}
