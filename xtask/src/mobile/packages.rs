//! `cargo xtask mobile`: the packages as they would be published, for the platform that it runs on.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};

use crate::artifacts;
use crate::context::Context;
use crate::failure::Failure;
use crate::setup;
use crate::web::{foreign, no_paths, size};

use super::{Parts, generate, library_name, package, place_library, properties, renew, renew_folder, requirements};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The profile of the library in the packages.
pub(super) const PROFILE: &str = "mobile";

/// Which to build.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The jar with the library inside, its sources and its pom.
    #[arg(long)]
    kotlin: bool,
    /// The archive of the Swift package.
    #[arg(long)]
    swift: bool,
    /// The wheel.
    #[arg(long)]
    python: bool,
}

/// Builds the packages, and says where they are and how large.
///
/// # Errors
/// When something does not build.
pub(crate) fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    setup::c_compiler(context)?;
    let all = !(options.kotlin || options.swift || options.python);
    let (parts, stripped) = library(context)?;
    tell(&stripped)?;
    if all || options.kotlin {
        kotlin(context, &parts, &stripped)?;
    }
    if all || options.swift {
        swift(context)?;
    }
    if all || options.python {
        python(context, &stripped)?;
    }
    Ok(())
}

/// Builds the library as it is published, and the sources around it; gives the stripped one as well.
///
/// # Errors
/// When it does not compile, or there is no `strip`.
pub(crate) fn library(context: &Context) -> Result<(Parts, PathBuf), Failure> {
    println!("==> building the library");
    let mut command = context.cargo(&["rustc", "--locked", "--package", "nexus-mobile", "--lib"]);
    command.args(["--profile", PROFILE, "--crate-type", "cdylib"]);
    command.env("CARGO_ENCODED_RUSTFLAGS", no_paths(context.root(), &foreign()).join("\u{1f}"));
    context.children().run("cargo rustc", &mut command)?;
    let built = context.target().join(PROFILE).join(library_name());
    // What the generator reads is among the symbols, so it comes before they are taken off.
    let parts = generate(context, &artifacts::generator(context)?, &built)?;
    let stripped = context.target().join("mobile/stripped").join(library_name());
    renew(&built, &stripped)?;
    strip(context, &stripped)?;
    Ok((parts, stripped))
}

/// Takes off what a library does not need to be loaded.
pub(super) fn strip(context: &Context, library: &Path) -> Result<(), Failure> {
    let mut command = context.command("strip");
    command.arg(if cfg!(target_os = "macos") { "-x" } else { "--strip-unneeded" }).arg(library);
    context.children().run("strip", &mut command)
}

/// The jar, with the library in the folder where JNA looks for it on this platform.
fn kotlin(context: &Context, parts: &Parts, stripped: &Path) -> Result<(), Failure> {
    println!("==> building the Kotlin package");
    let maven = setup::java(context)?;
    let natives = context.target().join("mobile/natives");
    renew(stripped, &natives.join(jna_platform(OS, ARCH)).join(library_name()))?;
    let folder = package(context, "kotlin");
    let mut command = maven.command(context, &folder);
    command.args(properties(parts)).arg(format!("-Dnexus.natives={}", natives.display()));
    command.args(["--projects", "realtime", "--also-make", "-DskipTests", "clean", "package"]);
    context.children().run("mvn package", &mut command)?;
    let name = format!("nexus-realtime-{VERSION}");
    for (from, to) in [
        (format!("realtime/target/{name}.jar"), format!("{name}.jar")),
        (format!("realtime/target/{name}-sources.jar"), format!("{name}-sources.jar")),
        ("realtime/pom.xml".to_owned(), format!("{name}.pom")),
        ("pom.xml".to_owned(), format!("nexus-realtime-parent-{VERSION}.pom")),
    ] {
        hand_over(context, "kotlin", &folder.join(from), &to)?;
    }
    Ok(())
}

/// The folder of libraries in a jar, as JNA calls a platform.
fn jna_platform(system: &str, machine: &str) -> String {
    let system = match system {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    let machine = match machine {
        "x86_64" => "x86-64",
        other => other,
    };
    format!("{system}-{machine}")
}

/// The package's sources, generated ones included. For Apple's platforms its manifest names the XCFramework, which
/// `scripts/xcframework.sh` makes; on Linux the library is found by the linker.
fn swift(context: &Context) -> Result<(), Failure> {
    println!("==> building the Swift package");
    let name = format!("nexus-realtime-swift-{VERSION}");
    let staged = context.target().join("mobile").join(&name);
    drop(fs::remove_dir_all(&staged));
    let folder = package(context, "swift");
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        renew(&context.root().join(licence), &staged.join(licence))?;
    }
    for part in folder.read_dir().map_err(|error| Failure::file(&folder, &error))?.flatten() {
        let to = staged.join(part.file_name());
        // What begins with a dot is made by Swift, or is for git.
        if part.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if part.path().is_dir() {
            renew_folder(&part.path(), &to).map_err(|error| Failure::file(&part.path(), &error))?;
        } else {
            renew(&part.path(), &to)?;
        }
    }
    let archive = target(context, "swift")?.join(format!("{name}.tar.gz"));
    let mut command = context.command("tar");
    command.arg("--create").arg("--gzip").arg("--file").arg(&archive);
    command.arg("--directory").arg(context.target().join("mobile")).arg(&name);
    context.children().run("tar", &mut command)?;
    drop(fs::remove_dir_all(&staged));
    tell(&archive)
}

/// The wheel, for any Python 3 on this platform.
fn python(context: &Context, stripped: &Path) -> Result<(), Failure> {
    println!("==> building the Python package");
    let python = setup::python(context, &requirements(context))?;
    let folder = package(context, "python");
    place_library(context, stripped)?;
    // What an earlier build left there would be packed as well.
    drop(fs::remove_dir_all(folder.join("build")));
    let wheels = context.target().join("mobile/wheel");
    drop(fs::remove_dir_all(&wheels));
    let mut command = context.command(python);
    command.args(["-m", "pip", "wheel", "--disable-pip-version-check", "--quiet", "--no-deps", "--no-index"]);
    command.args(["--no-build-isolation", "--wheel-dir"]).arg(&wheels).arg(&folder);
    context.children().run("pip wheel", &mut command)?;
    let files = wheels.read_dir().map_err(|error| Failure::file(&wheels, &error))?;
    for file in files.flatten() {
        hand_over(context, "python", &file.path(), &file.file_name().to_string_lossy())?;
    }
    Ok(())
}

/// Copies a finished file to where the packages are, and tells.
fn hand_over(context: &Context, language: &str, from: &Path, name: &str) -> Result<(), Failure> {
    let to = target(context, language)?.join(name);
    renew(from, &to)?;
    tell(&to)
}

fn target(context: &Context, language: &str) -> Result<PathBuf, Failure> {
    let folder = context.target().join("mobile/packages").join(language);
    fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, &error))?;
    Ok(folder)
}

fn tell(file: &Path) -> Result<(), Failure> {
    let bytes = file.metadata().map_err(|error| Failure::file(file, &error))?.len();
    println!("{} ({})", file.display(), size(bytes));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_called_as_jna_calls_them() {
        assert_eq!(jna_platform("linux", "x86_64"), "linux-x86-64");
        assert_eq!(jna_platform("macos", "aarch64"), "darwin-aarch64");
        assert_eq!(jna_platform("windows", "x86_64"), "win32-x86-64");
    }
}
