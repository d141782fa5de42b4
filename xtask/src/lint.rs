//! Format, lints, and what dependencies may be.

use std::path::PathBuf;
use std::process::Command;

use crate::context::{Context, PROFILE};
use crate::failure::Failure;
use crate::setup::{self, Wasm};
use crate::stages::{Outcome, Report};

/// The version of cargo-deny that is installed where none is found.
const DENY: &str = "0.20.2";

/// Runs every check.
///
/// # Errors
/// When one of them failed.
pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let mut report = Report::new();
    let mut wasm = None;
    report.stage("set-up", || {
        setup::c_compiler(context)?;
        setup::wasm(context).map(|found| wasm = Some(found))
    });
    format_and_lints(context, &mut report, wasm.as_ref());
    report
        .stage("dependencies", || dependencies(context, find_deny(context).map_or_else(|| install_deny(context), Ok)));
    report.close()
}

/// The quick checks: rustfmt and clippy, where a warning is a failure. What is for browsers only is checked for them.
pub(crate) fn format_and_lints(context: &Context, report: &mut Report, wasm: Option<&Wasm>) {
    report.stage("format", || {
        setup::component(context, "rustfmt", "fmt")?;
        context.children().run("cargo fmt", &mut context.cargo(&["fmt", "--all", "--check"]))
    });
    report.stage("lints", || {
        setup::component(context, "clippy", "clippy")?;
        let selection = ["--workspace", "--exclude", "nexus-wasm", "--all-targets"];
        clippy(context, context.cargo(&["clippy"]), &selection)
    });
    let Some(wasm) = wasm else { return };
    report.stage("lints for browsers", || {
        let core = ["--package", "nexus-core", "--no-default-features", "--features", "web", "--lib"];
        clippy(context, wasm.cargo(context, &["clippy"]), &core)?;
        clippy(context, wasm.cargo(context, &["clippy"]), &["--package", "nexus-wasm"])
    });
}

fn clippy(context: &Context, mut command: Command, selection: &[&str]) -> Result<(), Failure> {
    command.args(["--locked", "--profile", PROFILE]).args(selection).args(["--", "--deny", "warnings"]);
    context.children().run("cargo clippy", &mut command)
}

/// Licences, bans and sources of dependencies, and known vulnerabilities where their database can be had.
pub(crate) fn dependencies(context: &Context, deny: Result<PathBuf, Failure>) -> Outcome {
    let deny = match deny {
        Ok(deny) => deny,
        Err(failure) => return Err(failure).into(),
    };
    let check = |what: &[&str]| {
        let mut command = context.command(&deny);
        command.args(["--locked", "check", "--hide-inclusion-graph"]).args(what);
        command
    };
    if let Err(failure) = context.children().run("cargo deny", &mut check(&["bans", "licenses", "sources"])) {
        return Err(failure).into();
    }
    let mut fetch = context.command(&deny);
    fetch.args(["fetch", "db"]);
    if context.children().run_logged("fetch", &mut fetch, &context.tools().join("advisories.log")).is_err() {
        let note = "advisories not checked: their database cannot be reached from here";
        println!("    {note}");
        return Outcome { note: Some(note.to_owned()), ..Outcome::default() };
    }
    context.children().run("cargo deny", &mut check(&["advisories"])).into()
}

/// cargo-deny, where it is installed already: on the search path or by an earlier run.
pub(crate) fn find_deny(context: &Context) -> Option<PathBuf> {
    let own = installed_deny(context);
    let mut candidates = vec![own, PathBuf::from("cargo-deny")];
    candidates.retain(|candidate| {
        let mut command = context.command(candidate);
        command.arg("--version").stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        command.status().is_ok_and(|status| status.success())
    });
    candidates.into_iter().next()
}

/// Builds cargo-deny into the tools folder, at low priority: it may run beside the tests.
///
/// # Errors
/// When it cannot be downloaded or built.
pub(crate) fn install_deny(context: &Context) -> Result<PathBuf, Failure> {
    println!("    installing cargo-deny {DENY} into {}: some minutes, once", context.tools().display());
    let root = context.tools().join("deny");
    let mut command = context.gentle_cargo(&["install", "cargo-deny", "--locked", "--version", DENY, "--root"]);
    command.arg(&root).env("CARGO_TARGET_DIR", context.tools().join("build"));
    context.children().run_logged("cargo install cargo-deny", &mut command, &context.tools().join("cargo-deny.log"))?;
    Ok(installed_deny(context))
}

fn installed_deny(context: &Context) -> PathBuf {
    context.tools().join("deny/bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX))
}
