//! The stage of `tests/behaviour`, which has the servers and the network of tests and benchmarks.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::context::Context;
use crate::failure::Failure;
use crate::process::Running;

/// How long the stage may take to listen.
const STARTING: Duration = Duration::from_secs(30);

/// Starts the stage, and gives its port. It ends with what is given. Its files lie below the target directory, which is
/// seen from wherever tests run.
///
/// # Errors
/// When it does not start, or its folder cannot be made.
pub(crate) fn start(context: &Context, program: &Path, path: Option<&OsStr>) -> Result<(Running, u16), Failure> {
    let folder = context.target().join("mobile/tmp");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, &error))?;
    let mut command = context.command(program);
    command.env("TMPDIR", &folder);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let mut running = context.children().start_attended("behaviour-stage", &mut command)?;
    let port = running.await_line(STARTING, port)?;
    Ok((running, port))
}

/// `4711` of `{"port":4711}`.
fn port(line: &str) -> Option<u16> {
    line.trim().strip_prefix(r#"{"port":"#)?.strip_suffix('}')?.trim().parse().ok()
}
