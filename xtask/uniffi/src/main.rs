//! UniFFI's command line. As a package of the workspace it has the version that the library is built with, by the
//! lockfile, and nothing is installed; as a package of its own it is built without the library.
//!
//! `xtask-uniffi generate --language kotlin --no-format --out-dir FOLDER LIBRARY`

fn main() {
    uniffi::uniffi_bindgen_main();
}
