//! `cargo xtask cross`: whether the client and its mobile library compile for platforms that this machine is not.
//!
//! Rust is checked as it is for a build, with the dependencies that each platform has. Dependencies' C is not: it would
//! want a C compiler with the headers of the platform. A stand-in that makes empty files takes the compiler's place, so
//! nothing of this can be linked or run.

use std::fs;
use std::path::PathBuf;

use crate::context::Context;
use crate::failure::Failure;
use crate::setup;
use crate::stages::Report;

/// Android and iOS phones, Intel Macs, and Windows.
const TARGETS: [&str; 4] =
    ["aarch64-linux-android", "aarch64-apple-ios", "x86_64-apple-darwin", "x86_64-pc-windows-gnu"];

/// Makes the file that follows `-o`. Whoever asks is told that it is clang, and knows no flags of Microsoft's.
const STAND_IN: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
    case "$1" in
        -\?) exit 1 ;;
        -E) echo '"clang"' ;;
        -o) shift; : > "$1" ;;
    esac
    shift
done
"#;

/// Checks every platform.
///
/// # Errors
/// When the code does not compile for one of them, or its standard library cannot be had.
pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let mut report = Report::new();
    all(context, &mut report);
    report.close()
}

/// One stage for each platform.
pub(crate) fn all(context: &Context, report: &mut Report) {
    for target in TARGETS {
        report.stage(&format!("check for {target}"), || check(context, target));
    }
}

fn check(context: &Context, target: &str) -> Result<(), Failure> {
    let stand_in = stand_in(context)?;
    let mut command = setup::target(context, target)?
        .cargo(context, &["check", "--locked", "--package", "nexus-core", "--package", "nexus-mobile", "--lib"]);
    let name = target.replace('-', "_");
    command.env(format!("CC_{name}"), &stand_in).env(format!("AR_{name}"), "ar");
    // Without it Apple's own tools would be asked where their headers are.
    command.env("SDKROOT", context.tools());
    context.children().run("cargo check", &mut command)
}

#[cfg(unix)]
fn stand_in(context: &Context) -> Result<PathBuf, Failure> {
    use std::os::unix::fs::PermissionsExt as _;

    let path = context.tools().join("no-cc");
    fs::create_dir_all(context.tools())
        .and_then(|()| fs::write(&path, STAND_IN))
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
        .map_err(|error| Failure::file(&path, &error))?;
    Ok(path)
}

#[cfg(not(unix))]
fn stand_in(_context: &Context) -> Result<PathBuf, Failure> {
    Err(Failure::new("platforms are checked from Linux and macOS only"))
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_stand_in_makes_the_file_that_is_asked_for() {
        let folder = std::env::temp_dir().join(format!("nexus-xtask-{}-no-cc", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let script = folder.join("no-cc");
        fs::write(&script, STAND_IN).unwrap();
        let run =
            |arguments: &[&str]| Command::new("sh").arg(&script).args(arguments).current_dir(&folder).output().unwrap();
        assert!(run(&["-O2", "-o", "a.o", "-c", "a.c"]).status.success());
        assert_eq!(fs::read(folder.join("a.o")).unwrap(), b"");
        assert_eq!(run(&["-E", "a.c"]).stdout, b"\"clang\"\n");
        assert!(!run(&["-?"]).status.success());
        fs::remove_dir_all(folder).unwrap();
    }
}
