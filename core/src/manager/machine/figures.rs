use super::{
    super::{levels::Levels, stats::Stats},
    Link, Manager,
};

/// Figures.
impl Manager {
    /// All figures.
    pub fn stats(&self) -> Stats {
        Stats {
            status: self.status,
            quality: self.quality(),
            smoothed_latency: self.latency.smoothed(),
            average_latency: self.latency.average(),
            p95_latency: self.latency.p95(),
            queued_messages: self.outbox.len(),
            queued_bytes: self.outbox.bytes(),
            kept_messages: self.kept.len(),
            kept_bytes: self.kept.bytes(),
            durable_messages: self.durable.len(),
            durable_bytes: self.durable.bytes(),
            pending_acks: self.acks.len(),
            pending_replies: self.replies.len(),
            remembered_events: self.sessions.remembered(),
            namespaces: self.namespaces.len(),
            joined_namespaces: self.namespaces.joined().count(),
            unsent_bytes: self.link().map_or(0, Link::unsent_bytes),
            failed_attempts: self.failed_attempts,
            counters: self.counters,
        }
    }

    /// How full the buffers are.
    #[doc(hidden)]
    pub fn levels(&self) -> Levels {
        let (early_events, early_bytes) = self.sessions.early();
        Levels {
            queued_messages: self.outbox.len(),
            buffered_bytes: self.outbox.bytes() + self.kept.bytes(),
            kept_messages: self.kept.most(),
            durable_messages: self.durable.len(),
            durable_bytes: self.durable.bytes(),
            store_steps: self.commits.len(),
            pending_acks: self.acks.len(),
            pending_replies: self.replies.len(),
            early_events,
            early_bytes,
            remembered_events: self.sessions.most_remembered(),
            unsent_bytes: self.link().map_or(0, Link::unsent_bytes),
        }
    }
}
