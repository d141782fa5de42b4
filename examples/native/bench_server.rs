//! The server that `cargo xtask bench` measures, beside a stock Socket.IO server with the same events.
//!
//! `cargo run --release -p nexus-examples --example bench_server -- --port 3000`

#![expect(clippy::print_stdout, reason = "the benchmark waits for it")]

mod bench_update;

use std::net::SocketAddr;

use clap::Parser;
use nexus_server::{Config, Event, Io, Socket};

use bench_update::UPDATE;

/// On `/`: `join` enters the room, `b` broadcasts to it, `e` is acknowledged with its data.
#[derive(Parser)]
struct Args {
    /// The port to listen on.
    #[arg(long)]
    port: u16,
}

const ROOM: &str = "r";

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let io = Io::new(Config::default());
    let root = io.of("/");
    root.on_connection({
        let root = root.clone();
        move |socket: Socket| {
            socket.on("join", |event: Event| async move {
                event.socket().join(ROOM);
                let _ = event.ack_args(&());
            });
            let root = root.clone();
            socket.on("b", move |_| {
                // An event that can be encoded and is not reserved goes out; that nobody is there is no error.
                let _ = root.to(ROOM).emit("m", &UPDATE);
                std::future::ready(())
            });
            socket.on("e", |event: Event| async move {
                let _ = event.ack_payload(event.payload().clone());
            });
        }
    });
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], args.port))).await?;
    println!("up");
    axum::serve(listener, io.router()).await
}
