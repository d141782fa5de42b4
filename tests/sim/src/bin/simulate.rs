//! Runs many seeds, shrinks what fails, and replays what was shrunk. `cargo xtask simulate` builds and calls it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use nexus_sim::{Decision, Report, Scenario, Violation, read_decisions, run, run_decisions, shrink, write_decisions};

#[derive(Parser)]
#[command(about = "Manager against server in virtual time, over faulty networks and storage")]
struct Options {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many run at a time; as many as there are processors by default.
    #[arg(long)]
    jobs: Option<usize>,
    /// Where the decisions of failing runs are written.
    #[arg(long, default_value = "target/simulate")]
    out: PathBuf,
    /// Replay this file of decisions, and nothing else.
    #[arg(long)]
    replay: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let scenario = Scenario::default();
    let result = match &options.replay {
        Some(file) => replay(file, &scenario),
        None => search(&options, &scenario),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn replay(file: &Path, scenario: &Scenario) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let decisions = read_decisions(&text).map_err(|line| format!("{}: no decision: {line}", file.display()))?;
    let report = run_decisions(&decisions, scenario).map_err(|violation| violation.to_string())?;
    println!("no invariant is broken; digest {:016x}", report.digest);
    Ok(())
}

fn search(options: &Options, scenario: &Scenario) -> Result<(), String> {
    let jobs = options.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from)).max(1);
    let begun = Instant::now();
    let until = options.from.saturating_add(options.seeds);
    let next = AtomicU64::new(options.from);
    let failed = AtomicBool::new(false);
    let found: Mutex<(Report, Option<Violation>)> = Mutex::default();
    thread::scope(|scope| {
        let work = || {
            let mut sum = Report::default();
            while !failed.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= until {
                    break;
                }
                match run(seed, scenario) {
                    Ok(report) => sum.add(&report),
                    Err(violation) => {
                        failed.store(true, Ordering::Relaxed);
                        if let Ok(mut found) = found.lock()
                            && found.1.as_ref().is_none_or(|known| known.seed > violation.seed)
                        {
                            found.1 = Some(violation);
                        }
                    }
                }
            }
            if let Ok(mut found) = found.lock() {
                found.0.add(&sum);
            }
        };
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let mut told = Instant::now();
        while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::park_timeout(Duration::from_millis(200));
            if told.elapsed() > Duration::from_secs(5) {
                told = Instant::now();
                let done = next.load(Ordering::Relaxed).min(until) - options.from;
                println!("{done} of {} seeds, {:.0} a second", options.seeds, rate(done, begun));
            }
        }
    });
    let (report, violation) = found.into_inner().map_err(|_| "a worker panicked".to_owned())?;
    let Some(violation) = violation else {
        println!("{} seeds without a violation, {:.0} a second", options.seeds, rate(options.seeds, begun));
        for (figure, count) in report.figures() {
            println!("{count:>12} {figure}");
        }
        return Ok(());
    };
    Err(explain(options, scenario, &violation))
}

fn rate(seeds: u64, begun: Instant) -> f64 {
    seeds as f64 / begun.elapsed().as_secs_f64()
}

/// Shrinks a failing run, writes it down, and says how to see it again.
fn explain(options: &Options, scenario: &Scenario, violation: &Violation) -> String {
    let Some(seed) = violation.seed else { return violation.to_string() };
    println!("{violation}\nshrinking");
    let Some(shrunk) = shrink(seed, scenario) else {
        return format!("{violation}\nand not again: a run is no function of its seed");
    };
    let loud = shrunk.decisions.iter().enumerate().filter(|(_, decision)| decision.value > 0);
    for (at, Decision { about, value }) in loud {
        println!("{at:>6} {about}: {value}");
    }
    let file = options.out.join(format!("seed-{seed}.txt"));
    let text = format!("# {}\n{}", shrunk.violation, write_decisions(&shrunk.decisions));
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
