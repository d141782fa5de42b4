//! Our client against our server over real sockets: people chat, the server dies, they go on.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use nexus_core::{
    driver::{Client, Event, EventStream, JoinFailed, Notice, StatusStream, TokenProvider},
    manager::{Config, ConnectionStatus, Continuity, JoinFailure, Token, TokenReason},
};
use nexus_server::{ConnectError, ConnectRequest, DeliveryConfig, delivery::RecoveryConfig};
use nexus_tests::{OurServer, within};
use serde::Deserialize;
use serde_json::{Value, json};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A user with a client in the room "lobby" of `/messaging`.
struct Person {
    client: Client,
    messages: EventStream,
    status: StatusStream,
}

impl Person {
    async fn enter(url: &str, name: &str) -> Outcome<Self> {
        let mut config = Config::new(url)?;
        config.reconnect.initial_delay = Duration::from_millis(50);
        config.reconnect.max_delay = Duration::from_millis(200);
        let client = Client::new(config)?;
        let messages = client.events("messaging", "said")?;
        let status = client.status();
        within("connect", client.connect(name, "good")).await??;
        let mut person = Self { client, messages, status };
        person.reaches(ConnectionStatus::Connected).await?;
        person.join_lobby().await?;
        Ok(person)
    }

    async fn join_lobby(&self) -> Outcome {
        Ok(within("the lobby", self.client.emit_with_ack("messaging", "enter", &"lobby")).await?.map(drop)?)
    }

    async fn reaches(&mut self, wanted: ConnectionStatus) -> Outcome {
        while within("a status", self.status.recv()).await?.ok_or("ended")?.status != wanted {}
        Ok(())
    }

