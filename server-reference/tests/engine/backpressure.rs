use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use nexus_server::{BadInputKind, Config, DisconnectReason, EmitError, Event, Socket};
use tokio::sync::{Semaphore, mpsc, watch};

use crate::support::{Client, start, within};

#[tokio::test]
async fn handlers_that_wait_delay_no_heartbeat() {
    let config = Config {
        ping_interval: Duration::from_millis(20),
        ping_timeout: Duration::from_millis(2_000),
        ..Config::default()
    };
    let (_io, address) = start(config, |io| {
        io.of("/").on_connection(|socket: Socket| {
            socket.ordered(true);
            socket.on("never", |_: Event| std::future::pending::<()>());
        });
    })
    .await;
    let mut client = Client::join(address).await;
    for _ in 0..10 {
        client.send(r#"42["never"]"#).await;
    }
    for _ in 0..5 {
        assert_eq!(client.next_text().await, "2");
        client.send("3").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn full_queue_pauses_reading_and_the_heartbeat_and_resumes() {
    const COUNT: usize = 2_000;
    const QUEUE: usize = 8;
    let config = Config {
        ping_interval: Duration::from_millis(50),
        ping_timeout: Duration::from_millis(50),
        event_queue: QUEUE,
        ..Config::default()
    };
    let permits = Arc::new(Semaphore::new(0));
    let started = Arc::new(AtomicUsize::new(0));
    let (handled, mut order) = mpsc::unbounded_channel();
    let (gate, count) = (Arc::clone(&permits), Arc::clone(&started));
    let (io, address) = start(config, move |io| {
        io.of("/").on_connection(move |socket: Socket| {
            socket.ordered(true);
            let (gate, count, handled) = (Arc::clone(&gate), Arc::clone(&count), handled.clone());
            socket.on("e", move |event: Event| {
                let (gate, count, handled) = (Arc::clone(&gate), Arc::clone(&count), handled.clone());
                async move {
                    count.fetch_add(1, Ordering::SeqCst);
                    gate.acquire().await.unwrap().forget();
                    handled.send(event.arg::<usize>(0).unwrap()).unwrap();
                }
            });
        });
    })
    .await;
    let mut client = Client::join(address).await;
    for n in 0..COUNT {
        client.send(&format!(r#"42["e",{n}]"#)).await;
    }
    while io.metrics().pauses.value() == 0 {
        tokio::task::yield_now().await;
    }
    // Several times what a missing pong may take: this client answers no ping meanwhile.
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(io.metrics().open_sockets(), 1, "the heartbeat is suspended");
    assert_eq!(started.load(Ordering::SeqCst), 1);
    let received = usize::try_from(io.metrics().events_received.value()).unwrap();
    assert!(received < QUEUE + 100, "{received} events were taken into a queue of {QUEUE}");

    permits.add_permits(COUNT);
    let answering = async { while client.next_packet().await != "unexpected" {} };
    let all = async {
        for n in 0..COUNT {
            assert_eq!(order.recv().await, Some(n));
        }
    };
    within(async {
        tokio::select! {
            () = answering => {}
            () = all => {}
        }
    })
    .await;
    assert_eq!(io.metrics().open_sockets(), 1);
}

#[tokio::test]
async fn slow_consumer_is_disconnected_and_others_are_not() {
    let (reasons, mut reason) = mpsc::unbounded_channel();
    let config = Config { send_queue_bytes: 100_000, ..Config::default() };
    let (io, address) = start(config, move |io| {
        io.of("/").on_connection(move |socket: Socket| {
            let reasons = reasons.clone();
            socket.on_disconnect(move |reason| reasons.send(reason).unwrap());
        });
    })
    .await;
    let slow = Client::join(address).await;
    let stalled = io.of("/").fetch_sockets().remove(0);
    let mut quick = Client::join(address).await;

    let text = "x".repeat(10_000);
    let refused = loop {
        match stalled.emit("flood", &text) {
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, EmitError::Disconnected(_)));
    assert_eq!(within(reason.recv()).await, Some(DisconnectReason::SlowConsumer));
    assert_eq!(io.metrics().bad_input(BadInputKind::SlowConsumer), 1);
    assert!(!stalled.is_connected());

    io.of("/").emit("still", &1).unwrap();
    assert_eq!(quick.next_packet().await, r#"42["still",1]"#);
    drop(slow);
}

#[tokio::test]
async fn volatile_events_are_dropped_for_who_cannot_take_them() {
    let config = Config { send_queue_bytes: 1_000_000, ..Config::default() };
    let (io, address) = start(config, |io| io.of("/").on_connection(|_| {})).await;
    let slow = Client::join(address).await;
    let text = "x".repeat(10_000);
    while io.metrics().volatile_dropped.value() < 100 {
        io.of("/").volatile().emit("tick", &text).unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(io.metrics().open_sockets(), 1, "nobody is cut off for volatile events");
    drop(slow);
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_client_is_held_back_by_its_post() {
    let (release, released) = watch::channel(false);
    let config = Config { event_queue: 2, ..Config::default() };
    let (io, address) = start(config, move |io| {
        io.of("/").on_connection(move |socket: Socket| {
            let released = released.clone();
            socket.on("e", move |_: Event| {
                let mut released = released.clone();
                async move {
                    let _ = released.wait_for(|released| *released).await;
                }
            });
        });
    })
    .await;
    let client = crate::support::Polling::open(address).await;
    assert_eq!(client.post("40").await.status, 200);
    let posting = tokio::spawn(async move { (client.post("42[\"e\"]\u{1e}42[\"e\"]").await, client) });
    while io.metrics().pauses.value() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!posting.is_finished());
    release.send(true).unwrap();
    let (answer, client) = within(posting).await.unwrap();
    assert_eq!((answer.status, &*answer.body), (200, "ok"));
    assert_eq!(client.post("42[\"e\"]").await.status, 200);
}
