//! Node programs of `tests/peers` as child processes: found, started, spoken to in JSON lines, and ended.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::within;

/// Why a Node peer could not do its part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// There is no `node` to run.
    #[error(
        "Node 20 or newer is needed for this test, and `node` could not be started ({0}): install it (apt install nodejs npm)"
    )]
    NoNode(io::Error),
    /// The npm packages of the peers are not there.
    #[error("the npm packages of the test peers are missing: run `npm ci` in {0} (`cargo xtask test peers` does)")]
    NoPackages(PathBuf),
    /// The process ended, or its output could not be read.
    #[error("the Node peer {program} ended early{detail}")]
    Ended {
        /// The program's file name.
        program: &'static str,
        /// How it ended, where that is known.
        detail: String,
    },
    /// It printed something that is not a line of JSON.
    #[error("the Node peer {program} printed {line:?}")]
    BadLine {
        /// The program's file name.
        program: &'static str,
        /// What it printed.
        line: String,
    },
    /// Talking to it failed.
    #[error("talking to the Node peer failed: {0}")]
    Io(#[from] io::Error),
    /// A step took longer than [`crate::PATIENCE`].
    #[error("timed out: {step}")]
    TimedOut {
        /// What was awaited.
        step: &'static str,
    },
    /// Scenarios of the Node client failed.
    #[error("scenarios failed in Node:\n{0}")]
    Failed(String),
}

/// A running Node program that speaks JSON lines. Dropping it kills the process.
#[derive(Debug)]
struct Process {
    program: &'static str,
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(program: &'static str, arguments: &[String]) -> Result<Self, NodeError> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        if !folder.join("node_modules/socket.io/package.json").exists()
            || !folder.join("node_modules/socket.io-client/package.json").exists()
        {
            return Err(NodeError::NoPackages(folder));
        }
        let mut child = Command::new("node")
            .arg(folder.join(program))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(NodeError::NoNode)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(NodeError::Ended { program, detail: String::from(" without its pipes") });
        };
        let lines = BufReader::new(stdout).lines();
        Ok(Self { program, child, stdin, lines })
    }

    /// The next line it prints; `None` when it has closed its output.
    async fn next_line(&mut self) -> Result<Option<Value>, NodeError> {
        let Some(line) = within("a line from the Node peer", self.lines.next_line()).await?? else {
            return Ok(None);
        };
        let value = serde_json::from_str(&line);
        value.map(Some).map_err(|_| NodeError::BadLine { program: self.program, line })
    }

    async fn send_line(&mut self, line: &Value) -> Result<(), NodeError> {
        self.stdin.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(self.stdin.flush().await?)
    }

    async fn ended(&mut self) -> NodeError {
        let detail = match within("the end of the Node peer", self.child.wait()).await {
            Ok(Ok(status)) => format!(": {status}"),
            _ => String::new(),
        };
        NodeError::Ended { program: self.program, detail }
    }
}

/// How a [`NodeServer`] is set up. The defaults are those of socket.io, but for `max_payload`.
#[derive(Debug, Clone, Copy)]
pub struct NodeServerOptions {
    /// Port to listen on; 0 (the default) takes a free one.
    pub port: u16,
    /// Milliseconds between heartbeats.
    pub ping_interval: u32,
    /// Milliseconds that a pong may take.
    pub ping_timeout: u32,
    /// Bytes that one message may have; default 4 MB.
    pub max_payload: u32,
    /// Whether sessions are recovered (connection state recovery).
    pub recovers: bool,
}

impl Default for NodeServerOptions {
    fn default() -> Self {
        Self { port: 0, ping_interval: 25_000, ping_timeout: 20_000, max_payload: 4_000_000, recovers: false }
    }
}

/// A stock `socket.io` server in a process of its own: `peers/server.mjs`. Dropping it kills it.
#[derive(Debug)]
pub struct NodeServer {
    process: Process,
    port: u16,
    options: NodeServerOptions,
}

impl NodeServer {
    /// Starts one on a free port and waits until it listens.
    ///
    /// # Errors
    /// When Node or its packages are missing, or the program ended.
    pub async fn start() -> Result<Self, NodeError> {
        Self::start_with(NodeServerOptions::default()).await
    }

