//! JSON as far as the protocols need it: no value tree, and nothing for types of the application.
//!
//! Text is checked once by [`scan`]; control data is then read field by field. serde_json is left to arguments that an
//! application asks for by type: a browser, which has a parser of its own, need not load that code.

mod read;
mod scan;
mod write;

pub(crate) use read::{CONTROL, elements, fields, string, whole};
pub(crate) use scan::{Error, Fault, ScanLimits, Scanned, Span, Spans, scan};
pub(crate) use write::push_string;
