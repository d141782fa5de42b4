//! The scenarios through the native client: `README.md` describes them. Words on the command line choose tests by name.

#![expect(clippy::print_stdout, reason = "it says how each test went, as the standard runner does")]

mod failed;
mod record;
mod runner;
mod scenario;
mod stage;
mod step;
mod values;
mod wielded;

use std::{error::Error, process::ExitCode, sync::Arc, time::Instant};

use tokio::{sync::Semaphore, task::JoinSet};

use scenario::{Scenario, Setting};
use stage::Stage;

/// Tests that run beside each other.
const AT_ONCE: usize = 4;
/// Where a child process finds what it is to do.
const PHASE: &str = "NEXUS_BEHAVIOUR_PHASE";

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<ExitCode, Failure> {
    if let Ok(phase) = std::env::var(PHASE) {
        return scenario::child(&phase).await;
    }
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let mut tests = Vec::new();
    for scenario in scenario::load()? {
        let scenario = Arc::new(scenario);
        for kind in &scenario.servers {
            let name = format!("{kind}: {}", scenario.name);
            if words.iter().all(|word| name.contains(word.as_str())) {
                tests.push((name, kind.clone(), Arc::clone(&scenario)));
            }
        }
    }
    println!("\nrunning {} tests", tests.len());
    let stage = Stage::start().await?;
    let (port, turns) = (stage.port(), Arc::new(Semaphore::new(AT_ONCE)));
    let mut running = JoinSet::new();
    for (name, kind, scenario) in tests {
        let turns = Arc::clone(&turns);
        running.spawn(async move {
            let _turn = turns.acquire().await;
            let begun = Instant::now();
            (name, test(port, &kind, &scenario).await, begun.elapsed())
        });
    }
    let (mut passed, mut failures) = (0, Vec::new());
    while let Some(ended) = running.join_next().await {
        match ended? {
            (name, Ok(()), time) => {
                println!("test {name} ... ok ({:.1} s)", time.as_secs_f32());
                passed += 1;
            }
            (name, Err(error), _) => {
                println!("test {name} ... FAILED");
                failures.push(format!("---- {name} ----\n{error}\n"));
            }
        }
    }
    stage.stop().await?;
    for failure in &failures {
        println!("\n{failure}");
    }
    let word = if failures.is_empty() { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {passed} passed; {} failed; 0 ignored; 0 measured; 0 filtered out",
        failures.len()
    );
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One scenario against one server, which is gone afterwards.
async fn test(port: u16, kind: &str, scenario: &Scenario) -> Result<(), Failure> {
    let setting = Setting::new(port, kind).await?;
    let ran = scenario.run(&setting).await;
    setting.stop().await?;
    ran
}
