//! Test programs in Rust: run one after another, and counted.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::artifacts::Program;
use crate::context::Context;
use crate::failure::Failure;
use crate::stages::{Count, Outcome, Report};

use super::Tier;

/// One stage for each package of a tier.
pub(super) fn packages(
    context: &Context,
    report: &mut Report,
    tier: Tier,
    programs: &[Program],
    path: Option<&OsString>,
) {
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
        match counted(context, &program.name, command, Count::parse) {
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

/// Runs one command and adds up the counts that `read` finds in its lines.
///
/// # Errors
/// When it cannot be started.
pub(super) fn counted(
    context: &Context,
    name: &str,
    mut command: Command,
    mut read: impl FnMut(&str) -> Option<Count>,
) -> Result<(Count, bool), Failure> {
    let mut count = Count::default();
    let status = context.children().stream(name, &mut command, |line| {
        if let Some(result) = read(line) {
            count.add(result);
        }
        if !line.is_empty() {
            println!("{line}");
        }
    })?;
    Ok((count, status.success()))
}
