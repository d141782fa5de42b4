//! Real-time client core.
