//! Node, and packages from npm.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::failure::Failure;

use super::{answers, apt, version};

/// The oldest major version of Node that everything here runs on.
const NODE: u32 = 20;
/// The Node that is fetched from npm where the system's is too old.
const NODE_PACKAGE_VERSION: &str = "22";

/// Sees to it that the packages of `tests/peers` are installed as its lockfile says.
///
/// # Errors
/// One line that says what cannot be installed.
pub(crate) fn peers(context: &Context, path: &OsStr) -> Result<(), Failure> {
    packages(context, &context.root().join("tests/peers"), path)
}

/// The search path for programs under which a Node of sufficient age is found, after installing one if need be.
///
/// # Errors
/// One line that says what to install.
pub(crate) fn node(context: &Context) -> Result<OsString, Failure> {
    let path = env::var_os("PATH").unwrap_or_default();
    let wanted = format!("Node {NODE} or newer with npm is needed: install it from https://nodejs.org");
    if !answers(version("npm")) {
        apt::install(context, &["nodejs", "npm"]).map_err(|failure| Failure::new(format!("{wanted} ({failure})")))?;
    }
    if node_version(&path).is_some_and(|found| found >= NODE) {
        return Ok(path);
    }
    let own = fetched_node(context)?;
    let path = env::join_paths(std::iter::once(own).chain(env::split_paths(&path)))
        .map_err(|error| Failure::new(format!("PATH: {error}")))?;
    match node_version(&path) {
        Some(found) if found >= NODE => Ok(path),
        Some(found) => Err(Failure::new(format!("{wanted} (found {found})"))),
        None => Err(Failure::new(wanted)),
    }
}

/// Node from npm, which carries its binaries as packages, for systems that ship an older one.
fn fetched_node(context: &Context) -> Result<PathBuf, Failure> {
    let system = match env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let machine = match env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let package = format!("node-{system}-{machine}");
    let folder = context.tools().join("node");
    let binaries = folder.join("node_modules").join(&package).join("bin");
    if !binaries.join("node").exists() {
        println!("    fetching Node {NODE_PACKAGE_VERSION} from npm: the system's is older than {NODE}");
        fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, &error))?;
        let mut command = context.command("npm");
        command.args(["install", "--no-save", "--no-audit", "--no-fund", "--prefix"]).arg(&folder);
        command.arg(format!("{package}@{NODE_PACKAGE_VERSION}"));
        context.children().run_logged("npm install", &mut command, &context.tools().join("node.log"))?;
    }
    Ok(binaries)
}

/// `npm ci` in a folder, unless the packages that are there come from the same lockfile.
///
/// # Errors
/// One line that says what cannot be installed.
pub(crate) fn packages(context: &Context, folder: &Path, path: &OsStr) -> Result<(), Failure> {
    let lockfile = folder.join("package-lock.json");
    let lock = fs::read_to_string(&lockfile).map_err(|error| Failure::file(&lockfile, &error))?;
    let stamp = folder.join("node_modules/.installed-from");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let name = context.relative(folder).display().to_string();
    println!("    installing the npm packages of {name}");
    let mut command = context.command("npm");
    command.args(["ci", "--no-audit", "--no-fund"]).current_dir(folder).env("PATH", path);
    let log = context.tools().join(format!("npm-ci-{}.log", name.replace(['/', '\\'], "-")));
    context
        .children()
        .run_logged("npm ci", &mut command, &log)
        .map_err(|failure| Failure::new(format!("the npm packages of {name} cannot be installed: {failure}")))?;
    // Without any dependency there is no such folder.
    let written = fs::create_dir_all(folder.join("node_modules")).and_then(|()| fs::write(&stamp, lock));
    written.map_err(|error| Failure::file(&stamp, &error))
}

fn node_version(path: &OsStr) -> Option<u32> {
    let output = version("node").env("PATH", path).output().ok()?;
    major(&String::from_utf8_lossy(&output.stdout))
}

/// `20` of `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_are_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("v8.0.0"), Some(8));
        for other in ["", "v", "20.1.0", "vx.1", "v-1.0"] {
            assert_eq!(major(other), None, "{other:?}");
        }
    }
}
