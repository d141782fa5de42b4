//! The server that the official Socket.IO and Engine.IO protocol suites run against.
//!
//! `cargo run --release -p nexus-examples --example protocol_server -- --port 3000`

#![expect(clippy::print_stdout, reason = "says where it listens")]

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use clap::Parser;
use nexus_server::{Config, Cors, EngineIo, Event, HttpServer, Io, Payload, Socket};
use serde_json::value::RawValue;

/// Serves Socket.IO at /socket.io/ and bare Engine.IO at /engine.io/.
#[derive(Parser)]
struct Args {
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_env("LOG")).init();
    let args = Args::parse();
    let config = Config {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        max_payload: 1_000_000,
        connect_timeout: Duration::from_millis(1_000),
        cors: Cors::any(),
        ..Config::default()
    };

    let io = Io::new(config.clone());
    io.of("/").on_connection(|socket: Socket| {
        emit_auth(&socket);
        socket.on("message", |event: Event| async move {
            let _ = event.socket().emit_payload("message-back", event.payload());
        });
        socket.on("message-with-ack", |event: Event| async move {
            let _ = event.ack_payload(event.payload().clone());
        });
    });
    io.of("/custom").on_connection(|socket: Socket| emit_auth(&socket));

    let echo = EngineIo::new(config, |connection, frame| {
        connection.send(&frame);
    });

    let address = SocketAddr::from((args.host, args.port));
    let server = HttpServer::bind(address, io.router().merge(echo.router())).await?;
    println!("listening on {}", server.local_addr()?);
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    let draining = server.accept_until(interrupted).await;
    tokio::join!(io.close(), echo.close(), draining.finish());
    Ok(())
}

/// Sends the client its auth object back.
fn emit_auth(socket: &Socket) {
    let Ok(auth) = socket.handshake().auth::<Box<RawValue>>() else { return };
    if let Ok(payload) = Payload::from_value(&auth) {
        let _ = socket.emit_payload("auth", &payload);
    }
}
