//! Programs that cargo has built, found through its JSON messages.
//!
//! Everything is built in one selection, the workspace's default members: cargo unites the features of what is selected,
//! and another selection would build the dependencies again.

use std::path::{Path, PathBuf};

use crate::context::{Context, PROFILE};
use crate::failure::Failure;

/// A program from this workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// The target's name: of a binary, an example, a test or a library under test.
    pub(crate) name: String,
    /// The folder of its package.
    pub(crate) package: PathBuf,
    /// The source file it is built from.
    pub(crate) source: PathBuf,
    /// The file to run.
    pub(crate) executable: PathBuf,
    /// Whether it is a test harness.
    pub(crate) test: bool,
}

/// Builds all binaries and examples, optimised with assertions, and the library of `nexus-mobile`.
///
/// # Errors
/// When something does not compile.
pub(crate) fn binaries_and_examples(context: &Context) -> Result<Vec<Program>, Failure> {
    build(context, &["build", "--locked", "--lib", "--bins", "--examples", "--profile", PROFILE])
}

/// Builds the server as it is released, for measurements.
///
/// # Errors
/// When it does not compile.
pub(crate) fn released_server(context: &Context) -> Result<PathBuf, Failure> {
    let programs =
        build(context, &["build", "--locked", "--release", "--package", "nexus-server", "--bin", "nexus-server"])?;
    named(&programs, "nexus-server").map(Path::to_owned)
}

/// Builds the program that writes the sources around the library of `nexus-mobile`. It can be built beside everything
/// else, as it is not optimised and so has a folder of its own.
///
/// # Errors
/// When it does not compile.
pub(crate) fn generator(context: &Context) -> Result<PathBuf, Failure> {
    let programs = build(context, &["build", "--locked", "--package", "xtask-uniffi"])?;
    named(&programs, "xtask-uniffi").map(Path::to_owned)
}

/// Builds all unit and integration tests.
///
/// # Errors
/// When something does not compile.
pub(crate) fn tests(context: &Context) -> Result<Vec<Program>, Failure> {
    let mut tests =
        build(context, &["test", "--locked", "--lib", "--bins", "--tests", "--no-run", "--profile", PROFILE])?;
    tests.retain(|program| program.test);
    tests.sort_by(|a, b| (&a.package, &a.source).cmp(&(&b.package, &b.source)));
    Ok(tests)
}

/// The program of that name.
///
/// # Errors
/// When there is none.
pub(crate) fn named<'a>(programs: &'a [Program], name: &str) -> Result<&'a Path, Failure> {
    programs
        .iter()
        .find(|program| program.name == name && !program.test)
        .map(|program| program.executable.as_path())
        .ok_or_else(|| Failure::new(format!("the workspace has no program `{name}`")))
}

fn build(context: &Context, arguments: &[&str]) -> Result<Vec<Program>, Failure> {
    let mut programs = Vec::new();
    let mut command = context.cargo(arguments);
    command.args(["--message-format", "json-render-diagnostics"]);
    let status = context.children().stream("cargo", &mut command, |line| programs.extend(program(line)))?;
    if status.success() { Ok(programs) } else { Err(Failure::new("the build failed")) }
}

/// Reads one of cargo's messages, if it is about a program.
fn program(message: &str) -> Option<Program> {
    if !message.starts_with(r#"{"reason":"compiler-artifact""#) {
        return None;
    }
    let executable = text(message, "executable")?;
    let package = PathBuf::from(text(message, "manifest_path")?);
    let (_, target) = message.split_once(r#""target":{"#)?;
    let (_, profile) = message.split_once(r#""profile":{"#)?;
    Some(Program {
        name: text(target, "name")?,
        package: package.parent()?.to_owned(),
        source: text(target, "src_path")?.into(),
        executable: executable.into(),
        test: profile.split('}').next()?.contains(r#""test":true"#),
    })
}

/// The first string value under a key, unescaped. Cargo writes names and paths only, so `\\` and `\"` are all there is.
fn text(json: &str, key: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!(r#""{key}":""#))?;
    let mut value = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return Some(value),
            '\\' => value.push(characters.next()?),
            character => value.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///n/core#nexus-core@0.1.0","manifest_path":"/n/core/Cargo.toml","target":{"kind":["lib"],"crate_types":["lib"],"name":"nexus_core","src_path":"/n/core/src/lib.rs","edition":"2024","doc":true,"doctest":true,"test":true},"profile":{"opt_level":"1","debuginfo":0,"debug_assertions":true,"overflow_checks":true,"test":true},"features":["default"],"filenames":["/n/target/ci/deps/nexus_core-1f"],"executable":"/n/target/ci/deps/nexus_core-1f","fresh":false}"#;

    #[test]
    fn programs_are_read_from_messages() {
        let found = program(TEST).unwrap();
        assert_eq!(found.name, "nexus_core");
        assert_eq!(found.package, Path::new("/n/core"));
        assert_eq!(found.source, Path::new("/n/core/src/lib.rs"));
        assert_eq!(found.executable, Path::new("/n/target/ci/deps/nexus_core-1f"));
        assert!(found.test);
        let binary = TEST.replace(r#"overflow_checks":true,"test":true"#, r#"overflow_checks":true,"test":false"#);
        assert!(!program(&binary).unwrap().test);
    }

    #[test]
    fn other_messages_are_passed_over() {
        assert_eq!(program(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(program("not json"), None);
        assert_eq!(
            program(&TEST.replace(r#""executable":"/n/target/ci/deps/nexus_core-1f""#, r#""executable":null"#)),
            None
        );
        for end in 0..TEST.len() {
            let _ = program(&TEST[..end]);
        }
    }

    #[test]
    fn escapes_in_paths_are_undone() {
        assert_eq!(text(r#"{"executable":"C:\\n\\a \"b\".exe"}"#, "executable").unwrap(), r#"C:\n\a "b".exe"#);
    }

    #[test]
    fn a_program_is_found_by_name() {
        let mut binary = program(TEST).unwrap();
        assert!(named(std::slice::from_ref(&binary), "nexus_core").is_err());
        binary.test = false;
        assert_eq!(named(&[binary], "nexus_core").unwrap(), Path::new("/n/target/ci/deps/nexus_core-1f"));
    }
}
