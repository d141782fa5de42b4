//! The mobile packages: one library in Rust, and Kotlin, Swift and Python around it.
//!
//! The crate `nexus-mobile` becomes a library, and `xtask-uniffi` writes the sources that call it into
//! `target/mobile/generated`. Kotlin takes them from there; Swift and Python get copies inside their packages, which
//! git ignores.

pub(crate) mod bench;
mod figures;
mod packages;
pub(crate) mod stage;

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::context::Context;
use crate::failure::Failure;
use crate::setup::Maven;

pub(crate) use packages::{Options, run};

/// The languages, as `xtask-uniffi` calls them.
const LANGUAGES: [&str; 3] = ["kotlin", "swift", "python"];

/// How long a download may take that is only there to save time.
const DOWNLOAD: Duration = Duration::from_secs(300);

/// Where the parts are for packages and tests to take.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    /// The folder with the library.
    pub(crate) library: PathBuf,
    /// The folder with the generated Kotlin.
    pub(crate) kotlin: PathBuf,
}

/// The file name of the library on this machine.
pub(crate) fn library_name() -> String {
    format!("{DLL_PREFIX}nexus_mobile{DLL_SUFFIX}")
}

/// The folder of a language's package.
pub(crate) fn package(context: &Context, language: &str) -> PathBuf {
    context.root().join("bindings-mobile").join(language)
}

/// The Python packages that the tests want.
pub(crate) fn requirements(context: &Context) -> PathBuf {
    package(context, "python").join("requirements.txt")
}

/// What Maven has to know of the parts.
pub(crate) fn properties(parts: &Parts) -> [String; 2] {
    [format!("-Dnexus.generated={}", parts.kotlin.display()), format!("-Dnexus.library={}", parts.library.display())]
}

/// Downloads most of what the Kotlin package and its tests depend on, beside other work. What is missing after it is
/// downloaded when it is needed.
pub(crate) fn download(context: &Context, maven: Maven) {
    let log = context.tools().join("maven.log");
    let stamp = context.tools().join("maven.downloaded");
    let manifests: Vec<_> = ["pom.xml", "realtime/pom.xml"]
        .iter()
        .filter_map(|name| fs::read_to_string(package(context, "kotlin").join(name)).ok())
        .collect();
    let manifests = manifests.concat();
    if fs::read_to_string(&stamp).is_ok_and(|seen| seen == manifests) {
        return;
    }
    println!("    downloading what the Kotlin package depends on");
    let mut command = maven.command(context, &package(context, "kotlin"));
    command.args(["dependency:go-offline", "--fail-never"]);
    match context.children().run_within("mvn dependency:go-offline", &mut command, &log, DOWNLOAD) {
        Ok(()) => drop(fs::write(stamp, manifests)),
        Err(failure) => println!("    {failure}"),
    }
}

/// Writes the sources for a library, and puts both where the packages look for them. Files that are as they should be
/// are left alone, so that nothing is compiled again for them.
///
/// # Errors
/// When the library has been stripped, or a file cannot be written.
pub(crate) fn generate(context: &Context, generator: &Path, library: &Path) -> Result<Parts, Failure> {
    let mobile = context.target().join("mobile");
    let fresh = mobile.join("generating");
    drop(fs::remove_dir_all(&fresh));
    for language in LANGUAGES {
        let mut command = context.command(generator);
        command.args(["generate", "--language", language, "--no-format", "--out-dir"]);
        command.arg(fresh.join(language)).arg(library);
        context.children().run("xtask-uniffi", &mut command)?;
    }
    let generated = mobile.join("generated");
    renew_folder(&fresh, &generated).map_err(|error| Failure::file(&generated, &error))?;
    drop(fs::remove_dir_all(&fresh));
    let folder = mobile.join("lib");
    renew(library, &folder.join(library_name()))?;
    place(context, &generated)?;
    place_library(context, library)?;
    Ok(Parts { library: folder, kotlin: generated.join("kotlin") })
}

/// Copies into the packages what has to lie inside of them. Swift's module of C is found by a name of its own.
fn place(context: &Context, generated: &Path) -> Result<(), Failure> {
    let sources = package(context, "swift").join("Sources");
    let swift = generated.join("swift");
    for (from, to) in [
        ("NexusRealtimeFFI.swift", "NexusRealtimeFFI/NexusRealtimeFFI.swift"),
        ("CNexusRealtime.h", "CNexusRealtime/CNexusRealtime.h"),
        ("CNexusRealtime.modulemap", "CNexusRealtime/module.modulemap"),
    ] {
        renew(&swift.join(from), &sources.join(to))?;
    }
    let python = package(context, "python").join("nexus_realtime/_ffi");
    renew(&generated.join("python/nexus_mobile.py"), &python.join("nexus_mobile.py"))
}

/// Puts a library into the Python package, which loads it from beside itself.
pub(super) fn place_library(context: &Context, library: &Path) -> Result<(), Failure> {
    renew(library, &package(context, "python").join("nexus_realtime/_ffi").join(library_name()))
}

/// Copies a file unless it is there with the same content. A program that has the old one loaded keeps it.
fn renew(from: &Path, to: &Path) -> Result<(), Failure> {
    let content = fs::read(from).map_err(|error| Failure::file(from, &error))?;
    if fs::read(to).is_ok_and(|seen| seen == content) {
        return Ok(());
    }
    let folder = to.parent().unwrap_or(to);
    let partial = to.with_extension("partial");
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&partial, content));
    written.and_then(|()| fs::rename(&partial, to)).map_err(|error| Failure::file(to, &error))
}

/// Makes one folder like another; what is not in that is deleted.
fn renew_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in to.read_dir()? {
        let entry = entry?;
        if !from.join(entry.file_name()).exists() {
            if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
        }
    }
    for entry in from.read_dir()? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            renew_folder(&entry.path(), &target)?;
        } else {
            renew(&entry.path(), &target).map_err(|failure| io::Error::other(failure.to_string()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_becomes_like_another_and_keeps_what_is_the_same() {
        let folder = env_folder("renew");
        let (from, to) = (folder.join("from"), folder.join("to"));
        fs::create_dir_all(from.join("a")).unwrap();
        fs::create_dir_all(to.join("a")).unwrap();
        fs::create_dir_all(to.join("gone")).unwrap();
        fs::write(from.join("a/same"), "1").unwrap();
        fs::write(from.join("a/new"), "2").unwrap();
        fs::write(to.join("a/same"), "1").unwrap();
        fs::write(to.join("a/old"), "3").unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        fs::File::options().write(true).open(to.join("a/same")).unwrap().set_modified(long_ago).unwrap();
        renew_folder(&from, &to).unwrap();
        assert_eq!(fs::metadata(to.join("a/same")).unwrap().modified().unwrap(), long_ago);
        assert_eq!(fs::read_to_string(to.join("a/new")).unwrap(), "2");
        assert!(!to.join("a/old").exists());
        assert!(!to.join("gone").exists());
        fs::write(from.join("a/same"), "4").unwrap();
        renew_folder(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("a/same")).unwrap(), "4");
        fs::remove_dir_all(folder).unwrap();
    }

    fn env_folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("nexus-xtask-{}-{name}", std::process::id()))
    }
}