    /// Starts one with `options` and waits until it listens.
    ///
    /// # Errors
    /// As [`NodeServer::start`].
    pub async fn start_with(options: NodeServerOptions) -> Result<Self, NodeError> {
        let mut arguments = vec![
            format!("--port={}", options.port),
            format!("--ping-interval={}", options.ping_interval),
            format!("--ping-timeout={}", options.ping_timeout),
            format!("--max-payload={}", options.max_payload),
        ];
        if options.recovers {
            arguments.push("--recovery".to_owned());
        }
        let mut process = Process::start("server.mjs", &arguments)?;
        let Some(first) = process.next_line().await? else {
            return Err(process.ended().await);
        };
        match first.get("port").and_then(Value::as_u64).map(u16::try_from) {
            Some(Ok(port)) => Ok(Self { process, port, options }),
            _ => Err(NodeError::BadLine { program: "server.mjs", line: first.to_string() }),
        }
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Kills the process, as `kill -9` does, and waits until it is gone.
    /// What is returned can start it again on the same port.
    ///
    /// # Errors
    /// When the process could not be killed.
    pub async fn kill(mut self) -> Result<StoppedServer, NodeError> {
        self.process.child.kill().await?;
        Ok(StoppedServer { options: NodeServerOptions { port: self.port, ..self.options } })
    }

    /// Runs a command of `server.mjs` (`{"do": NAME, …}`) and waits until it is done.
    ///
    /// # Errors
    /// When the program ended.
    pub async fn command(&mut self, command: Value) -> Result<(), NodeError> {
        self.process.send_line(&command).await?;
        self.notice("done").await.map(drop)
    }

    /// The next notice of type `kind` (`connection`, `disconnect`), past all others.
    ///
    /// # Errors
    /// When none came in time, or the program ended.
    pub async fn notice(&mut self, kind: &str) -> Result<Value, NodeError> {
        loop {
            match self.process.next_line().await? {
                Some(notice) if says(&notice, "type", kind) => return Ok(notice),
                Some(_) => {}
                None => return Err(self.process.ended().await),
            }
        }
    }
}

/// A server that was killed and can come back where it was.
#[derive(Debug)]
pub struct StoppedServer {
    options: NodeServerOptions,
}

impl StoppedServer {
    /// Starts it again on its port, with nothing remembered.
    ///
    /// # Errors
    /// As [`NodeServer::start`].
    pub async fn restart(self) -> Result<NodeServer, NodeError> {
        NodeServer::start_with(self.options).await
    }
}

/// The transports that a [`NodeClient`] may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transports {
    /// WebSocket from the start.
    WebSocket,
    /// HTTP long-polling only.
    Polling,
    /// Long-polling, then an upgrade.
    Upgrade,
}

/// The stock `socket.io-client` in a process of its own, working through scenarios: `peers/client.mjs`.
#[derive(Debug)]
pub struct NodeClient {
    process: Process,
    failures: Vec<String>,
    passed: Vec<String>,
}

impl NodeClient {
    /// Starts the client on `scenarios` against the server at `url`.
    ///
    /// # Errors
    /// When Node or its packages are missing.
    pub fn start(url: &str, transports: Transports, scenarios: &[&str]) -> Result<Self, NodeError> {
        let mode = match transports {
            Transports::WebSocket => "websocket",
            Transports::Polling => "polling",
            Transports::Upgrade => "upgrade",
        };
        let mut arguments = vec![String::from(url), String::from(mode)];
        arguments.extend(scenarios.iter().map(ToString::to_string));
        let process = Process::start("client.mjs", &arguments)?;
        Ok(Self { process, failures: Vec::new(), passed: Vec::new() })
    }

    /// Waits until the client asks for `need` (`restart`).
    ///
    /// # Errors
    /// When it ended without asking.
    pub async fn needs(&mut self, need: &str) -> Result<(), NodeError> {
        while let Some(line) = self.process.next_line().await? {
            if says(&line, "need", need) {
                return Ok(());
            }
            self.note(&line);
        }
        Err(self
            .failure()
            .unwrap_or(NodeError::Ended { program: "client.mjs", detail: format!(" before it asked for {need}") }))
    }

    /// Tells the client that what it asked for is there.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn proceed(&mut self) -> Result<(), NodeError> {
        self.process.send_line(&json!({})).await
    }

    /// Waits for the end and gives the names of the scenarios that passed, in order.
    ///
    /// # Errors
    /// [`NodeError::Failed`] with what went wrong in Node; [`NodeError::Ended`] when it crashed.
    pub async fn finish(mut self) -> Result<Vec<String>, NodeError> {
        loop {
            match self.process.next_line().await {
                Ok(Some(line)) => self.note(&line),
                Ok(None) => break,
                Err(error) => {
                    self.failures.push(format!("after {:?}: {error}", self.passed));
                    break;
                }
            }
        }
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        let status = within("the end of the Node client", self.process.child.wait()).await??;
        if status.success() {
            Ok(self.passed)
        } else {
            Err(NodeError::Ended { program: "client.mjs", detail: format!(": {status}") })
        }
    }

    fn note(&mut self, line: &Value) {
        let name = line.get("check").and_then(Value::as_str).unwrap_or("?");
        if line.get("ok") == Some(&Value::Bool(true)) {
            self.passed.push(String::from(name));
        } else {
            let error = line.get("error").and_then(Value::as_str).unwrap_or("no reason given");
            self.failures.push(format!("{name}: {error}"));
        }
    }

    fn failure(&self) -> Option<NodeError> {
        (!self.failures.is_empty()).then(|| NodeError::Failed(self.failures.join("\n")))
    }
}

fn says(line: &Value, key: &str, value: &str) -> bool {
    line.get(key).and_then(Value::as_str) == Some(value)
}
