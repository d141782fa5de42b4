//! `cargo xtask tool`: what the tests of the mobile packages run with, by hand.

use std::env;
use std::ffi::OsString;

use clap::ValueEnum;

use crate::context::Context;
use crate::failure::Failure;
use crate::mobile;
use crate::setup;

/// Which, and what to tell it.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The program.
    #[arg(value_enum)]
    name: Name,
    /// Its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// `swift`, of this machine or of the Debian in target/tools/swift.
    Swift,
    /// `mvn`, after seeing to a JDK.
    Mvn,
    /// Python with pytest, of the environment in target/tools/python.
    Python,
}

/// Sets the tool up and runs it with the terminal as its own.
///
/// # Errors
/// When it cannot be set up or does not succeed.
pub(crate) fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    let folder = env::current_dir().map_err(|error| Failure::new(format!("the current folder: {error}")))?;
    let (name, mut command) = match options.name {
        Name::Swift => ("swift", setup::swift(context)?.command(context, "swift", &folder)),
        Name::Mvn => ("mvn", setup::java(context)?.command(context, &folder)),
        Name::Python => {
            let mut command = context.command(setup::python(context, &mobile::requirements(context))?);
            command.current_dir(&folder);
            ("python", command)
        }
    };
    context.children().interact(name, command.args(&options.arguments))
}
