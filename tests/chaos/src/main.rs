//! `nexus-chaos`: the trials with real faults. `cargo xtask chaos` builds everything and runs it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use nexus_chaos::script::Scenario;
use nexus_chaos::stack::{Programs, Stack};
use nexus_chaos::trial::{self, Plan};
use nexus_chaos::{plot, reconnect, report};

/// Kills processes, cuts connections, and counts what became of every message.
#[derive(Parser)]
#[command(name = "cargo xtask chaos")]
struct Args {
    /// Messages of each class from each of two users.
    #[arg(long, default_value_t = 10_000)]
    messages: u64,
    /// Decides when what goes wrong.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of the journals and the programs' errors.
    #[arg(long, default_value = "target/chaos")]
    log: PathBuf,
    /// What to try. Default: all, and then the results are written to docs/reliability.md and the README.
    #[arg(long, value_enum)]
    only: Vec<Only>,
    /// Runs nothing: counts the journals of runs with the same options again.
    #[arg(long)]
    recount: bool,
    /// Instead: has many clients lose their server at once, and writes docs/reconnect.md.
    #[arg(long)]
    reconnect: bool,
    /// How many, with --reconnect. Each takes a file of its process and one of the server's.
    #[arg(long, default_value_t = 10_000)]
    clients: u64,
    /// The server's program.
    #[arg(long, env = "NEXUS_SERVER", hide = true)]
    server: PathBuf,
    /// The client's program.
    #[arg(long, env = "NEXUS_CHAOS_CLIENT", hide = true)]
    client: PathBuf,
    /// The program with many clients.
    #[arg(long, env = "NEXUS_RECONNECT_CLIENTS", hide = true)]
    many_clients: PathBuf,
    /// The Node programs.
    #[arg(long, default_value = "tests/peers", hide = true)]
    peers: PathBuf,
    /// Writes the results even if not everything is tried.
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    /// Nexus.
    Nexus,
    /// socket.io with default options.
    Stock,
    /// socket.io with retries and connection state recovery.
    StockRetries,
    /// The network's faults alone.
    Network,
    /// Kills as well.
    Kills,
}

impl Args {
    fn plans(&self) -> Vec<Plan> {
        let only = |choices: &[(Only, bool)]| {
            let named: Vec<bool> =
                choices.iter().filter(|(only, _)| self.only.contains(only)).map(|(_, is)| *is).collect();
            named.is_empty() || named.contains(&true)
        };
        let mut plans = Vec::new();
        for scenario in [Scenario::Network, Scenario::Kills] {
            for stack in Stack::ALL {
                let stacks = [
                    (Only::Nexus, stack == Stack::Nexus),
                    (Only::Stock, stack == Stack::Stock),
                    (Only::StockRetries, stack == Stack::StockRetries),
                ];
                let scenarios =
                    [(Only::Network, scenario == Scenario::Network), (Only::Kills, scenario == Scenario::Kills)];
                if only(&stacks) && only(&scenarios) {
                    let folder = trial::folder_of(&self.log, stack, scenario);
                    plans.push(Plan { stack, scenario, messages: self.messages, seed: self.seed, folder });
                }
            }
        }
        plans
    }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// True if every promise was kept.
#[tokio::main]
async fn run(args: &Args) -> Result<bool, Box<dyn Error>> {
    let programs =
        Programs { server: args.server.clone(), client: args.client.clone(), peers: args.peers.canonicalize()? };
    if args.reconnect {
        return reconnect(args, &programs).await;
    }
    let mut outcomes = Vec::new();
    let mut broken = Vec::new();
    for plan in args.plans() {
        println!("==> {}, {}: seed {}", plan.stack.title(), plan.scenario.name(), plan.seed);
        let outcome = if args.recount { trial::recount(&plan)? } else { trial::run(&plan, &programs).await? };
        println!("    {} s, {} faults, {} connections", outcome.time.as_secs(), outcome.faults, outcome.connections);
        println!("{}", report::table(&[&outcome]));
        broken.extend(report::broken(&outcome));
        outcomes.push(outcome);
    }
    if args.only.is_empty() || args.write {
        let command = format!("cargo xtask chaos --messages {} --seed {}", args.messages, args.seed);
        // What the page says of the simulator is written by hand.
        let before = fs::read_to_string("docs/reliability.md").unwrap_or_default();
        let by_hand = before.find("\n# Simulation\n").and_then(|at| before.get(at..)).unwrap_or_default();
        fs::write("docs/reliability.md", report::page(&outcomes, &command) + by_hand)?;
        if let Some(readme) = report::in_readme(&fs::read_to_string("README.md")?, &outcomes) {
            fs::write("README.md", readme)?;
        }
        println!("written to docs/reliability.md");
    }
    for line in &broken {
        eprintln!("BROKEN: {line}");
    }
    println!("the journals are in {}", args.log.display());
    // As the test programs of Rust have it, which `cargo xtask test` counts.
    let failed = outcomes.iter().filter(|outcome| !report::broken(outcome).is_empty()).count();
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {result}. {} passed; {failed} failed; 0 ignored", outcomes.len() - failed);
    Ok(broken.is_empty())
}

/// True if nobody was refused whom the server could have taken, and the delays were spread as configured.
async fn reconnect(args: &Args, programs: &Programs) -> Result<bool, Box<dyn Error>> {
    println!("==> {} clients lose their server", args.clients);
    let folder = args.log.join("reconnect");
    let seen = reconnect::run(args.clients, &programs.server, &args.many_clients.canonicalize()?, &folder).await?;
    let page = plot::page(&seen, &format!("cargo xtask chaos --reconnect --clients {}", args.clients));
    println!("{page}");
    fs::write("docs/reconnect.md", page)?;
    fs::write(plot::IMAGE, plot::svg(&seen))?;
    println!("written to docs/reconnect.md and {}", plot::IMAGE);
    if seen.refused() > 0 {
        eprintln!("BROKEN: {} attempts failed although the server was there", seen.refused());
    }
    let narrow: Vec<_> = seen.drawn.iter().filter(|drawn| !drawn.is_spread()).collect();
    if !narrow.is_empty() {
        eprintln!("BROKEN: delays were not spread as configured: {narrow:?}");
    }
    Ok(seen.refused() == 0 && narrow.is_empty())
}
