use std::time::Duration;

/// What happens in a run, apart from chance.
#[derive(Debug, Clone)]
pub struct Scenario {
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
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            clients: 2,
            namespaces: 3,
            active: Duration::from_secs(90),
            drain: Duration::from_secs(600),
            action_every: Duration::from_millis(300),
            fault_every: Duration::from_secs(6),
            max_delay: Duration::from_millis(400),
            max_stall: Duration::from_secs(60),
            refused_percent: 20,
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
            $($(#[$doc])* pub $figure: u64,)*
        }

        impl Report {
            /// Adds the figures of another run, and mixes the digests.
            pub fn add(&mut self, other: &Self) {
                self.digest = self.digest.rotate_left(1) ^ other.digest;
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
}
