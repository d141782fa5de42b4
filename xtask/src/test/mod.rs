//! The tests, in tiers.

mod closing;
mod mobile;
mod node;
mod programs;
mod web;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::thread;

use clap::ValueEnum;

use crate::artifacts;
use crate::chaos;
use crate::context::{Context, PROFILE};
use crate::failure::Failure;
use crate::lint;
use crate::setup;
use crate::simulate;
use crate::stages::{Count, Outcome, Report};
use crate::web::Web;

use programs::counted;

/// What to test.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The tiers to run; all of them when none is named.
    #[arg(value_enum)]
    tiers: Vec<Tier>,
}

impl Options {
    fn all(&self) -> bool {
        self.tiers.is_empty()
    }

    fn chosen(&self, tier: Tier) -> bool {
        self.all() || self.tiers.contains(&tier)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tier {
    /// Format, lints, dependencies, docs, and the tests of the packages by themselves.
    Rust,
    /// The simulator: manager against server session in virtual time on a faulty network.
    Sim,
    /// Real sockets: conformance, hostile input, and the official peers in Node.
    Peers,
    /// Processes that are killed and connections that are cut, and a count of every message: a short run.
    Chaos,
    /// The web package and the demo page, in Node and in Chromium.
    Web,
    /// The Kotlin package, in Java.
    Kotlin,
    /// The Swift package.
    Swift,
    /// The Python package.
    Python,
}

impl Tier {
    /// The tier of a Rust package, by its folder: what is not a tier of its own belongs to `rust`.
    fn of(root: &Path, package: &Path) -> Self {
        match package.strip_prefix(root).ok().and_then(Path::to_str) {
            Some("tests" | "tests/behaviour") => Self::Peers,
            Some("tests/sim") => Self::Sim,
            _ => Self::Rust,
        }
    }
}

/// What the tests need and cargo does not bring.
#[derive(Debug)]
struct Fetched {
    /// The search path for programs under which `node` is found.
    path: OsString,
    chromium: Option<PathBuf>,
}

/// Finds or downloads it, for the tiers that need it.
fn fetch(context: &Context, options: &Options) -> Result<Fetched, Failure> {
    let path = setup::node(context)?;
    if options.chosen(Tier::Peers) || options.chosen(Tier::Chaos) || mobile::chosen(options) {
        setup::peers(context, &path)?;
    }
    let mut chromium = None;
    if options.chosen(Tier::Web) {
        web::install(context, &path)?;
        chromium = Some(setup::chromium(context)?);
    }
    Ok(Fetched { path, chromium })
}

/// Runs the tiers and prints the table.
///
/// # Errors
/// When a stage failed.
pub(crate) fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    let chosen = |tier| options.chosen(tier);
    let mut report = Report::new();
    report.stage("set-up", || setup::c_compiler(context));
    thread::scope(|scope| {
        // Downloads wait for the network while cargo works.
        let fetching = ([Tier::Peers, Tier::Web, Tier::Chaos].into_iter().any(chosen) || mobile::chosen(options))
            .then(|| scope.spawn(|| fetch(context, options)));
        let toolchains = mobile::chosen(options).then(|| scope.spawn(|| mobile::fetch(context, options)));
        // Building cargo-deny outlasts the tests on a small machine; a run of chosen tiers does not wait for it.
        let deny = lint::find_deny(context);
        let installing = (deny.is_none() && options.all()).then(|| scope.spawn(|| lint::install_deny(context)));
        let mut wasm = None;
        if chosen(Tier::Rust) || chosen(Tier::Web) {
            report.stage("the target wasm32", || setup::wasm(context).map(|found| wasm = Some(found)));
        }
        if chosen(Tier::Rust) {
            lint::format_and_lints(context, &mut report, wasm.as_ref());
        }
        let mut fetched = None;
        if let Some(fetching) = fetching {
            report.stage("node, npm packages and browser", || {
                fetched = Some(fetching.join().map_err(|_| Failure::new("the set-up of Node panicked"))??);
                Ok::<_, Failure>(())
            });
        }
        let path = fetched.as_ref().map(|fetched| fetched.path.clone());
        // The server takes the demo page in when it is built, so the page comes first.
        let mut web = None;
        if let (true, Some(path), Some(wasm)) = (chosen(Tier::Web), &path, wasm) {
            report.stage("web package", || {
                let ready = Web::new(path.clone(), wasm);
                ready.build(context).map(|()| web = Some(ready))
            });
        }
        let (mut programs, mut tests) = (Vec::new(), Vec::new());
        let built = report.stage("build", || {
            programs = artifacts::binaries_and_examples(context)?;
            if options.all() || options.tiers.iter().any(|tier| matches!(tier, Tier::Rust | Tier::Sim | Tier::Peers)) {
                tests = artifacts::tests(context)?;
            }
            Ok::<_, Failure>(())
        });
        if built {
            if chosen(Tier::Rust) {
                programs::packages(context, &mut report, Tier::Rust, &tests, None);
                report.stage("doc tests", || doc_tests(context));
                report.stage("docs", || docs(context));
            }
            if chosen(Tier::Sim) {
                programs::packages(context, &mut report, Tier::Sim, &tests, None);
                report.stage("safeguards taken out", || simulate::mutations(context));
            }
            if chosen(Tier::Peers) {
                programs::packages(context, &mut report, Tier::Peers, &tests, path.as_ref());
            }
            if let (true, Some(path)) = (chosen(Tier::Chaos), &path) {
                report.stage("chaos", || chaos_trials(context, &programs, path));
            }
            if let (Some(web), Some(chromium)) = (&web, fetched.and_then(|fetched| fetched.chromium)) {
                web::run(context, &mut report, web, &chromium, &programs);
            }
            if let (Some(toolchains), Some(path)) = (toolchains, &path) {
                mobile::run(context, &mut report, toolchains, &programs, path);
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

fn doc_tests(context: &Context) -> Outcome {
    let command = context.cargo(&["test", "--locked", "--doc", "--no-fail-fast", "--profile", PROFILE]);
    match counted(context, "doc tests", command, Count::parse) {
        Ok((count, success)) => Outcome {
            count: Some(count),
            failure: (!success).then(|| Failure::new("cargo test --doc failed")),
            note: None,
        },
        Err(failure) => Err(failure).into(),
    }
}

fn chaos_trials(context: &Context, programs: &[artifacts::Program], path: &OsStr) -> Outcome {
    let counted = chaos::short(context, programs, path)
        .and_then(|command| counted(context, "nexus-chaos", command, Count::parse));
    match counted {
        Ok((count, success)) => Outcome {
            count: Some(count),
            failure: (!success && count.failed == 0 || count.ran() == 0).then(|| Failure::new("the trials broke off")),
            note: None,
        },
        Err(failure) => Err(failure).into(),
    }
}

fn docs(context: &Context) -> Result<(), Failure> {
    let mut command = context.cargo(&["doc", "--locked", "--lib", "--no-deps", "--profile", PROFILE]);
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
            ("/n/tests/behaviour", Tier::Peers),
            ("/n/tests/chaos", Tier::Rust),
            ("/elsewhere/tests", Tier::Rust),
        ] {
            assert_eq!(Tier::of(root, Path::new(package)), tier, "{package}");
        }
    }
}
