//! Standard libraries for other platforms: of the toolchain, from rustup, or from Debian's sources of Rust.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::context::Context;
use crate::failure::Failure;

use super::{answers, sysroot, version};

/// How long rustup may download: without a network it would try for longer than anybody waits.
const DOWNLOAD: Duration = Duration::from_secs(180);

/// What checks code for another platform. It does not link.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    name: String,
    in_toolchain: bool,
}

impl Target {
    /// `cargo SUBCOMMAND … --target …`; Debian's cargo checks the standard library's sources along.
    pub(crate) fn cargo(&self, context: &Context, arguments: &[&str]) -> Command {
        let mut command =
            if self.in_toolchain { context.cargo(arguments) } else { sysroot::cargo_with_sources(context, arguments) };
        command.args(["--target", &self.name]);
        command
    }
}

/// Finds or installs what checks code for a platform.
///
/// # Errors
/// One line that says what to install.
pub(crate) fn target(context: &Context, name: &str) -> Result<Target, Failure> {
    let in_toolchain = provided(context, name);
    if !in_toolchain {
        sysroot::install(context).map_err(|failure| {
            Failure::new(format!("Rust cannot check for {name}: run `rustup target add {name}`, or {failure}"))
        })?;
    }
    Ok(Target { name: name.to_owned(), in_toolchain })
}

/// Whether the toolchain has the target, after asking rustup for it.
pub(super) fn provided(context: &Context, name: &str) -> bool {
    in_toolchain(name) || added(context, name)
}

/// Whether the compiler has the target, from rustup or from a distribution.
fn in_toolchain(name: &str) -> bool {
    let mut command = Command::new("rustc");
    command.args(["--print", "target-libdir", "--target", name]);
    command.output().is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout);
        Path::new(folder.trim()).read_dir().is_ok_and(|mut files| {
            files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libstd-")))
        })
    })
}

/// Asks rustup for the target; whether it is there now.
fn added(context: &Context, name: &str) -> bool {
    if !answers(version("rustup")) {
        return false;
    }
    println!("    asking rustup for {name}");
    let mut command = context.command("rustup");
    command.args(["target", "add", name]);
    let log = context.tools().join("rustup.log");
    match context.children().run_within("rustup target add", &mut command, &log, DOWNLOAD) {
        Ok(()) => in_toolchain(name),
        Err(failure) => {
            println!("    {failure}");
            false
        }
    }
}
