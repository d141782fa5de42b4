//! Sessions that outlive their connection (`docs/protocol.md`, "Downlink").

use std::{net::SocketAddr, sync::Arc};

use nexus_server::{
    Bytes, Config, ConnectError, ConnectRequest, DisconnectReason, EmitError, Event, Io, Payload, Socket,
    delivery::{NotResumed, Position, RecoveryConfig},
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use crate::support::{Client, start, within};

/// What the application hears.
#[derive(Debug, PartialEq)]
enum Heard {
    Joined { id: String, recovered: bool, data: Option<u32>, rooms: Vec<String> },
    Left(DisconnectReason),
}

type Hearing = mpsc::UnboundedReceiver<Heard>;

/// A server that believes what `user` a client says it is, and knows a user's number.
async fn start_with(config: Config, recovery: RecoveryConfig) -> (Io, SocketAddr, Hearing) {
    let (tell, heard) = mpsc::unbounded_channel();
    let (io, address) = start(config, move |io| {
        let root = io.of("/");
        root.recovery(recovery);
        root.authorize(|request: ConnectRequest| async move {
            let auth: Value = request.auth().unwrap();
            if auth["token"] == "bad" {
                return Err(ConnectError::new("bad token"));
            }
            if let Some(user) = auth["user"].as_str() {
                request.set_user(user);
            }
            if let Some(number) = auth["number"].as_u64() {
                request.socket_data(u32::try_from(number).unwrap());
            }
            Ok(())
        });
        root.on_connection(move |socket: Socket| {
            let data = socket.data::<u32>().map(|number| *number);
            let rooms = socket.rooms().iter().map(ToString::to_string).collect();
            let heard = Heard::Joined { id: socket.id().to_owned(), recovered: socket.recovered(), data, rooms };
            tell.send(heard).unwrap();
            let tell = tell.clone();
            socket.on_disconnect(move |reason| drop(tell.send(Heard::Left(reason))));
            socket.on("join", |event: Event| async move {
                event.socket().join(&event.arg::<String>(0).unwrap());
                event.ack(&true).unwrap();
            });
            socket.on("say", |event: Event| async move {
                event.socket().broadcast().emit("said", &event.arg::<Value>(0).unwrap()).unwrap();
                event.ack(&true).unwrap();
            });
        });
    })
    .await;
    (io, address, heard)
}

async fn start_default() -> (Io, SocketAddr, Hearing) {
    start_with(Config::default(), RecoveryConfig::default()).await
}

async fn heard(hearing: &mut Hearing) -> Heard {
    within(hearing.recv()).await.unwrap()
}

/// A client's view of its session.
#[derive(Debug, Clone, PartialEq)]
struct Session {
    sid: String,
    pid: String,
}

fn session(connect: &str) -> Session {
    let data: Value = serde_json::from_str(connect.strip_prefix("40").unwrap()).unwrap();
    assert_eq!(data.as_object().unwrap().len(), 2, "{connect}");
    Session { sid: data["sid"].as_str().unwrap().to_owned(), pid: data["pid"].as_str().unwrap().to_owned() }
}

/// Opens a connection and sends a CONNECT; returns the packets before the answer as well.
async fn connect(address: SocketAddr, auth: &Value) -> (Client, Vec<String>, Session) {
    let mut client = Client::open(address).await;
    client.send(&format!("40{auth}")).await;
    let mut before = Vec::new();
    loop {
        let packet = client.next_packet().await;
        if packet.starts_with("40") {
            return (client, before, session(&packet));
        }
        before.push(packet);
    }
}

async fn fresh(address: SocketAddr) -> (Client, Session) {
    let (client, before, session) = connect(address, &json!({"user": "ada", "number": 7})).await;
    assert!(before.is_empty());
    (client, session)
}

/// An event without its offset, and that.
fn split(packet: &str) -> (String, String) {
    let (event, offset) = packet.rsplit_once(',').unwrap();
    (event.to_owned(), offset.trim_matches(['"', ']']).to_owned())
}

/// The next event, which must be `event` and an offset; returns the offset.
async fn expect(client: &mut Client, event: &str) -> String {
    let packet = client.next_packet().await;
    let (found, offset) = split(&packet);
    assert_eq!(found, event, "{packet}");
    offset
}

fn resuming(session: &Session, offset: Option<&str>) -> Value {
    let mut auth = json!({"user": "ada", "pid": session.pid});
    if let Some(offset) = offset {
        auth["offset"] = json!(offset);
    }
    auth
}

/// Closes the connection without a word, and waits until the server knows.
async fn lose(client: Client, hearing: &mut Hearing) {
    drop(client);
    match heard(hearing).await {
        Heard::Left(DisconnectReason::TransportClose | DisconnectReason::TransportError) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn events_end_with_their_offset_and_those_with_an_acknowledgement_do_not() {
    let (io, address, _hearing) = start_default().await;
    let (mut client, _) = fresh(address).await;
    let root = io.of("/");
    let socket = root.fetch_sockets().remove(0);
    assert_eq!(socket.user(), Some("ada"));

    root.volatile().emit("volatile", &0).unwrap();
    let at_start = expect(&mut client, r#"42["volatile",0"#).await;
    let (incarnation, rest) = at_start.split_once('.').unwrap();
    assert_eq!(rest, "0.v");
    assert_eq!(incarnation.len(), 8);
    let at = |place: &str| format!("{incarnation}.{place}");

    root.emit("all", &1).unwrap();
    assert_eq!(expect(&mut client, r#"42["all",1"#).await, at("1"));
    root.emit_args("bare", &()).unwrap();
    assert_eq!(expect(&mut client, r#"42["bare""#).await, at("2"));
    socket.emit("one", "x").unwrap();
    assert_eq!(expect(&mut client, r#"42["one","x""#).await, at("3"));
    root.to("nobody").emit("unheard", &1).unwrap();
    root.to(socket.id()).position(Position::parse("k-17").unwrap()).emit("inbox", &1).unwrap();
    assert_eq!(expect(&mut client, r#"42["inbox",1"#).await, at("5.k-17"));
    socket.timeout(crate::support::PATIENCE).position(Position::parse("k-18").unwrap()).emit("inbox", &2).unwrap();
    assert_eq!(expect(&mut client, r#"42["inbox",2"#).await, at("6.k-18"));
    root.emit_payload("bytes", &Payload::from_bytes(Bytes::from_static(&[1]))).unwrap();
    let offset = expect(&mut client, r#"451-["bytes",{"_placeholder":true,"num":0}"#).await;
    assert_eq!(offset, at("7"));
    assert_eq!(client.next().await.into_data().as_ref(), [1]);
    socket.volatile().emit("volatile", &1).unwrap();
    assert_eq!(expect(&mut client, r#"42["volatile",1"#).await, at("7.v"));

    let asking = tokio::spawn(async move { socket.emit_with_ack("question", &1).await });
    assert_eq!(client.next_packet().await, r#"421["question",1]"#);
    client.send("431[2]").await;
    assert_eq!(within(asking).await.unwrap().unwrap().arg::<u32>(0).unwrap(), 2);
    assert_eq!(io.metrics().log_events.value(), 7);
    assert!(io.metrics().log_bytes.value() > 0);
}

#[tokio::test]
async fn a_lost_connection_is_resumed_with_what_was_missed_before_the_answer() {
    let (io, address, mut hearing) = start_default().await;
    let (mut client, session) = fresh(address).await;
    let joined = |recovered, rooms: &[&str]| Heard::Joined {
        id: session.sid.clone(),
        recovered,
        data: Some(7),
        rooms: rooms.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(heard(&mut hearing).await, joined(false, &[]));
    client.send(r#"421["join","a"]"#).await;
    assert_eq!(client.next_packet().await, "431[true]");
    let (root, socket) = (io.of("/"), io.of("/").fetch_sockets().remove(0));
    root.emit("seen", &1).unwrap();
    let offset = expect(&mut client, r#"42["seen",1"#).await;
    lose(client, &mut hearing).await;
    assert_eq!(io.metrics().sessions_parked.value(), 1);

    root.to("a").emit("room", &2).unwrap();
    root.to("b").emit("other room", &3).unwrap();
    root.except("a").emit("not the room", &4).unwrap();
    root.volatile().emit("volatile", &5).unwrap();
    socket.emit("kept", &6).unwrap();
    assert!(matches!(socket.volatile().emit("volatile", &7), Err(EmitError::Disconnected(_))));
    socket.broadcast().emit("from itself", &8).unwrap();
    root.to(&session.sid).emit("its id", &9).unwrap();

    let (mut client, before, resumed) = connect(address, &resuming(&session, Some(&offset))).await;
    assert_eq!(resumed, session);
    let events: Vec<_> = before.iter().map(|packet| split(packet).0).collect();
    assert_eq!(events, [r#"42["room",2"#, r#"42["kept",6"#, r#"42["its id",9"#]);
    assert_eq!(heard(&mut hearing).await, joined(true, &["a"]));
    assert_eq!(io.metrics().sessions_recovered.value(), 1);
    assert_eq!(io.metrics().sessions_parked.value(), 0);

    root.to("a").emit("live", &10).unwrap();
    expect(&mut client, r#"42["live",10"#).await;
    socket.emit("by the old handle", &11).unwrap();
    expect(&mut client, r#"42["by the old handle",11"#).await;
    socket.leave("a");
    root.to("a").emit("live", &12).unwrap();
    expect(&mut client, r#"42["live",12"#).await;
    client.send(r#"422["say",1]"#).await;
    assert_eq!(client.next_packet().await, "432[true]", "it does not hear itself");
}

#[tokio::test]
async fn a_session_that_saw_no_event_is_resumed_by_its_pid_alone() {
    let (io, address, mut hearing) = start_default().await;
    io.of("/").emit("before its time", &0).unwrap();
    let (client, session) = fresh(address).await;
    heard(&mut hearing).await;
    io.of("/").emit("lost on the way", &1).unwrap();
    lose(client, &mut hearing).await;
    io.of("/").emit("missed", &2).unwrap();
    for _ in 0..2 {
        let (client, before, resumed) = connect(address, &resuming(&session, None)).await;
        let events: Vec<_> = before.iter().map(|packet| split(packet).0).collect();
        assert_eq!(
            (events.as_slice(), &resumed),
            (&[r#"42["lost on the way",1"#.into(), r#"42["missed",2"#.into()][..], &session)
        );
        assert!(matches!(heard(&mut hearing).await, Heard::Joined { recovered: true, .. }));
        lose(client, &mut hearing).await;
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_pid_or_offset_gives_a_fresh_session_and_leaves_the_other() {
    let (io, address, mut hearing) = start_default().await;
    let (mut client, session) = fresh(address).await;
    io.of("/").emit("seen", &1).unwrap();
    let offset = expect(&mut client, r#"42["seen",1"#).await;
    heard(&mut hearing).await;
    lose(client, &mut hearing).await;
    let future = offset.replace(".1", ".2");
    let pid = &session.pid;
    for (auth, reason) in [
        (json!({"user": "ada", "pid": "guessed", "offset": offset}), NotResumed::Unknown),
        (json!({"user": "eve", "pid": pid, "offset": offset}), NotResumed::WrongUser),
        (json!({"pid": pid, "offset": offset}), NotResumed::WrongUser),
        (json!({"user": "ada", "pid": pid, "offset": future}), NotResumed::Future),
        (json!({"user": "ada", "pid": pid, "offset": "e9.1"}), NotResumed::AnotherLog),
        (json!({"user": "ada", "pid": pid, "offset": "the end of a volatile event"}), NotResumed::Malformed),
        (json!({"user": "ada", "pid": pid, "offset": ""}), NotResumed::Malformed),
        (json!({"user": "ada", "pid": pid, "offset": 1}), NotResumed::Malformed),
        (json!({"user": "ada", "pid": 1}), NotResumed::Malformed),
        (json!({"user": "ada", "pid": {"a": [1]}, "offset": {}}), NotResumed::Malformed),
    ] {
        let counted = io.metrics().sessions_not_recovered(reason);
        let (_client, before, other) = connect(address, &auth).await;
        assert!(before.is_empty(), "{auth}");
        assert!(other.pid != session.pid && other.sid != session.sid, "{auth}");
        assert_eq!(io.metrics().sessions_not_recovered(reason), counted + 1, "{auth}");
    }
    let mut client = Client::open(address).await;
    client.send(&format!("40{}", json!({"user": "ada", "token": "bad", "pid": pid}))).await;
    assert_eq!(client.next_packet().await, r#"44{"message":"bad token"}"#, "the token is looked at first");
    let (_client, _, resumed) = connect(address, &resuming(&session, Some(&offset))).await;
    assert_eq!(resumed, session);
    let volatile = format!("{offset}.v");
    let (_client, _, resumed) = connect(address, &resuming(&session, Some(&volatile))).await;
    assert_eq!(resumed, session, "a volatile event says how far the log was");
}

#[tokio::test]
async fn a_live_session_moves_to_the_connection_that_resumes_it() {
    let (io, address, mut hearing) = start_default().await;
    let (mut one, session) = fresh(address).await;
    heard(&mut hearing).await;
    io.of("/").emit("event", &1).unwrap();
    let offset = expect(&mut one, r#"42["event",1"#).await;
    let (mut eve, _, other) = connect(address, &json!({"user": "eve", "pid": session.pid})).await;
    assert_ne!(other.pid, session.pid);
    heard(&mut hearing).await;
    io.of("/").emit("event", &2).unwrap();
    expect(&mut one, r#"42["event",2"#).await;
    expect(&mut eve, r#"42["event",2"#).await;

    let (mut two, before, resumed) = connect(address, &resuming(&session, Some(&offset))).await;
    assert_eq!(resumed, session);
    assert_eq!(before.len(), 1);
    assert_eq!(one.next_packet().await, "41");
    let heard = [heard(&mut hearing).await, heard(&mut hearing).await];
    assert!(heard.contains(&Heard::Left(DisconnectReason::Superseded)), "{heard:?}");
    io.of("/").emit("event", &3).unwrap();
    expect(&mut two, r#"42["event",3"#).await;
    assert_eq!(io.of("/").fetch_sockets().len(), 2);
    drop(one);
    io.of("/").emit("event", &4).unwrap();
    expect(&mut two, r#"42["event",4"#).await;
}

#[tokio::test]
async fn of_two_resumes_at_once_one_has_the_session() {
    let (io, address, mut hearing) = start_default().await;
    let (client, session) = fresh(address).await;
    heard(&mut hearing).await;
    lose(client, &mut hearing).await;
    io.of("/").emit("missed", &1).unwrap();
    let mut clients = [Client::open(address).await, Client::open(address).await];
    for client in &mut clients {
        client.send(&format!("40{}", resuming(&session, None))).await;
    }
    while io.metrics().sessions_recovered.value() < 2 {
        tokio::task::yield_now().await;
    }
    io.of("/").emit("last", &2).unwrap();
    let mut holders = 0;
    for client in &mut clients {
        let mut packets = Vec::new();
        loop {
            let packet = client.next_packet().await;
            if packet == "41" {
                break;
            }
            packets.push(packet);
            if packets.last().unwrap().starts_with(r#"42["last",2,"#) {
                holders += 1;
                assert_eq!(split(&packets[0]).0, r#"42["missed",1"#);
                assert_eq!(self::session(&packets[1]), session);
                assert_eq!(packets.len(), 3);
                break;
            }
        }
    }
    assert_eq!(holders, 1, "the session is somebody's");
    assert_eq!(io.of("/").fetch_sockets().len(), 1);
    assert_eq!(io.of("/").fetch_sockets()[0].id(), session.sid);
}

#[tokio::test]
async fn who_is_made_to_leave_or_leaves_has_nothing_to_resume() {
    let (io, address, mut hearing) = start_default().await;
    let mut clients = Vec::new();
    for by_server in [None, Some(false), Some(true)] {
        let (mut client, session) = fresh(address).await;
        heard(&mut hearing).await;
        let socket = io.of("/").socket(&session.sid).unwrap();
        match by_server {
            None => client.send("41").await,
            Some(close) => socket.disconnect(close),
        }
        let Heard::Left(reason) = heard(&mut hearing).await else { panic!("it left") };
        assert!(matches!(reason, DisconnectReason::ServerDisconnect | DisconnectReason::ClientDisconnect), "{reason}");
        assert!(matches!(socket.emit("late", &1), Err(EmitError::Disconnected(_))));
        let (other, _, fresh) = connect(address, &resuming(&session, None)).await;
        assert_ne!(fresh.pid, session.pid);
        heard(&mut hearing).await;
        clients.extend([client, other]);
    }
    assert_eq!(io.metrics().sessions_parked.value(), 0);
}

#[tokio::test]
async fn a_client_that_is_gone_when_its_session_is_resumed_can_try_again() {
    let gate = Arc::new(Semaphore::new(1));
    let (asked, mut asking) = mpsc::unbounded_channel();
    let opened = Arc::clone(&gate);
    let (io, address) = start(Config::default(), move |io| {
        io.of("/").recovery(RecoveryConfig::default());
        io.of("/").authorize(move |_| {
            asked.send(()).unwrap();
            let gate = Arc::clone(&opened);
            async move {
                gate.acquire().await.unwrap().forget();
                Ok(())
            }
        });
    })
    .await;
    let (client, _, session) = connect(address, &json!({})).await;
    within(asking.recv()).await.unwrap();
    drop(client);
    let mut client = Client::open(address).await;
    client.send(&format!("40{}", json!({"pid": session.pid}))).await;
    within(asking.recv()).await.unwrap();
    drop(client);
    while io.metrics().open_sessions() > 0 {
        tokio::task::yield_now().await;
    }
    io.of("/").emit("missed", &1).unwrap();
    gate.add_permits(2);
    let (_client, before, resumed) = connect(address, &json!({"pid": session.pid})).await;
    assert_eq!((before.len(), resumed), (1, session), "without users the pid alone is the key");
}

#[tokio::test]
async fn a_slow_consumer_resumes_by_a_replay_longer_than_its_queue() {
    const SIZE: usize = 100_000;
    let config = Config { send_queue_bytes: SIZE, ..Config::default() };
    let (io, address, mut hearing) = start_with(config, RecoveryConfig::default()).await;
    let (client, session) = fresh(address).await;
    heard(&mut hearing).await;
    let text = "x".repeat(SIZE);
    let mut sent = 0;
    while io.of("/").socket(&session.sid).is_some() {
        io.of("/").emit("large", &text).unwrap();
        sent += 1;
        tokio::task::yield_now().await;
    }
    assert_eq!(heard(&mut hearing).await, Heard::Left(DisconnectReason::SlowConsumer));
    drop(client);
    let (mut client, before, resumed) = connect(address, &resuming(&session, None)).await;
    assert_eq!((before.len(), resumed), (sent, session));
    io.of("/").emit("live", &1).unwrap();
    expect(&mut client, r#"42["live",1"#).await;
}

#[tokio::test]
async fn a_client_that_answers_no_ping_may_come_back() {
    let millis = std::time::Duration::from_millis;
    let config = Config { ping_interval: millis(20), ping_timeout: millis(20), ..Config::default() };
    let (_io, address, mut hearing) = start_with(config, RecoveryConfig::default()).await;
    let (_silent, session) = fresh(address).await;
    heard(&mut hearing).await;
    assert_eq!(heard(&mut hearing).await, Heard::Left(DisconnectReason::PingTimeout));
    let (_client, _, resumed) = connect(address, &resuming(&session, None)).await;
    assert_eq!(resumed, session);
}

#[tokio::test]
async fn a_session_that_waited_too_long_is_over() {
    let recovery = RecoveryConfig { window: std::time::Duration::ZERO, ..RecoveryConfig::default() };
    let (io, address, mut hearing) = start_with(Config::default(), recovery).await;
    let (client, session) = fresh(address).await;
    heard(&mut hearing).await;
    lose(client, &mut hearing).await;
    let (_client, _, other) = connect(address, &resuming(&session, None)).await;
    assert_ne!(other.pid, session.pid);
    assert_eq!(io.metrics().sessions_not_recovered(NotResumed::Unknown), 1);
    assert_eq!(io.metrics().sessions_parked.value(), 0, "it is let go");
}

#[tokio::test]
async fn beyond_its_bounds_there_is_a_fresh_session() {
    let recovery = RecoveryConfig { max_events: 2, max_sessions: 1, ..RecoveryConfig::default() };
    let (io, address, mut hearing) = start_with(Config::default(), recovery).await;
    let mut lost = Vec::new();
    for _ in 0..2 {
        let (client, session) = fresh(address).await;
        heard(&mut hearing).await;
        lose(client, &mut hearing).await;
        lost.push(session);
    }
    assert_eq!(io.metrics().sessions_parked.value(), 1);
    for n in 0..3 {
        io.of("/").emit("event", &n).unwrap();
    }
    assert_eq!(io.metrics().log_events.value(), 2);
    let mut clients = Vec::new();
    for (session, reason) in [(&lost[0], NotResumed::Unknown), (&lost[1], NotResumed::TooOld)] {
        let (client, before, other) = connect(address, &resuming(session, None)).await;
        clients.push(client);
        assert!(before.is_empty());
        assert_ne!(other.pid, session.pid);
        assert_eq!(io.metrics().sessions_not_recovered(reason), 1);
    }
}

#[tokio::test]
async fn who_asked_is_told_that_events_end_in_offsets_even_if_nothing_else_is_granted() {
    let (_io, address, _hearing) = start_default().await;
    for (auth, nx) in [
        (json!({"nx": {"v": 1, "ci": "c"}}), json!({"v": 1})),
        (json!({"user": "ada", "nx": {"v": 1, "ci": "c"}}), json!({"v": 1})),
        (json!({}), Value::Null),
    ] {
        let mut client = Client::open(address).await;
        client.send(&format!("40{auth}")).await;
        let packet = client.next_packet().await;
        let data: Value = serde_json::from_str(packet.strip_prefix("40").unwrap()).unwrap();
        assert_eq!((data["pid"].is_string(), &data["nx"]), (true, &nx), "{auth}");
    }
}

#[tokio::test]
async fn a_namespace_without_recovery_says_nothing_of_it() {
    let (io, address) = start(Config::default(), |io| drop(io.of("/"))).await;
    let mut client = Client::open(address).await;
    client.send(r#"40{"pid":"p","offset":"e.1"}"#).await;
    let socket = within(async {
        loop {
            if let Some(socket) = io.of("/").fetch_sockets().pop() {
                break socket;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(client.next_packet().await, format!(r#"40{{"sid":"{}"}}"#, socket.id()));
    assert!(!socket.recovered());
    io.of("/").to(socket.id()).position(Position::parse("k-1").unwrap()).emit("event", &1).unwrap();
    assert_eq!(client.next_packet().await, r#"42["event",1]"#);
    assert_eq!(io.metrics().log_events.value(), 0);
}

/// What the application attached may use the namespace when it is dropped.
struct Emitting(nexus_server::Namespace);

impl Drop for Emitting {
    fn drop(&mut self) {
        self.0.emit("dropped", &1).unwrap();
    }
}

#[tokio::test]
async fn nothing_of_the_application_is_dropped_under_a_lock() {
    let (io, address) = start(Config::default(), |io| {
        let root = io.of("/");
        root.recovery(RecoveryConfig { max_sessions: 1, ..RecoveryConfig::default() });
        let attached = root.clone();
        root.authorize(move |request: ConnectRequest| {
            request.socket_data(Emitting(attached.clone()));
            async { Ok(()) }
        });
    })
    .await;
    let (one, _, _) = connect(address, &json!({})).await;
    let (two, _, session) = connect(address, &json!({})).await;
    drop(one);
    while io.metrics().sessions_parked.value() < 1 {
        tokio::task::yield_now().await;
    }
    drop(two);
    while io.metrics().log_events.value() < 1 {
        tokio::task::yield_now().await;
    }
    let (_client, before, resumed) = connect(address, &json!({"pid": session.pid})).await;
    assert_eq!((before.len(), resumed), (1, session));
}

/// Whatever moment a connection is lost at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_while_events_go_out() {
    const EVENTS: u64 = 3_000;
    let (io, address, _hearing) = start_default().await;
    let (mut client, session) = fresh(address).await;
    let root = io.of("/");
    root.sockets_in(&session.sid).first().unwrap().join("a");
    let position = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&position);
    let emitting = tokio::spawn(async move {
        for n in 1..=EVENTS {
            let at = *seen.lock();
            root.to("a").emit("n", &n).unwrap();
            if n % 7 == 0 {
                root.volatile().emit("v", "x").unwrap();
            }
            // Not so far ahead that a send queue fills.
            while n > at + 500 && n > *seen.lock() + 500 {
                tokio::task::yield_now().await;
            }
        }
    });
    let mut offset: Option<String> = None;
    let mut connections = 0;
    let mut replayed = Vec::new();
    'connections: loop {
        connections += 1;
        for read in 0..97 + connections % 13 {
            let packet =
                if read < replayed.len() { String::clone(&replayed[read]) } else { client.next_packet().await };
            let (event, at) = split(&packet);
            offset = Some(at);
            if let Some(n) = event.strip_prefix(r#"42["n","#) {
                let mut position = position.lock();
                assert_eq!(n.parse::<u64>().unwrap(), *position + 1, "on connection {connections}");
                *position += 1;
                if *position == EVENTS {
                    break 'connections;
                }
            }
        }
        drop(client);
        let (next, before, resumed) = connect(address, &resuming(&session, offset.as_deref())).await;
        assert_eq!(resumed, session);
        (client, replayed) = (next, before);
    }
    within(emitting).await.unwrap();
    assert!(connections > 20);
    assert_eq!(io.metrics().sessions_recovered.value(), connections as u64 - 1);
}
