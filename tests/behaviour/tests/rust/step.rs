//! A step, as the file has it.

use std::time::Duration;

use nexus_behaviour::PATIENCE;
use serde::Deserialize;
use serde_json::Value;

/// All keys that steps of the client have.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    #[serde(rename = "do")]
    pub(crate) action: String,
    #[serde(default = "first_client")]
    pub(crate) client: String,
    #[serde(default = "messaging")]
    pub(crate) ns: String,
    within: Option<u64>,
    pub(crate) fails: Option<OneOrMore>,
    /// Heeded before a step is read.
    #[serde(rename = "only")]
    _only: Option<Vec<String>>,
    #[serde(rename = "as")]
    pub(crate) started: Option<String>,
    pub(crate) of: Option<String>,
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) options: Options,
    #[serde(default = "ada")]
    pub(crate) user: String,
    pub(crate) token: Option<String>,
    pub(crate) tokens: Option<Vec<Value>>,
    pub(crate) event: Option<String>,
    #[serde(default)]
    pub(crate) args: Vec<Value>,
    pub(crate) range: Option<(u64, u64)>,
    #[serde(default)]
    pub(crate) may: Vec<Value>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) expect: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) reply: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) value: Option<Value>,
    pub(crate) code: Option<String>,
    pub(crate) timeout: Option<u64>,
    pub(crate) outcome: Option<String>,
    #[serde(default)]
    pub(crate) volatile: bool,
    #[serde(default)]
    pub(crate) durable: bool,
    pub(crate) reachable: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Options {
    pub(crate) connect_timeout: Option<u64>,
    pub(crate) background_grace: Option<u64>,
    pub(crate) reconnect_delay: Option<u64>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) max_auth_attempts: Option<u32>,
    pub(crate) queue_messages: Option<usize>,
    pub(crate) durable_messages: Option<usize>,
    pub(crate) store: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub(crate) fn contains(&self, code: &str) -> bool {
        match self {
            Self::One(one) => one == code,
            Self::More(more) => more.iter().any(|one| one == code),
        }
    }
}

impl Step {
    pub(crate) fn within(&self) -> Duration {
        self.within.map_or(PATIENCE, Duration::from_millis)
    }
}

fn first_client() -> String {
    String::from("a")
}

fn messaging() -> String {
    String::from("messaging")
}

fn ada() -> String {
    String::from("ada")
}

/// A value that is there may be null.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
