//! Writes the sources of the foreign side from an unstripped library:
//! `uniffi-bindgen generate --language kotlin --out-dir DIR libnexus_mobile.so`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
