//! The simulator over many seeds.

use crate::context::{Context, PROFILE};
use crate::failure::Failure;

/// Passed on to the program `simulate` of `nexus-sim`, which describes them: `cargo xtask simulate -- --help`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many seeds to run. Default: 10,000, or 1,000 to notice each safeguard.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Take out one safeguard after another, and see that each is missed within 1,000 seeds.
    #[arg(long)]
    mutate: bool,
    /// Replay a file of decisions instead.
    #[arg(long)]
    replay: Option<String>,
    /// More for the program itself.
    #[arg(last = true)]
    more: Vec<String>,
}

/// Builds the simulator and runs it.
///
/// # Errors
/// When an invariant is broken.
pub(crate) fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    let seeds = options.seeds.unwrap_or(if options.mutate { 1_000 } else { 10_000 }).to_string();
    let from = options.from.to_string();
    if options.mutate {
        return run_mutations(context, &seeds, &from, &options.more);
    }
    let mut args = vec!["run", "--locked", "--profile", PROFILE, "-p", "nexus-sim", "--bin", "simulate"];
    args.extend(["--", "--seeds", &seeds, "--from", &from]);
    if let Some(file) = &options.replay {
        args.extend(["--replay", file]);
    }
    args.extend(options.more.iter().map(String::as_str));
    context.children().run("simulate", &mut context.cargo(&args))
}

/// Takes out one safeguard after another: the tests' gate.
///
/// # Errors
/// When one is not missed within 1,000 seeds.
pub(crate) fn mutations(context: &Context) -> Result<(), Failure> {
    run_mutations(context, "1000", "0", &[])
}

fn run_mutations(context: &Context, seeds: &str, from: &str, more: &[String]) -> Result<(), Failure> {
    let mut args = vec!["run", "--locked", "--profile", PROFILE, "-p", "nexus-sim", "--bin", "simulate"];
    args.extend(["--features", "mutations", "--", "--mutate", "--seeds", seeds, "--from", from]);
    args.extend(more.iter().map(String::as_str));
    context.children().run("simulate --mutate", &mut context.cargo(&args))
}
