//! Embeds the demo page, where it was built.

use std::{env, fs, path::Path};

fn main() {
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&out).join("page_files.rs"), "pub(super) static FILES: &[PageFile] = &[];\n")
        .unwrap_or_default();
}
