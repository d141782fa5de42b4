//! The clients that `cargo xtask bench delivery` measures, in one process.
//!
//! Prints `up` when all have joined, then answers each line of its standard input with one, until that ends:
//! `lone CLASS COUNT`, `paced CLASS COUNT PER_SECOND` and `pipelined CLASS COUNT WINDOW` with
//! `SECONDS ACCEPTED_P50 ACCEPTED_P99 ACKED_P50 ACKED_P99 CONFIRMED DROPPED`, times in microseconds from the call of emit;
//! `offline CLASS COUNT` with `ACCEPTED`. CLASS is volatile, buffered, durable, or plain: buffered where nothing is granted.

#![expect(clippy::print_stdout, reason = "the benchmark reads it")]

use std::{
    error::Error,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser;
use futures_util::{FutureExt, StreamExt, future::join_all, stream};
use nexus_core::{
    driver::{AckFailed, Client, Outcome},
    manager::{Config, Emit},
    socketio::{Namespace, Payload},
};
use serde::Serialize;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
    time::{MissedTickBehavior, interval, sleep},
};

#[derive(Parser)]
struct Args {
    /// Address of the `delivery_server`.
    url: String,
    /// How many users there are, each with a client of its own.
    #[arg(long, default_value_t = 1)]
    clients: usize,
    /// Folder of the durable messages.
    #[arg(long)]
    data_dir: PathBuf,
}

type Failure = Box<dyn Error + Send + Sync>;

/// About 200 bytes of JSON, as much as a short message of a chat.
#[derive(Serialize)]
struct Message<'a> {
    user: &'a str,
    n: u64,
    id: &'static str,
    text: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Volatile,
    Buffered,
    Plain,
    Durable,
}

impl Class {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "volatile" => Self::Volatile,
            "buffered" => Self::Buffered,
            "plain" => Self::Plain,
            "durable" => Self::Durable,
            _ => return None,
        })
    }
}

#[derive(Clone)]
struct User {
    name: Arc<str>,
    client: Client,
}

/// How one message went; `None` if it was dropped, which volatile ones may be.
type Sent = Option<(Duration, Duration)>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let users = join_all((0..args.clients).map(|index| connect(&args, index))).await;
    let users: Vec<User> = users.into_iter().collect::<Result<_, _>>()?;
    println!("up");
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split(' ').collect();
        let number =
            |index: usize| words.get(index).and_then(|word: &&str| word.parse::<u64>().ok()).unwrap_or(1).max(1);
        let class = words.get(1).and_then(|word| Class::parse(word)).ok_or("no such class")?;
        match words.first() {
            Some(&"lone") => println!("{}", measure(&users, class, number(2), 1, None).await?),
            Some(&"paced") => {
                let period = Duration::from_secs_f64(1.0 / number(3) as f64);
                println!("{}", measure(&users, class, number(2), usize::MAX, Some(period)).await?);
            }
            Some(&"pipelined") => {
                let window = usize::try_from(number(3))?;
                println!("{}", measure(&users, class, number(2), window, None).await?);
            }
            Some(&"offline") => println!("{}", offline(&users, class, number(2)).await?),
            _ => return Err(format!("not understood: {line}").into()),
        }
    }
    for user in users {
        user.client.close().await;
    }
    Ok(())
}

async fn connect(args: &Args, index: usize) -> Result<User, Failure> {
    let mut config = Config::new(&args.url)?;
    config.primary_namespace = Namespace::try_new("granted")?;
    // The bounds of queues are not what is measured.
    config.durable.max_messages = 20_000;
    config.outbox.max_messages = 20_000;
    let client = Client::builder(config).store(&args.data_dir).build()?;
    let name: Arc<str> = Arc::from(format!("{}-{index}", std::process::id()));
    client.connect(&*name, "no token is looked at").await?;
    client.join("plain").await?;
    Ok(User { name, client })
}

