//! The stage, as a process of its own.

use std::process::Stdio;

use nexus_behaviour::http;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::{Failure, failed::Failed};

/// Dropping it kills it, and its servers end with it.
pub(crate) struct Stage {
    child: Child,
    port: u16,
}

impl Stage {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_behaviour-stage"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or("the stage has no output")?;
        let line = BufReader::new(stdout).lines().next_line().await?.ok_or("the stage has said nothing")?;
        let said: Value = serde_json::from_str(&line)?;
        let port = said.get("port").and_then(Value::as_u64).ok_or("the stage has not said where it listens")?;
        Ok(Self { child, port: u16::try_from(port)? })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Waits until it has cleaned up.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        drop(self.child.stdin.take());
        self.child.wait().await?;
        Ok(())
    }
}

/// Asks the stage; what it refuses has failed.
pub(crate) async fn ask(port: u16, method: &str, target: &str, body: Option<&Value>) -> Result<Value, Failed> {
    match http::request(port, method, target, body).await {
        Ok((200, answer)) => Ok(answer),
        Ok((status, answer)) => Err(Failed::text(format!("the stage answered {status}: {answer}"))),
        Err(error) => Err(Failed::text(format!("the stage could not be asked: {error}"))),
    }
}
