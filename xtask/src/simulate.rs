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
    let mut args = vec!["run", "--locked", "--profile", PROFILE, "-p", "nexus-sim", "--bin", "simulate"];
    if options.mutate {
        args.extend(["--features", "mutations"]);
    }
    args.extend(["--", "--seeds", &seeds, "--from", &from]);
    if options.mutate {
        args.push("--mutate");
    }
    if let Some(file) = &options.replay {
        args.extend(["--replay", file]);
    }
    args.extend(options.more.iter().map(String::as_str));
    context.children().run("simulate", &mut context.cargo(&args))
}
