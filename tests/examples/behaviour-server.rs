//! A server on the library of nexus-server with the namespaces and events of `web/peers/stock.mjs`.
//!
//! `behaviour-server [--port=N] [--ping-interval=MS] [--ping-timeout=MS]` prints `{"port":N}` when it listens, and ends
//! with its standard input.

use std::{
    error::Error,
    io::{self, Read, Write},
    net::Ipv4Addr,
    time::Duration,
};

use nexus_behaviour::described;
use nexus_server::{Config, ConnectError, ConnectRequest, Event, Io, Payload, Socket};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

type Failure = Box<dyn Error + Send + Sync>;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Auth {
    token: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut config = Config { max_payload: 4_000_000, send_queue_bytes: 16 << 20, ..Config::default() };
    let mut port = 0_u16;
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("--port", value)) => port = value.parse()?,
            Some(("--ping-interval", value)) => config.ping_interval = Duration::from_millis(value.parse()?),
            Some(("--ping-timeout", value)) => config.ping_timeout = Duration::from_millis(value.parse()?),
            _ => return Err(format!("unknown argument {argument}").into()),
        }
    }
    let io = Io::new(config);
    register(&io);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    writeln!(io::stdout(), "{}", json!({"port": listener.local_addr()?.port()}))?;
    std::thread::spawn(|| {
        let _ended = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    Ok(axum::serve(listener, io.router()).await?)
}

fn register(io: &Io) {
    let realtime = io.of("/realtime");
    realtime.authorize(|request: ConnectRequest| async move {
        match request.auth::<Auth>() {
            Ok(auth) if auth.token.starts_with("good") => Ok(()),
            _ => Err(refusal("unauthorized", &json!({"code": "unauthorized"}))),
        }
    });
    for name in ["/realtime", "/messaging", "/notifications"] {
        io.of(name).on_connection(|socket| serve(&socket));
    }
    io.of("/private").authorize(|_request| async { Err(refusal("not for you", &json!({"code": "forbidden"}))) });
}

fn refusal(message: &str, data: &Value) -> ConnectError {
    ConnectError::new(message).with_data(data).unwrap_or_else(|_| ConnectError::new(message))
}

/// Results of emits to a socket that has gone meanwhile are of no interest here.
fn serve(socket: &Socket) {
    socket.on("echo", |event: Event| async move {
        let payload = event.payload().clone();
        let _gone =
            if event.has_ack() { event.ack_payload(payload) } else { event.socket().emit_payload("echo", &payload) };
    });
    socket.on("describe", |event: Event| async move {
        let _gone = event.ack(&described(event.payload()));
    });
    socket.on("ask", |event: Event| async move {
        let _gone = event.ack_payload(ask(&event).await.unwrap_or_default());
    });
    socket.on("send-items", |event: Event| async move {
        for item in 0..event.arg::<u64>(0).unwrap_or_default() {
            let _gone = event.socket().emit("item", &item);
        }
    });
    socket.on("leave", |event: Event| async move { event.socket().disconnect(false) });
    socket.on("hang-up", |event: Event| async move { event.socket().disconnect(true) });
}

/// Emits what the client asked for back to it, and reports its acknowledgement.
async fn ask(event: &Event) -> Result<Payload, Failure> {
    let name: String = event.arg(0)?;
    let args = event.payload().raw_arg(1).unwrap_or("[]");
    // Placeholders in the array keep their numbers.
    let question = Payload::from_json(args.into(), event.payload().attachments().to_vec())?;
    let emitter = event.socket().timeout(Duration::from_secs(10));
    let replies = emitter.emit_payload_with_ack(&name, &question).await?;
    let report = format!(r#"[{{"replies":[{}]}}]"#, replies.raw_args());
    Ok(Payload::from_json(report.into(), replies.attachments().to_vec())?)
}
