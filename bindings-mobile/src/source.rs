use std::sync::Arc;

use futures_util::FutureExt;
use nexus_core::driver::{EventStream, NoticeStream, QualityStream, StatusStream};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{
    error::RealtimeError,
    event::Event,
    notice::Notice,
    runtime::within,
    status::{Quality, StatusChange},
};

/// A batch ends with the event that reaches this size.
const BATCH_BYTES: usize = 1 << 20;

macro_rules! sources {
    ($($(#[$doc:meta])* $name:ident: $stream:ident of $item:ident, $convert:expr, $weigh:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// One puller at a time; others wait for it. Letting go of the source ends it.
        #[derive(Debug, uniffi::Object)]
        pub struct $name {
            /// `None`: it has ended.
            stream: Mutex<Option<$stream>>,
            ended: CancellationToken,
        }

        impl $name {
            pub(crate) fn new(stream: $stream) -> Arc<Self> {
                Arc::new(Self { stream: Mutex::new(Some(stream)), ended: CancellationToken::new() })
            }

            async fn pull(&self, max: usize) -> Option<Vec<$item>> {
                let mut stream = tokio::select! {
                    biased;
                    () = self.ended.cancelled() => return None,
                    stream = self.stream.lock() => stream,
                };
                loop {
                    let first = tokio::select! {
                        biased;
                        () = self.ended.cancelled() => None,
                        first = stream.as_mut()?.recv() => first,
                    };
                    let Some(first) = first else {
                        *stream = None;
                        return None;
                    };
                    let mut batch = Vec::new();
                    let mut bytes = 0;
                    let mut next = Some(first);
                    while let Some(item) = next.take() {
                        bytes += $weigh(&item);
                        batch.extend($convert(item));
                        if batch.len() < max && bytes < BATCH_BYTES {
                            next = stream.as_mut()?.recv().now_or_never().flatten();
                        }
                    }
                    if !batch.is_empty() {
                        return Some(batch);
                    }
                }
            }
        }

        #[uniffi::export]
        impl $name {
            /// Waits for the next items and gives those that are there, `max` at most (at least 1; 1 MiB of arguments).
            /// Empty: none in time. `None`: the source has ended, as the client has, or [`close`](Self::close) was called.
            /// Giving up the wait loses nothing.
            ///
            /// # Errors
            /// If the system gives no threads.
            pub async fn next(&self, max: u32, timeout_ms: u64) -> Result<Option<Vec<$item>>, RealtimeError> {
                let max = usize::try_from(max).unwrap_or(usize::MAX);
                let pulled = within(timeout_ms, self.pull(max)).await?;
                Ok(pulled.unwrap_or_else(|| Some(Vec::new())))
            }

            /// Ends the source: the wait for it too.
            pub fn close(&self) {
                self.ended.cancel();
                if let Ok(mut stream) = self.stream.try_lock() {
                    *stream = None;
                }
            }
        }
    )*};
}

sources! {
    /// Events of one name in one namespace, in the order in which they came.
    EventSource: EventStream of Event, |event| Some(Event::from(event)), |event: &nexus_core::driver::Event| event.payload().size();
    /// The status as it is, then each change.
    StatusSource: StatusStream of StatusChange, |change| Some(StatusChange::from(change)), |_: &_| 0;
    /// The quality as it is, then each change.
    QualitySource: QualityStream of Quality, |quality| Some(Quality::from(quality)), |_: &_| 0;
    /// Notices, in order.
    NoticeSource: NoticeStream of Notice, Notice::of, |_: &_| 0;
}
