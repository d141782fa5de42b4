//! Programs that use the public APIs of Nexus: see the `examples` of this package.
