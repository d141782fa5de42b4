//! Set-up, demo, tests, benches and checks of Nexus, as `cargo xtask COMMAND`.
//!
//! Every command prepares what it needs, says what it does, streams what its programs print, and ends those
//! programs when it ends: on success, on an error and on Ctrl-C.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

mod artifacts;
mod bench;
mod chaos;
mod context;
mod cross;
mod demo;
mod failure;
mod lint;
mod mobile;
mod process;
mod setup;
mod simulate;
mod stages;
mod test;
mod tool;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::context::Context;
use crate::failure::Failure;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Set-up, demo, tests and benches of Nexus",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server with a page where two users talk.
    Demo(demo::Options),
    /// Set up what the tests need, and run them: every tier, or those named.
    Test(test::Options),
    /// Build the web package and the demo page.
    Web(web::Options),
    /// Build the Kotlin, Swift and Python packages as they would be published: all of them, or those named.
    Mobile(mobile::Options),
    /// Check that the client compiles for phones, macOS and Windows, without linking.
    Cross,
    /// Measure, side by side with the peers where there are any.
    Bench(bench::Options),
    /// Run the simulator over many seeds, or replay a run of it.
    Simulate(simulate::Options),
    /// Cut connections and kill processes, of Nexus and of the official packages, and count every message.
    Chaos(chaos::Options),
    /// Run Swift, Maven or Python as the tests have it, in the current folder.
    Tool(tool::Options),
    /// Check format, lints, and the licences and sources of dependencies.
    Lint,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let context = match Context::new() {
        Ok(context) => context,
        Err(failure) => return told(&failure),
    };
    let result = run(&context, cli.command);
    context.children().stay_if_ending();
    result.map_or_else(|failure| told(&failure), |()| ExitCode::SUCCESS)
}

fn told(failure: &Failure) -> ExitCode {
    if !failure.is_told() {
        eprintln!("error: {failure}");
    }
    ExitCode::FAILURE
}

fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(options) => demo::run(context, &options),
        Command::Test(options) => test::run(context, &options),
        Command::Web(options) => web::run(context, &options),
        Command::Mobile(options) => mobile::run(context, &options),
        Command::Cross => cross::run(context),
        Command::Bench(options) => bench::run(context, &options),
        Command::Simulate(options) => simulate::run(context, &options),
        Command::Chaos(options) => chaos::run(context, &options),
        Command::Tool(options) => tool::run(context, &options),
        Command::Lint => lint::run(context),
    }
}
