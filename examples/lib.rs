//! Programs that use the public APIs of Nexus: see the `examples` of this package.

/// The code of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
