//! What every command works with: the repository, cargo, and the programs it has started.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process::Children;

/// The profile of tests, demo and examples: optimised enough for real load, with assertions on.
pub(crate) const PROFILE: &str = "ci";

/// The one place that knows the machine; built once in `main` and handed down.
#[derive(Debug)]
pub(crate) struct Context {
    root: PathBuf,
    cargo: OsString,
    children: Children,
}

impl Context {
    /// Finds the repository, and makes Ctrl-C and termination end the programs started here.
    ///
    /// # Errors
    /// When the signal handler cannot be set, or the manifest lies outside a repository.
    pub(crate) fn new() -> Result<Self, Failure> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .ok_or_else(|| Failure::new("the xtask manifest has no parent folder"))?
            .to_owned();
        let children = Children::default();
        let handle = children.clone();
        ctrlc::set_handler(move || {
            handle.end_all();
            std::process::exit(130);
        })
        .map_err(|error| Failure::new(format!("Ctrl-C cannot be handled: {error}")))?;
        Ok(Self { root, cargo: env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), children })
    }

    /// The folder of the workspace manifest.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path as people call it: from the repository's root.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    /// The programs that run now.
    pub(crate) fn children(&self) -> &Children {
        &self.children
    }

    /// Where cargo builds; caches of ours lie below it in `tools`.
    pub(crate) fn target(&self) -> PathBuf {
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from)
    }

    /// A folder below the target directory for tools that are installed on the way; it can be deleted any time.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target().join("tools")
    }

    /// A program that starts in the repository's root.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// `cargo SUBCOMMAND …` that leaves the lockfile alone.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&self.cargo);
        command.args(arguments);
        forget_own_package(&mut command);
        command
    }

    /// Another toolchain's cargo. It must not hear of the toolchain that runs us.
    pub(crate) fn foreign_cargo(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(program);
        command.args(arguments).env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC_WRAPPER");
        forget_own_package(&mut command);
        command
    }

    /// `cargo SUBCOMMAND …` at low priority, where the system knows `nice`.
    pub(crate) fn gentle_cargo(&self, arguments: &[&str]) -> Command {
        if !cfg!(unix) {
            return self.cargo(arguments);
        }
        let mut command = self.command("nice");
        command.args(["-n", "19"]).arg(&self.cargo).args(arguments);
        forget_own_package(&mut command);
        command
    }
}

/// Takes away what `cargo run` tells this process about its own package. Build scripts of dependencies watch such
/// variables, and would run again whenever cargo is called now through us and now by hand.
fn forget_own_package(command: &mut Command) {
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&variable);
        }
    }
}
