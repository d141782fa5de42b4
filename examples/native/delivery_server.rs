//! The server that `cargo xtask bench delivery` measures: it does nothing with an event but to note that it ran, so that
//! what delivery costs is all there is to see.
//!
//! Prints `up`, and ends when it is killed.

#![expect(clippy::print_stdout, reason = "the benchmark waits for it")]

mod bench_update;

use std::{
    collections::{HashMap, HashSet},
    error::Error,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use clap::Parser;
use futures_util::FutureExt;
use nexus_core::socketio::Namespace as Name;
use nexus_server::{
    Config, ConnectRequest, DeliveryConfig, Event, HttpServer, Io, Namespace, Payload, Socket,
    delivery::RecoveryConfig,
    store::{Inbox, NewEntry, Store, StoreConfig, Write},
};
use serde::Deserialize;
use serde_json::json;

use bench_update::UPDATE;

/// The namespaces `/granted`, which grants everything, and `/plain`, which is stock Socket.IO.
#[derive(Parser)]
struct Args {
    /// The port to listen on.
    #[arg(long)]
    port: u16,
    /// The folder of the SQLite file.
    #[arg(long)]
    data_dir: PathBuf,
}

/// Room for a whole log, which a session that is resumed may be sent at once.
const SEND_QUEUE_BYTES: usize = 64 << 20;
/// The most writes in one transaction when inboxes are filled.
const FILL_AT_ONCE: usize = 100;

/// Events by their user: each number that ran, and how many did.
type Ran = Arc<Mutex<HashMap<String, (HashSet<u64>, u64)>>>;

#[derive(Deserialize)]
struct User {
    #[serde(rename = "userId")]
    user: String,
}

#[derive(Deserialize)]
struct Numbered {
    user: String,
    n: u64,
}

#[derive(Deserialize)]
struct Fill {
    users: u32,
    entries: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let store = Store::open(&args.data_dir, StoreConfig::default()).await?;
    let io = Io::new(Config { send_queue_bytes: SEND_QUEUE_BYTES, ..Config::default() });
    let ran = Ran::default();
    let granted = io.of("/granted");
    granted.delivery(DeliveryConfig { durable: Some(store.clone()), ..DeliveryConfig::default() });
    granted.recovery(RecoveryConfig::default());
    // Who they are is not what is measured: whoever names a user is that user.
    granted.authorize(|request: ConnectRequest| async move {
        if let Ok(user) = request.auth::<User>() {
            request.set_user(&user.user);
        }
        Ok(())
    });
    for namespace in [granted.clone(), io.of("/plain")] {
        let (ran, granted, store) = (Arc::clone(&ran), granted.clone(), store.clone());
        namespace.on_connection(move |socket| handle(&socket, &ran, &granted, &store));
    }
    let server = HttpServer::bind(SocketAddr::from(([127, 0, 0, 1], args.port)), io.router()).await?;
    println!("up");
    server.accept_until(std::future::pending()).await;
    Ok(())
}

fn handle(socket: &Socket, ran: &Ran, granted: &Namespace, store: &Store) {
    socket.on("m", {
        let ran = Arc::clone(ran);
        move |event: Event| {
            if let Ok(numbered) = event.arg::<Numbered>(0) {
                let mut ran = ran.lock().unwrap_or_else(PoisonError::into_inner);
                let (numbers, runs) = ran.entry(numbered.user).or_default();
                numbers.insert(numbered.n);
                *runs += 1;
            }
            // An answer that can't be sent is one that did not come: the benchmark fails.
            let _ = event.ack(&json!({ "ok": true }));
            std::future::ready(())
        }
    });
    // What ran for a user, and how often; then it is forgotten.
    socket.on("ran", {
        let ran = Arc::clone(ran);
        move |event: Event| {
            let user = event.arg::<User>(0).map(|user| user.user).unwrap_or_default();
            let found = ran.lock().unwrap_or_else(PoisonError::into_inner).remove(&user);
            let (numbers, runs) = found.map_or((0, 0), |(numbers, runs)| (numbers.len(), runs));
            let _ = event.ack(&(numbers, runs));
            std::future::ready(())
        }
    });
    socket.on("broadcast", {
        let granted = granted.clone();
        move |event: Event| {
            for _ in 0..event.arg::<u32>(0).unwrap_or(0) {
                // An event that can be encoded and is not reserved goes out.
                let _ = granted.emit("u", &UPDATE);
            }
            let _ = event.ack_args(&());
            std::future::ready(())
        }
    });
    socket.on("fill", {
        let store = store.clone();
        move |event: Event| {
            let store = store.clone();
            async move {
                let filled = match event.arg::<Fill>(0) {
                    Ok(fill) => fill_inboxes(&store, &fill).await,
                    Err(_) => false,
                };
                let _ = event.ack(&filled);
            }
        }
    });
}

/// Puts so many entries into the inbox of each of so many users. False if the store refused some.
async fn fill_inboxes(store: &Store, fill: &Fill) -> bool {
    let (Ok(namespace), Ok(payload)) = (Name::try_new("granted"), Payload::from_value(&UPDATE)) else { return false };
    for user in 0..fill.users {
        let inbox = Inbox { user: Arc::from(format!("inbox-{user}")), namespace: namespace.clone() };
        let mut left = fill.entries;
        while left > 0 {
            let mut writes: Vec<Write> = Vec::new();
            while left > 0 && writes.len() < FILL_AT_ONCE {
                let entry = NewEntry { event: Arc::from("u"), payload: payload.clone() };
                writes.push(store.append(inbox.clone(), entry).0);
                left -= 1;
            }
            if !store.write(writes, Vec::new()).map(|written| written.is_ok()).await {
                return false;
            }
        }
    }
    true
}
