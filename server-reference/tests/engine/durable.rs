//! Durable events on a real store, as bytes: `docs/protocol.md`, "Durable".

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use nexus_core::socketio::{Namespace, delivery::Outcome};
use nexus_server::{
    BadInputKind, Config, ConnectRequest, DeliveryConfig, Event, EventRejected, Io, Payload, Socket,
    delivery::hash_event,
    store::{LedgerKey, Recorded, Store, StoreConfig, StoreError, Unit},
};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::Semaphore;

use crate::support::{Client, start};

const JOIN: &str = r#"40{"user":"ada","nx":{"v":1,"ci":"Vb9"}}"#;

/// A folder of a test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("nexus-durable-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    async fn open(&self) -> Store {
        let config = StoreConfig { busy_timeout: Duration::from_millis(50), ..StoreConfig::default() };
        let store = Store::open(&self.0, config).await.unwrap();
        store.write(vec![Box::new(|db| Box::pin(create(db)))], Vec::new()).await.unwrap();
        store
    }

    async fn database(&self) -> SqliteConnection {
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(self.0.join("nexus.db"))).await.unwrap()
    }

    /// What handlers wrote.
    async fn effects(&self) -> Vec<String> {
        let query = sqlx::query_scalar("SELECT effect FROM effects ORDER BY rowid");
        query.fetch_all(&mut self.database().await).await.unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn create(db: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("CREATE TABLE IF NOT EXISTS effects (effect TEXT)").execute(db).await?;
    Ok(())
}

/// A server whose handlers do what the events' names say.
struct Server {
    io: Io,
    address: SocketAddr,
    store: Store,
    ran: Arc<Mutex<Vec<String>>>,
    gate: Arc<Semaphore>,
}

impl Server {
    async fn start(folder: &Folder) -> Self {
        Self::start_with(folder, Config::default(), DeliveryConfig::default()).await
    }

    async fn start_with(folder: &Folder, config: Config, delivery: DeliveryConfig) -> Self {
        let store = folder.open().await;
        let ran = Arc::new(Mutex::new(Vec::new()));
        let gate = Arc::new(Semaphore::new(0));
        let delivery = DeliveryConfig { durable: Some(store.clone()), ..delivery };
        let (log, held) = (Arc::clone(&ran), Arc::clone(&gate));
        let (io, address) = start(config, move |io| {
            let namespace = io.of("/");
            namespace.delivery(delivery);
            namespace.authorize(|request: ConnectRequest| async move {
                request.set_user(request.auth::<serde_json::Value>().unwrap()["user"].as_str().unwrap());
                Ok(())
            });
            namespace.on_connection(move |socket: Socket| register(&socket, &log, &held));
        })
        .await;
        Self { io, address, store, ran, gate }
    }

    async fn join(&self) -> Client {
        self.join_as(JOIN).await
    }

    async fn join_as(&self, connect: &str) -> Client {
        let mut client = Client::open(self.address).await;
        client.send(connect).await;
        let answer = client.next_packet().await;
        assert!(answer.contains(&format!(r#""d":"{}""#, self.store.generation())), "{answer}");
        client
    }

    fn ran(&self) -> Vec<String> {
        std::mem::take(&mut *self.ran.lock().unwrap())
    }

    async fn is_running(&self, count: usize) {
        while self.ran.lock().unwrap().len() < count {
            tokio::task::yield_now().await;
        }
    }

    /// As if it was stopped, with the store closed.
    async fn stop(self) {
        self.io.close().await;
        self.store.close().await;
    }
}

fn register(socket: &Socket, log: &Arc<Mutex<Vec<String>>>, gate: &Arc<Semaphore>) {
    let on = |name: &str, then: fn(Event, Arc<Semaphore>) -> futures_util::future::BoxFuture<'static, ()>| {
        let (log, gate) = (Arc::clone(log), Arc::clone(gate));
        socket.on(name, move |event| {
            log.lock().unwrap().push(format!("{} {}", event.name(), event.payload().raw_args()));
            then(event, Arc::clone(&gate))
        });
    };
    socket.use_middleware(|event: Event| async move {
        if event.name() == "forbidden" { Err(EventRejected::new("not you")) } else { Ok(()) }
    });
    on("add", |event, _| {
        Box::pin(async move {
            write(&event);
            event.ack_payload(event.payload().clone()).unwrap();
        })
    });
    on("silent", |event, _| Box::pin(async move { assert!(event.is_durable()) }));
    on("wait", |event, gate| {
        Box::pin(async move {
            gate.acquire().await.unwrap().forget();
            write(&event);
            event.ack(&"waited").unwrap();
        })
    });
    on("slow write", |event, gate| {
        Box::pin(async move {
            event
                .write(move |_| {
                    Box::pin(async move {
                        gate.acquire().await.unwrap().forget();
                        Ok(())
                    })
                })
                .unwrap();
            event.ack(&"written").unwrap();
        })
    });
    on("reject", |event, _| {
        Box::pin(async move {
            write(&event);
            event.after_commit(|| panic!("it has no effect")).unwrap();
            event.reject("forbidden", &"no").unwrap();
            event.ack(&"too late").unwrap();
        })
    });
    on("panic", |event, _| {
        Box::pin(async move {
            write(&event);
            event.ack(&"never sent").unwrap();
            panic!("as it should");
        })
    });
    // Fails until somebody lets it through.
    on("flaky", |event, gate| {
        Box::pin(async move {
            write(&event);
            match gate.try_acquire() {
                Ok(permit) => permit.forget(),
                Err(_) => event.retry(Duration::from_millis(700), "rate_limited").unwrap(),
            }
        })
    });
    on("announce", |event, _| {
        Box::pin(async move {
            let socket = event.socket();
            event.after_commit(move || socket.emit("announced", &1).unwrap()).unwrap();
            event.ack(&1).unwrap();
        })
    });
    on("stock", |event, _| {
        Box::pin(async move {
            assert!(!event.is_durable());
            assert!(event.write(|_| Box::pin(async { Ok(()) })).is_err());
            assert!(event.retry(Duration::ZERO, "no").is_err());
            event.after_commit(|| {}).unwrap();
            event.reject("code", &"plain").unwrap();
        })
    });
}

/// Has the event's arguments written.
fn write(event: &Event) {
    let effect = event.payload().raw_args().to_owned();
    event
        .write(move |db| {
            Box::pin(async move {
                sqlx::query("INSERT INTO effects VALUES (?1)").bind(effect).execute(db).await?;
                Ok(())
            })
        })
        .unwrap();
}

/// An event with a marker, asking for an acknowledgement with the same number.
fn event(name: &str, id: u64, lowest: u64) -> String {
    format!(r#"42{id}["{name}","{id}",{{"$m":{{"id":{id},"lo":{lowest},"d":1}}}}]"#)
}

fn done(id: u64, ack: &str) -> String {
    format!(r#"43{id}[{ack}{{"$m":{{"ok":1}}}}]"#)
}

fn retry(id: u64, after: u64, code: &str) -> String {
    format!(r#"43{id}[{{"$m":{{"retry":{after},"code":"{code}"}}}}]"#)
}

#[tokio::test]
async fn event_is_done_once_and_its_outcome_outlives_connection_and_server() {
    let folder = Folder::new();
    let server = Server::start(&folder).await;
    let mut client = server.join().await;
    client.send(&event("add", 1, 1)).await;
    assert_eq!(client.next_packet().await, done(1, r#""1","#));
    client.send(&event("silent", 2, 1)).await;
    assert_eq!(client.next_packet().await, done(2, ""));
    client.send(&event("add", 1, 1)).await;
    assert_eq!(client.next_packet().await, done(1, r#""1","#), "recorded");
    drop(client);
    let mut client = server.join().await;
    client.send(&event("add", 1, 1)).await;
    assert_eq!(client.next_packet().await, done(1, r#""1","#));
    assert_eq!(server.ran(), [r#"add "1""#, r#"silent "2""#], "the marker is seen by nobody");
    server.stop().await;

    let server = Server::start(&folder).await;
    let mut client = server.join().await;
    for id in [2, 1] {
        let name = if id == 1 { "add" } else { "silent" };
        client.send(&event(name, id, 1)).await;
    }
    assert_eq!(client.next_packet().await, done(2, ""));
    assert_eq!(client.next_packet().await, done(1, r#""1","#));
    client.send(&event("add", 3, 1)).await;
    assert_eq!(client.next_packet().await, done(3, r#""3","#));
    assert_eq!(server.ran(), [r#"add "3""#]);
    assert_eq!(folder.effects().await, [r#""1""#, r#""3""#]);
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_committed() {
    let folder = Folder::new();
    let server = Server::start(&folder).await;
    let mut client = server.join().await;
    client.send(&event("slow write", 1, 1)).await;
    server.is_running(1).await;
    client.send(r#"429["stock"]"#).await;
    assert_eq!(client.next_packet().await, r#"439["plain"]"#, "others go on");
    server.gate.add_permits(1);
    assert_eq!(client.next_packet().await, done(1, r#""written","#));
    client.send(&event("announce", 2, 1)).await;
    assert_eq!(client.next_packet().await, r#"42["announced",1]"#);
    assert_eq!(client.next_packet().await, done(2, "1,"));
}

#[tokio::test]
async fn what_could_not_be_committed_comes_again() {
    let folder = Folder::new();
    let server = Server::start(&folder).await;
    let mut client = server.join().await;
    let mut other = folder.database().await;
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    client.send(&event("add", 1, 1)).await;
    let refused = client.next_packet().await;
    assert!(refused.starts_with(r#"431[{"$m":{"retry":"#) && refused.contains("storage_busy"), "{refused}");
    lock.rollback().await.unwrap();
    client.send(&event("add", 1, 1)).await;
    assert_eq!(client.next_packet().await, done(1, r#""1","#));
    assert_eq!(server.ran(), [r#"add "1""#, r#"add "1""#]);
    assert_eq!(folder.effects().await, [r#""1""#], "the first had no effect");
    server.store.close().await;
    client.send(&event("add", 2, 1)).await;
    let refused = client.next_packet().await;
    assert!(refused.contains("storage_busy"), "{refused}");
    assert_eq!(server.io.metrics().durable_retries.value(), 2);
    assert_eq!(server.io.metrics().durable_committed.value(), 1);
}

#[tokio::test]
async fn lane_that_cannot_be_loaded_runs_nothing() {
    let folder = Folder::new();
    let server = Server::start(&folder).await;
    let mut client = server.join().await;
    server.store.close().await;
    client.send(&event("add", 1, 1)).await;
    client.send(&event("add", 2, 1)).await;
    for id in 1..=2 {
        let refused = client.next_packet().await;
        assert!(refused.starts_with(&format!(r#"43{id}[{{"$m":{{"retry":"#)), "{refused}");
        assert!(refused.contains("storage_busy") || (id == 2 && refused.contains("waiting")), "{refused}");
    }
    assert_eq!(server.ran(), [""; 0]);
}

/// As after a commit that was there although the disk had failed in the middle of it.
#[tokio::test]
async fn outcome_that_the_store_has_after_all_is_told_to_who_comes_again() {
    let folder = Folder::new();
    let server = Server::start(&folder).await;
    let mut client = server.join().await;
    client.send(&event("wait", 1, 1)).await;
    server.is_running(1).await;
    let record = Recorded {
        id: 1,
        hash: hash_event(&Namespace::root(), "wait", &Payload::from_value("1").unwrap()),
        outcome: Outcome::Done,
        ack: Payload::from_value("from before").unwrap(),
    };
    let key = LedgerKey { user: "ada".into(), namespace: Namespace::root(), instance: "Vb9".into() };
    let unit = Unit { key, lowest: 1, record, writes: Vec::new(), after: Vec::new() };
    server.store.commit(unit).await.unwrap();
    server.gate.add_permits(1);
    let refused = client.next_packet().await;
    assert!(refused.contains("storage_busy"), "{refused}");
    client.send(&event("wait", 1, 1)).await;
    assert_eq!(client.next_packet().await, done(1, r#""from before","#));
    assert_eq!(server.ran().len(), 1);
    assert_eq!(folder.effects().await, [""; 0], "what ran the second time had no effect");
}

#[tokio::test]
async fn events_run_one_after_another() {
    let folder = Folder::new();
    let server = Server::start(&folder).await;
    let mut client = server.join().await;
    for id in 1..=100 {
        client.send(&event(if id == 1 { "wait" } else { "add" }, id, 1)).await;
    }
    server.is_running(1).await;
    client.send(r#"42500["stock"]"#).await;
    assert_eq!(client.next_packet().await, r#"43500["plain"]"#);
    assert_eq!(server.ran().len(), 2, "one durable and one stock");
    server.gate.add_permits(1);
    assert_eq!(client.next_packet().await, done(1, r#""waited","#));
    for id in 2..=100 {
        assert_eq!(client.next_packet().await, done(id, &format!(r#""{id}","#)));
    }
    let expected: Vec<String> = (1..=100).map(|id| format!(r#""{id}""#)).collect();
    assert_eq!(folder.effects().await, expected);
}

#[tokio::test]
async fn repeat_joins_what_runs_and_what_waits() {
    let folder = Folder::new();
    let server = Server::start(&folder).await;
    let mut first = server.join().await;
    first.send(&event("wait", 1, 1)).await;
    first.send(&event("add", 2, 1)).await;
    first.send(&event("add", 3, 1)).await;
    server.is_running(1).await;
    drop(first);
    while server.io.metrics().open_sockets() > 0 {
        tokio::task::yield_now().await;
    }
    let mut second = server.join().await;
    second.send(&event("wait", 1, 1)).await;
    second.send(&event("add", 2, 1)).await;
    second.send(r#"429["stock"]"#).await;
    assert_eq!(second.next_packet().await, r#"439["plain"]"#);
    server.gate.add_permits(1);
    assert_eq!(second.next_packet().await, done(1, r#""waited","#));
    assert_eq!(second.next_packet().await, done(2, r#""2","#));
    second.send(&event("add", 3, 1)).await;
    assert_eq!(second.next_packet().await, done(3, r#""3","#));
    assert_eq!(folder.effects().await, [r#""1""#, r#""2""#, r#""3""#], "handlers of a socket that left ran");
}

/// Four connections of one instance at the same time, as if the network had kept all it was ever given.
#[tokio::test(flavor = "multi_thread")]
async fn copies_by_many_connections_run_once_and_in_order() {
    const COUNT: u64 = 60;
    let folder = Folder::new();
    let server = Server::start(&folder).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(server.join().await);
    }
    let all = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            for id in 1..=COUNT {
                client.send(&event("add", id, 1)).await;
            }
            for id in 1..=COUNT {
                assert_eq!(client.next_packet().await, done(id, &format!(r#""{id}","#)));
            }
        })
    });
    for client in all.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let expected: Vec<String> = (1..=COUNT).map(|id| format!(r#""{id}""#)).collect();
    assert_eq!(folder.effects().await, expected);
    assert_eq!(server.ran().len(), expected.len());
}

#[tokio::test]
async fn stale_and_reused_ids_are_told() {
    let folder = Folder::new();
    let server = Server::start(&folder).await;
    let mut client = server.join().await;
    client.send(&event("add", 5, 5)).await;
    assert_eq!(client.next_packet().await, done(5, r#""5","#));
    client.send(&event("silent", 5, 5)).await;
    assert_eq!(client.next_packet().await, r#"435[{"$m":{"reused":1}}]"#);
    client.send(&event("add", 4, 4)).await;
    assert_eq!(client.next_packet().await, r#"434[{"$m":{"stale":1}}]"#);
    assert_eq!(server.ran(), [r#"add "5""#]);
    server.stop().await;
    let server = Server::start(&folder).await;
    let mut client = server.join().await;
    client.send(&event("silent", 5, 5)).await;
    assert_eq!(client.next_packet().await, r#"435[{"$m":{"reused":1}}]"#);
    client.send(&event("add", 4, 4)).await;
    assert_eq!(client.next_packet().await, r#"434[{"$m":{"stale":1}}]"#);
    assert_eq!(server.ran(), [""; 0]);
}

#[tokio::test]
async fn failure_holds_the_lane_until_it_has_passed() {
    let folder = Folder::new();
    let server = Server::start(&folder).await;
    let mut client = server.join().await;
    for id in 1..=3 {
        client.send(&event(["wait", "flaky", "add"][usize::try_from(id).unwrap() - 1], id, 1)).await;
    }
    server.is_running(1).await;
    server.gate.add_permits(1);
    assert_eq!(client.next_packet().await, done(1, r#""waited","#));
    assert_eq!(client.next_packet().await, retry(2, 700, "rate_limited"));
    assert_eq!(client.next_packet().await, retry(3, 700, "waiting"));
    client.send(&event("add", 4, 2)).await;
    assert_eq!(client.next_packet().await, retry(4, 700, "waiting"));
    server.gate.add_permits(1);
    for id in 2..=4 {
        client.send(&event(if id == 2 { "flaky" } else { "add" }, id, 2)).await;
    }
    assert_eq!(client.next_packet().await, done(2, ""));
    assert_eq!(client.next_packet().await, done(3, r#""3","#));
    assert_eq!(client.next_packet().await, done(4, r#""4","#));
    assert_eq!(folder.effects().await, [r#""1""#, r#""2""#, r#""3""#, r#""4""#]);
}

#[tokio::test]
async fn what_is_refused_has_no_effect_and_is_an_outcome() {
    let folder = Folder::new();
    let server = Server::start(&folder).await;
    let mut client = server.join().await;
    let expected = [
        r#"431["no",{"$m":{"no":"forbidden"}}]"#,
        r#"432[{"$m":{"no":"failed"}}]"#,
        r#"433[{"message":"not you"},{"$m":{"no":"refused"}}]"#,
        r#"434[{"$m":{"no":"unhandled"}}]"#,
    ];
    for _ in 0..2 {
        for (name, id) in [("reject", 1), ("panic", 2), ("forbidden", 3), ("nobody", 4)] {
            client.send(&event(name, id, 1)).await;
        }
        for expected in expected {
            assert_eq!(client.next_packet().await, expected);
        }
    }
    assert_eq!(server.ran(), [r#"reject "1""#, r#"panic "2""#]);
    assert_eq!(folder.effects().await, [""; 0]);
    assert_eq!(server.io.metrics().handler_panics.value(), 1);
}

#[tokio::test]
async fn handler_that_takes_too_long_is_stopped_and_comes_again() {
    let folder = Folder::new();
    let delivery = DeliveryConfig { handler_timeout: Duration::from_millis(50), ..DeliveryConfig::default() };
    let server = Server::start_with(&folder, Config::default(), delivery).await;
    let mut client = server.join().await;
    client.send(&event("wait", 1, 1)).await;
    assert_eq!(client.next_packet().await, retry(1, 1000, "timeout"));
    server.gate.add_permits(1);
    client.send(&event("wait", 1, 1)).await;
    assert_eq!(client.next_packet().await, done(1, r#""waited","#));
    assert_eq!(folder.effects().await, [r#""1""#]);
}

#[tokio::test]
async fn instances_have_lanes_and_ids_of_their_own() {
    let folder = Folder::new();
    let server = Server::start(&folder).await;
    let mut client = server.join().await;
    client.send(&event("wait", 1, 1)).await;
    server.is_running(1).await;
    client.send(r#"427["add","other",{"$m":{"id":1,"lo":1,"d":1,"ci":"Qw"}}]"#).await;
    assert_eq!(client.next_packet().await, done(7, r#""other","#), "taken over from another instance");
    let mut bob = server.join_as(r#"40{"user":"bob","nx":{"v":1,"ci":"Vb9"}}"#).await;
    bob.send(&event("add", 1, 1)).await;
    assert_eq!(bob.next_packet().await, done(1, r#""1","#));
    let mut other = server.join_as(r#"40{"user":"ada","nx":{"v":1,"ci":"Qw"}}"#).await;
    other.send(r#"428["add","other",{"$m":{"id":1,"lo":1,"d":1}}]"#).await;
    assert_eq!(other.next_packet().await, done(8, r#""other","#), "it is the same ledger");
    assert_eq!(folder.effects().await, [r#""other""#, r#""1""#]);
}

#[tokio::test]
async fn keys_and_bytes_are_bounded() {
    let folder = Folder::new();
    let delivery = DeliveryConfig { max_keys: 1, ..DeliveryConfig::default() };
    let server = Server::start_with(&folder, Config::default(), delivery).await;
    let mut client = server.join().await;
    client.send(&event("wait", 1, 1)).await;
    server.is_running(1).await;
    client.send(r#"427["add",1,{"$m":{"id":1,"lo":1,"d":1,"ci":"Qw"}}]"#).await;
    assert_eq!(client.next_packet().await, retry(7, 1000, "overloaded"), "the only lane is busy");
    server.gate.add_permits(1);
    assert_eq!(client.next_packet().await, done(1, r#""waited","#));
    server.stop().await;

    let delivery = DeliveryConfig { lane_bytes: 1, ..DeliveryConfig::default() };
    let server = Server::start_with(&folder, Config::default(), delivery).await;
    let mut client = server.join().await;
    client.send(&event("wait", 2, 2)).await;
    server.is_running(1).await;
    client.send(&event("add", 3, 2)).await;
    assert_eq!(client.next_packet().await, retry(3, 1000, "overloaded"), "one alone may be larger");
    server.gate.add_permits(1);
    assert_eq!(client.next_packet().await, done(2, r#""waited","#));
    client.send(&event("add", 3, 2)).await;
    assert_eq!(client.next_packet().await, done(3, r#""3","#));
}

#[tokio::test]
async fn full_lane_pauses_its_connection() {
    let folder = Folder::new();
    let config = Config { event_queue: 4, ..Config::default() };
    let server = Server::start_with(&folder, config, DeliveryConfig::default()).await;
    let mut client = server.join().await;
    for id in 1..=20 {
        client.send(&event("wait", id, 1)).await;
    }
    while server.io.metrics().pauses.value() == 0 {
        tokio::task::yield_now().await;
    }
    server.gate.add_permits(20);
    for id in 1..=20 {
        assert_eq!(client.next_packet().await, done(id, r#""waited","#));
    }
    assert_eq!(folder.effects().await.len(), 20);
}

#[tokio::test]
async fn durable_event_that_asks_for_nothing_breaks_the_protocol() {
    let folder = Folder::new();
    let server = Server::start(&folder).await;
    let mut client = server.join().await;
    client.send(r#"42["add",1,{"$m":{"id":1,"lo":1,"d":1}}]"#).await;
    client.closed().await;
    assert_eq!(server.io.metrics().bad_input(BadInputKind::Marker), 1);
    assert_eq!(server.ran(), [""; 0]);
}
