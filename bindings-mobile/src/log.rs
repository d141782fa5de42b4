use std::{
    fmt::{self, Write},
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU8, Ordering},
    },
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    subscriber::Interest,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry,
};

/// How much is logged: each level with those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, uniffi::Enum)]
#[repr(u8)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// Mistakes, such as listeners that panicked.
    Error,
    /// What an operator should look at.
    Warn,
    /// Connections that come and go.
    Info,
    /// Each step.
    Debug,
    /// Each packet's name and size.
    Trace,
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warn,
            Level::INFO => Self::Info,
            Level::DEBUG => Self::Debug,
            Level::TRACE => Self::Trace,
        }
    }
}

/// Takes log lines. What it throws is ignored.
#[uniffi::export(with_foreign)]
pub trait LogSink: Send + Sync {
    /// One line, from any thread. It names events, sizes and ids, and never tokens or payloads. It must not block, and it
    /// must not call the client: it may be called while the client is busy.
    fn log(&self, level: LogLevel, target: String, message: String);
}

/// Sends the log of all clients of this process, up to this level, to `sink`, in place of the one before. Default: nothing
/// is logged. A program that has a `tracing` subscriber of its own keeps that.
#[uniffi::export]
pub fn set_log_sink(level: LogLevel, sink: Arc<dyn LogSink>) {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    *SINK.write().unwrap_or_else(PoisonError::into_inner) = Some(sink);
    MAX_LEVEL.store(level as u8, Ordering::Relaxed);
    INSTALLED.get_or_init(|| {
        let _has_its_own = tracing::subscriber::set_global_default(registry().with(ToSink));
    });
    tracing::callsite::rebuild_interest_cache();
}

static SINK: RwLock<Option<Arc<dyn LogSink>>> = RwLock::new(None);
static MAX_LEVEL: AtomicU8 = AtomicU8::new(LogLevel::Off as u8);

struct ToSink;

impl ToSink {
    fn is_wanted(metadata: &Metadata<'_>) -> bool {
        let is_ours = metadata.target().starts_with("nexus_");
        is_ours && LogLevel::from(*metadata.level()) as u8 <= MAX_LEVEL.load(Ordering::Relaxed)
    }
}

impl<S: Subscriber> Layer<S> for ToSink {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if Self::is_wanted(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        Self::is_wanted(metadata)
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let sink = SINK.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(sink) = sink else { return };
        let mut line = Line::default();
        event.record(&mut line);
        let metadata = event.metadata();
        sink.log((*metadata.level()).into(), metadata.target().to_owned(), line.0);
    }
}

/// The message, then the fields as `name=value`.
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let separator = if self.0.is_empty() { "" } else { " " };
        let _infallible = if field.name() == "message" {
            write!(self.0, "{separator}{value:?}")
        } else {
            write!(self.0, "{separator}{}={value:?}", field.name())
        };
    }
}
