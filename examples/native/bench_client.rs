//! The client process that `cargo xtask bench` measures, beside a stock Socket.IO client: it counts the events that it
//! gets, until its standard input ends.

#![expect(clippy::print_stdout, reason = "the benchmark reads it")]

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use clap::Parser;
use nexus_core::{driver::Client, manager::Config, socketio::Namespace};
use tokio::io::{AsyncReadExt, stdin};

#[derive(Parser)]
struct Args {
    /// Address of the `bench_server`.
    url: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let mut config = Config::new(&args.url)?;
    config.primary_namespace = Namespace::root();
    let client = Client::new(config)?;
    let received = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&received);
    let _listening = client.on("/", "m", move |_event| {
        counter.fetch_add(1, Ordering::Relaxed);
    })?;
    client.connect("bench", "no token is looked at").await?;
    client.emit_with_ack("/", "join", &()).await?;
    println!("up");
    stdin().read_to_end(&mut Vec::new()).await?;
    println!("received {}", received.load(Ordering::Relaxed));
    client.close().await;
    Ok(())
}
