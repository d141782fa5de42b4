//! Python in an environment of its own, with the packages that the tests want.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::context::Context;
use crate::failure::Failure;

use super::apt;

/// The oldest Python that the package runs on.
const OLDEST: (u32, u32) = (3, 9);
const WANTED: &str = "Python 3.9 or newer with the module venv is needed: install it from https://www.python.org";
const NAMES: [&str; 2] = ["python3", "python"];
/// Fails where an environment cannot be made; Debian has this as a package of its own.
const PROBE: &str = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2], sys.executable)";

/// The Python of an environment in the tools folder, in which the packages of a requirements file are installed.
///
/// # Errors
/// One line that says what to install.
pub(crate) fn python(context: &Context, requirements: &Path) -> Result<PathBuf, Failure> {
    let found = match find() {
        Some(found) => found,
        None => {
            apt::install(context, &["python3", "python3-venv"])
                .map_err(|failure| Failure::new(format!("{WANTED} ({failure})")))?;
            find().ok_or_else(|| Failure::new(WANTED))?
        }
    };
    let folder = context.tools().join("python");
    let binaries = folder.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let own = binaries.join(format!("python{}", std::env::consts::EXE_SUFFIX));
    let wanted = fs::read_to_string(requirements).map_err(|error| Failure::file(requirements, &error))?;
    let stamp = folder.join("installed-from");
    let state = format!("{}\n{wanted}", found.says);
    if own.exists() && fs::read_to_string(&stamp).is_ok_and(|seen| seen == state) {
        return Ok(own);
    }
    println!("    installing the Python packages of {}", context.relative(requirements).display());
    let log = context.tools().join("python.log");
    let mut make = context.command(found.program);
    make.args(["-m", "venv", "--clear"]).arg(&folder);
    context.children().run_logged("python -m venv", &mut make, &log)?;
    let mut install = context.command(&own);
    install.args(["-m", "pip", "install", "--disable-pip-version-check", "--requirement"]).arg(requirements);
    context
        .children()
        .run_logged("pip install", &mut install, &log)
        .map_err(|failure| Failure::new(format!("the Python packages of the tests cannot be installed: {failure}")))?;
    fs::write(&stamp, state).map_err(|error| Failure::file(&stamp, &error))?;
    Ok(own)
}

#[derive(Debug)]
struct Found {
    program: &'static str,
    /// Its version and where it is: another one needs an environment of its own.
    says: String,
}

fn find() -> Option<Found> {
    NAMES.into_iter().find_map(|program| {
        let output = Command::new(program).args(["-c", PROBE]).output().ok()?;
        let says = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && parsed(&says)? >= OLDEST).then_some(Found { program, says })
    })
}

/// `(3, 11)` of `3.11 /usr/bin/python3`.
fn parsed(says: &str) -> Option<(u32, u32)> {
    let (major, minor) = says.split_whitespace().next()?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_python_are_read() {
        assert_eq!(parsed("3.11 /usr/bin/python3"), Some((3, 11)));
        assert!(parsed("3.8 /usr/bin/python3").unwrap() < OLDEST);
        assert!(parsed("3.9 /usr/bin/python3").unwrap() >= OLDEST);
        for other in ["", "3", "x.1", "3.x /usr/bin/python3"] {
            assert_eq!(parsed(other), None, "{other:?}");
        }
    }
}
