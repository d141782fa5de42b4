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

/// What happened in a run that broke no invariant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// A hash over all that happened, in order.
    pub digest: u64,
    /// Events that managers accepted.
    pub emitted: u64,
    /// Events that the server saw.
    pub delivered: u64,
    /// Accepted events that a manager reported as dropped.
    pub dropped: u64,
    /// Events on a connection that broke before they arrived.
    pub lost_in_flight: u64,
    /// Volatile events that were not sent.
    pub volatile_dropped: u64,
    /// Emits whose acknowledgement came.
    pub acked: u64,
    /// Emits whose wait for one ended otherwise.
    pub unacked: u64,
    /// Events that the server sent and a client saw.
    pub received: u64,
    /// Acknowledgements of a client that the server saw.
    pub replies: u64,
    /// Connections that opened.
    pub connections: u64,
    /// Attempts that failed.
    pub refused: u64,
    /// Connections that were cut.
    pub cuts: u64,
    /// Times that a network stood still.
    pub stalls: u64,
    /// Namespaces that the server ended.
    pub server_disconnects: u64,
    /// Times that an application went to the background.
    pub backgrounds: u64,
}

impl Report {
    /// Adds the figures of another run; the digest stays that of neither.
    pub fn add(&mut self, other: &Self) {
        let Self {
            digest,
            emitted,
            delivered,
            dropped,
            lost_in_flight,
            volatile_dropped,
            acked,
            unacked,
            received,
            replies,
            connections,
            refused,
            cuts,
            stalls,
            server_disconnects,
            backgrounds,
        } = other;
        self.digest = self.digest.rotate_left(1) ^ digest;
        self.emitted += emitted;
        self.delivered += delivered;
        self.dropped += dropped;
        self.lost_in_flight += lost_in_flight;
        self.volatile_dropped += volatile_dropped;
        self.acked += acked;
        self.unacked += unacked;
        self.received += received;
        self.replies += replies;
        self.connections += connections;
        self.refused += refused;
        self.cuts += cuts;
        self.stalls += stalls;
        self.server_disconnects += server_disconnects;
        self.backgrounds += backgrounds;
    }
}
