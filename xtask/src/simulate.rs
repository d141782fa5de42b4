//! The simulator over many seeds.

use crate::context::{Context, PROFILE};
use crate::failure::Failure;

/// Passed on to the program `simulate` of `nexus-sim`, which describes them: `cargo xtask simulate -- --help`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many seeds to run.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
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
    let (seeds, from) = (options.seeds.to_string(), options.from.to_string());
    let mut args = vec!["run", "--locked", "--profile", PROFILE, "-p", "nexus-sim", "--bin", "simulate", "--"];
    args.extend(["--seeds", &seeds, "--from", &from]);
    if let Some(file) = &options.replay {
        args.extend(["--replay", file]);
    }
    args.extend(options.more.iter().map(String::as_str));
    context.children().run("simulate", &mut context.cargo(&args))
}