/// Has each user send its share, with so many underway at most, or one in each period. All that was sent and not dropped has
/// run once, or this fails.
async fn measure(
    users: &[User],
    class: Class,
    count: u64,
    window: usize,
    period: Option<Duration>,
) -> Result<String, Failure> {
    let share = count / users.len() as u64;
    let start = Instant::now();
    let all = join_all(users.iter().map(|user| {
        let user = user.clone();
        async move { tokio::spawn(async move { user.send_all(class, share, window, period).await }).await }
    }));
    let mut sent = Vec::new();
    for one in all.await {
        sent.extend(one??);
    }
    let seconds = start.elapsed().as_secs_f64();
    let (mut runs, confirmed) = (0, sent.iter().flatten().count() as u64);
    for user in users {
        user.settle().await;
        let answer = user.client.emit_with_ack("plain", "ran", &json!({"userId": &*user.name})).await?;
        let (distinct, all): (u64, u64) = answer.arg(0)?;
        if distinct != all {
            return Err(format!("{distinct} events ran {all} times").into());
        }
        runs += all;
    }
    if runs != confirmed || class != Class::Volatile && confirmed != share * users.len() as u64 {
        return Err(format!("of {count} events {confirmed} were acknowledged, and {runs} ran").into());
    }
    let (mut accepted, mut acked): (Vec<Duration>, Vec<Duration>) = sent.iter().flatten().copied().unzip();
    let [a50, a99] = percentiles(&mut accepted);
    let [k50, k99] = percentiles(&mut acked);
    Ok(format!("{seconds} {a50} {a99} {k50} {k99} {confirmed} {}", sent.len() as u64 - confirmed))
}

/// Microseconds.
fn percentiles(times: &mut [Duration]) -> [f64; 2] {
    times.sort_unstable();
    [50, 99].map(|percent| {
        let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    })
}

/// Disconnects, and has a message of each number accepted that goes nowhere.
async fn offline(users: &[User], class: Class, count: u64) -> Result<u64, Failure> {
    let mut accepted = 0;
    for user in users {
        user.client.disconnect();
        let mut waiting = Vec::new();
        for n in 0..count / users.len() as u64 {
            let emit = user.emit(class, n)?;
            if class == Class::Durable {
                waiting.push(user.client.send_durable(emit)?);
            } else {
                user.client.send(emit)?;
                accepted += 1;
            }
        }
        for message in waiting {
            message.accepted().await?;
            accepted += 1;
        }
    }
    Ok(accepted)
}

impl User {
    async fn send_all(
        &self,
        class: Class,
        count: u64,
        window: usize,
        period: Option<Duration>,
    ) -> Result<Vec<Sent>, Failure> {
        if let Some(period) = period {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut underway = Vec::new();
            for n in 0..count {
                ticks.tick().await;
                let user = self.clone();
                underway.push(tokio::spawn(async move { user.send(class, n).await }));
            }
            let mut sent = Vec::new();
            for one in underway {
                sent.push(one.await??);
            }
            return Ok(sent);
        }
        let results: Vec<_> = stream::iter(0..count).map(|n| self.send(class, n)).buffered(window).collect().await;
        results.into_iter().collect()
    }

    async fn send(&self, class: Class, n: u64) -> Result<Sent, Failure> {
        let emit = self.emit(class, n)?;
        let start = Instant::now();
        if class == Class::Durable {
            let message = self.client.send_durable(emit)?;
            message.accepted().await?;
            let accepted = start.elapsed();
            let outcome = message.outcome().await?;
            return match outcome {
                Outcome::Acked(_) => Ok(Some((accepted, start.elapsed()))),
                other => Err(format!("a durable message ended as {other:?}").into()),
            };
        }
        let mut acked = Box::pin(self.client.send_with_ack(emit));
        // Accepted when it is first polled.
        let first = (&mut acked).now_or_never();
        let accepted = start.elapsed();
        let result = match first {
            Some(result) => result,
            None => acked.await,
        };
        match result {
            Ok(_) => Ok(Some((accepted, start.elapsed()))),
            Err(error) if class == Class::Volatile && error.is_unsent() => Ok(None),
            Err(error) => Err(AckFailed::into(error)),
        }
    }

    fn emit(&self, class: Class, n: u64) -> Result<Emit, Failure> {
        let message = Message {
            user: &self.name,
            n,
            id: "0190c5f2-7b1e-7c3a-9d4e-5f60718293a4",
            text: "The quick brown fox jumps over the lazy dog while the band plays on and on, and nobody is bored.",
        };
        let namespace = if class == Class::Plain { "plain" } else { "granted" };
        let emit = Emit::new(Namespace::try_new(namespace)?, "m", Payload::from_value(&message)?);
        Ok(if class == Class::Volatile { emit.volatile() } else { emit })
    }

    /// Waits until the ends of all messages are in the store as well.
    async fn settle(&self) {
        while self.client.stats().manager.durable_messages > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }
}
