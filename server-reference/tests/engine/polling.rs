use std::time::Duration;

use nexus_server::{BadInputKind, Config, DisconnectReason, Event, Io, Socket};
use tokio::sync::mpsc;

use crate::support::{Client, Polling, answer, fetch, request, start, within};

fn echo(io: &Io) {
    io.of("/").on_connection(|socket: Socket| {
        socket.on("echo", |event: Event| async move {
            event.ack_payload(event.payload().clone()).unwrap();
        });
    });
}

async fn gone(client: &Polling) {
    let polled = client.poll().await;
    assert_eq!((polled.status, &*polled.body), (400, r#"{"code":1,"message":"Session ID unknown"}"#));
}

#[tokio::test]
async fn session_over_polling_alone() {
    let (_io, address) = start(Config::default(), echo).await;
    let client = Polling::open(address).await;
    let waiting = client.start_poll().await;
    assert_eq!(client.post("40").await.body, "ok");
    let connected = answer(waiting).await;
    assert!(connected.body.starts_with("40{\"sid\":"), "{connected:?}");
    let packet = r#"451-1["echo",{"_placeholder":true,"num":0},"grün"]"#;
    assert_eq!(client.post(&format!("{packet}\u{1e}bAQID\u{1e}422[\"echo\"]")).await.body, "ok");
    let expected = "461-1[{\"_placeholder\":true,\"num\":0},\"grün\"]\u{1e}bAQID\u{1e}432[]";
    assert_eq!(client.poll().await.body, expected);
    assert_eq!(client.post("1").await.body, "ok");
    gone(&client).await;
}

#[tokio::test]
async fn rules_of_polling_end_the_session() {
    let (io, address) = start(Config::default(), echo).await;

    let client = Polling::open(address).await;
    let first = client.start_poll().await;
    let mut second = client.poll().await;
    let mut first = answer(first).await;
    // Two TCP connections: either may have come first.
    if first.status == 400 {
        std::mem::swap(&mut first, &mut second);
    }
    assert_eq!((first.status, &*first.body, second.status), (200, "1", 400));
    gone(&client).await;
    assert_eq!(io.metrics().bad_input(BadInputKind::OverlappingRequest), 1);

    let client = Polling::open(address).await;
    let half = request(address, "POST", &client.path, "Content-Length: 10\r\n", "").await;
    let refused = loop {
        // The half POST is under way when the next one is refused.
        let posted = client.post("40").await;
        if posted.status != 200 {
            break posted;
        }
    };
    assert_eq!(refused.status, 400);
    gone(&client).await;
    drop(half);

    let client = Polling::open(address).await;
    let kind = "Content-Type: application/octet-stream\r\n";
    assert_eq!(fetch(address, "POST", &client.path, kind, "4a").await.status, 400);
    gone(&client).await;

    for body in ["abc", "4\u{1e}", "42{}", &"\u{1e}".repeat(900_000), &"4\u{1e}".repeat(20_000)] {
        let client = Polling::open(address).await;
        let posted = client.post(body).await;
        assert!(posted.status == 400 || body == "42{}", "{posted:?}");
        gone(&client).await;
    }

    let client = Polling::open(address).await;
    assert_eq!(fetch(address, "PUT", &client.path, "", "").await.status, 405);
    assert_eq!(client.post("40").await.status, 200, "the session goes on");
}

#[tokio::test]
async fn poll_that_is_given_up_ends_the_session() {
    let (reasons, mut reason) = mpsc::unbounded_channel();
    let (_io, address) = start(Config::default(), move |io| {
        io.of("/").on_connection(move |socket: Socket| {
            let reasons = reasons.clone();
            socket.on_disconnect(move |reason| reasons.send(reason).unwrap());
        });
    })
    .await;
    let client = Polling::open(address).await;
    client.post("40").await;
    client.poll().await;
    let mut waiting = client.start_poll().await;
    // Proof that the poll has been taken: what this event causes is its answer, which is not read.
    tokio::io::AsyncWriteExt::shutdown(&mut waiting).await.unwrap();
    drop(waiting);
    assert_eq!(within(reason.recv()).await, Some(DisconnectReason::TransportError));
    gone(&client).await;
}

#[tokio::test]
async fn heartbeat_over_polling() {
    let config = Config {
        ping_interval: Duration::from_millis(50),
        ping_timeout: Duration::from_millis(100),
        ..Config::default()
    };
    let (io, address) = start(config, echo).await;
    let client = Polling::open(address).await;
    for _ in 0..3 {
        assert_eq!(client.poll().await.body, "2");
        assert_eq!(client.post("3").await.status, 200);
    }
    assert_eq!(client.poll().await.body, "2");
    assert_eq!(client.poll().await.body, "1", "no pong came");
    gone(&client).await;
    assert_eq!(io.metrics().open_sessions(), 0);
}

#[tokio::test]
async fn upgrade_moves_the_session_and_its_messages() {
    let (io, address) = start(Config::default(), echo).await;
    let client = Polling::open(address).await;
    client.post("40").await;
    client.poll().await;
    let waiting = client.start_poll().await;
    let mut upgraded = client.upgrade().await;
    upgraded.send("2probe").await;
    assert_eq!(upgraded.next_text().await, "3probe");
    assert_eq!(answer(waiting).await.body, "6");
    assert_eq!(client.poll().await.body, "6", "polls end at once while the upgrade is under way");
    io.of("/").emit("meanwhile", &1).unwrap();
    upgraded.send("5").await;
    assert_eq!(upgraded.next_text().await, r#"42["meanwhile",1]"#);
    upgraded.send(r#"421["echo",1]"#).await;
    assert_eq!(upgraded.next_text().await, "431[1]");
    assert_eq!(client.poll().await.status, 400);
    assert_eq!(client.post("42[\"x\"]").await.status, 400);
    let mut second = client.upgrade().await;
    second.closed().await;
    upgraded.send(r#"422["echo",2]"#).await;
    assert_eq!(upgraded.next_text().await, "432[2]");
    assert_eq!(io.metrics().upgrades.value(), 1);
}

#[tokio::test]
async fn upgrades_against_the_rules_leave_polling_as_it_is() {
    let config = Config { upgrade_timeout: Duration::from_millis(50), ..Config::default() };
    let (io, address) = start(config, echo).await;
    let client = Polling::open(address).await;
    client.post("40").await;
    client.poll().await;
    for frames in [vec!["5"], vec!["4hello"], vec![], vec!["2probe"]] {
        let mut upgrade = client.upgrade().await;
        for frame in &frames {
            upgrade.send(frame).await;
        }
        upgrade.closed().await;
        client.post(r#"421["echo",1]"#).await;
        assert_eq!(client.poll().await.body, "431[1]", "{frames:?}");
    }
    let upgrade = client.upgrade().await;
    drop(upgrade);
    let mut other = client.upgrade().await;
    let mut second = client.upgrade().await;
    second.closed().await;
    other.closed().await;
    assert!(io.metrics().bad_input(BadInputKind::BadUpgrade) >= 5);
    assert_eq!(io.metrics().upgrades.value(), 0);
    let websocket = Client::open(address).await;
    drop(websocket);
}
