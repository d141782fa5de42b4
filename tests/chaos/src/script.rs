//! What goes wrong, and when: drawn from a seed, so that every stack meets the same faults.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

/// A way that bytes take through the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From client to server.
    Up,
    /// From server to client.
    Down,
}

/// How a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// As a network address translator that forgot the connection: RST, and what was underway is lost.
    Reset,
    /// As a process that ends: FIN.
    Close,
}

/// What happens to bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends in the middle of whatever is underway.
    Cut(Cut),
    /// Bytes of one direction wait so long, and come then.
    Stall(Duration),
    /// Bytes of one direction are swallowed for so long, and the connection is reset then.
    Silence(Duration),
    /// The connection is reset, and so is every new one for so long.
    Refuse(Duration),
}

/// A fault that waits for its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Armed {
    /// Which bytes are counted, and befallen where the fault has a direction.
    pub direction: Direction,
    /// How many of them pass before.
    pub after_bytes: usize,
    /// What happens.
    pub fault: Fault,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Arms the proxy of the client that the step belongs to.
    Network(Armed),
    /// Kills the server with SIGKILL and starts it again after so long.
    KillServer(Duration),
    /// Kills this client with SIGKILL and starts it again after so long.
    KillClient(Duration),
}

/// A step of one client's script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// How many buffered messages the client has sent when the step is due: every stack has that class.
    pub at: u64,
    /// What it does.
    pub action: Action,
}

/// What a run is exposed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// The network fails; processes live.
    Network,
    /// The network fails, and the server and one client are killed again and again.
    Kills,
}

impl Scenario {
    /// For tables and folders.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Kills => "kills",
        }
    }
}

/// The steps of both clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Of the client that is never killed.
    pub first: Vec<Step>,
    /// Of the client that [`Scenario::Kills`] kills.
    pub second: Vec<Step>,
}

impl Script {
    /// The script of a seed for clients that send `messages` of each class.
    #[must_use]
    pub fn new(seed: u64, scenario: Scenario, messages: u64) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut first = network(&mut random, messages);
        let mut second = network(&mut random, messages);
        if scenario == Scenario::Kills {
            kills(&mut random, &mut first, messages, Action::KillServer);
            kills(&mut random, &mut second, messages, Action::KillClient);
        }
        Self { first, second }
    }

    /// How many cuts, stalls, silences and refusals, and how many kills of the server and of the client there are.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for step in self.first.iter().chain(&self.second) {
            let count = match step.action {
                Action::Network(Armed { fault: Fault::Cut(_), .. }) => &mut counts.cuts,
                Action::Network(Armed { fault: Fault::Stall(_), .. }) => &mut counts.stalls,
                Action::Network(Armed { fault: Fault::Silence(_), .. }) => &mut counts.silences,
                Action::Network(Armed { fault: Fault::Refuse(_), .. }) => &mut counts.refusals,
                Action::KillServer(_) => &mut counts.server_kills,
                Action::KillClient(_) => &mut counts.client_kills,
            };
            *count += 1;
        }
        counts
    }
}

/// How often what happens in a [`Script`].
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Connections cut.
    pub cuts: u32,
    /// Directions that stood still.
    pub stalls: u32,
    /// Directions that lost what they carried.
    pub silences: u32,
    /// Times when no connection was taken.
    pub refusals: u32,
    /// Kills of the server.
    pub server_kills: u32,
    /// Kills of the second client.
    pub client_kills: u32,
}

/// About one fault in 150 messages of each class, ten at least.
fn network(random: &mut Pcg64Mcg, messages: u64) -> Vec<Step> {
    spread(random, messages, (messages / 150).max(10), |random| Action::Network(armed(random)))
}

/// One kill in 1,500 messages of each class, two at least.
fn kills(random: &mut Pcg64Mcg, steps: &mut Vec<Step>, messages: u64, action: fn(Duration) -> Action) {
    steps.extend(spread(random, messages, (messages / 1500).max(2), |random| action(millis(random, 100, 800))));
    steps.sort_by_key(|step| step.at);
}

/// One step somewhere in each of `count` equal parts of the run.
fn spread(
    random: &mut Pcg64Mcg,
    messages: u64,
    count: u64,
    mut action: impl FnMut(&mut Pcg64Mcg) -> Action,
) -> Vec<Step> {
    let part = (messages / count.max(1)).max(1);
    (0..count).map(|i| Step { at: i * part + random.random_range(0..part), action: action(random) }).collect()
}

fn armed(random: &mut Pcg64Mcg) -> Armed {
    let direction = if random.random_bool(0.5) { Direction::Up } else { Direction::Down };
    let after_bytes = random.random_range(0..4096);
    let fault = match random.random_range(0..10) {
        0..3 => Fault::Cut(Cut::Reset),
        3..6 => Fault::Cut(Cut::Close),
        6 => Fault::Stall(millis(random, 100, 1000)),
        7 | 8 => Fault::Silence(millis(random, 100, 1000)),
        _ => Fault::Refuse(millis(random, 200, 1000)),
    };
    Armed { direction, after_bytes, fault }
}

fn millis(random: &mut Pcg64Mcg, from: u64, to: u64) -> Duration {
    Duration::from_millis(random.random_range(from..to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_script() {
        let script = Script::new(7, Scenario::Kills, 300);
        assert_eq!(script, Script::new(7, Scenario::Kills, 300));
        assert_ne!(script, Script::new(8, Scenario::Kills, 300));
        assert_eq!(script.counts().server_kills, 2);
        assert_eq!(script.counts().client_kills, 2);
        assert!(script.first.is_sorted_by_key(|step| step.at) && script.second.is_sorted_by_key(|step| step.at));
        assert!(script.first.iter().chain(&script.second).all(|step| step.at < 300));
    }

    #[test]
    fn without_kills_processes_live_and_the_network_is_the_same() {
        let network = Script::new(7, Scenario::Network, 10_000);
        let counts = network.counts();
        assert_eq!((counts.server_kills, counts.client_kills), (0, 0));
        assert_eq!(counts.cuts + counts.stalls + counts.silences + counts.refusals, 132);
        let kills = Script::new(7, Scenario::Kills, 10_000).counts();
        assert_eq!((kills.cuts, kills.server_kills, kills.client_kills), (counts.cuts, 6, 6));
    }

    #[test]
    fn a_run_of_nothing_has_a_script_too() {
        assert!(Script::new(1, Scenario::Kills, 0).first.iter().all(|step| step.at < 20));
    }
}
