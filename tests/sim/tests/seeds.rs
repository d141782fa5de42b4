//! Ten thousand runs of the simulator against each kind of peer.

use std::thread;

use nexus_sim::{Peer, Planted, Report, Scenario, Violation, read_decisions, run, run_decisions, search};

/// How many seeds; more or fewer by hand: `NEXUS_SIM_SEEDS=500 cargo test -p nexus-sim`.
fn seeds() -> u64 {
    std::env::var("NEXUS_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(10_000)
}

fn scenario(peer: Peer) -> Scenario {
    Scenario { peer, ..Scenario::default() }
}

fn searched(peer: Peer) -> Result<Report, Violation> {
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    search(&scenario(peer), 0, seeds(), jobs, |_| {})
}

/// Every kind of thing happened to both kinds of peer together, and every fault in every state: a simulator that meets
/// nothing finds nothing.
#[test]
fn no_seed_breaks_an_invariant() {
    let [stock, nexus] =
        [Peer::Stock, Peer::Nexus].map(|peer| searched(peer).unwrap_or_else(|found| panic!("{found}")));
    println!("{:?}\n{:?}", stock.figures(), nexus.figures());
    for ((figure, stock), (_, nexus)) in stock.figures().into_iter().zip(nexus.figures()) {
        assert!(stock + nexus > 0, "{figure} stayed zero");
    }
    for (fault, state, count) in nexus.coverage.cells() {
        assert!(count > 0, "{fault} never met a client that was {state}");
    }
    for ((buffer, stock), (_, nexus)) in stock.buffers.cells().zip(nexus.buffers.cells()) {
        assert!(stock + nexus > 0, "never at its cap: {buffer}");
    }
}

/// A check that cannot fail checks nothing: what is built in on purpose is noticed, and said to be what it is.
#[test]
fn what_is_planted_is_noticed() {
    let names = Report::default().buffers.cells().map(|(name, _)| name).collect::<Vec<_>>();
    let overfull = names.into_iter().map(|name| (Planted::Overfull(name), format!("{name}: ")));
    let heard = [
        (Planted::ForeignUser, ", which was for "),
        (Planted::ForeignRoom, "without reason"),
        (Planted::ForeignSocket, "without reason"),
        (Planted::RevokedHears, "in a session that the server had ended"),
        (Planted::RevokedJoins, "which was revoked"),
    ];
    for (planted, says) in overfull.chain(heard.map(|(planted, says)| (planted, says.to_owned()))) {
        let found = (0..3_000).find_map(|seed| {
            let peers = [Peer::Nexus, Peer::Stock];
            peers.into_iter().find_map(|peer| run(seed, &Scenario { planted: Some(planted), ..scenario(peer) }).err())
        });
        let found = found.unwrap_or_else(|| panic!("{planted:?} is not noticed"));
        println!("{planted:?}: {found}");
        assert!(found.what.contains(&says), "{planted:?} shows as {found}");
    }
}

#[test]
fn a_seed_replays_exactly() {
    for peer in [Peer::Stock, Peer::Nexus] {
        let scenario = scenario(peer);
        for seed in [1, 42, 4711] {
            assert_eq!(run(seed, &scenario), run(seed, &scenario));
        }
        assert_ne!(run(1, &scenario).unwrap().digest, run(2, &scenario).unwrap().digest);
    }
}

#[test]
fn on_a_good_network_nothing_is_lost() {
    let scenario =
        Scenario { fault_every: std::time::Duration::from_secs(100_000), refused_percent: 0, ..Scenario::default() };
    for seed in 0..20 {
        let report = run(seed, &scenario).unwrap_or_else(|violation| panic!("{violation}"));
        assert!(report.cuts == 0 && report.delivered > 0, "{report:?}");
    }
}

/// Runs that once showed a bug.
#[test]
fn what_was_found_once_stays_found() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus");
    let mut replayed = 0;
    for file in std::fs::read_dir(corpus).unwrap() {
        let file = file.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        let peer = if text.starts_with("# peer stock") { Peer::Stock } else { Peer::Nexus };
        let decisions = read_decisions(&text).unwrap();
        if let Err(violation) = run_decisions(&decisions, &scenario(peer)) {
            panic!("{}: {violation}", file.display());
        }
        replayed += 1;
    }
    assert!(replayed > 0, "there is a corpus");
}
