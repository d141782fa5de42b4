//! The web package, out of Rust and TypeScript, and the demo page that the server carries.
//!
//! The crate `nexus-wasm` becomes WebAssembly, `xtask-bindgen` writes the JavaScript around it into
//! `bindings-wasm/npm/generated`, and the package's own script bundles both with its TypeScript into `dist`. The page in
//! `examples/web` is built with that, into its own `dist`, from where the build script of the server takes it.

mod stamp;

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::context::Context;
use crate::failure::Failure;
use crate::setup::{self, Wasm};

use stamp::unless_fresh;

/// What wasm-bindgen writes. The script of the package keeps a file of its own beside them.
const GLUE: [&str; 4] = ["nexus_wasm.js", "nexus_wasm.d.ts", "nexus_wasm_bg.wasm", "nexus_wasm_bg.wasm.d.ts"];

/// What to make of it.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Also make the archive that npm would publish, in target/npm.
    #[arg(long)]
    pack: bool,
}

/// Builds the package and the page, and packs the package if asked to.
///
/// # Errors
/// When something is missing or does not build.
pub(crate) fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    let web = Web::prepare(context)?;
    web.build(context)?;
    if options.pack { web.pack(context) } else { Ok(()) }
}

/// Installs the npm packages that the package and the page are built with.
///
/// # Errors
/// One line that says what cannot be installed.
pub(crate) fn install(context: &Context, path: &OsStr) -> Result<(), Failure> {
    setup::packages(context, &package(context), path)?;
    page(context).map_or(Ok(()), |page| setup::packages(context, &page, path))
}

/// The folder of the npm package.
pub(crate) fn package(context: &Context) -> PathBuf {
    context.root().join("bindings-wasm/npm")
}

/// The folder of the demo page, where there is one.
fn page(context: &Context) -> Option<PathBuf> {
    Some(context.root().join("examples/web")).filter(|page| page.exists())
}

/// Everything to build with, found.
#[derive(Debug)]
pub(crate) struct Web {
    path: OsString,
    wasm: Wasm,
}

impl Web {
    /// Finds or installs it all.
    ///
    /// # Errors
    /// One line that says what to install.
    pub(crate) fn prepare(context: &Context) -> Result<Self, Failure> {
        let wasm = setup::wasm(context)?;
        let path = setup::node(context)?;
        install(context, &path)?;
        Ok(Self { path, wasm })
    }

    /// What others have found: the search path under which `node` is, with the npm packages installed, and the compiler.
    pub(crate) fn new(path: OsString, wasm: Wasm) -> Self {
        Self { path, wasm }
    }

    /// Installs the npm packages of another folder that uses the package.
    ///
    /// # Errors
    /// One line that says what cannot be installed.
    pub(crate) fn install(&self, context: &Context, folder: &Path) -> Result<(), Failure> {
        setup::packages(context, folder, &self.path)
    }

    /// Builds the package and the page, as far as something changed.
    ///
    /// # Errors
    /// When something does not build.
    pub(crate) fn build(&self, context: &Context) -> Result<(), Failure> {
        let package = package(context);
        let module = self.module(context)?;
        let generated = package.join("generated");
        let glue = GLUE.map(|name| generated.join(name));
        let glue: Vec<&PathBuf> = glue.iter().collect();
        let inputs = [&module, &context.root().join("Cargo.lock"), &context.root().join("xtask/bindgen")];
        unless_fresh(context, "the JavaScript around the WebAssembly", &inputs, &glue, || {
            bindgen(context, &module, &generated)
        })?;

        let dist = package.join("dist");
        unless_fresh(context, "the web package", &[&[&package], &*glue].concat(), &[&dist], || {
            let mut command = self.program(context, "node", &package);
            context.children().run("the build of the web package", command.arg("scripts/build.mjs"))
        })?;

        let Some(page) = page(context) else { return Ok(()) };
        let inputs = [&page, &package.join("package.json"), &dist];
        unless_fresh(context, "the demo page", &inputs, &[&page.join("dist")], || {
            let mut command = self.program(context, "npm", &page);
            context.children().run("the build of the demo page", command.args(["run", "build"]))
        })
    }

