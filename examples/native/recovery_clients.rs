//! Many users in one process, who lose their server together: `cargo xtask bench delivery` takes the time until all are
//! back, and what they are told.
//!
//! Prints `up` when all have joined and each has been sent a message. Then each line `back` of its standard input is
//! answered once every namespace of every client has been joined anew since the answer before:
//! `FIRST LAST RECOVERED COMPLETE GAPS LOST`, the times in milliseconds since 1970. RECOVERED, COMPLETE (not recovered, but
//! the inbox is complete) and GAPS count joinings, LOST events.

#![expect(clippy::print_stdout, reason = "the benchmark reads it")]

use std::{
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use futures_util::{StreamExt, stream};
use jsonwebtoken::{EncodingKey, Header, encode};
use nexus_core::{
    driver::{Client, Notice},
    manager::{Config, Continuity},
};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
    sync::Notify,
};

/// Clients that connect for the first time at once: the storm is to come later.
const AT_ONCE: usize = 50;
const TOKEN_SECONDS: u64 = 24 * 3600;
/// What every client joins: both have an inbox.
const NAMESPACES: [&str; 2] = ["realtime", "messaging"];

#[derive(Parser)]
struct Args {
    /// Address of the server.
    url: String,
    #[arg(long)]
    clients: usize,
    /// The key of the server's tokens.
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    secret: String,
}

#[derive(Default)]
struct Joinings {
    times: Vec<Duration>,
    recovered: usize,
    complete: usize,
    gaps: usize,
    lost: u64,
}

#[derive(Default)]
struct Seen {
    joinings: Mutex<Joinings>,
    changed: Notify,
}

impl Seen {
    fn joinings(&self) -> MutexGuard<'_, Joinings> {
        self.joinings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, notice: &Notice) {
        let Notice::Joined { continuity, .. } = notice else { return };
        let mut joinings = self.joinings();
        match continuity {
            Continuity::First => return,
            Continuity::Recovered => joinings.recovered += 1,
            Continuity::Gap { inbox_complete: true, .. } => joinings.complete += 1,
            Continuity::Gap { lost, .. } => {
                joinings.gaps += 1;
                joinings.lost += lost;
            }
            _ => joinings.gaps += 1,
        }
        joinings.times.push(now());
        self.changed.notify_one();
    }

    /// Waits for so many joinings, and counts from none again.
    async fn take(&self, count: usize) -> Joinings {
        loop {
            {
                let mut joinings = self.joinings();
                if joinings.times.len() >= count {
                    return std::mem::take(&mut *joinings);
                }
            }
            self.changed.notified().await;
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let key = EncodingKey::from_secret(args.secret.as_bytes());
    let seen = Arc::new(Seen::default());
    let joining = stream::iter(0..args.clients).map(|index| join(&args.url, index, &key, &seen)).buffered(AT_ONCE);
    let clients: Vec<_> = joining.collect().await;
    let clients: Vec<Client> = clients.into_iter().collect::<Result<_, _>>()?;
    println!("up");
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if line != "back" {
            return Err(format!("not understood: {line}").into());
        }
        let joinings = seen.take(clients.len() * NAMESPACES.len()).await;
        let [first, last] = [joinings.times.iter().min(), joinings.times.iter().max()];
        let [first, last] = [first, last].map(|time| time.map_or(0, Duration::as_millis));
        let Joinings { recovered, complete, gaps, lost, .. } = joinings;
        println!("{first} {last} {recovered} {complete} {gaps} {lost}");
    }
    Ok(())
}

/// A client that has a position in its inboxes: it has sent itself a message.
async fn join(url: &str, index: usize, key: &EncodingKey, seen: &Arc<Seen>) -> Result<Client, Box<dyn Error>> {
    let user = format!("user-{index}");
    let expires = now().as_secs() + TOKEN_SECONDS;
    let token = encode(&Header::default(), &json!({"sub": user, "exp": expires}), key)?;
    let client = Client::new(Config::new(url)?)?;
    let noting = Arc::clone(seen);
    client.add_notice_listener(move |notice| noting.note(&notice)).detach();
    let mut copies = Vec::new();
    for namespace in NAMESPACES {
        copies.push(Box::pin(client.events(namespace, "NEW_MESSAGE")?));
    }
    client.connect(user.as_str(), token.as_str()).await?;
    for namespace in NAMESPACES {
        client.join(namespace).await?;
    }
    let message = json!({"receiverId": user, "content": "to myself"});
    client.emit_with_ack("messaging", "NEW_MESSAGE", &message).await?;
    // The socket that sent it is told in another way on /messaging.
    if let Some(copy) = copies.first_mut() {
        copy.next().await.ok_or("the client has ended")?;
    }
    Ok(client)
}

/// Since 1970.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
