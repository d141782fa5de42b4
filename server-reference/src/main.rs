//! The nexus-server binary.
fn main() {}
