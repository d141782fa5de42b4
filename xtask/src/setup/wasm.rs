//! The standard library for WebAssembly, and cargo with it.
//!
//! Looked for in this order: in the toolchain; from rustup; built from Debian's sources of Rust, as a `Sysroot`.
//! `NEXUS_WASM_TARGET=fallback` in the environment goes to the last at once.

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::context::Context;
use crate::failure::Failure;

use super::sysroot::Sysroot;
use super::{answers, version};

const TARGET: &str = "wasm32-unknown-unknown";
/// How long rustup may download: without a network it would try for longer than anybody waits.
const DOWNLOAD: Duration = Duration::from_secs(180);

/// What compiles for browsers.
#[derive(Debug, Clone)]
pub(crate) struct Wasm(Option<Sysroot>);

impl Wasm {
    /// `cargo SUBCOMMAND … --target …` with a standard library for it.
    pub(crate) fn cargo(&self, context: &Context, arguments: &[&str]) -> Command {
        let mut command = match &self.0 {
            None => context.cargo(arguments),
            Some(sysroot) => sysroot.cargo(context, arguments),
        };
        command.args(["--target", TARGET]);
        command
    }

    /// The folder below the target directory where cargo puts what it builds.
    pub(crate) fn folder(&self) -> &'static str {
        TARGET
    }
}

/// Finds or installs the standard library for WebAssembly.
///
/// # Errors
/// One line that says what to install.
pub(crate) fn wasm(context: &Context) -> Result<Wasm, Failure> {
    if env::var_os("NEXUS_WASM_TARGET").is_some_and(|choice| choice == "fallback") {
        return Sysroot::prepare(context, TARGET).map(|sysroot| Wasm(Some(sysroot)));
    }
    if in_toolchain() || added(context) {
        return Ok(Wasm(None));
    }
    Sysroot::prepare(context, TARGET).map(|sysroot| Wasm(Some(sysroot))).map_err(|failure| {
        Failure::new(format!(
            "Rust cannot build for {TARGET}: run `rustup target add {TARGET}` with a network, or {failure}"
        ))
    })
}

/// Whether the compiler has the target, from rustup or from a distribution.
fn in_toolchain() -> bool {
    let mut command = Command::new("rustc");
    command.args(["--print", "target-libdir", "--target", TARGET]);
    command.output().is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout);
        Path::new(folder.trim()).read_dir().is_ok_and(|mut files| {
            files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libstd-")))
        })
    })
}

/// Asks rustup for the target; whether it is there now.
fn added(context: &Context) -> bool {
    if !answers(version("rustup")) {
        return false;
    }
    println!("    asking rustup for {TARGET}");
    let mut command = context.command("rustup");
    command.args(["target", "add", TARGET]);
    let log = context.tools().join("rustup.log");
    match context.children().run_within("rustup target add", &mut command, &log, DOWNLOAD) {
        Ok(()) => in_toolchain(),
        Err(failure) => {
            println!("    {failure}");
            false
        }
    }
}
