//! wasm-bindgen's command line, reduced to the one way in which Nexus uses it. As a package of the workspace it has the
//! version of the crate `wasm-bindgen` by the lockfile, and nothing is installed.
//!
//! `xtask-bindgen INPUT.wasm FOLDER NAME` writes `NAME.js`, `NAME.d.ts`, `NAME_bg.wasm` and `NAME_bg.wasm.d.ts`.

#![expect(clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let [input, folder, name] = arguments.as_slice() else {
        eprintln!("usage: xtask-bindgen INPUT.wasm FOLDER NAME");
        return ExitCode::from(2);
    };
    let mut bindgen = Bindgen::new();
    // The package hands the module over itself, so the glue needs no address of its own (which bundlers would follow),
    // and it starts afresh after a panic.
    let written = bindgen
        .input_path(input)
        .out_name(&name.to_string_lossy())
        .typescript(true)
        .omit_default_module_path(true)
        .reset_state_function(true)
        .web(true)
        .and_then(|bindgen| bindgen.generate(folder));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
