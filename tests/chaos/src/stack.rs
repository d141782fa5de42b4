//! What is on trial: servers and clients, and how they are started.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

/// Signs the tokens of the trial's server, which only listens on loopback.
const SECRET: &str = "for trials on loopback only, no secret at all";

/// How many per cent of the durable messages are refused for now, as a busy server does.
const REFUSALS_PERCENT: &str = "3";

/// A server with its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stack {
    /// `nexus-server` and `nexus-core`.
    Nexus,
    /// `socket.io` and `socket.io-client` as they come.
    Stock,
    /// The same with connection state recovery, and clients that retry.
    StockRetries,
}

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The server `nexus-server`.
    pub server: PathBuf,
    /// The example `chaos_client`.
    pub client: PathBuf,
    /// The folder of the Node programs, with their packages installed.
    pub peers: PathBuf,
}

/// One client's part.
#[derive(Debug, Clone, Copy)]
pub struct User<'a> {
    /// Its name.
    pub name: &'a str,
    /// The other's.
    pub peer: &'a str,
    /// What it proves itself with, where the server asks.
    pub token: &'a str,
    /// How many processes it was before.
    pub life: u64,
}

impl Stack {
    /// All, in the order of tables.
    pub const ALL: [Self; 3] = [Self::Stock, Self::StockRetries, Self::Nexus];

    /// For folders and options.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nexus => "nexus",
            Self::Stock => "stock",
            Self::StockRetries => "stock-retries",
        }
    }

    /// For tables.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Nexus => "Nexus",
            Self::Stock => "socket.io, defaults",
            Self::StockRetries => "socket.io, `retries` and recovery",
        }
    }

    /// The classes of message that it has.
    #[must_use]
    pub fn classes(self) -> &'static [&'static str] {
        match self {
            Self::Nexus => &["volatile", "buffered", "durable"],
            Self::Stock | Self::StockRetries => &["volatile", "buffered"],
        }
    }

    /// How long nothing may move on a lane before what is underway is given up.
    #[must_use]
    pub fn patience(self) -> Duration {
        match self {
            Self::Nexus => Duration::from_secs(30),
            Self::Stock => Duration::from_secs(1),
            // Longer than the acknowledgements' timeout.
            Self::StockRetries => Duration::from_secs(12),
        }
    }

    /// The server, on a port that it has to itself.
    #[must_use]
    pub fn server(self, programs: &Programs, port: u16, folder: &Path) -> Command {
        let port = port.to_string();
        if self == Self::Nexus {
            let mut command = Command::new(&programs.server);
            command.args(["--demo", "--port", &port, "--log", "warn", "--data-dir"]).arg(folder.join("server"));
            command.args(["--inject-refusals", REFUSALS_PERCENT]);
            // A user who is cut off is sent more than a hundred messages in a second here.
            command.args(["--inbox-entries", "2000"]);
            command.env("JWT_SECRET", SECRET);
            return command;
        }
        let mut command = Command::new("node");
        command.arg(programs.peers.join("chaos-server.mjs")).args(["--port", &port]);
        if self == Self::StockRetries {
            command.arg("--recovery");
        }
        command
    }

    /// A client that reaches its server at `address`.
    #[must_use]
    pub fn client(
        self,
        programs: &Programs,
        address: SocketAddr,
        user: User<'_>,
        messages: u64,
        folder: &Path,
    ) -> Command {
        let mut command = if self == Self::Nexus {
            let mut command = Command::new(&programs.client);
            command.arg("--data-dir").arg(folder.join(user.name)).env("NEXUS_TOKEN", user.token);
            command
        } else {
            let mut command = Command::new("node");
            command.arg(programs.peers.join("chaos-client.mjs"));
            if self == Self::StockRetries {
                command.arg("--retries");
            }
            command
        };
        command.args(["--url", &format!("http://{address}"), "--name", user.name, "--to", user.peer]);
        command.args(["--messages", &messages.to_string(), "--life", &user.life.to_string()]);
        command.args(["--classes", &self.classes().join(",")]).arg("--journal").arg(folder);
        command
    }

    /// What a user proves itself with, from the server itself.
    ///
    /// # Errors
    /// When the server gives none.
    pub async fn token(self, port: u16, user: &str) -> io::Result<String> {
        if self != Self::Nexus {
            return Ok(String::new());
        }
        let body = format!(r#"{{"userId":"{user}"}}"#);
        let request = format!(
            "POST /demo/token HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.take(64 * 1024).read_to_string(&mut answer).await?;
        let json = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let value: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
        let token = value.get("token").and_then(serde_json::Value::as_str);
        token.map(str::to_owned).ok_or_else(|| io::Error::other(format!("the server gave no token: {answer}")))
    }
}