    /// Makes the archive that npm would publish, and says where it is.
    fn pack(&self, context: &Context) -> Result<(), Failure> {
        let folder = context.target().join("npm");
        fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, &error))?;
        let mut command = self.program(context, "npm", &package(context));
        // The last line is the name of the file; what scripts print comes before.
        let mut name = String::new();
        command.arg("pack").arg("--pack-destination").arg(&folder);
        let status = context.children().stream("npm pack", &mut command, |line| line.clone_into(&mut name))?;
        if !status.success() {
            return Err(Failure::new(format!("npm pack failed ({status})")));
        }
        let archive = folder.join(name);
        let bytes = archive.metadata().map_err(|error| Failure::file(&archive, &error))?.len();
        println!("{} ({})", archive.display(), size(bytes));
        Ok(())
    }

    /// Compiles the WebAssembly.
    fn module(&self, context: &Context) -> Result<PathBuf, Failure> {
        println!("==> building the WebAssembly");
        let mut command =
            self.wasm.cargo(context, &["build", "--locked", "--package", "nexus-wasm", "--profile", "wasm"]);
        command.env("CARGO_ENCODED_RUSTFLAGS", no_paths(context.root(), &foreign()).join("\u{1f}"));
        context.children().run("cargo build", &mut command)?;
        Ok(context.target().join(self.wasm.folder()).join("wasm/nexus_wasm.wasm"))
    }

    /// A program that npm's packages are run with, in a folder.
    pub(crate) fn program(&self, context: &Context, program: &str, folder: &Path) -> Command {
        let mut command = context.command(program);
        command.current_dir(folder).env("PATH", &self.path);
        command
    }
}

/// The folders with sources of others: where cargo keeps those of dependencies (there are some, as this program has
/// dependencies, too), and the toolchain, which names those of the standard library where it has them.
pub(crate) fn foreign() -> Vec<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let folders = home.and_then(|home| home.join("registry/src").read_dir().ok());
    let toolchain = Command::new("rustc").args(["--print", "sysroot"]).output().ok();
    let toolchain = toolchain.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let toolchain = toolchain.filter(|toolchain| toolchain.is_absolute());
    folders.into_iter().flatten().flatten().map(|entry| entry.path()).chain(toolchain).collect()
}

/// Flags that keep this machine's paths out of the module: they would be published with it, and no two builds alike.
pub(crate) fn no_paths(root: &Path, foreign: &[PathBuf]) -> Vec<String> {
    let mut folders: Vec<_> = foreign.iter().map(PathBuf::as_path).chain([root]).collect();
    folders.sort_unstable();
    folders.iter().map(|folder| format!("--remap-path-prefix={}=", folder.display())).collect()
}

/// Writes the JavaScript and the declarations around the WebAssembly.
fn bindgen(context: &Context, module: &Path, folder: &Path) -> Result<(), Failure> {
    // Files of an earlier shape would be bundled too.
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
    }
    let mut command = context.cargo(&["run", "--locked", "--package", "xtask-bindgen", "--"]);
    command.arg(module).arg(folder).arg("nexus_wasm");
    context.children().run("xtask-bindgen", &mut command)
}

/// `950 bytes`, or `12.3 kB` from 1,000 bytes on.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1_000 {
        return format!("{bytes} bytes");
    }
    format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_machine_are_cut_off() {
        let flags = no_paths(Path::new("/n"), &[PathBuf::from("/c/registry/src/index-1f")]);
        assert_eq!(flags, ["--remap-path-prefix=/c/registry/src/index-1f=", "--remap-path-prefix=/n="]);
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(size(950), "950 bytes");
        assert_eq!(size(12_345), "12.3 kB");
        assert_eq!(size(2_000_049), "2000.0 kB");
    }
}
