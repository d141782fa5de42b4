//! What commands need beyond cargo: found, installed where that can be done alone, or named in one line.

mod apt;
mod chromium;
mod java;
mod node;
mod python;
mod swift;
mod sysroot;
mod target;
mod wasm;

use std::env;
use std::ffi::OsStr;
use std::process::{Command, Stdio};

use crate::context::Context;
use crate::failure::Failure;

pub(crate) use chromium::chromium;
pub(crate) use java::{Maven, java};
pub(crate) use node::{node, packages, peers};
pub(crate) use python::python;
pub(crate) use swift::{Swift, swift};
pub(crate) use target::target;
pub(crate) use wasm::{Wasm, wasm};

/// Sees to it that a component of the Rust toolchain is there.
///
/// # Errors
/// One line that says what to install.
pub(crate) fn component(context: &Context, name: &str, probe: &str) -> Result<(), Failure> {
    if answers(context.cargo(&[probe, "--version"])) {
        return Ok(());
    }
    println!("    installing {name}");
    let mut command = context.command("rustup");
    command.args(["component", "add", name]);
    context
        .children()
        .run("rustup", &mut command)
        .map_err(|_| Failure::new(format!("{name} is missing: run `rustup component add {name}`")))
}

/// Sees to it that there is a C compiler, which the TLS libraries want.
///
/// # Errors
/// One line that says what to install.
pub(crate) fn c_compiler(context: &Context) -> Result<(), Failure> {
    let named = env::var_os("CC").is_some_and(|compiler| answers(version(&compiler)));
    if named || ["cc", "gcc", "clang"].iter().any(|name| answers(version(name))) {
        return Ok(());
    }
    apt::install(context, &["gcc", "libc6-dev"])
        .map_err(|failure| Failure::new(format!("a C compiler is missing: install gcc or clang ({failure})")))
}

/// `PROGRAM --version`.
fn version(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.arg("--version");
    command
}

/// Whether the command succeeds, whatever it prints.
fn answers(mut command: Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
