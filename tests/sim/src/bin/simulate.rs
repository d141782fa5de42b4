//! Runs many seeds, shrinks what fails, and replays what was shrunk. `cargo xtask simulate` builds and calls it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use nexus_sim::{
    Decision, Peer, Scenario, Violation, read_decisions, run_decisions, search, shrink, trace_decisions,
    write_decisions,
};

#[derive(Parser)]
#[command(about = "Manager against server in virtual time, over faulty networks and storage")]
struct Options {
    /// How many seeds to run, each against every peer.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run against this peer only.
    #[arg(long, value_enum)]
    peer: Option<PeerName>,
    /// How many run at a time; as many as there are processors by default.
    #[arg(long)]
    jobs: Option<usize>,
    /// Where the decisions of failing runs are written.
    #[arg(long, default_value = "target/simulate")]
    out: PathBuf,
    /// Replay this file of decisions, and nothing else.
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Take out one safeguard after another, and see that each is missed within so many seeds. Needs the feature
    /// `mutations`.
    #[arg(long)]
    mutate: bool,
    /// Print what happens in the replay.
    #[arg(long, requires = "replay")]
    trace: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PeerName {
    /// A stock server.
    Stock,
    /// A server that grants delivery.
    Nexus,
}

impl PeerName {
    const ALL: [Self; 2] = [Self::Stock, Self::Nexus];

    fn scenario(self) -> Scenario {
        let peer = match self {
            Self::Stock => Peer::Stock,
            Self::Nexus => Peer::Nexus,
        };
        Scenario { peer, ..Scenario::default() }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Nexus => "nexus",
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match &options.replay {
        Some(file) => replay(file, options.trace),
        None if options.mutate => mutate(&options),
        None => run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn replay(file: &Path, trace: bool) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let decisions = read_decisions(&text).map_err(|line| format!("{}: no decision: {line}", file.display()))?;
    let peer = PeerName::ALL.into_iter().find(|peer| text.starts_with(&header(*peer)));
    let peer = peer.ok_or_else(|| format!("{}: the first line must name the peer", file.display()))?;
    let (result, lines) = if trace {
        trace_decisions(&decisions, &peer.scenario())
    } else {
        (run_decisions(&decisions, &peer.scenario()), Vec::new())
    };
    for line in lines {
        println!("{line}");
    }
    let report = result.map_err(|violation| violation.to_string())?;
    println!("no invariant is broken; digest {:016x}", report.digest);
    Ok(())
}

fn header(peer: PeerName) -> String {
    format!("# peer {}\n", peer.as_str())
}

fn run(options: &Options) -> Result<(), String> {
    let peers = options.peer.map_or_else(|| PeerName::ALL.to_vec(), |peer| vec![peer]);
    let jobs = options.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    for peer in peers {
        let begun = Instant::now();
        let mut told = begun;
        let rate = |seeds: u64| seeds as f64 / begun.elapsed().as_secs_f64();
        let until = options.from.saturating_add(options.seeds);
        let result = search(&peer.scenario(), options.from, until, jobs, |done| {
            if told.elapsed() > Duration::from_secs(5) {
                told = Instant::now();
                println!("{}: {done} of {} seeds, {:.0} a second", peer.as_str(), options.seeds, rate(done));
            }
        });
        let report = result.map_err(|violation| explain(options, peer, &violation))?;
        let (seeds, rate) = (options.seeds, rate(options.seeds));
        println!("{}: {seeds} seeds without a violation, {rate:.0} a second", peer.as_str());
        for (figure, count) in report.figures().into_iter().filter(|(_, count)| *count > 0) {
            println!("{count:>12} {figure}");
        }
        for (buffer, count) in report.buffers.cells() {
            println!("{count:>12} at the cap: {buffer}");
        }
        for (fault, state, count) in report.coverage.cells().filter(|(.., count)| peer == PeerName::Nexus || *count > 0)
        {
            println!("{count:>12} {fault}, {state}");
        }
    }
    Ok(())
}

/// Takes out one safeguard after another: each must be missed.
#[cfg(feature = "mutations")]
fn mutate(options: &Options) -> Result<(), String> {
    use nexus_core::mutation::{Mutation, without};

    let mut unnoticed = Vec::new();
    println!("| taken out | noticed at seed | by |\n|---|---|---|");
    for mutation in Mutation::ALL {
        let noticed = (options.from..options.from.saturating_add(options.seeds)).find_map(|seed| {
            PeerName::ALL.into_iter().find_map(|peer| {
                without(mutation, || nexus_sim::run(seed, &peer.scenario())).err().map(|violation| (peer, violation))
            })
        });
        match noticed {
            Some((peer, Violation { seed, what, .. })) => {
                let what: String = what.chars().take(120).collect();
                println!("| {} | {} ({}) | {what} |", mutation.as_str(), seed.unwrap_or_default(), peer.as_str());
            }
            None => {
                println!("| {} | **never** | |", mutation.as_str());
                unnoticed.push(mutation.as_str());
            }
        }
    }
    if unnoticed.is_empty() {
        Ok(())
    } else {
        Err(format!("not noticed within {} seeds: {unnoticed:?}", options.seeds))
    }
}

#[cfg(not(feature = "mutations"))]
fn mutate(_options: &Options) -> Result<(), String> {
    Err("safeguards can be taken out only with the feature `mutations`: cargo xtask simulate --mutate".to_owned())
}

/// Shrinks a failing run, writes it down, and says how to see it again.
fn explain(options: &Options, peer: PeerName, violation: &Violation) -> String {
    let Some(seed) = violation.seed else { return violation.to_string() };
    println!("{violation}\nshrinking");
    let Some(shrunk) = shrink(seed, &peer.scenario()) else {
        return format!("{violation}\nand not again: a run is no function of its seed");
    };
    let loud = shrunk.decisions.iter().enumerate().filter(|(_, decision)| decision.value > 0);
    for (at, Decision { about, value }) in loud {
        println!("{at:>6} {about}: {value}");
    }
    let file = options.out.join(format!("{}-{seed}.txt", peer.as_str()));
    let text = format!("{}# {}\n{}", header(peer), shrunk.violation, write_decisions(&shrunk.decisions));
    let written = fs::create_dir_all(&options.out).and_then(|()| fs::write(&file, text));
    match written {
        Ok(()) => format!(
            "{}\nafter {} runs, {} decisions are left; again: cargo xtask simulate --replay {}",
            shrunk.violation,
            shrunk.runs,
            shrunk.decisions.len(),
            file.display()
        ),
        Err(error) => format!("{}\n{}: {error}", shrunk.violation, file.display()),
    }
}
