//! Deterministic simulation of Nexus: managers against server sessions, over a faulty network, in
//! virtual time, in one thread.
//!
//! A run is a function of its seed: the same seed gives the same packets, the same faults and the
//! same [`Report::digest`]. It is a list of [decisions](Decision) too, which [`shrink`] makes short where a run fails. Nothing waits, so an hour of reconnecting takes milliseconds.
//!
//! ```
//! use nexus_sim::{Scenario, run};
//!
//! let report = run(7, &Scenario::default()).expect("no invariant is broken");
//! assert_eq!(report.digest, run(7, &Scenario::default()).expect("nor now").digest);
//! ```
//!
//! What must hold in every run is written down in the oracle, apart from the code under test:
//! - a namespace's events reach the other side in the order of their emits, each at most once (what
//!   a connection still carries that its client has given up may reach the server late);
//! - an accepted event is delivered, or reported as dropped, or was on a connection that broke:
//!   nothing else can become of it;
//! - the wait for an acknowledgement ends exactly once;
//! - a status change is one that the status allows, and a loss is told before the search for a new
//!   connection;
//! - once faults stop, every client connects and every queue drains, within a bound;
//! - after disconnecting, nothing sets a timer;
//! - no buffer of either side holds more than its cap;
//! - no event reaches another user, room or session than it is for, none reaches or leaves a session that the server ended,
//!   and nobody is let in with a token that was revoked.

mod applications;
mod buffers;
mod choices;
mod client;
mod connection;
mod coverage;
mod decisions_file;
mod drive;
mod habits;
mod network;
mod nexus;
mod oracle;
mod scenario;
mod search;
mod shrink;
mod store;
mod world;

pub use buffers::Buffers;
pub use choices::{Decision, Decisions};
pub use coverage::Coverage;
pub use decisions_file::{read_decisions, write_decisions};
pub use oracle::Violation;
pub use scenario::{Peer, Planted, Report, Scenario};
pub use search::search;
pub use shrink::{Shrunk, shrink};

/// Runs a scenario from a seed.
///
/// # Errors
/// The first invariant that was broken, with what the run had seen of it.
pub fn run(seed: u64, scenario: &Scenario) -> Result<Report, Violation> {
    let result = world::World::new(&mut choices::Choices::from_seed(seed), scenario).run();
    result.map_err(|violation| Violation { seed: Some(seed), ..violation })
}

/// As [`run_decisions`], with a line for each thing that happened.
pub fn trace_decisions(decisions: &[u64], scenario: &Scenario) -> (Result<Report, Violation>, Vec<String>) {
    let mut choices = choices::Choices::from_decisions(decisions.to_vec()).traced();
    let result = world::World::new(&mut choices, scenario).run();
    (result, choices.into_trace())
}

/// Runs a scenario from a list of decisions, as [`shrink`] gives it. Past its end nothing happens any more.
///
/// # Errors
/// As [`run`].
pub fn run_decisions(decisions: &[u64], scenario: &Scenario) -> Result<Report, Violation> {
    world::World::new(&mut choices::Choices::from_decisions(decisions.to_vec()), scenario).run()
}
