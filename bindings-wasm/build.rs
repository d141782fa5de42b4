//! Bounds the stack of the WebAssembly: of the megabyte that it has by default, a page would keep all for each module.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|families| families.split(',').any(|family| family == "wasm"))
    {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size=131072");
    }
}
