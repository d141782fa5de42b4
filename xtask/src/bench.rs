//! Benches.

use clap::ValueEnum;

use crate::context::Context;
use crate::failure::Failure;
use crate::setup;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The benches to run; all of them when none is named.
    #[arg(value_enum)]
    what: Vec<Bench>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bench {
    /// Encoding and decoding, beside a bare JSON parse of the same bytes.
    Codec,
}

/// Runs the benches.
///
/// # Errors
/// When one does not build or run.
pub(crate) fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    setup::c_compiler(context)?;
    let chosen = |bench| options.what.is_empty() || options.what.contains(&bench);
    if chosen(Bench::Codec) {
        println!("==> codec");
        context.children().run(
            "cargo bench",
            &mut context.cargo(&["bench", "--locked", "--package", "nexus-core"]),
        )?;
    }
    Ok(())
}
