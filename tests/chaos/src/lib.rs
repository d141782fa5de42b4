//! Real faults: processes that are killed, connections that are cut, and a count of what became of every message.
//!
//! The programs under trial run as processes of their own and write down what they saw. What is told here comes from
//! those journals alone.

pub mod flow;
pub mod plot;
pub mod program;
pub mod proxy;
pub mod reconnect;
pub mod recount;
pub mod report;
pub mod script;
pub mod stack;
pub mod trial;
