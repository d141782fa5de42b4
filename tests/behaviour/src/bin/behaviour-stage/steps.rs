//! The steps of scenarios whose names begin with `stage.`: `README.md` describes them.

use std::{future::Future, time::Duration};

use axum::http::Uri;
use nexus_behaviour::PATIENCE;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::server::{Server, StageError};

/// How often is looked whether it is so by now.
const GLANCE: Duration = Duration::from_millis(20);

#[derive(Deserialize)]
#[serde(tag = "do")]
enum Step {
    #[serde(rename = "stage.kill")]
    Kill,
    #[serde(rename = "stage.restart")]
    Restart,
    #[serde(rename = "stage.cut")]
    Cut,
    #[serde(rename = "stage.refuse")]
    Refuse,
    #[serde(rename = "stage.accept")]
    Accept,
    #[serde(rename = "stage.mute")]
    Mute,
    #[serde(rename = "stage.unmute")]
    Unmute,
    #[serde(rename = "stage.send")]
    Send {
        user: String,
        ns: String,
        event: String,
        #[serde(default)]
        args: Vec<Value>,
        count: Option<u64>,
    },
    #[serde(rename = "stage.connections")]
    Connections { expect: usize, within: Option<u64> },
    #[serde(rename = "stage.seen")]
    Seen(Seen),
}

#[derive(Deserialize)]
struct Seen {
    event: String,
    user: Option<String>,
    ns: Option<String>,
    expect: Option<Vec<Vec<Value>>>,
    range: Option<(u64, u64)>,
    at_least: Option<usize>,
    #[serde(default)]
    repeats: bool,
    within: Option<u64>,
}

pub(crate) async fn perform(server: &Server, step: Value) -> Result<(), StageError> {
    match serde_json::from_value(step)? {
        Step::Kill => server.kill().await?,
        Step::Restart => server.restart().await?,
        Step::Cut => server.proxy().cut(),
        Step::Refuse => {
            server.proxy().refuse(true);
            server.proxy().cut();
        }
        Step::Accept => server.proxy().refuse(false),
        Step::Mute => server.proxy().mute(true),
        Step::Unmute => server.proxy().mute(false),
        Step::Send { user, ns, event, args, count } => {
            let order = json!({"user": user, "ns": ns, "event": event, "args": args, "count": count});
            server.ask("POST", "/behaviour/send", Some(&order)).await?;
        }
        Step::Connections { expect, within } => connections(server, expect, within).await?,
        Step::Seen(seen) => seen.wait(server).await?,
    }
    Ok(())
}

/// Waits until a look says yes; what it says otherwise, in the end, is the error.
async fn until<F>(within: Option<u64>, mut look: impl FnMut() -> F) -> Result<(), StageError>
where
    F: Future<Output = Result<Result<(), String>, StageError>>,
{
    let deadline = Instant::now() + within.map_or(PATIENCE, Duration::from_millis);
    loop {
        match look().await? {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() >= deadline => return Err(StageError::Unexpected(error)),
            Err(_) => sleep(GLANCE).await,
        }
    }
}

/// At the proxy and, if there is one, at the server.
async fn connections(server: &Server, expect: usize, within: Option<u64>) -> Result<(), StageError> {
    until(within, || async {
        let here = server.proxy().open();
        let there = match server.ask("GET", "/behaviour/connections", None).await {
            Ok(answer) => answer.get("open").and_then(Value::as_u64),
            Err(StageError::NotRunning) => None,
            Err(error) => return Err(error),
        };
        let is_so = here == expect && there.is_none_or(|there| usize::try_from(there) == Ok(expect));
        Ok(if is_so { Ok(()) } else { Err(format!("{here} connections, {there:?} at the server, not {expect}")) })
    })
    .await
}

impl Seen {
    async fn wait(&self, server: &Server) -> Result<(), StageError> {
        let target = self.target()?;
        until(self.within, || async {
            let answer = server.ask("GET", &target, None).await?;
            let found: Vec<Vec<Value>> = serde_json::from_value(answer)?;
            self.judge(found)
        })
        .await
    }

    fn target(&self) -> Result<String, StageError> {
        let mut target = format!("/behaviour/seen?event={}", self.event);
        for (name, value) in [("user", &self.user), ("ns", &self.ns)] {
            if let Some(value) = value {
                target.push_str(&format!("&{name}={value}"));
            }
        }
        target.parse::<Uri>().map_err(|_| StageError::Unexpected(format!("names with odd characters: {target}")))?;
        Ok(target)
    }

    fn expected(&self) -> Option<Vec<Vec<Value>>> {
        let range = self.range.map(|(from, to)| (from..to).map(|n| vec![json!(n)]).collect());
        self.expect.clone().or(range)
    }

    /// Whether this is it; an error where it can't become so any more.
    fn judge(&self, found: Vec<Vec<Value>>) -> Result<Result<(), String>, StageError> {
        let count = found.len();
        let Some(expected) = self.expected() else {
            let wanted = self.at_least.unwrap_or(1);
            return Ok(if count >= wanted { Ok(()) } else { Err(format!("{count} of {}, not {wanted}", self.event)) });
        };
        let found = if self.repeats { firsts(found) } else { found };
        if found == expected {
            return Ok(Ok(()));
        }
        let begins = expected.starts_with(&found);
        let error = format!("{} came as {}, not as {}", self.event, shown(&found), shown(&expected));
        if begins { Ok(Err(error)) } else { Err(StageError::Unexpected(error)) }
    }
}

/// Without repeats.
fn firsts(found: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    let mut known = std::collections::BTreeSet::new();
    found.into_iter().filter(|args| known.insert(json!(args).to_string())).collect()
}

/// The first few.
fn shown(list: &[Vec<Value>]) -> String {
    let some: Vec<_> = list.iter().take(12).collect();
    format!("{} ({} in all)", json!(some), list.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(rest: &str) -> Seen {
        serde_json::from_str(&format!(r#"{{"event":"note",{rest}}}"#)).unwrap()
    }

    fn args(numbers: &[u64]) -> Vec<Vec<Value>> {
        numbers.iter().map(|n| vec![json!(n)]).collect()
    }

    #[test]
    fn what_was_seen_is_it_is_to_become_so_or_is_wrong_for_good() {
        let exact = seen(r#""expect":[[1],[2]]"#);
        assert!(exact.judge(args(&[1, 2])).unwrap().is_ok());
        assert!(exact.judge(args(&[1])).unwrap().is_err());
        assert!(exact.judge(args(&[1, 1, 2])).is_err());
        assert!(exact.judge(args(&[2])).is_err());
        assert!(seen(r#""range":[1,3],"repeats":true"#).judge(args(&[1, 1, 2, 1])).unwrap().is_ok());
        assert!(seen(r#""expect":[]"#).judge(args(&[7])).is_err());
        assert!(seen(r#""at_least":2"#).judge(args(&[7])).unwrap().is_err());
    }
}
