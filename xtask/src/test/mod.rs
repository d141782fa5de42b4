//! The tests, in tiers.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::OnceLock;
use std::thread;

use clap::ValueEnum;

use crate::artifacts::{self, Program};
use crate::context::{Context, PROFILE};
use crate::failure::Failure;
use crate::lint;
use crate::setup;
use crate::stages::{Count, Outcome, Report};

/// What to test.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The tiers to run; all of them when none is named.
    #[arg(value_enum)]
    tiers: Vec<Tier>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tier {
    /// Format, lints, dependencies, docs, and the tests of the packages by themselves.
    Rust,
    /// The simulator: manager against server session in virtual time on a faulty network.
    Sim,
    /// Real sockets: conformance, hostile input, and the official peers in Node.
    Peers,
}

impl Tier {
    /// The tier of a package, by its folder: what is not a tier of its own belongs to `rust`.
    fn of(root: &Path, package: &Path) -> Self {
        match package.strip_prefix(root).ok().and_then(Path::to_str) {
            Some("tests") => Self::Peers,
            Some("tests/sim") => Self::Sim,
            _ => Self::Rust,
        }
    }
}

/// Runs the tiers and prints the table.
///
/// # Errors
/// When a stage failed.
pub(crate) fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    let chosen = |tier| options.tiers.is_empty() || options.tiers.contains(&tier);
    let mut report = Report::new();
    report.stage("set-up", || setup::c_compiler(context));
    thread::scope(|scope| {
        // Downloads wait for the network while cargo works.
        let peers = chosen(Tier::Peers).then(|| scope.spawn(|| setup::peers(context)));
        // Building cargo-deny outlasts the tests on a small machine; a run of chosen tiers does not wait for it.
        let deny = lint::find_deny(context);
        let installing =
            (deny.is_none() && options.tiers.is_empty()).then(|| scope.spawn(|| lint::install_deny(context)));
        if chosen(Tier::Rust) {
            lint::format_and_lints(context, &mut report);
        }
        let path = OnceLock::new();
        let mut programs = Vec::new();
        let built = report.stage("build", || {
            artifacts::binaries_and_examples(context)?;
            programs = artifacts::tests(context)?;
            Ok::<_, Failure>(())
        });
        if let Some(peers) = peers {
            report.stage("node and npm packages", || {
                let ready = peers.join().map_err(|_| Failure::new("the set-up of the peers panicked"))??;
                let _ = path.set(ready.path);
                Ok::<_, Failure>(())
            });
        }
        if built {
            if chosen(Tier::Rust) {
                packages(context, &mut report, Tier::Rust, &programs, None);
                report.stage("doc tests", || doc_tests(context));
                report.stage("docs", || docs(context));
            }
            if chosen(Tier::Sim) {
                packages(context, &mut report, Tier::Sim, &programs, None);
            }
            if chosen(Tier::Peers) {
                packages(context, &mut report, Tier::Peers, &programs, path.get());
            }
        }
        if chosen(Tier::Rust) {
            report.stage("dependencies", || match (deny, installing) {
                (Some(deny), _) => lint::dependencies(context, Ok(deny)),
                (None, Some(installing)) => {
                    let installed = installing.join();
                    lint::dependencies(
                        context,
                        installed.unwrap_or_else(|_| Err(Failure::new("installing cargo-deny panicked"))),
                    )
                }
                (None, None) => Outcome {
                    note: Some("not checked: cargo-deny is missing, `cargo xtask lint` installs it".to_owned()),
                    ..Outcome::default()
                },
            });
        }
    });
    report.close()
}

/// One stage for each package of a tier.
fn packages(context: &Context, report: &mut Report, tier: Tier, programs: &[Program], path: Option<&OsString>) {
    let mut packages: BTreeMap<&Path, Vec<&Program>> = BTreeMap::new();
    for program in programs {
        if Tier::of(context.root(), &program.package) == tier {
            packages.entry(&program.package).or_default().push(program);
        }
    }
    let mut tests = Count::default();
    for (package, programs) in packages {
        let name = package.strip_prefix(context.root()).unwrap_or(package).display();
        report.stage(&format!("tests of {name}"), || {
            let outcome = run_programs(context, &programs, path);
            tests.add(outcome.count.unwrap_or_default());
            outcome
        });
    }
    if tests.ran() == 0 {
        report.stage(&format!("tier {tier:?}"), || Err::<(), _>(Failure::new("no test ran")));
    }
}

/// Runs test programs one after another, and counts.
fn run_programs(context: &Context, programs: &[&Program], path: Option<&OsString>) -> Outcome {
    let mut count = Count::default();
    let mut broken = Vec::new();
    for program in programs {
        let source = program.source.strip_prefix(&program.package).unwrap_or(&program.source);
        println!("--- {} ({})", program.name, source.display());
        let mut command = context.command(&program.executable);
        command.current_dir(&program.package).env("CARGO_MANIFEST_DIR", &program.package);
        if let Some(path) = path {
            command.env("PATH", path);
        }
        match counted(context, &program.name, command) {
            Ok((own, success)) => {
                count.add(own);
                if !success && own.failed == 0 {
                    broken.push(format!("{} broke off", program.name));
                }
            }
            Err(failure) => broken.push(failure.to_string()),
        }
    }
    Outcome { count: Some(count), failure: (!broken.is_empty()).then(|| Failure::new(broken.join(", "))), note: None }
}

/// Runs one command and adds up the closing lines of the test programs in it.
fn counted(context: &Context, name: &str, mut command: std::process::Command) -> Result<(Count, bool), Failure> {
    let mut count = Count::default();
    let status = context.children().stream(name, &mut command, |line| {
        if let Some(result) = Count::parse(line) {
            count.add(result);
        }
        if !line.is_empty() {
            println!("{line}");
        }
    })?;
    Ok((count, status.success()))
}

fn doc_tests(context: &Context) -> Outcome {
    let command = context.cargo(&["test", "--locked", "--workspace", "--doc", "--no-fail-fast", "--profile", PROFILE]);
    match counted(context, "doc tests", command) {
        Ok((count, success)) => Outcome {
            count: Some(count),
            failure: (!success).then(|| Failure::new("cargo test --doc failed")),
            note: None,
        },
        Err(failure) => Err(failure).into(),
    }
}

fn docs(context: &Context) -> Result<(), Failure> {
    let mut command = context.cargo(&["doc", "--locked", "--workspace", "--lib", "--no-deps", "--profile", PROFILE]);
    command.env("RUSTDOCFLAGS", "--deny warnings");
    context.children().run("cargo doc", &mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_the_tier_of_its_folder() {
        let root = Path::new("/n");
        for (package, tier) in [
            ("/n/core", Tier::Rust),
            ("/n/server-reference", Tier::Rust),
            ("/n/xtask", Tier::Rust),
            ("/n/tests", Tier::Peers),
            ("/n/tests/sim", Tier::Sim),
            ("/elsewhere/tests", Tier::Rust),
        ] {
            assert_eq!(Tier::of(root, Path::new(package)), tier, "{package}");
        }
    }
}
