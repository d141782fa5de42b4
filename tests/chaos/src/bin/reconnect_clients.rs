//! Many clients of ours in one process, each a user of its own, which lose their server together: started by
//! `nexus-chaos --reconnect`.
//!
//! Prints `up` when all are connected for the first time, then four times a second `sample MILLIS CONNECTED ATTEMPTS
//! FAILURES` (since 1970; counts since the start), and at its end, which is that of its standard input, `delay ATTEMPT
//! COUNT MIN MAX` (milliseconds) for each attempt after the loss.

#![expect(clippy::print_stdout, reason = "a program that is read by another")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use jsonwebtoken::{EncodingKey, Header, encode};
use nexus_core::driver::{Client, Notice};
use nexus_core::manager::{Config, ConnectionStatus};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, stdin};
use tokio::sync::Semaphore;
use tokio::time::interval;

/// Clients that connect for the first time at once: the storm is to come later.
const AT_ONCE: usize = 100;
/// How long tokens are good.
const TOKEN_SECONDS: u64 = 24 * 3600;
const SAMPLE: Duration = Duration::from_millis(250);

#[derive(Parser)]
struct Args {
    #[arg(long)]
    url: String,
    #[arg(long)]
    clients: usize,
    /// The key of the server's tokens.
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    secret: String,
}

/// Delays that were drawn for one attempt.
#[derive(Clone, Copy)]
struct Delays {
    count: u64,
    min: Duration,
    max: Duration,
}

/// What all clients saw.
#[derive(Default)]
struct Seen {
    failures: AtomicU64,
    delays: Mutex<BTreeMap<u32, Delays>>,
}

impl Seen {
    fn note(&self, notice: &Notice) {
        let Notice::RetryScheduled { failed_attempts, delay, .. } = notice else { return };
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
        let drawn = delays.entry(*failed_attempts).or_insert(Delays { count: 0, min: *delay, max: *delay });
        *drawn = Delays { count: drawn.count + 1, min: drawn.min.min(*delay), max: drawn.max.max(*delay) };
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let key = EncodingKey::from_secret(args.secret.as_bytes());
    let seen = Arc::new(Seen::default());
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut clients = Vec::with_capacity(args.clients);
    let mut connecting = Vec::with_capacity(args.clients);
    for index in 0..args.clients {
        let user = format!("user-{index}");
        let expires = now().as_secs() + TOKEN_SECONDS;
        let token = encode(&Header::default(), &json!({"sub": user, "exp": expires}), &key)?;
        let client = Client::new(Config::new(&args.url)?)?;
        let seen = Arc::clone(&seen);
        client.add_notice_listener(move |notice| seen.note(&notice)).detach();
        clients.push(client.clone());
        let gate = Arc::clone(&gate);
        connecting.push(tokio::spawn(async move {
            let _permit = gate.acquire().await;
            client.connect(user, token).await
        }));
    }
    for connected in connecting {
        connected.await??;
    }
    println!("up");
    let mut tick = interval(SAMPLE);
    let mut input = stdin();
    let mut byte = [0];
    loop {
        tokio::select! {
            _ = tick.tick() => sample(&clients, &seen),
            read = input.read(&mut byte) => if read? == 0 { break },
        }
    }
    for (attempt, drawn) in &*seen.delays.lock().unwrap_or_else(PoisonError::into_inner) {
        println!("delay {attempt} {} {} {}", drawn.count, drawn.min.as_millis(), drawn.max.as_millis());
    }
    Ok(())
}

fn sample(clients: &[Client], seen: &Seen) {
    let (mut connected, mut attempts) = (0_u64, 0_u64);
    for client in clients {
        let stats = client.stats().manager;
        connected += u64::from(stats.status == ConnectionStatus::Connected);
        attempts += stats.counters.attempts;
    }
    let now = now().as_millis();
    println!("sample {now} {connected} {attempts} {}", seen.failures.load(Ordering::Relaxed));
}

/// Since 1970.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
