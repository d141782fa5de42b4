//! A server of ours that behaves as `peers/server.mjs` does, in a runtime of its own so that it can be killed.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use nexus_server::{Bytes, Config, ConnectError, ConnectRequest, Event, Io, Payload, Socket, delivery::RecoveryConfig};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};

use crate::PATIENCE;

/// Our server in this process.
#[derive(Debug)]
pub struct OurServer {
    io: Io,
    address: SocketAddr,
    /// Taken when the server is killed.
    runtime: Option<Runtime>,
}

impl OurServer {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When the port can't be bound.
    pub fn start() -> io::Result<Self> {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Starts one at an address, such as that of one that was [killed](Self::kill).
    ///
    /// # Errors
    /// When the address can't be bound.
    pub fn start_at(address: SocketAddr) -> io::Result<Self> {
        // The standard library sets SO_REUSEADDR: connections of a killed server may linger in the system.
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let io = {
            let _context = runtime.enter();
            let io = Io::new(Config { max_payload: 4_000_000, ..Config::default() });
            register(&io);
            let (listener, router) = (TcpListener::from_std(listener)?, io.router());
            runtime.spawn(async move { axum::serve(listener, router).await });
            io
        };
        Ok(Self { io, address, runtime: Some(runtime) })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The library's handle.
    #[must_use]
    pub fn io(&self) -> &Io {
        &self.io
    }

    /// Ends it as a crash does: its sockets are closed with no word. Gives its address, free again.
    pub async fn kill(mut self) -> SocketAddr {
        if let Some(runtime) = self.runtime.take() {
            let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE));
            let _panicked = ended.await;
        }
        self.address
    }
}

impl Drop for OurServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn register(io: &Io) {
    for name in ["/", "/messaging", "/notifications", "/a", "/b", "/c"] {
        io.of(name).on_connection(|socket| serve(&socket));
    }
    let recovering = io.of("/recovering");
    recovering.recovery(RecoveryConfig::default());
    recovering.on_connection(|socket| serve(&socket));
    let realtime = io.of("/realtime");
    realtime.authorize(|request: ConnectRequest| async move { require_token(&request) });
    realtime.on_connection(|socket: Socket| {
        let user_id = socket.handshake().auth::<Auth>().map(|auth| auth.user_id).unwrap_or_default();
        let _gone = socket.emit("welcome", &json!({"userId": user_id}));
        serve(&socket);
    });
    io.of("/private").authorize(|_request| async { Err(refusal("not for you", &json!({"code": "forbidden"}))) });
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Auth {
    token: String,
    user_id: Value,
}

fn require_token(request: &ConnectRequest) -> Result<(), ConnectError> {
    match request.auth::<Auth>() {
        Ok(auth) if auth.token == "good" => Ok(()),
        _ => Err(refusal("unauthorized", &json!({"code": "unauthorized"}))),
    }
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
    socket.on("identity", |event: Event| async move {
        let socket = event.socket();
        let auth: Value = socket.handshake().auth().unwrap_or_default();
        let _gone = event.ack(&json!({"ns": socket.namespace(), "id": socket.id(), "auth": auth}));
    });
    socket.on("ask", |event: Event| async move {
        let _gone = event.ack_payload(
            ask(&event)
                .await
                .unwrap_or_else(|error| Payload::from_value(&json!({"error": error.to_string()})).unwrap_or_default()),
        );
    });
    socket.on("send-items", |event: Event| async move {
        let socket = event.socket();
        let count = event.arg::<u64>(0).unwrap_or_default();
        for n in 0..count {
            let _gone = socket.emit("item", &n);
        }
        let _gone = socket.emit("items-sent", &count);
    });
    let items = Arc::new(Mutex::new(Vec::<u64>::new()));
    let taken = Arc::clone(&items);
    socket.on("item", move |event: Event| {
        if let Ok(item) = event.arg(0) {
            items.lock().unwrap_or_else(PoisonError::into_inner).push(item);
        }
        async {}
    });
    socket.on("items", move |event: Event| {
        let items = std::mem::take(&mut *taken.lock().unwrap_or_else(PoisonError::into_inner));
        let _gone = event.ack(&json!({
            "count": items.len(),
            "inOrder": items.is_sorted_by(|a, b| a < b),
            "first": items.first(),
            "last": items.last(),
        }));
        async {}
    });
    socket.on("number", |event: Event| async move {
        let _gone = event.ack_payload(event.payload().clone());
    });
    socket.on("send-large", |event: Event| async move {
        let size = event.arg::<usize>(0).unwrap_or_default();
        let _gone = event.socket().emit_args("large", &("x".repeat(size), Bytes::from(vec![0xa5; size])));
    });
    socket.on("enter", |event: Event| async move {
        event.socket().join(&event.arg::<String>(0).unwrap_or_default());
        let _gone = event.ack(&true);
    });
    socket.on("say", |event: Event| async move {
        let _gone = event.socket().to("lobby").emit_payload("said", event.payload());
        let _gone = event.ack(&json!({"delivered": true}));
    });
    let socket_of = socket.clone();
    socket.on("announce", move |event: Event| {
        announce(&socket_of, &event);
        async {}
    });
    socket.on("silence", |_event| async {});
    socket.on("leave", |event: Event| async move { event.socket().disconnect(false) });
    socket.on("hang-up", |event: Event| async move { event.socket().disconnect(true) });
}

/// Tells the others `news`, numbered from the first argument to the second, and what is volatile; tells the lobby as well.
fn announce(socket: &Socket, event: &Event) {
    let (first, last) = event.args::<(u32, u32)>().unwrap_or_default();
    let others = socket.broadcast();
    for n in first..=last {
        let _gone = others.emit("news", &n);
        let _gone = others.emit_payload("blob", &Payload::from_bytes(Bytes::from(vec![0xa5; 3])));
        let _gone = socket.to("lobby").emit_args("lobby", &(n, "with a string behind"));
        let _gone = socket.to("elsewhere").emit("elsewhere", &n);
        let _gone = others.clone().volatile().emit_args("cursor", &());
        let _gone = others.clone().volatile().emit("cursor", "no offset");
    }
    let _gone = event.ack(&true);
}

/// Emits what the client asked for back to it, and reports its acknowledgement.
async fn ask(event: &Event) -> Result<Payload, Box<dyn std::error::Error + Send + Sync>> {
    let name: String = event.arg(0)?;
    let args = event.payload().raw_arg(1).unwrap_or("[]");
    // Placeholders in the array keep their numbers.
    let question = Payload::from_json(args.into(), event.payload().attachments().to_vec())?;
    let emitter = event.socket().timeout(Duration::from_secs(10));
    let replies = emitter.emit_payload_with_ack(&name, &question).await?;
    let report = format!(r#"[{{"replies":[{}]}}]"#, replies.raw_args());
    Ok(Payload::from_json(report.into(), replies.attachments().to_vec())?)
}
