use std::time::Duration;

use crate::{Buffers, Coverage};

/// What the clients of a run talk to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Peer {
    /// A stock server: what it has seen once it may see again only if the client says so, and what breaks is lost.
    #[default]
    Stock,
    /// A server that grants delivery, with a disk, and clients with stores.
    Nexus,
}

/// A fault that is built in on purpose, to see that it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// The buffer of this name may hold only half of what makes it full.
    Overfull(&'static str),
    /// An event for a user goes to everybody.
    ForeignUser,
    /// An event for a room goes to everybody.
    ForeignRoom,
    /// An event for a socket goes to everybody.
    ForeignSocket,
    /// What is revoked stays connected.
    RevokedHears,
    /// A token is let in that was revoked.
    RevokedJoins,
}

/// What happens in a run, apart from chance.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What the clients talk to. Default: a stock server.
    pub peer: Peer,
    /// How many clients there are. Default 2.
    pub clients: usize,
    /// How many namespaces each uses, the primary one included. Default 3, at most 8.
    pub namespaces: usize,
    /// For how long clients and faults are active, in virtual time. Default 90 s.
    pub active: Duration,
    /// How long everything may take to come to rest after that. Default 10 min.
    pub drain: Duration,
    /// Mean time between two actions of one client. Default 300 ms.
    pub action_every: Duration,
    /// Mean time between two faults of one client's network. Default 6 s.
    pub fault_every: Duration,
    /// The longest that a frame is on its way. Default 400 ms.
    pub max_delay: Duration,
    /// The longest that a network stands still without a sign. Default 60 s: longer than any heartbeat.
    pub max_stall: Duration,
    /// How many of a hundred attempts to open a connection fail. Default 20.
    pub refused_percent: u32,
    /// A fault that has to be noticed. Default: none.
    pub planted: Option<Planted>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            peer: Peer::Stock,
            clients: 2,
            namespaces: 3,
            active: Duration::from_secs(90),
            drain: Duration::from_secs(600),
            action_every: Duration::from_millis(300),
            fault_every: Duration::from_secs(6),
            max_delay: Duration::from_millis(400),
            max_stall: Duration::from_secs(60),
            refused_percent: 20,
            planted: None,
        }
    }
}

macro_rules! report {
    ($($(#[$doc:meta])* $figure:ident,)*) => {
        /// What happened in a run that broke no invariant.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Report {
            /// A hash over all that happened, in order.
            pub digest: u64,
            /// Which faults met clients in which states.
            pub coverage: Coverage,
            /// How often each buffer was at its cap.
            pub buffers: Buffers,
            $($(#[$doc])* pub $figure: u64,)*
        }

        impl Report {
            /// Adds the figures of another run, and mixes the digests, in whatever order.
            pub fn add(&mut self, other: &Self) {
                self.digest = self.digest.wrapping_add(other.digest);
                self.coverage.add(&other.coverage);
                self.buffers.add(&other.buffers);
                $(self.$figure += other.$figure;)*
            }

            /// Every figure with its name.
            #[must_use]
            pub fn figures(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($figure), self.$figure)),*]
            }
        }
    };
}

report! {
    /// Events that managers accepted.
    emitted,
    /// Events that the server saw.
    delivered,
    /// Accepted events that a manager reported as dropped.
    dropped,
    /// Events on a connection that broke before they arrived.
    lost_in_flight,
    /// Volatile events that were not sent.
    volatile_dropped,
    /// Emits whose acknowledgement came.
    acked,
    /// Emits whose wait for one ended otherwise.
    unacked,
    /// Events that the server sent and a client saw.
    received,
    /// Acknowledgements of a client that the server saw.
    replies,
    /// Connections that opened.
    connections,
    /// Attempts that failed.
    refused,
    /// Connections that were cut.
    cuts,
    /// Times that a network stood still.
    stalls,
    /// Namespaces that the server ended.
    server_disconnects,
    /// Times that an application went to the background.
    backgrounds,
    /// Buffered events that ran where they are deduplicated.
    buffered_run,
    /// Repeats of them, which did not.
    repeats,
    /// Durable events whose effect was committed.
    effects,
    /// Durable emits that were accepted.
    persisted,
    /// Durable messages by how they ended.
    durable_acked,
    /// As above.
    durable_expired,
    /// As above.
    durable_rejected,
    /// As above.
    durable_cancelled,
    /// As above.
    durable_unknown,
    /// Durable messages that a later process took over.
    restored,
    /// Buffered events of which nobody knows whether they arrived.
    unknown,
    /// Events that a server published where it keeps a log.
    published,
    /// Sessions that went on.
    recovered,
    /// Positions that clients reported.
    positions,
    /// Emits that managers refused.
    emits_refused,
    /// Tokens that the server refused.
    tokens_refused,
    /// Times that the server revoked the tokens of a client.
    revocations,
    /// Floods of events, more than may be under way.
    floods,
    /// Events for a room.
    room_events,
    /// Times that a client's process ended.
    client_crashes,
    /// Times that the server's process ended.
    server_crashes,
    /// Times that it lost its disk with that.
    disks_lost,
    /// Requests that a client's disk refused.
    client_commits_failed,
    /// Commits that the server's disk refused.
    server_commits_failed,
    /// Times that a clock outside jumped.
    clock_jumps,
    /// Frames that no peer sends.
    hostile_frames,
}
