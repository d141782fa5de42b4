//! Neither the client nor the server logs tokens or bodies, at whatever level.

use std::{
    error::Error,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use nexus_core::{driver::Client, manager::Config};
use nexus_tests::{OurServer, within};
use serde_json::json;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn tokens_and_bodies_are_not_logged() -> Result<(), Box<dyn Error>> {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();

    let server = OurServer::start()?;
    let mut config = Config::new(&format!("{}?key=query-secret", server.url()))?;
    config.headers.push(("authorization".to_owned(), "Bearer header-secret".to_owned()));
    config.auth_fields.insert("device", "field-secret")?;
    let client = Client::new(config)?;
    within("the refusal", client.connect("ada", "token-secret")).await?.unwrap_err();
    within("connect", client.connect("ada", "good")).await??;
    let mut echoes = client.events("realtime", "echo")?;
    client.emit("realtime", "echo", &json!({"text": "body-secret"}))?;
    within("the echo", echoes.recv()).await?.ok_or("ended")?;
    client.emit("nowhere", "echo", &"lost-secret")?;
    client.emit_with_ack("realtime", "echo", &"ack-secret").await?;
    client.close().await;
    drop(server);

    let log = log.0.lock().unwrap_or_else(PoisonError::into_inner);
    let text = String::from_utf8_lossy(&log);
    assert!(text.contains("nexus_core::driver"), "the client logs at all: {text}");
    let leaks: Vec<&str> = text.lines().filter(|line| line.contains("secret")).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
    Ok(())
}
