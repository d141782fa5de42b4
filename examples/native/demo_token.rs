//! Tokens from the demo server, by the smallest HTTP request that does.

use std::{io, time::Duration};

use nexus_core::{
    driver::TokenProvider,
    manager::{Token, TokenFailure},
};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(5);
/// More than any answer of the demo server.
const MAX_ANSWER: u64 = 64 * 1024;

#[derive(Deserialize)]
struct Reply {
    token: String,
}

/// Asks the demo server at `url` (`http://HOST:PORT`) for a token with each connection: after a restart of the server
/// the old ones are worth nothing.
pub(crate) fn provider(url: &str, user: &str) -> TokenProvider {
    let (url, user) = (url.to_owned(), user.to_owned());
    TokenProvider::new(move |_reason| {
        let (url, user) = (url.clone(), user.clone());
        async move {
            let asked =
                timeout(PATIENCE, ask(&url, &user)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            asked.map_err(|error| TokenFailure {
                message: format!("the demo server gave no token: {error}"),
                is_final: false,
            })
        }
    })
}

async fn ask(url: &str, user: &str) -> io::Result<Token> {
    let host = url.trim_end_matches('/').strip_prefix("http://");
    let host = host.ok_or_else(|| io::Error::other("tokens are asked for at http:// addresses only"))?;
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let body = json!({"userId": user}).to_string();
    let request = format!(
        "POST /demo/token HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER).read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or("none");
    if status != "200" {
        return Err(io::Error::other(format!("status {status}; was the server started with --demo?")));
    }
    let reply: Reply = serde_json::from_str(body)?;
    Ok(Token::new(reply.token))
}
