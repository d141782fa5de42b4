//! Steps that are left out while nothing changed, by content and not by time: a checkout or a copy touches files.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::failure::Failure;

/// Below an input these are no input: steps make them, or they have no say in what a step makes.
const LEFT_OUT: [&str; 6] = ["node_modules", "dist", "generated", "test", "LICENSE-APACHE", "LICENSE-MIT"];

/// Runs `step` unless it ran with the same inputs and its outputs are as it left them.
///
/// # Errors
/// When the step fails, an input cannot be read, or the step did not write an output.
pub(super) fn unless_fresh(
    context: &Context,
    name: &str,
    inputs: &[&PathBuf],
    outputs: &[&PathBuf],
    step: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let stamp = context.tools().join("web").join(name);
    let taken = digest(inputs)?;
    let state = |made: u64| format!("{taken:016x} {made:016x}\n");
    let fresh = fs::read_to_string(&stamp).is_ok_and(|seen| digest(outputs).is_ok_and(|made| seen == state(made)));
    if fresh {
        return Ok(());
    }
    println!("==> building {name}");
    step()?;
    let state = state(digest(outputs)?);
    let folder = stamp.parent().unwrap_or(&stamp);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&stamp, state));
    written.map_err(|error| Failure::file(&stamp, &error))
}

/// A digest of files and folders: of every name and all content.
fn digest(paths: &[&PathBuf]) -> Result<u64, Failure> {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        let mut files = BTreeSet::new();
        walk(path, &mut files).map_err(|error| Failure::file(path, &error))?;
        for file in &files {
            let content = fs::read(file).map_err(|error| Failure::file(file, &error))?;
            let name = file.strip_prefix(path).unwrap_or(file).to_string_lossy();
            for part in [name.as_bytes(), &content] {
                hasher.write_usize(part.len());
                hasher.write(part);
            }
        }
        hasher.write_usize(files.len());
    }
    Ok(hasher.finish())
}

fn walk(path: &Path, files: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        // One that is missing shows when it is read.
        files.insert(path.to_owned());
        return Ok(());
    }
    for entry in path.read_dir()? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let is_left_out = LEFT_OUT.iter().any(|name| entry.file_name() == *name);
        if !is_left_out && (kind.is_file() || kind.is_dir()) {
            walk(&entry.path(), files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own that is gone after the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("nexus-xtask-{}-{name}", std::process::id()));
            fs::create_dir_all(path.join("src")).unwrap();
            fs::write(path.join("src/a.ts"), "one").unwrap();
            Self(path)
        }

        fn digest(&self) -> u64 {
            digest(&[&self.0]).unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn content_and_names_count_and_times_do_not() {
        let folder = Folder::new("content");
        let first = folder.digest();
        fs::write(folder.0.join("src/a.ts"), "one").unwrap();
        assert_eq!(folder.digest(), first);
        fs::write(folder.0.join("src/a.ts"), "two").unwrap();
        let second = folder.digest();
        assert_ne!(second, first);
        fs::rename(folder.0.join("src/a.ts"), folder.0.join("src/b.ts")).unwrap();
        assert_ne!(folder.digest(), second);
    }

    #[test]
    fn what_a_step_makes_is_no_input_of_it() {
        let folder = Folder::new("made");
        let first = folder.digest();
        fs::create_dir_all(folder.0.join("dist")).unwrap();
        fs::write(folder.0.join("dist/a.js"), "1").unwrap();
        assert_eq!(folder.digest(), first);
        let made = digest(&[&folder.0.join("dist")]).unwrap();
        fs::write(folder.0.join("dist/a.js"), "2").unwrap();
        assert_ne!(digest(&[&folder.0.join("dist")]).unwrap(), made);
    }

    #[test]
    fn what_is_missing_is_an_error() {
        let folder = Folder::new("missing");
        let failure = digest(&[&folder.0.join("no-such-file")]).unwrap_err();
        assert!(failure.to_string().contains("no-such-file"), "{failure}");
    }
}
