//! What commands need beyond cargo: found, installed where that can be done alone, or named in one line.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::context::Context;
use crate::failure::Failure;

/// The oldest major version of Node that the peers run on.
const NODE: u32 = 20;
/// The Node that is fetched from npm where the system's is too old.
const NODE_PACKAGE_VERSION: &str = "22";

/// Node and the npm packages of `tests/peers`.
#[derive(Debug, Clone)]
pub(crate) struct Peers {
    /// The search path for programs under which `node` is found.
    pub(crate) path: OsString,
}

/// Sees to it that Node is there and the packages of `tests/peers` are installed as its lockfile says.
///
/// # Errors
/// One line that says what to install.
pub(crate) fn peers(context: &Context) -> Result<Peers, Failure> {
    let path = node(context)?;
    let folder = context.root().join("tests/peers");
    install_packages(context, &folder, &path)?;
    Ok(Peers { path })
}

/// Sees to it that a component of the Rust toolchain is there.
///
/// # Errors
/// One line that says what to install.
pub(crate) fn component(context: &Context, name: &str, probe: &str) -> Result<(), Failure> {
    if answers(context.cargo(&[probe, "--version"])) {
        return Ok(());
    }
    println!("    installing {name}");
    let mut command = context.command("rustup");
    command.args(["component", "add", name]);
    context
        .children()
        .run("rustup", &mut command)
        .map_err(|_| Failure::new(format!("{name} is missing: run `rustup component add {name}`")))
}

/// Sees to it that there is a C compiler, which the TLS libraries want.
///
/// # Errors
/// One line that says what to install.
pub(crate) fn c_compiler(context: &Context) -> Result<(), Failure> {
    let named = env::var_os("CC").is_some_and(|compiler| answers(version(&compiler)));
    if named || ["cc", "gcc", "clang"].iter().any(|name| answers(version(name))) {
        return Ok(());
    }
    apt(context, &["gcc", "libc6-dev"])
        .map_err(|failure| Failure::new(format!("a C compiler is missing: install gcc or clang ({failure})")))
}

/// The search path for programs under which a Node of sufficient age is found, after installing one if need be.
///
/// # Errors
/// One line that says what to install.
pub(crate) fn node(context: &Context) -> Result<OsString, Failure> {
    let path = env::var_os("PATH").unwrap_or_default();
    let wanted = format!("Node {NODE} or newer with npm is needed: install it from https://nodejs.org");
    if !answers(version("npm")) {
        apt(context, &["nodejs", "npm"]).map_err(|failure| Failure::new(format!("{wanted} ({failure})")))?;
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

/// `npm ci`, unless the packages that are there come from the same lockfile.
fn install_packages(context: &Context, folder: &Path, path: &OsString) -> Result<(), Failure> {
    let lockfile = folder.join("package-lock.json");
    let lock = fs::read_to_string(&lockfile).map_err(|error| Failure::file(&lockfile, &error))?;
    let stamp = folder.join("node_modules/.installed-from");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let mut command = Command::new("npm");
    command.args(["ci", "--no-audit", "--no-fund"]).current_dir(folder).env("PATH", path);
    context
        .children()
        .run_logged("npm ci", &mut command, &context.tools().join("npm-ci.log"))
        .map_err(|failure| Failure::new(format!("the npm packages of tests/peers cannot be installed: {failure}")))?;
    fs::write(&stamp, lock).map_err(|error| Failure::file(&stamp, &error))
}

/// Installs Debian packages when that can be done without asking: on Debian, as root.
fn apt(context: &Context, packages: &[&str]) -> Result<(), Failure> {
    let by_hand = format!("on Debian: apt-get install {}", packages.join(" "));
    if !Path::new("/etc/debian_version").exists() || !is_root() {
        return Err(Failure::new(by_hand));
    }
    println!("    installing {} with apt", packages.join(", "));
    let lock = ["-o", "DPkg::Lock::Timeout=900"];
    let mut update = context.command("apt-get");
    update.args(lock).arg("update");
    let mut install = context.command("apt-get");
    install.args(lock).args(["install", "--yes", "--no-install-recommends"]).args(packages);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    let log = context.tools().join("apt.log");
    context
        .children()
        .run_logged("apt-get update", &mut update, &log)
        .and_then(|()| context.children().run_logged("apt-get install", &mut install, &log))
        .map_err(|failure| Failure::new(format!("{failure}; {by_hand}")))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn version(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.arg("--version");
    command
}

fn answers(mut command: Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn node_version(path: &OsString) -> Option<u32> {
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
