//! The standard library for WebAssembly, and cargo with it.
//!
//! Looked for in this order: in the toolchain; from rustup; built from Debian's sources of Rust, as a `Sysroot`.
//! `NEXUS_WASM_TARGET=fallback` in the environment goes to the last at once.

use std::env;
use std::process::Command;

use crate::context::Context;
use crate::failure::Failure;

use super::sysroot::Sysroot;
use super::target;

const TARGET: &str = "wasm32-unknown-unknown";

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
    if target::provided(context, TARGET) {
        return Ok(Wasm(None));
    }
    Sysroot::prepare(context, TARGET).map(|sysroot| Wasm(Some(sysroot))).map_err(|failure| {
        Failure::new(format!(
            "Rust cannot build for {TARGET}: run `rustup target add {TARGET}` with a network, or {failure}"
        ))
    })
}
