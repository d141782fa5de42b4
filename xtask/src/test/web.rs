//! The tests of the web package, which Node runs, and the examples that use it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::artifacts::{self, Program};
use crate::context::Context;
use crate::failure::Failure;
use crate::setup;
use crate::stages::{Outcome, Report};
use crate::web::{self, Web};

use super::node::Closing;
use super::programs::counted;

/// What is tested beside the package itself. An example is built, or checked where it has been built already, by the
/// script of that name.
const FOLDERS: [(&str, Option<&str>, bool); 4] = [
    ("tests/web", None, true),
    ("tests/web-packages", None, true),
    ("examples/web", Some("check"), false),
    ("examples/react", Some("build"), true),
];

/// Installs the npm packages of everything that is tested.
///
/// # Errors
/// One line that says what cannot be installed.
pub(super) fn install(context: &Context, path: &OsStr) -> Result<(), Failure> {
    web::install(context, path)?;
    FOLDERS
        .iter()
        .filter_map(|(folder, ..)| existing(context, folder))
        .try_for_each(|folder| setup::packages(context, &folder, path))
}

/// A stage for each script and each folder's tests.
pub(super) fn run(context: &Context, report: &mut Report, web: &Web, chromium: &Path, programs: &[Program]) {
    let tests = |report: &mut Report, folder: &Path| {
        let name = format!("tests of {}", context.relative(folder).display());
        report.stage(&name, || npm_test(context, web, folder, chromium, programs));
    };
    tests(report, &web::package(context));
    for (name, script, has_tests) in FOLDERS {
        let Some(folder) = existing(context, name) else { continue };
        if let Some(script) = script {
            report.stage(&format!("{script} of {name}"), || {
                let mut command = web.program(context, "npm", &folder);
                context.children().run(&format!("npm run {script}"), command.args(["run", script]))
            });
        }
        if has_tests {
            tests(report, &folder);
        }
    }
}

/// `npm test`, counted. The tests start servers and browsers of their own.
fn npm_test(context: &Context, web: &Web, folder: &Path, chromium: &Path, programs: &[Program]) -> Outcome {
    let server = match artifacts::named(programs, "nexus-server") {
        Ok(server) => server,
        Err(failure) => return Err(failure).into(),
    };
    let mut command = web.program(context, "npm", folder);
    command.arg("test").env("NEXUS_SERVER", server).env("NEXUS_ROOT", context.root()).env("CHROMIUM", chromium);
    // Colours would stand in front of the closing lines.
    command.env_remove("FORCE_COLOR");
    let mut closing = Closing::default();
    match counted(context, "npm test", command, |line| closing.read(line)) {
        Ok((count, success)) => Outcome {
            count: Some(count),
            failure: match count {
                _ if !success && count.failed == 0 => Some(Failure::new("npm test broke off")),
                _ if count.ran() == 0 => Some(Failure::new("no test ran")),
                _ => None,
            },
            note: None,
        },
        Err(failure) => Err(failure).into(),
    }
}

fn existing(context: &Context, folder: &str) -> Option<PathBuf> {
    Some(context.root().join(folder)).filter(|folder| folder.exists())
}
