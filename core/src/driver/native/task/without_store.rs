use super::Task;
use crate::manager::{StoreError, StoreErrorKind, StoreEvent, StoreRequest};

/// Durable messages are kept nowhere: this library was built without its feature `store`.
impl Task {
    #[expect(clippy::needless_pass_by_value, reason = "as with a store")]
    pub(super) fn store(&self, request: StoreRequest) {
        let error = StoreError::new(StoreErrorKind::Unavailable, "built without the feature `store`");
        self.shared.state().store_requests += 1;
        self.shared.handle_store(StoreEvent::Answer { ticket: request.ticket, result: Err(error) });
    }

    #[expect(clippy::unused_self, reason = "as with a store")]
    pub(super) fn adopt_soon(&self) {}
}
