//! The browser that tests run in.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;

use crate::context::Context;
use crate::failure::Failure;

use super::apt;

/// Variables that name a browser, the first that is set counts.
const VARIABLES: [&str; 2] = ["CHROMIUM", "CHROME"];
/// Programs on the search path.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
/// Where installers put it that leave the search path alone.
const PLACES: [&str; 4] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
];

/// The Chromium or Chrome to test with, after installing one if need be.
///
/// # Errors
/// One line that says what to install, or which variable names a file that is not there.
pub(crate) fn chromium(context: &Context) -> Result<PathBuf, Failure> {
    for variable in VARIABLES {
        if let Some(path) = env::var_os(variable).map(PathBuf::from) {
            let missing = || Failure::new(format!("{variable} names {}, which is not a file", path.display()));
            return path.is_file().then(|| path.clone()).ok_or_else(missing);
        }
    }
    let path = env::var_os("PATH").unwrap_or_default();
    if let Some(found) = find(&path) {
        return Ok(found);
    }
    let wanted = "Chromium or Chrome is needed: install one, or name it in the variable CHROMIUM";
    apt::install(context, &["chromium"]).map_err(|failure| Failure::new(format!("{wanted} ({failure})")))?;
    find(&path).ok_or_else(|| Failure::new(wanted))
}

fn find(path: &OsStr) -> Option<PathBuf> {
    let on_path = NAMES.iter().flat_map(|name| env::split_paths(path).map(move |folder| folder.join(name)));
    on_path.chain(PLACES.iter().map(PathBuf::from)).find(|candidate| candidate.is_file())
}
