//! A server as a process of its own, behind a proxy.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nexus_behaviour::http;
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::Mutex,
    time::timeout,
};

use crate::proxy::Proxy;

/// How long a server may take to start.
const STARTING: Duration = Duration::from_secs(30);

/// Which server.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// On the library of nexus-server.
    Nexus,
    /// The official `socket.io`.
    Node,
}

/// Why the stage could not do what it was told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StageError {
    #[error("{0} servers run already")]
    TooMany(usize),
    #[error("there is no server {0}")]
    NoServer(u64),
    #[error("the server does not run")]
    NotRunning,
    #[error("the server runs already")]
    Running,
    #[error("{program} did not start: {error}")]
    NotStarted { program: String, error: io::Error },
    #[error("{0} has not said where it listens")]
    NoPort(String),
    #[error("this is no step: {0}")]
    NoStep(#[from] serde_json::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the server answered {0}: {1}")]
    Refused(u16, Value),
    #[error("{0}")]
    Unexpected(String),
}

#[derive(Debug)]
pub(crate) struct Server {
    kind: Kind,
    root: PathBuf,
    folder: PathBuf,
    proxy: Proxy,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    /// Killed when it is dropped.
    child: Child,
    port: u16,
}

impl Server {
    pub(crate) async fn start(kind: Kind, root: &Path, folder: PathBuf) -> Result<Self, StageError> {
        let server =
            Self { kind, root: root.to_owned(), folder, proxy: Proxy::start().await?, running: Mutex::default() };
        for folder in [server.server_folder(), server.client_folder()] {
            fs::create_dir_all(folder)?;
        }
        server.restart().await?;
        Ok(server)
    }

    /// Where clients connect, whatever becomes of the server.
    pub(crate) fn port(&self) -> u16 {
        self.proxy.port()
    }

    pub(crate) fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// For the stores of a scenario's clients.
    pub(crate) fn client_folder(&self) -> PathBuf {
        self.folder.join("client")
    }

    fn server_folder(&self) -> PathBuf {
        self.folder.join("server")
    }

    /// Starts it with what it kept.
    pub(crate) async fn restart(&self) -> Result<(), StageError> {
        let mut running = self.running.lock().await;
        if running.is_some() {
            return Err(StageError::Running);
        }
        let (program, mut command) = self.command()?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| StageError::NotStarted { program: program.clone(), error })?;
        let stdout = child.stdout.take().ok_or_else(|| StageError::NoPort(program.clone()))?;
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(STARTING, lines.next_line()).await.ok().transpose()?.flatten();
        let said: Option<Value> = line.and_then(|line| serde_json::from_str(&line).ok());
        let port = said.and_then(|said| u16::try_from(said.get("port")?.as_u64()?).ok());
        let port = port.ok_or(StageError::NoPort(program))?;
        // Whatever else it prints is read, so that it can go on.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        self.proxy.target(Some(port));
        *running = Some(Running { child, port });
        Ok(())
    }

    fn command(&self) -> Result<(String, Command), StageError> {
        let folder = format!("--data-dir={}", self.server_folder().display());
        let (program, script) = match self.kind {
            Kind::Nexus => (std::env::current_exe()?.with_file_name("behaviour-nexus"), None),
            Kind::Node => (PathBuf::from("node"), Some(self.root.join("tests/peers/behaviour.mjs"))),
        };
        let mut command = Command::new(&program);
        command.args(script).arg(folder);
        Ok((program.display().to_string(), command))
    }

    /// As `kill -9`.
    pub(crate) async fn kill(&self) -> Result<(), StageError> {
        let Running { mut child, .. } = self.running.lock().await.take().ok_or(StageError::NotRunning)?;
        self.proxy.target(None);
        Ok(child.kill().await?)
    }

    /// Asks the server itself, past the proxy.
    pub(crate) async fn ask(&self, method: &str, target: &str, body: Option<&Value>) -> Result<Value, StageError> {
        let port = self.running.lock().await.as_ref().map(|running| running.port).ok_or(StageError::NotRunning)?;
        match http::request(port, method, target, body).await? {
            (200, answer) => Ok(answer),
            (status, answer) => Err(StageError::Refused(status, answer)),
        }
    }

    /// Ends it, with what it and the clients kept.
    pub(crate) async fn stop(&self) {
        let _was_dead = self.kill().await;
        self.proxy.cut();
        let _gone = fs::remove_dir_all(&self.folder);
    }
}
