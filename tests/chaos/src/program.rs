//! The programs under trial, as processes of their own: started, listened to line by line, and killed.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long a program may take to end by itself when it is asked to.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which program said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The server.
    Server,
    /// The client that lives.
    First,
    /// The client that may be killed.
    Second,
}

/// A line that a program printed.
#[derive(Debug)]
pub struct Said {
    /// Who.
    pub role: Role,
    /// What.
    pub line: String,
}

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Program {
    /// Starts it: its lines go to `said`, its errors to the file `log`.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(role: Role, mut command: Command, log: &Path, said: &mpsc::Sender<Said>) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("{} could not be started: {error}", Path::new(command.as_std().get_program()).display()),
            )
        })?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let said = said.clone();
        tokio::spawn(async move {
            let Some(stdout) = stdout else { return };
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if said.send(Said { role, line }).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, stdin })
    }

    /// Writes a line to its standard input. One that has ended hears nothing.
    pub async fn tell(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin
            && (stdin.write_all(line.as_bytes()).await.is_err() || stdin.write_all(b"\n").await.is_err())
        {
            self.stdin = None;
        }
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the system can't tell.
    pub fn ended(&mut self) -> io::Result<Option<std::process::ExitStatus>> {
        self.child.try_wait()
    }

    /// Kills it as `kill -9` does, by its id, and waits until it is gone.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// Closes its standard input and waits for its end; kills it if that takes longer than 10 s.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn finish(mut self) -> io::Result<()> {
        drop(self.stdin.take());
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(ended) => ended.map(drop),
            Err(_) => self.child.kill().await,
        }
    }
}
