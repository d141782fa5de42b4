//! Swift: the one that is installed, or Debian's in a folder of its own.
//!
//! Debian has Swift from version 13 on, and what it has for older systems lacks parts. So on Debian, as root, a system
//! of that version is laid into the tools folder, and commands run inside it. What they need of this machine is mounted
//! there in a mount namespace that ends with the command: no mount outlives it, and the folder can be deleted any time.
//! The network is this machine's.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::context::Context;
use crate::failure::Failure;

use super::{apt, version};

/// The oldest Swift that the package is built with.
const OLDEST: (u32, u32) = (5, 9);
const WANTED: &str = "Swift 5.9 or newer is needed: install it from https://www.swift.org/install";
/// The Debian that has it, and what of it.
const SUITE: &str = "trixie";
const PACKAGES: &str = "swiftlang,libc6-dev,libstdc++-14-dev";
/// So many lines of debootstrap's make a line of ours.
const LINES: usize = 100;

/// Makes mounts that only the command sees. Arguments: the system's folder, this repository, its target directory, the
/// folder to start in, and the command.
const ENTER: &str = r#"
set -e
system=$1 repository=$2 target=$3 folder=$4
shift 4
mkdir -p "$system$repository" "$system$target"
mount --rbind /proc "$system/proc"
mount --rbind /dev "$system/dev"
mount --bind "$repository" "$system$repository"
mount --bind "$target" "$system$target"
exec chroot "$system" env --chdir="$folder" HOME=/root PATH=/usr/bin:/bin "$@"
"#;

/// Where Swift is.
#[derive(Debug, Clone)]
pub(crate) enum Swift {
    /// On the search path.
    Found,
    /// In a Debian of its own.
    Within(PathBuf),
}

/// Finds or installs Swift.
///
/// # Errors
/// One line that says what to install.
pub(crate) fn swift(context: &Context) -> Result<Swift, Failure> {
    if found().is_some_and(|found| found >= OLDEST) {
        return Ok(Swift::Found);
    }
    let system = context.tools().join("swift");
    if is_made_of(&system, PACKAGES) {
        return Ok(Swift::Within(system));
    }
    make(context, &system).map_err(|failure| Failure::new(format!("{WANTED} ({failure})")))?;
    Ok(Swift::Within(system))
}

impl Swift {
    /// A program of Swift's, such as `swift`, or any other of the system that Swift is in. Paths below the repository
    /// and the target directory are the same inside.
    pub(crate) fn command(&self, context: &Context, program: impl AsRef<OsStr>, folder: &Path) -> Command {
        match self {
            Self::Found => {
                let mut command = context.command(program);
                command.current_dir(folder);
                command
            }
            Self::Within(system) => {
                let mut command = context.command("unshare");
                command.args(["--mount", "--propagation", "private", "sh", "-c", ENTER, "sh"]);
                command.args([system.as_path(), context.root(), &context.target(), folder]).arg(program);
                command
            }
        }
    }
}

fn found() -> Option<(u32, u32)> {
    let output = version("swift").output().ok()?;
    parsed(&String::from_utf8_lossy(&output.stdout))
}

/// `(6, 0)` of `Swift version 6.0.3 (swift-6.0.3-RELEASE)`.
fn parsed(text: &str) -> Option<(u32, u32)> {
    let (_, version) = text.split_once("Swift version ")?;
    let mut parts = version.split(|character: char| !character.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Where a system notes what it was made of.
fn stamp(system: &Path) -> PathBuf {
    system.join("etc/nexus-made-of")
}

fn is_made_of(system: &Path, packages: &str) -> bool {
    fs::read_to_string(stamp(system)).is_ok_and(|made_of| made_of == packages)
}

/// Lays the system under a name of its own, and gives it its name when it is complete.
fn make(context: &Context, system: &Path) -> Result<(), Failure> {
    if !apt::may_install() {
        return Err(Failure::new("it is installed here only on Debian, by root"));
    }
    apt::install(context, &["debootstrap", "debian-archive-keyring"])?;
    let partial = system.with_extension("partial");
    for old in [&partial, system] {
        if old.exists() {
            fs::remove_dir_all(old).map_err(|error| Failure::file(old, &error))?;
        }
    }
    println!("    fetching Debian's Swift into {}: some minutes and 2.7 GB, once", system.display());
    fs::create_dir_all(context.tools()).map_err(|error| Failure::file(&context.tools(), &error))?;
    let log = context.tools().join("swift.log");
    let mut file = fs::File::create(&log).map_err(|error| Failure::file(&log, &error))?;
    // It mounts things as well, and does not always get to unmount them.
    let mut command = context.command("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", r#"exec debootstrap "$@" 2>&1"#, "sh"]);
    command.args(["--variant=minbase", &format!("--include={PACKAGES}"), SUITE]).arg(&partial);
    let mut lines = 0_usize;
    let status = context.children().stream("debootstrap", &mut command, |line| {
        // What it says is needed only where it fails.
        drop(writeln!(file, "{line}"));
        lines += 1;
        if lines.is_multiple_of(LINES) {
            println!("    Swift: {}", line.trim_start_matches("I: "));
        }
    })?;
    if !status.success() {
        return Err(Failure::new(format!("debootstrap failed ({status}); its output is in {}", log.display())));
    }
    finish(&partial).map_err(|error| Failure::file(&partial, &error))?;
    fs::rename(&partial, system).map_err(|error| Failure::file(system, &error))
}

/// Throws away what was downloaded, and lets the system know its own name.
fn finish(partial: &Path) -> std::io::Result<()> {
    for file in partial.join("var/cache/apt/archives").read_dir()? {
        let file = file?;
        if file.file_type()?.is_file() {
            fs::remove_file(file.path())?;
        }
    }
    fs::write(partial.join("etc/hosts"), "127.0.0.1 localhost\n::1 localhost\n")?;
    fs::write(stamp(partial), PACKAGES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_swift_are_read() {
        assert_eq!(parsed("Swift version 6.0.3 (swift-6.0.3-RELEASE)\nTarget: x86_64-pc-linux-gnu\n"), Some((6, 0)));
        assert_eq!(parsed("swift-driver version: 1.90 Apple Swift version 5.10 (swiftlang-5.10.0.13)"), Some((5, 10)));
        assert_eq!(parsed("Swift version 5.8.1 (x)"), Some((5, 8)));
        for other in ["", "Swift version ", "Swift version x.1", "swift 5.9"] {
            assert_eq!(parsed(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_system_of_other_packages_does_not_count() {
        let system = std::env::temp_dir().join(format!("nexus-xtask-{}-swift", std::process::id()));
        assert!(!is_made_of(&system, PACKAGES));
        fs::create_dir_all(system.join("etc")).unwrap();
        fs::create_dir_all(system.join("var/cache/apt/archives")).unwrap();
        fs::write(system.join("var/cache/apt/archives/a.deb"), "").unwrap();
        assert!(!is_made_of(&system, PACKAGES));
        finish(&system).unwrap();
        assert!(is_made_of(&system, PACKAGES));
        assert!(!is_made_of(&system, "swiftlang"));
        assert!(!system.join("var/cache/apt/archives/a.deb").exists());
        fs::remove_dir_all(system).unwrap();
    }
}
