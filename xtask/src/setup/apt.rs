//! Debian's packages.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::context::Context;
use crate::failure::Failure;

/// Whether the lists of packages have been fetched by this process. Held locked while apt works: it waits for the lock
/// of its database, but not for that of its lists.
static UPDATED: Mutex<bool> = Mutex::new(false);

/// Installs packages when that can be done without asking: on Debian, as root.
///
/// # Errors
/// One line with the command to run by hand.
pub(super) fn install(context: &Context, packages: &[&str]) -> Result<(), Failure> {
    let by_hand = format!("on Debian: apt-get install {}", packages.join(" "));
    if !may_install() {
        return Err(Failure::new(by_hand));
    }
    let mut updated = UPDATED.lock().unwrap_or_else(PoisonError::into_inner);
    println!("    installing {} with apt", packages.join(", "));
    let lock = ["-o", "DPkg::Lock::Timeout=900"];
    let log = context.tools().join("apt.log");
    let failed = |failure: Failure| Failure::new(format!("{failure}; {by_hand}"));
    if !*updated {
        let mut update = context.command("apt-get");
        update.args(lock).arg("update");
        context.children().run_logged("apt-get update", &mut update, &log).map_err(failed)?;
        *updated = true;
    }
    let mut install = context.command("apt-get");
    install.args(lock).args(["install", "--yes", "--no-install-recommends"]).args(packages);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    context.children().run_logged("apt-get install", &mut install, &log).map_err(failed)
}

/// Whether this is Debian, or one of its kin, and ours to change.
pub(super) fn may_install() -> bool {
    Path::new("/etc/debian_version").exists() && is_root()
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
