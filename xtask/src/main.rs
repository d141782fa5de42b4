//! Set-up, demo, tests, benches and packaging.
fn main() {}
