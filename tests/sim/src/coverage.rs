//! Which fault met a client in which state: a simulator that never meets a case finds nothing there.

use nexus_core::manager::ConnectionStatus;

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name {
            $($variant,)*
        }

        impl $name {
            pub(crate) const ALL: &'static [(Self, &'static str)] = &[$((Self::$variant, $text)),*];
        }
    };
}

pub(crate) use named;

named! {
    /// What can go wrong.
    Fault {
        Cut = "cut",
        Stall = "stall",
        ServerCrash = "server crash",
        ClientCrash = "client crash",
        CrashAtCommit = "client crash at a commit",
        DiskFailure = "failure of the client's disk",
        HostileFrame = "hostile frame",
        ClockJump = "clock jump",
        Sleep = "sleep",
        TokenExpiry = "token expiry",
        Revocation = "revocation",
    }
}

named! {
    /// How far a client is.
    State {
        Disconnected = "disconnected",
        Connecting = "connecting",
        Connected = "connected",
        Reconnecting = "reconnecting",
        ConnectedStoring = "connected, storing",
        ReconnectingStoring = "reconnecting, storing",
    }
}

impl State {
    pub(crate) fn of(status: ConnectionStatus, is_storing: bool) -> Self {
        match (status, is_storing) {
            (ConnectionStatus::Disconnected, _) => Self::Disconnected,
            (ConnectionStatus::Connecting, _) => Self::Connecting,
            (ConnectionStatus::Connected, false) => Self::Connected,
            (ConnectionStatus::Connected, true) => Self::ConnectedStoring,
            (ConnectionStatus::Reconnecting, false) => Self::Reconnecting,
            (ConnectionStatus::Reconnecting, true) => Self::ReconnectingStoring,
        }
    }
}

const FAULTS: usize = Fault::ALL.len();
const STATES: usize = State::ALL.len();

/// How often each fault met each state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage([[u64; STATES]; FAULTS]);

impl Coverage {
    pub(crate) fn count(&mut self, fault: Fault, state: State) {
        if let Some(cell) = self.0.get_mut(fault as usize).and_then(|states| states.get_mut(state as usize)) {
            *cell += 1;
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (own, others) in self.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            *own += others;
        }
    }

    /// Each fault and state with its count. What can't be is left out: a client that seeks no connection has none to cut,
    /// and one whose disk is at rest has no request that could fail.
    pub fn cells(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        Fault::ALL.iter().zip(&self.0).flat_map(|((fault, fault_name), states)| {
            let possible = move |state: State| match fault {
                Fault::Cut | Fault::Stall | Fault::HostileFrame => state != State::Disconnected,
                Fault::DiskFailure | Fault::CrashAtCommit => !matches!(state, State::Connected | State::Reconnecting),
                _ => true,
            };
            let cells = State::ALL.iter().zip(states).filter(move |((state, _), _)| possible(*state));
            cells.map(move |((_, state_name), count)| (*fault_name, *state_name, *count))
        })
    }
}
