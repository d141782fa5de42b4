//! A few hundred runs of the simulator.

use nexus_sim::{Report, Scenario, run};

/// Runs of the default scenario. More by hand: `NEXUS_SIM_SEEDS=100000 cargo test -p nexus-sim`.
fn seeds() -> u64 {
    std::env::var("NEXUS_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(500)
}

#[test]
fn no_seed_breaks_an_invariant() {
    let scenario = Scenario::default();
    let mut total = Report::default();
    for seed in 0..seeds() {
        match run(seed, &scenario) {
            Ok(report) => total.add(&report),
            Err(violation) => panic!("{violation}"),
        }
    }
    // Every kind of thing happened: a simulator that exercises nothing finds nothing.
    println!("{:?}", total.figures());
    for (figure, count) in total.figures() {
        assert!(count > 0, "{figure} stayed zero");
    }
}

#[test]
fn a_seed_replays_exactly() {
    let scenario = Scenario::default();
    for seed in [1, 42, 4711] {
        assert_eq!(run(seed, &scenario), run(seed, &scenario));
    }
    assert_ne!(run(1, &scenario).unwrap().digest, run(2, &scenario).unwrap().digest);
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
