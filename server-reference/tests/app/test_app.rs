//! The application on a free port, and clients that speak the protocol by hand.

use std::time::Duration;

use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use nexus_server::{
    app::{App, Args, Secret, Settings, UserId, auth::Issuer},
    delivery::Offset,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error as WebSocketError, Message, client::IntoClientRequest},
};

pub(crate) const SECRET: &str = "a secret of the tests, which is long enough";
/// Longer than anything takes here, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running application.
pub(crate) struct TestApp {
    pub(crate) port: u16,
    issuer: Issuer,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::with_args(&[]).await
    }

    pub(crate) async fn with_args(more: &[&str]) -> Self {
        Self::with_settings(Self::settings(more)).await
    }

    /// A demo in which users count as here for this long after their last session.
    pub(crate) async fn demo(presence_grace: Duration) -> Self {
        Self::with_settings(Settings { presence_grace, ..Self::settings(&["--demo"]) }).await
    }

    fn settings(more: &[&str]) -> Settings {
        let args = Args::parse_from([&["nexus-server", "--bind", "127.0.0.1", "--port", "0"], more].concat());
        let settings = Settings::new(&args, |name| (name == "JWT_SECRET").then(|| SECRET.into())).unwrap();
        // A folder of its own, deleted with it, unless the test names one.
        Settings { data_dir: args.data_dir, ..settings }
    }

    async fn with_settings(settings: Settings) -> Self {
        let app = App::bind(settings).await.unwrap();
        let port = app.local_addr().port();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(app.run(async move {
            let _ = stopped.await;
        }));
        let issuer = Issuer::new(&Secret::new(SECRET.into()).unwrap(), None, None);
        Self { port, issuer, stop: Some(stop), running }
    }

    pub(crate) fn token(&self, user: &str) -> String {
        self.issuer.issue(&UserId::parse(user).unwrap()).unwrap()
    }

    /// A client that has joined a namespace as a user.
    pub(crate) async fn join(&self, namespace: &str, user: &str) -> TestClient {
        let mut client = TestClient::open(self.port, "").await;
        let auth = json!({"token": self.token(user), "userId": user});
        client.send(&format!("40{namespace},{auth}")).await;
        let answer = client.text().await;
        assert!(answer.starts_with(&format!("40{namespace},{{\"sid\":")), "{answer}");
        client.namespace = namespace.to_owned();
        client
    }

    /// Sends a request and returns status line, headers and body.
    pub(crate) async fn http(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        answer
    }

    pub(crate) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        timeout(PATIENCE, self.running).await.unwrap().unwrap();
    }
}

/// A WebSocket connection.
pub(crate) struct TestClient {
    socket: WebSocketStream<TcpStream>,
    namespace: String,
}

impl TestClient {
    /// Opens a connection that has joined no namespace.
    pub(crate) async fn open(port: u16, more_query: &str) -> Self {
        let url = format!("ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket{more_query}");
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (socket, _) = client_async(url, stream).await.unwrap();
        let mut client = Self { socket, namespace: String::new() };
        assert!(client.text().await.starts_with("0{"));
        client
    }

    /// The HTTP status that a page of this origin gets.
    pub(crate) async fn status_for_origin(port: u16, origin: &str) -> u16 {
        let url = format!("ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket");
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        match client_async(request, stream).await {
            Ok((_, response)) => response.status().as_u16(),
            Err(WebSocketError::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next frame that is no ping.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.unwrap() {
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => self.send("3").await,
                Some(Ok(Message::Text(text))) => return text.to_string(),
                other => panic!("expected a text frame, got {other:?}"),
            }
        }
    }

    /// Leaves, and returns once the server knows. What it had still to read is of no interest.
    pub(crate) async fn leave(mut self) {
        self.send("1").await;
        while let Some(Ok(_)) = timeout(PATIENCE, self.socket.next()).await.unwrap() {}
    }

    /// Reads until the server has ended the connection, and ends it too.
    pub(crate) async fn closes(mut self) -> bool {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.unwrap() {
                None => return true,
                // Reading on answers the close frame.
                Some(Ok(Message::Close(_)) | Err(_)) => {}
                Some(Ok(Message::Text(text))) if text.as_str() == "1" || text.starts_with("41") => {}
                Some(Ok(other)) => panic!("expected the end, got {other:?}"),
            }
        }
    }

    pub(crate) async fn emit(&mut self, event: &str, data: &Value) {
        self.send(&format!("42{},{}", self.namespace, json!([event, data]))).await;
    }

    pub(crate) async fn emit_with_id(&mut self, id: u32, event: &str, data: &Value) {
        self.send(&format!("42{},{id}{}", self.namespace, json!([event, data]))).await;
    }

    /// The next event: its name and its argument.
    pub(crate) async fn event(&mut self) -> (String, Value) {
        let text = self.text().await;
        let json = text.strip_prefix(&format!("42{},", self.namespace)).unwrap_or_else(|| panic!("no event: {text}"));
        let (name, data, offset): (String, Value, String) = serde_json::from_str(json).unwrap();
        assert!(Offset::parse(&offset).is_some(), "{text}");
        (name, data)
    }

    /// The data of the next event, which has this name.
    pub(crate) async fn expect(&mut self, name: &str) -> Value {
        let (found, data) = self.event().await;
        assert_eq!(found, name, "{data}");
        data
    }

    /// The argument of the next acknowledgement, which has this id.
    pub(crate) async fn ack(&mut self, id: u32) -> Value {
        let text = self.text().await;
        let json = text.strip_prefix(&format!("43{},{id}", self.namespace)).unwrap_or_else(|| panic!("no ack: {text}"));
        serde_json::from_str::<[Value; 1]>(json).unwrap()[0].clone()
    }
}
