//! The tests of the Kotlin, Swift and Python packages, with servers and a network of their own.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;
use std::thread::ScopedJoinHandle;

use crate::artifacts::{self, Program};
use crate::context::{Context, PROFILE};
use crate::failure::Failure;
use crate::mobile::{self, Parts};
use crate::process::Running;
use crate::setup::{self, Maven, Swift};
use crate::stages::{Count, Outcome, Report};

use super::closing::{pytest, surefire, xctest};
use super::programs::counted;
use super::{Options, Tier};

/// The toolchains of the tiers that were chosen; one that is missing fails its own tier only.
#[derive(Debug)]
pub(super) struct Toolchains {
    maven: Option<Result<Maven, Failure>>,
    swift: Option<Result<Swift, Failure>>,
    python: Option<Result<PathBuf, Failure>>,
    generator: Result<PathBuf, Failure>,
}

/// Whether any of the tiers here is chosen.
pub(super) fn chosen(options: &Options) -> bool {
    [Tier::Kotlin, Tier::Swift, Tier::Python].into_iter().any(|tier| options.chosen(tier))
}

/// Finds or installs the toolchains, and downloads what the Kotlin package depends on.
pub(super) fn fetch(context: &Context, options: &Options) -> Toolchains {
    let swift = options.chosen(Tier::Swift).then(|| setup::swift(context));
    let python = options.chosen(Tier::Python).then(|| setup::python(context, &mobile::requirements(context)));
    let maven = options.chosen(Tier::Kotlin).then(|| setup::java(context));
    if let Some(Ok(maven)) = &maven {
        mobile::download(context, *maven);
    }
    Toolchains { maven, swift, python, generator: artifacts::generator(context) }
}

/// A stage for the library, and one for each package.
pub(super) fn run(
    context: &Context,
    report: &mut Report,
    toolchains: ScopedJoinHandle<'_, Toolchains>,
    programs: &[Program],
    path: &OsStr,
) {
    let mut ready = None;
    report.stage("mobile library and toolchains", || {
        let toolchains = toolchains.join().map_err(|_| Failure::new("the set-up of the toolchains panicked"))?;
        let library = context.target().join(PROFILE).join(mobile::library_name());
        let parts = mobile::generate(context, toolchains.generator.as_ref().map_err(Clone::clone)?, &library)?;
        ready = Some((toolchains, parts, Stage::start(context, programs, path)?));
        Ok::<_, Failure>(())
    });
    let Some((Toolchains { maven, swift, python, .. }, parts, stage)) = ready else { return };
    if let Some(python) = python {
        tried(report, "bindings-mobile/python", || {
            let mut command = context.command(python?);
            command.current_dir(mobile::package(context, "python")).args(["-m", "pytest"]);
            command.env("PYTHONDONTWRITEBYTECODE", "1");
            stage.counted(context, "pytest", command, pytest)
        });
    }
    if let Some(maven) = maven {
        tried(report, "bindings-mobile/kotlin", || {
            let mut command = maven?.command(context, &mobile::package(context, "kotlin"));
            command.args(mobile::properties(&parts)).arg("test");
            stage.counted(context, "mvn test", command, surefire)
        });
    }
    if let Some(swift) = swift {
        tried(report, "bindings-mobile/swift", || {
            let command = swift_test(context, &swift?, &parts);
            stage.counted(context, "swift test", command, xctest)
        });
    }
}

/// A stage that may fail before any test runs.
fn tried(report: &mut Report, package: &str, run: impl FnOnce() -> Result<Outcome, Failure>) {
    report.stage(&format!("tests of {package}"), || run().unwrap_or_else(|failure| Err(failure).into()));
}

/// `swift test`, building below the target directory.
fn swift_test(context: &Context, swift: &Swift, parts: &Parts) -> Command {
    let mut command = swift.command(context, "swift", &mobile::package(context, "swift"));
    command.args(["test", "--disable-sandbox", "--scratch-path"]).arg(context.target().join("mobile/swift"));
    // Its manifest reads these: take the library that was just built, wherever this is.
    command.env("NEXUS_SYSTEM_LIBRARY", "1").env("NEXUS_LIBRARY", &parts.library);
    // These come before what the manifest says, and cargo has put the folder of some other build into them.
    command.env("LD_LIBRARY_PATH", &parts.library).env("DYLD_FALLBACK_LIBRARY_PATH", &parts.library);
    command
}

/// What every package's tests are told: where the servers are.
struct Stage {
    program: PathBuf,
    path: OsString,
    port: u16,
    /// Ends with this.
    _running: Running,
}

impl Stage {
    /// Starts it, with the Node of this path.
    fn start(context: &Context, programs: &[Program], path: &OsStr) -> Result<Self, Failure> {
        let program = artifacts::named(programs, "behaviour-stage")?.to_owned();
        let (running, port) = mobile::stage::start(context, &program, Some(path))?;
        Ok(Self { program, path: path.to_owned(), port, _running: running })
    }

    /// Runs the tests of one package.
    fn counted(
        &self,
        context: &Context,
        name: &str,
        mut command: Command,
        read: impl FnMut(&str) -> Option<Count>,
    ) -> Result<Outcome, Failure> {
        command.env("NEXUS_STAGE", self.port.to_string()).env("NEXUS_BEHAVIOUR_STAGE", &self.program);
        command.env("NEXUS_ROOT", context.root()).env("PATH", &self.path);
        let (count, success) = counted(context, name, command, read)?;
        let failure = match count {
            _ if !success && count.failed == 0 => Some(Failure::new(format!("{name} broke off"))),
            _ if count.ran() == 0 => Some(Failure::new("no test ran")),
            _ => None,
        };
        Ok(Outcome { count: Some(count), failure, note: None })
    }
}
