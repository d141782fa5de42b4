//! `cargo xtask bench mobile`: how large the library is, what its boundary costs in each language, and how often an idle
//! client wakes a phone. One run, one stage, one library, one language after another.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::context::Context;
use crate::failure::Failure;
use crate::setup;

use super::figures::{Figure, Page, Size};
use super::packages::{PROFILE, library, strip};
use super::{Parts, library_name, package, place_library, properties, requirements, stage};

/// Events of each measure; a tenth of it for round trips.
const EVENTS: &str = "20000";
/// For how long wake-ups are counted.
const IDLE: &str = "60";
/// Levels that the profile of the library could have instead of its own, `s`.
const OTHER_LEVELS: [&str; 2] = ["z", "3"];

/// Measures, prints, and writes `docs/benchmarks-mobile.md`. What a language lacks is said there, and no failure.
///
/// # Errors
/// When the library or the programs in Rust do not build, or the page cannot be written.
pub(crate) fn run(context: &Context, options: &[String]) -> Result<(), Failure> {
    setup::c_compiler(context)?;
    let (parts, stripped) = library(context)?;
    println!("==> building the stage and the program in Rust");
    let mut build = context.cargo(&["build", "--locked", "--quiet", "--release"]);
    build.args([
        "--package",
        "nexus-behaviour",
        "--bins",
        "--package",
        "nexus-examples",
        "--example",
        "boundary_bench",
    ]);
    context.children().run("cargo build", &mut build)?;
    let released = context.target().join("release");
    let (_stage, port) = stage::start(context, &released.join("behaviour-stage"), None)?;
    let bench = Bench { context, port };
    let mut page = Page::default();
    page.sizes.push(bench.size("s", &stripped)?);
    let rust = released.join("examples/boundary_bench");
    bench.measure(&mut page, "Rust", || {
        let mut command = context.command(&rust);
        command.args(["--events", EVENTS]);
        Ok(command)
    });
    bench.measure(&mut page, "Swift", || swift(context, &parts));
    bench.measure(&mut page, "Kotlin", || kotlin(context, &parts));
    bench.measure(&mut page, "Python", || python(context, &stripped));
    if options.iter().any(|option| option == "--levels") {
        for level in OTHER_LEVELS {
            page.sizes.push(bench.level(level)?);
        }
        place_library(context, &stripped)?;
    }
    println!("==> counting wake-ups for twice {IDLE} s");
    let mut idle = context.command(&rust);
    idle.args(["--idle", IDLE]);
    page.idle = bench.lines("boundary_bench --idle", &mut idle)?;
    let path = context.root().join("docs/benchmarks-mobile.md");
    let text = page.written(&machine(), &fs::read_to_string(&path).unwrap_or_default());
    fs::write(&path, text).map_err(|error| Failure::file(&path, &error))?;
    println!("written to {}", context.relative(&path).display());
    Ok(())
}

struct Bench<'a> {
    context: &'a Context,
    port: u16,
}

impl Bench<'_> {
    /// Runs a language's program, if there is what it takes.
    fn measure(&self, page: &mut Page, language: &'static str, command: impl FnOnce() -> Result<Command, Failure>) {
        println!("==> {language}");
        let figures = command().and_then(|mut command| self.lines(language, &mut command));
        let figures = figures.and_then(|lines| match lines.iter().any(|line| line.measure.is_some()) {
            true => Ok(lines),
            false => Err(Failure::new("its program told nothing")),
        });
        if let Err(failure) = &figures {
            println!("{failure}");
        }
        page.languages.push((language, figures.map_err(|failure| failure.to_string())));
    }

    /// The figures that a program prints.
    fn lines(&self, name: &str, command: &mut Command) -> Result<Vec<Figure>, Failure> {
        command.env("NEXUS_STAGE", self.port.to_string()).env("NEXUS_ROOT", self.context.root());
        let mut figures = Vec::new();
        let status = self.context.children().stream(name, command, |line| {
            println!("{line}");
            figures.extend(Figure::read(line));
        })?;
        if status.success() { Ok(figures) } else { Err(Failure::new(format!("{name} failed ({status})"))) }
    }

    /// The library at another level, in a target directory of its own, and Python's cost with it.
    fn level(&self, level: &'static str) -> Result<Size, Failure> {
        println!("==> building the library with opt-level {level}");
        let target = self.context.target().join(format!("mobile/level-{level}"));
        let mut command = self.context.cargo(&["rustc", "--locked", "--quiet", "--package", "nexus-mobile", "--lib"]);
        command.args(["--profile", PROFILE, "--crate-type", "cdylib", "--target-dir"]).arg(&target);
        command.env("CARGO_PROFILE_MOBILE_OPT_LEVEL", level);
        self.context.children().run("cargo rustc", &mut command)?;
        let library = target.join(PROFILE).join(library_name());
        strip(self.context, &library)?;
        self.size(level, &library)
    }

    fn size(&self, level: &'static str, library: &Path) -> Result<Size, Failure> {
        let bytes = library.metadata().map_err(|error| Failure::file(library, &error))?.len();
        let packed = self.context.target().join("mobile/packed.gz");
        let mut gzip = self.context.command("gzip");
        gzip.arg("-9c").arg(library);
        gzip.stdout(fs::File::create(&packed).map_err(|error| Failure::file(&packed, &error))?);
        let status = gzip.status().map_err(|error| Failure::new(format!("gzip: {error}")))?;
        let packed = packed.metadata().ok().filter(|_| status.success()).map(|packed| packed.len());
        println!("opt-level {level}: {bytes} bytes, {} packed", packed.unwrap_or_default());
        let python = python(self.context, library).and_then(|mut command| self.lines("python", &mut command));
        Ok(Size { level, bytes, packed, python: python.unwrap_or_default() })
    }
}

fn python(context: &Context, library: &Path) -> Result<Command, Failure> {
    place_library(context, library)?;
    let mut command = context.command(setup::python(context, &requirements(context))?);
    command.current_dir(package(context, "python")).args(["bench/bench.py", EVENTS]);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}

fn kotlin(context: &Context, parts: &Parts) -> Result<Command, Failure> {
    let maven = setup::java(context)?;
    let mut command = maven.command(context, &package(context, "kotlin"));
    command.args(properties(parts)).arg(format!("-Dnexus.bench.events={EVENTS}"));
    command.args(["--quiet", "--projects", "realtime", "test-compile", "exec:exec"]);
    Ok(command)
}

fn swift(context: &Context, parts: &Parts) -> Result<Command, Failure> {
    let swift = setup::swift(context)?;
    let mut command = swift.command(context, "swift", &package(context, "swift"));
    command.args(["run", "--disable-sandbox", "-c", "release", "--scratch-path"]);
    command.arg(context.target().join("mobile/swift-release"));
    command.arg("-Xlinker").arg(format!("-L{}", parts.library.display())).args(["nexus-bench", EVENTS]);
    command.env("LD_LIBRARY_PATH", &parts.library).env("NEXUS_LIBRARY", &parts.library);
    Ok(command)
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    format!("{OS} {ARCH}, {cores} cores ({}), load average {load}", model.trim_start_matches([':', ' ', '\t']))
}
