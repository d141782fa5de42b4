use std::{any::Any, fmt, sync::Arc};

/// Arguments that the host of a driver keeps in a form of its own: in a browser, values and text of JavaScript.
///
/// They pass through packets and queues like encoded ones, and cost the same wherever bytes are counted, but nobody here
/// reads them: the driver that brought them in hands them out again.
#[derive(Clone)]
pub struct HostArgs {
    value: Arc<dyn Any + Send + Sync>,
    size: usize,
}

impl HostArgs {
    /// Wraps what the host has. `size` is what it takes on the wire, in bytes.
    pub fn new(value: impl Any + Send + Sync, size: usize) -> Self {
        Self { value: Arc::new(value), size }
    }

    /// What was wrapped, if it was a `T`.
    #[must_use]
    pub fn value<T: Any>(&self) -> Option<&T> {
        self.value.downcast_ref()
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
        Arc::ptr_eq(&self.value, &other.value)
    }
}

impl fmt::Debug for HostArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostArgs({} bytes)", self.size)
    }
}
