//! The demo: the server with a page where two users talk, or the same in a terminal.

use std::env;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::artifacts::{self, Program};
use crate::context::Context;
use crate::failure::Failure;
use crate::process::Running;
use crate::setup;
use crate::web::Web;

/// How long the server may take to listen.
const START: Duration = Duration::from_secs(30);
/// The port where chatting users meet.
const MEETING: u16 = 3000;

/// Variables that a machine may have for another server. The demo is the same everywhere, and takes none of them.
const OF_OTHERS: [&str; 13] = [
    "ALLOWED_ORIGIN",
    "API_KEY",
    "BIND",
    "DATABASE_URL",
    "FCM_SERVICE_ACCOUNT",
    "JWT_AUDIENCE",
    "JWT_ISSUER",
    "JWT_SECRET",
    "MIRROR_MESSAGES",
    "RATE_LIMIT_MESSAGES_PER_MINUTE",
    "REDIS_URL",
    "TLS_CERT",
    "TLS_KEY",
];

/// How to show it.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run a written conversation of two users in this terminal, and end.
    #[arg(long, conflicts_with = "chat")]
    conversation: bool,
    /// Chat in this terminal under this name; do the same under another name in a second one.
    #[arg(long, value_name = "NAME")]
    chat: Option<String>,
    /// Whom you write to at first; without it, whoever writes to you.
    #[arg(long, value_name = "NAME", requires = "chat")]
    to: Option<String>,
    /// The port of the server: a free one, or where chatting users meet, 3000.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

/// Serves the page until Ctrl-C, or runs the conversation or the chat.
///
/// # Errors
/// When something does not build, start or succeed.
pub(crate) fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    if options.chat.is_none() && !options.conversation {
        return page(context, options.port.unwrap_or(0));
    }
    let programs = build(context)?;
    let server = artifacts::named(&programs, "nexus-server")?;
    let Some(name) = &options.chat else {
        let (_server, url) = start(context, server, options.port.unwrap_or(0))?;
        let mut command = context.command(artifacts::named(&programs, "demo_conversation")?);
        command.args(["--url", &url, "--script", "examples/data/conversation.txt"]);
        return context.children().run("the conversation", &mut command);
    };
    let chat = artifacts::named(&programs, "chat")?;
    let (_server, url) = meet(context, server, options.port.unwrap_or(MEETING))?;
    let mut command = context.command(chat);
    command.args(["--url", &url, "--name", name]);
    if let Some(to) = &options.to {
        command.args(["--to", to]);
    }
    context.children().interact("the chat", &mut command)
}

/// Serves the page. It is part of the server's program, so it is built first.
fn page(context: &Context, port: u16) -> Result<(), Failure> {
    Web::prepare(context)?.build(context)?;
    let programs = build(context)?;
    let (server, url) = start(context, artifacts::named(&programs, "nexus-server")?, port)?;
    println!("\n    open {url}/ in two tabs\n    Ctrl-C ends it");
    server.stay()
}

fn build(context: &Context) -> Result<Vec<Program>, Failure> {
    setup::c_compiler(context)?;
    println!("==> building the server and the examples (the first time takes minutes)");
    artifacts::binaries_and_examples(context)
}

/// Joins the server at the port, or starts one there for as long as this chat lasts.
fn meet(context: &Context, server: &Path, port: u16) -> Result<(Option<Running>, String), Failure> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    if is_live(address) {
        println!("==> joining the server at http://{address}");
        return Ok((None, format!("http://{address}")));
    }
    let (running, url) = start(context, server, port)?;
    println!("==> others join with `cargo xtask demo --chat NAME`; the server lasts as long as this chat");
    Ok((Some(running), url))
}

/// Starts the demo server; port 0 is a free one.
fn start(context: &Context, server: &Path, port: u16) -> Result<(Running, String), Failure> {
    let mut command = context.command(server);
    command.args(["--demo", "--bind", "127.0.0.1", "--port", &port.to_string()]);
    for variable in OF_OTHERS {
        command.env_remove(variable);
    }
    if env::var_os("LOG").is_none() {
        command.env("LOG", "error");
    }
    let mut running = context.children().start("nexus-server", &mut command)?;
    let url = running.await_line(START, |line| address(line).map(str::to_owned))?;
    println!("==> server at {url}");
    Ok((running, url))
}

/// The address in the server's line `listening on http://…`.
fn address(line: &str) -> Option<&str> {
    line.trim().strip_prefix("listening on ").filter(|url| url.starts_with("http://"))
}

/// Whether a server answers at `/health/live`.
fn is_live(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let patience = Duration::from_secs(2);
        let mut stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        write!(stream, "GET /health/live HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(&status == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    #[test]
    fn the_address_is_read_from_the_servers_line() {
        assert_eq!(address("listening on http://127.0.0.1:4000\n"), Some("http://127.0.0.1:4000"));
        assert_eq!(address("token endpoint on http://127.0.0.1:4000"), None);
        assert_eq!(address("listening on port 4000"), None);
    }

    #[test]
    fn only_a_server_that_says_it_is_alive_is_joined() {
        for (answer, live) in
            [("HTTP/1.1 200 OK\r\n\r\n", true), ("HTTP/1.1 404 Not Found\r\n\r\n", false), ("", false)]
        {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = BufReader::new(&stream).lines();
                // Read whole: closing before that would reset the connection under the answer.
                while asked.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                stream.write_all(answer.as_bytes()).unwrap();
            });
            assert_eq!(is_live(address), live, "{answer:?}");
            server.join().unwrap();
        }
    }
}
