//! A standard library for WebAssembly out of Debian's packages, which have none but have the compiler with its sources:
//! built once, and kept in a folder that the compiler takes it from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::context::Context;
use crate::failure::Failure;

use super::{answers, apt, version};

/// The compiler with sources, linker and lints. `…-web` is the new Rust in an older Debian.
const PACKAGES: [&str; 6] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "rust-web-clippy", "lld-19"];
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const CLIPPY: &str = "/usr/bin/cargo-clippy";
const LINKER: &str = "/usr/bin/wasm-ld-19";
const SOURCES: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/// The folder, as the compiler's `--sysroot` for crates of the target. What runs while compiling uses the system's.
#[derive(Debug, Clone)]
pub(super) struct Sysroot(PathBuf);

impl Sysroot {
    /// The folder that was built earlier by the same compiler, or a new one.
    pub(super) fn prepare(context: &Context, target: &str) -> Result<Self, Failure> {
        install(context)?;
        let folder = context.tools().join("sysroot");
        let stamp = folder.join("built-by");
        let compiler = compiler()?;
        if fs::read_to_string(&stamp).is_ok_and(|by| by == compiler) {
            return Ok(Self(folder));
        }
        println!("    building the standard library for {target} from Debian's sources: some minutes, once");
        let built = build(context, target)?;
        let library = folder.join("lib/rustlib").join(target).join("lib");
        collect(&built, &library).map_err(|error| Failure::file(&library, &error))?;
        drop(fs::remove_dir_all(context.tools().join("std")));
        fs::write(&stamp, compiler).map_err(|error| Failure::file(&stamp, &error))?;
        Ok(Self(folder))
    }

    /// Debian's cargo, with its compiler and this library.
    pub(super) fn cargo(&self, context: &Context, arguments: &[&str]) -> Command {
        // Run as `cargo clippy` it would take the first cargo-clippy on the search path, which may be another compiler's.
        let program = if arguments.first() == Some(&"clippy") { CLIPPY } else { CARGO };
        let mut command = context.foreign_cargo(program, arguments);
        let folder = self.0.display();
        command.env("CARGO_ENCODED_RUSTFLAGS", format!("--sysroot\u{1f}{folder}\u{1f}-Clinker={LINKER}"));
        command.env("RUSTC", RUSTC);
        command
    }
}

/// Sees to it that Debian's compiler and its sources are there.
pub(super) fn install(context: &Context) -> Result<(), Failure> {
    if is_installed() { Ok(()) } else { apt::install(context, &PACKAGES) }
}

/// Debian's cargo, which takes the standard library from its sources. It has a target directory of its own.
pub(super) fn cargo_with_sources(context: &Context, arguments: &[&str]) -> Command {
    let mut command = context.foreign_cargo(CARGO, arguments);
    command.arg("-Zbuild-std=std,panic_unwind").env("CARGO_TARGET_DIR", context.tools().join("cross"));
    command.env("RUSTC", RUSTC).env("RUSTC_BOOTSTRAP", "1");
    command
}

fn is_installed() -> bool {
    [SOURCES, LINKER].iter().all(|file| Path::new(file).exists())
        && [RUSTC, CARGO, CLIPPY].iter().all(|program| answers(version(program)))
}

/// What the compiler calls itself, with its commit: what another has built is of no use to it.
fn compiler() -> Result<String, Failure> {
    let output = Command::new(RUSTC).arg("-vV").output().map_err(|error| Failure::start(RUSTC, &error))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Builds the library as a dependency of an empty crate, and gives the folder of its parts.
fn build(context: &Context, target: &str) -> Result<PathBuf, Failure> {
    let folder = context.tools().join("std");
    // What an earlier compiler has left there would be taken along.
    drop(fs::remove_dir_all(&folder));
    let manifest = folder.join("Cargo.toml");
    let text = "[package]\nname = \"empty\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n";
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&manifest, text))
        .and_then(|()| fs::write(folder.join("lib.rs"), ""))
        .map_err(|error| Failure::file(&folder, &error))?;
    let output = folder.join("target");
    let mut command =
        context.foreign_cargo(CARGO, &["build", "--release", "-Zbuild-std=std,panic_abort,proc_macro,test"]);
    command.args(["--target", target]).current_dir(&folder).env("CARGO_TARGET_DIR", &output);
    // A stable compiler builds its own library with this, and with bitcode it takes part in link-time optimisation.
    command.env("RUSTC", RUSTC).env("RUSTC_BOOTSTRAP", "1").env("CARGO_ENCODED_RUSTFLAGS", "-Cembed-bitcode=yes");
    context.children().run_logged("cargo build", &mut command, &context.tools().join("std.log"))?;
    Ok(output.join(target).join("release/deps"))
}

/// Copies the libraries, in place of those that are there.
fn collect(from: &Path, into: &Path) -> std::io::Result<()> {
    if into.exists() {
        fs::remove_dir_all(into)?;
    }
    fs::create_dir_all(into)?;
    for file in from.read_dir()? {
        let file = file?;
        if file.path().extension().is_some_and(|extension| extension == "rlib") {
            fs::copy(file.path(), into.join(file.file_name()))?;
        }
    }
    Ok(())
}
