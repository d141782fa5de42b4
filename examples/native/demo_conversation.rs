//! Two users talk: each line of a text file is a message that goes through two clients and a server started with
//! `--demo`. Fails if one is missing, doubled, altered or out of order.
//!
//! `cargo run -p nexus-examples --example demo_conversation -- --url http://127.0.0.1:3000`

#![expect(clippy::print_stdout, reason = "the transcript is what this is for")]

mod demo_token;

use std::{
    error::Error,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Parser;
use futures_util::future::join_all;
use nexus_core::{
    driver::{Client, EventStream},
    manager::Config,
};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

type Failure = Box<dyn Error>;

/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a conversation of two users and prints the transcript.
#[derive(Parser)]
struct Args {
    /// Address of a server that was started with --demo.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// What they say: lines of "name: text".
    #[arg(long, default_value = "examples/data/conversation.txt")]
    script: PathBuf,
    /// Milliseconds between turns.
    #[arg(long, default_value_t = 150)]
    pause: u64,
}

/// A line of the script.
struct Line {
    number: usize,
    speaker: Speaker,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    First,
    Second,
}

/// A message as it is sent, with a field of our own that the server passes on.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Draft {
    receiver_id: String,
    content: String,
    line: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    sender_id: String,
    content: String,
    line: usize,
}

#[derive(Deserialize)]
struct Receipt {
    ok: bool,
}

struct User {
    name: String,
    client: Client,
    messages: EventStream,
    /// How long its messages took from here to the other's handler.
    delivery: Vec<Duration>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let (names, lines) = parse(&fs::read_to_string(&args.script)?)?;
    let mut first = sign_in(&args.url, &names.0).await?;
    let mut second = sign_in(&args.url, &names.1).await?;
    println!("{} and {} are connected to {}\n", names.0, names.1, args.url);
    for turn in lines.chunk_by(|line, next| line.speaker == next.speaker) {
        match turn {
            [Line { speaker: Speaker::First, .. }, ..] => run_turn(&mut first, &mut second, turn).await?,
            _ => run_turn(&mut second, &mut first, turn).await?,
        }
        sleep(Duration::from_millis(args.pause)).await;
    }
    println!("\n{} messages: each arrived once, unaltered and in order", lines.len());
    for mut user in [first, second] {
        summarise(&mut user);
        user.client.close().await;
    }
    Ok(())
}

/// Sends lines of one speaker without waiting, and follows them to the other.
async fn run_turn(speaker: &mut User, listener: &mut User, turn: &[Line]) -> Result<(), Failure> {
    let started = Instant::now();
    let draft =
        |line: &Line| Draft { receiver_id: listener.name.clone(), content: line.text.clone(), line: line.number };
    let drafts: Vec<Draft> = turn.iter().map(draft).collect();
    // Polled for the first time one after another, and so sent in this order.
    let receipts = join_all(drafts.iter().map(|draft| speaker.client.emit_with_ack("messaging", "NEW_MESSAGE", draft)));
    let arrivals = async {
        for line in turn {
            let event = timeout(PATIENCE, listener.messages.recv()).await;
            let event =
                event.map_err(|_| format!("message {} is missing", line.number))?.ok_or("the client was closed")?;
            let took = started.elapsed();
            let message: Message = event.arg(0)?;
            if message.line != line.number {
                return Err(format!("message {} came where {} was due", message.line, line.number).into());
            }
            if message.content != line.text || message.sender_id != speaker.name || event.missed() > 0 {
                return Err(format!("message {} is not as it was sent", line.number).into());
            }
            let quality = listener.client.connection_quality();
            println!("{:>8}: {}  ({:.1} ms, {quality})", speaker.name, message.content, millis(took));
            speaker.delivery.push(took);
        }
        Ok::<(), Failure>(())
    };
    let (receipts, arrived) = tokio::join!(receipts, arrivals);
    arrived?;
    for receipt in receipts {
        let receipt: Receipt = receipt?.arg(0)?;
        if !receipt.ok {
            return Err("the server refused a message".into());
        }
    }
    Ok(())
}

async fn sign_in(url: &str, name: &str) -> Result<User, Failure> {
    let client = Client::new(Config::new(url)?)?;
    let messages = client.events("messaging", "NEW_MESSAGE")?;
    client.connect(name, demo_token::provider(url, name)).await?;
    client.join("messaging").await?;
    Ok(User { name: name.to_owned(), client, messages, delivery: Vec::new() })
}

/// The two names, in order of appearance, and the lines: a last one of each shows that nothing came twice before it.
fn parse(script: &str) -> Result<((String, String), Vec<Line>), Failure> {
    let (mut names, mut lines) = (Vec::new(), Vec::new());
    for line in script.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let (name, text) = line.split_once(": ").ok_or_else(|| format!("not \"name: text\": {line:?}"))?;
        if !names.contains(&name) {
            names.push(name);
        }
        let speaker = if names.first() == Some(&name) { Speaker::First } else { Speaker::Second };
        lines.push(Line { number: lines.len() + 1, speaker, text: text.to_owned() });
    }
    let [first, second] = names.as_slice() else {
        return Err(format!("two users talk, the script has {}", names.len()).into());
    };
    for speaker in [Speaker::First, Speaker::Second] {
        lines.push(Line { number: lines.len() + 1, speaker, text: "(hangs up)".to_owned() });
    }
    Ok((((*first).to_owned(), (*second).to_owned()), lines))
}

fn summarise(user: &mut User) {
    user.delivery.sort();
    let median = user.delivery.get(user.delivery.len() / 2).copied().unwrap_or_default();
    let stats = user.client.stats().manager;
    let latency =
        stats.average_latency.map_or("not measured".to_owned(), |latency| format!("{:.2} ms", millis(latency)));
    println!(
        "{:>8}: round trip {latency}, quality {}, delivery to the other's handler {:.1} ms (median), {} reconnections",
        user.name,
        stats.quality,
        millis(median),
        stats.counters.reconnects
    );
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
