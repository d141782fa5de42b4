//! Real-time backend engine.
