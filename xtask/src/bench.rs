//! Benches: built with optimisation and run by the package `nexus-bench`.

use crate::context::Context;
use crate::failure::Failure;
use crate::setup;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The benches to run and their options; `-- --help` lists them. All of them when none is
    /// named, and then the results go to docs/benchmarks.md.
    #[arg(value_name = "WHAT", trailing_var_arg = true, allow_hyphen_values = true)]
    what: Vec<String>,
}

/// Runs the benches.
///
/// # Errors
/// When one does not build or run.
pub(crate) fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    setup::c_compiler(context)?;
    let mut command = context.cargo(&["run", "--quiet", "--release", "--locked"]);
    command.args(["--package", "nexus-bench", "--bin", "nexus-bench", "--"]).args(&options.what);
    command.env("PATH", setup::node(context)?);
    context.children().run("nexus-bench", &mut command)
}
