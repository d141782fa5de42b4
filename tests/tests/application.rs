//! Our client against the application of `nexus-server`: identity, messages between devices, a restart.

use std::{
    error::Error,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use nexus_core::{
    driver::{Client, ConnectFailed, EventStream, TokenProvider},
    manager::{Config, ConnectError, ConnectionStatus, Token, TokenReason},
};
use nexus_server::app::{AllowedOrigins, App, Secret, Settings, UserId, auth::Issuer};
use nexus_tests::within;
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, SemaphorePermit, oneshot},
    task::JoinHandle,
};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const OLD: &[u8] = b"a secret that the server had before it was changed";
const NEW: &[u8] = b"the secret that the server has since it was changed";

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Server {
    async fn start(secret: &[u8], listen: SocketAddr) -> Outcome<Self> {
        let settings = Settings {
            listen,
            origins: AllowedOrigins::Unset,
            secret: Secret::new(secret.to_vec())?,
            issuer: None,
            audience: None,
            mirror_messages: true,
            data_dir: None,
            inbox_entries: 100,
            demo: false,
            inject_refusals: 0,
            presence_grace: Duration::ZERO,
            secret_is_made_up: false,
        };
        let app = App::bind(settings).await?;
        let address = app.local_addr();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(app.run(async move {
            let _dropped_stops_as_well = stopped.await;
        }));
        Ok(Self { address, stop, running })
    }

    async fn stop(self) -> Outcome<SocketAddr> {
        drop(self.stop);
        within("the server's end", self.running).await??;
        Ok(self.address)
    }

    /// A client that is not connected, and the messages that it gets.
    fn client(&self) -> Outcome<(Client, EventStream)> {
        let mut config = Config::new(&format!("http://{}", self.address))?;
        config.reconnect.initial_delay = Duration::from_millis(50);
        config.reconnect.max_delay = Duration::from_millis(200);
        let client = Client::new(config)?;
        let messages = client.events("messaging", "NEW_MESSAGE")?;
        Ok((client, messages))
    }

    async fn sign_in(&self, user: &str) -> Outcome<(Client, EventStream)> {
        let (client, messages) = self.client()?;
        within("connect", client.connect(user, token(OLD, user)?)).await??;
        within("join", client.join("messaging")).await??;
        Ok((client, messages))
    }
}

fn token(secret: &[u8], user: &str) -> Outcome<Token> {
    let issuer = Issuer::new(&Secret::new(secret.to_vec())?, None, None);
    Ok(Token::new(issuer.issue(&UserId::parse(user)?)?))
}

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn next(messages: &mut EventStream) -> Outcome<Value> {
    Ok(within("a message", messages.recv()).await?.ok_or("ended")?.arg(0)?)
}

#[tokio::test]
async fn messages_reach_every_device_of_both() -> Outcome {
    let server = Server::start(OLD, anywhere()).await?;
    let (ada, _) = server.sign_in("ada").await?;
    let (_ada_phone, mut at_adas_phone) = server.sign_in("ada").await?;
    let (_bob, mut at_bobs) = server.sign_in("bob").await?;
    for n in 0..100 {
        let draft = json!({"receiverId": "bob", "content": format!("message {n}")});
        let receipt: Value = ada.emit_with_ack("messaging", "NEW_MESSAGE", &draft).await?.arg(0)?;
        assert_eq!(receipt["ok"], true);
        for messages in [&mut at_bobs, &mut at_adas_phone] {
            let message = next(messages).await?;
            assert_eq!((&message["id"], &message["content"]), (&receipt["id"], &draft["content"]));
            assert_eq!(message["senderId"], "ada");
        }
    }
    let refused: Value = ada.emit_with_ack("messaging", "NEW_MESSAGE", &json!({})).await?.arg(0)?;
    assert_eq!(refused["code"], "invalid_payload");
    server.stop().await.map(drop)
}

#[tokio::test]
async fn a_refused_token_is_an_error_of_its_own() -> Outcome {
    let server = Server::start(NEW, anywhere()).await?;
    let (client, _messages) = server.client()?;
    for (user, token) in [("ada", token(OLD, "ada")?), ("eve", token(NEW, "ada")?), ("ada", Token::new("nonsense"))] {
        let refused = within("connect", client.connect(user, token)).await?;
        let Err(ConnectFailed::NotConnected(ConnectError::AuthRejected(error))) = refused else {
            return Err(format!("expected a refusal, got {refused:?}").into());
        };
        assert!(error.message.starts_with("Unauthorized: "), "{error:?}");
    }
    server.stop().await.map(drop)
}

#[tokio::test]
async fn after_a_restart_with_another_secret_a_new_token_is_asked_for_and_nothing_written_meanwhile_is_lost() -> Outcome
{
    let server = Server::start(OLD, anywhere()).await?;
    let (bob, mut at_bobs) = server.client()?;
    let (ada, _) = server.client()?;
    let refusals = Arc::new(AtomicUsize::new(0));
    // Each connection takes a permit.
    let (ada_may, bob_may) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)));
    for (client, user, may) in [(&ada, "ada", &ada_may), (&bob, "bob", &bob_may)] {
        let (refusals, may) = (Arc::clone(&refusals), Arc::clone(may));
        let (old, new) = (token(OLD, user)?, token(NEW, user)?);
        let provider = TokenProvider::new(move |reason| {
            let refused = reason == TokenReason::Rejected;
            refusals.fetch_add(refused.into(), Ordering::Relaxed);
            let (token, may) = (if refused { new.clone() } else { old.clone() }, Arc::clone(&may));
            async move {
                // Never closed.
                let _ = may.acquire().await.map(SemaphorePermit::forget);
                Ok(token)
            }
        });
        within("connect", client.connect(user, provider)).await??;
        within("join", client.join("messaging")).await??;
    }

    let address = server.stop().await?;
    let mut status = ada.status();
    while within("the loss", status.recv()).await?.ok_or("ended")?.status != ConnectionStatus::Reconnecting {}
    for n in 0..20 {
        ada.emit("messaging", "NEW_MESSAGE", &json!({"receiverId": "bob", "content": n.to_string()}))?;
    }
    // Bob is there first: what is sent to nobody is gone, for there is no inbox yet.
    let server = Server::start(NEW, address).await?;
    let mut status = bob.status();
    while within("bob's return", status.recv()).await?.ok_or("ended")?.status != ConnectionStatus::Connected {}
    within("join", bob.join("messaging")).await??;
    ada_may.add_permits(100);

    for n in 0..20 {
        assert_eq!(next(&mut at_bobs).await?["content"], n.to_string());
    }
    assert!(refusals.load(Ordering::Relaxed) >= 2);
    server.stop().await.map(drop)
}
