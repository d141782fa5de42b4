//! Trials with real faults: run by the package `nexus-chaos`.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::artifacts::{self, Program};
use crate::context::Context;
use crate::failure::Failure;
use crate::setup;

/// Messages of each class from each user in the short run.
const SHORT: &str = "300";

/// What to try.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Options of the trials: `-- --help` lists them. Without any, everything is tried with 10,000 messages of each class
    /// from each of two users, and the results go to docs/reliability.md and the README.
    #[arg(value_name = "OPTIONS", trailing_var_arg = true, allow_hyphen_values = true)]
    what: Vec<String>,
}

/// Runs the trials.
///
/// # Errors
/// When something does not build, or a promise was broken.
pub(crate) fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    setup::c_compiler(context)?;
    let path = setup::node(context)?;
    setup::peers(context, &path)?;
    let programs = artifacts::binaries_and_examples(context)?;
    let what: Vec<&str> = options.what.iter().map(String::as_str).collect();
    let mut command = trials(context, &programs, &path, &what)?;
    context.children().run("nexus-chaos", &mut command)
}

/// The program of the short run, a minute of our own stack. It ends as a test program does.
///
/// # Errors
/// When a program was not built.
pub(crate) fn short(context: &Context, programs: &[Program], path: &OsStr) -> Result<Command, Failure> {
    trials(context, programs, path, &["--messages", SHORT, "--only", "nexus"])
}

fn trials(context: &Context, programs: &[Program], path: &OsStr, options: &[&str]) -> Result<Command, Failure> {
    let named = |name: &str| -> Result<&Path, Failure> { artifacts::named(programs, name) };
    let mut command = context.command(named("nexus-chaos")?);
    command.env("NEXUS_SERVER", named("nexus-server")?).env("NEXUS_CHAOS_CLIENT", named("chaos_client")?);
    command.env("NEXUS_RECONNECT_CLIENTS", named("reconnect_clients")?).env("PATH", path).args(options);
    Ok(command)
}
