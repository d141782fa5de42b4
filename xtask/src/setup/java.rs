//! A JDK, and Maven, which builds what runs on it.

use std::path::Path;
use std::process::Command;

use crate::context::Context;
use crate::failure::Failure;

use super::{apt, version};

/// The oldest major version of Java that the Kotlin package is built and tested with.
const JAVA: u32 = 17;
const WANTED: &str = "JDK 17 or newer and Maven 3.8 or newer are needed: install them from https://adoptium.net and https://maven.apache.org";

/// Sees to it that `mvn` is found, with a JDK of sufficient age behind it.
///
/// # Errors
/// One line that says what to install.
pub(crate) fn java(context: &Context) -> Result<Maven, Failure> {
    if is_ready() {
        return Ok(Maven(()));
    }
    apt::install(context, &["default-jdk-headless", "maven"])
        .map_err(|failure| Failure::new(format!("{WANTED} ({failure})")))?;
    if is_ready() { Ok(Maven(())) } else { Err(Failure::new(format!("{WANTED}; then let JAVA_HOME name the JDK"))) }
}

/// Maven, found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Maven(());

impl Maven {
    /// `mvn …` in a folder, without colours and progress bars. What it downloads stays in the user's own repository, and
    /// with everything there it asks no network.
    pub(crate) fn command(self, context: &Context, folder: &Path) -> Command {
        let mut command = context.command(PROGRAM);
        command.current_dir(folder).args([
            "--batch-mode",
            "--no-transfer-progress",
            "-Dstyle.color=never",
            "-Dkotlin.compiler.daemon=false",
        ]);
        command
    }
}

/// A batch file where the system is Windows, which has to be named in full.
const PROGRAM: &str = if cfg!(windows) { "mvn.cmd" } else { "mvn" };

/// Maven says which Java it runs on, and where that is. A runtime alone has no compiler.
fn is_ready() -> bool {
    version(PROGRAM).output().is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout);
        output.status.success()
            && java_version(&text).is_some_and(|found| found >= JAVA)
            && home(&text)
                .is_some_and(|home| home.join("bin").join(format!("javac{}", std::env::consts::EXE_SUFFIX)).exists())
    })
}

/// `17` of `Java version: 17.0.15, vendor: …`.
fn java_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("Java version: ")?;
    version.split(['.', ',', '-', '\n']).next()?.trim().parse().ok()
}

/// The folder of `…, runtime: FOLDER`.
fn home(text: &str) -> Option<&Path> {
    let (_, folder) = text.split_once("runtime: ")?;
    folder.lines().next().map(|folder| Path::new(folder.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_java_behind_maven_is_read() {
        let text = "Apache Maven 3.8.7\nMaven home: /usr/share/maven\n\
            Java version: 17.0.15, vendor: Debian, runtime: /usr/lib/jvm/java-17-openjdk-amd64\nDefault locale: en\n";
        assert_eq!(java_version(text), Some(17));
        assert_eq!(home(text), Some(Path::new("/usr/lib/jvm/java-17-openjdk-amd64")));
        assert_eq!(java_version("Java version: 25-ea, vendor: x"), Some(25));
        assert_eq!(java_version("Java version: 1.8.0_402, vendor: x"), Some(1));
        for other in ["", "Java version: ", "java 17"] {
            assert_eq!(java_version(other), None, "{other:?}");
        }
        assert_eq!(home("Apache Maven 3.8.7"), None);
    }
}