    async fn hears(&mut self) -> Outcome<Event> {
        Ok(within("a message", self.messages.recv()).await?.ok_or("ended")?)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_chat_and_go_on_after_the_server_was_killed() -> Outcome {
    let server = OurServer::start()?;
    let mut ada = Person::enter(&server.url(), "ada").await?;
    let mut bob = Person::enter(&server.url(), "bob").await?;

    for n in 0..50 {
        let said = json!({"n": n, "text": "Grüße 👋"});
        let ack = ada.client.emit_with_ack("messaging", "say", &said).await?;
        assert_eq!(ack.arg::<Value>(0)?, json!({"delivered": true}));
        assert_eq!(bob.hears().await?.arg::<Value>(0)?, said);
    }

    let address = server.kill().await;
    ada.reaches(ConnectionStatus::Reconnecting).await?;
    bob.reaches(ConnectionStatus::Reconnecting).await?;
    ada.client.emit("messaging", "enter", &"lobby")?;
    for n in 0..20 {
        ada.client.emit("messaging", "say", &json!({"n": n}))?;
    }
    assert_eq!(ada.client.queue().len(), 21);

    // Whether Bob is back before Ada is chance: he hears the rest of what she said, in order.
    let server = OurServer::start_at(address)?;
    bob.reaches(ConnectionStatus::Connected).await?;
    bob.join_lobby().await?;
    ada.reaches(ConnectionStatus::Connected).await?;
    within("flush", ada.client.flush()).await??;
    let last = ada.client.emit_with_ack("messaging", "say", &json!({"n": "last"})).await?;
    assert_eq!(last.arg::<Value>(0)?, json!({"delivered": true}));
    let mut heard = Vec::new();
    loop {
        let n = bob.hears().await?.arg::<Value>(0)?["n"].clone();
        if n == "last" {
            break;
        }
        heard.push(n.as_u64().ok_or("no number")?);
    }
    assert!(heard.is_sorted_by(|a, b| a < b), "{heard:?}");

    within("close", ada.client.close()).await?;
    assert_eq!(ada.client.connection_status(), ConnectionStatus::Disconnected);
    let closing = server.io().close();
    let (closed, lost) =
        tokio::join!(within("the server's close", closing), bob.reaches(ConnectionStatus::Disconnected));
    closed?;
    lost?;
    bob.client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_hundred_clients_in_one_process_hear_every_word() -> Outcome {
    let server = OurServer::start()?;
    let mut people = Vec::new();
    for n in 0..100 {
        people.push(Person::enter(&server.url(), &format!("user {n}")).await?);
    }
    let speaker = Person::enter(&server.url(), "speaker").await?;
    for n in 0..100 {
        speaker.client.emit("messaging", "say", &json!({"n": n}))?;
    }
    for person in &mut people {
        for n in 0..100 {
            assert_eq!(person.hears().await?.arg::<Value>(0)?, json!({"n": n}));
        }
    }
    for person in people {
        within("close", person.client.close()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_comes_back_hears_what_was_said_meanwhile() -> Outcome {
    let server = OurServer::start()?;
    let resuming = server.io().of("/resuming");
    resuming.recovery(RecoveryConfig::default());
    resuming.delivery(DeliveryConfig::default());
    resuming.authorize(|request: ConnectRequest| async move {
        request.set_user("ada");
        Ok(())
    });
    comes_back(&server, "/resuming").await
}

#[tokio::test]
async fn a_client_comes_back_where_nobody_knows_it_and_nothing_is_deduplicated() -> Outcome {
    comes_back(&OurServer::start()?, "/recovering").await
}

async fn comes_back(server: &OurServer, name: &str) -> Outcome {
    let recovering = server.io().of(name);
    let client = Client::new(Config::new(&server.url())?)?;
    let mut news = client.events(name, "news")?;
    let mut notices = client.notices();
    within("connect", client.connect("ada", "good")).await??;
    within("join", client.join(name)).await??;

    let mut said = 0;
    for round in 0..3 {
        if round > 0 {
            client.suspend();
            for _ in 0..5 {
                said += 1;
                recovering.emit("news", &json!({"n": said}))?;
            }
            client.enter_foreground();
        }
        let continuity = loop {
            let notice = within("a notice", notices.recv()).await?.ok_or("no more notices")?;
            if let Notice::Joined { namespace, continuity, .. } = notice
                && namespace.as_str() == name
            {
                break continuity;
            }
        };
        assert_eq!(continuity, if round == 0 { Continuity::First } else { Continuity::Recovered });
        said += 1;
        recovering.emit("news", &json!({"n": said}))?;
        for n in said - if round == 0 { 0 } else { 5 }..=said {
            let event = within("news", news.recv()).await?.ok_or("no more news")?;
            assert_eq!(event.payload().raw_args(), format!(r#"{{"n":{n}}}"#), "with nothing of the protocol");
        }
    }
    let counters = client.stats().manager.counters;
    assert_eq!((counters.recovered, counters.duplicates_dropped, counters.protocol_errors), (2, 0, 0));
    client.close().await;
    Ok(())
}

#[derive(Deserialize)]
struct Auth {
    token: String,
}

/// A token names the hour that it is good for.
#[tokio::test]
async fn a_namespace_is_joined_after_the_token_of_the_connection_has_expired() -> Outcome {
    let server = OurServer::start()?;
    let hour = Arc::new(AtomicU64::new(1));
    for name in ["/realtime", "/early", "/late", "/later", "/forbidden"] {
        let hour = Arc::clone(&hour);
        server.io().of(name).authorize(move |request: ConnectRequest| {
            let auth = request.auth::<Auth>().map(|auth| auth.token);
            let good = hour.load(Ordering::SeqCst).to_string();
            async move {
                match auth {
                    Ok(token) if token == good && request.namespace() != "/forbidden" => Ok(()),
                    Ok(token) if token == good => Err(ConnectError::new("forbidden")),
                    _ => Err(ConnectError::new("expired")),
                }
            }
        });
    }
    let asked = Arc::new(AtomicU64::new(0));
    let provider = TokenProvider::new({
        let (hour, asked) = (Arc::clone(&hour), Arc::clone(&asked));
        move |reason| {
            // What it has is good enough unless it is told otherwise.
            let is_first = reason == TokenReason::Connecting;
            asked.fetch_add(u64::from(!is_first), Ordering::SeqCst);
            let token = if is_first { 1 } else { hour.load(Ordering::SeqCst) };
            async move { Ok(Token::from(token.to_string())) }
        }
    });
    let client = Client::new(Config::new(&server.url())?)?;
    within("connect", client.connect("ada", provider)).await??;
    within("a join in time", client.join("early")).await??;

    hour.store(2, Ordering::SeqCst);
    let (late, later) = tokio::join!(client.join("late"), client.join("later"));
    late?;
    later?;
    assert_eq!(asked.load(Ordering::SeqCst), 1, "one question serves both");
    let refused = within("a refusal", client.join("forbidden")).await?;
    assert!(
        matches!(&refused, Err(JoinFailed::Failed(JoinFailure::Refused(error))) if error.message == "forbidden"),
        "{refused:?}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 2, "the provider had no other");

    let ack = within("an acknowledgement", client.emit_with_ack("a", "echo", &"alive")).await?;
    drop(ack);
    let counters = client.stats().manager.counters;
    assert_eq!((counters.connects, counters.losses, counters.protocol_errors), (1, 0, 0));
    client.close().await;
    Ok(())
}
