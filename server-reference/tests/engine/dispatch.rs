use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use nexus_server::{AckError, Config, Event, EventRejected, Io, Payload, Socket};
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, start, within};

fn echo(io: &Io) {
    io.of("/").on_connection(|socket: Socket| {
        socket.on("echo", |event: Event| async move {
            event.ack_payload(event.payload().clone()).unwrap();
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_events_are_acknowledged_in_order() {
    const COUNT: usize = 20_000;
    let (_io, address) = start(Config::default(), echo).await;
    let client = Client::join(address).await;
    let (mut sink, mut stream) = client.socket.split();
    let sending = async {
        for n in 0..COUNT {
            sink.feed(Message::text(format!(r#"42{n}["echo",{n}]"#))).await.unwrap();
        }
        sink.flush().await.unwrap();
    };
    let receiving = async {
        for n in 0..COUNT {
            let answer = stream.next().await.unwrap().unwrap();
            assert_eq!(answer.to_text().unwrap(), format!("43{n}[{n}]"));
        }
    };
    within(async { tokio::join!(sending, receiving) }).await;
}

#[tokio::test]
async fn slow_handlers_interleave_and_start_in_order() {
    let (started, mut starts) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let held = Arc::clone(&release);
    let (_io, address) = start(Config::default(), move |io| {
        io.of("/").on_connection(move |socket: Socket| {
            let (started, held) = (started.clone(), Arc::clone(&held));
            socket.on("slow", move |event: Event| {
                let (started, held) = (started.clone(), Arc::clone(&held));
                async move {
                    let n: u32 = event.arg(0).unwrap();
                    let waiting = held.notified();
                    started.send(n).unwrap();
                    waiting.await;
                    event.ack(&n).unwrap();
                }
            });
            socket.on("quick", |event: Event| async move { event.ack(&"quick").unwrap() });
        });
    })
    .await;
    let mut client = Client::join(address).await;
    for n in 0..3 {
        client.send(&format!(r#"42{n}["slow",{n}]"#)).await;
    }
    client.send(r#"429["quick"]"#).await;
    assert_eq!(client.next_packet().await, r#"439["quick"]"#, "a handler that waits keeps nobody waiting");
    for n in 0..3 {
        assert_eq!(within(starts.recv()).await, Some(n));
    }
    release.notify_waiters();
    let mut answers = vec![client.next_packet().await, client.next_packet().await, client.next_packet().await];
    answers.sort();
    assert_eq!(answers, ["430[0]", "431[1]", "432[2]"]);
}

#[tokio::test]
async fn ordered_handlers_wait_for_each_other() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let (_io, address) = start(Config::default(), move |io| {
        io.of("/").on_connection(move |socket: Socket| {
            socket.ordered(true);
            let seen = Arc::clone(&seen);
            socket.on("step", move |event: Event| {
                let seen = Arc::clone(&seen);
                async move {
                    let n: u32 = event.arg(0).unwrap();
                    seen.lock().unwrap().push(format!("start {n}"));
                    for _ in 0..5 {
                        tokio::task::yield_now().await;
                    }
                    seen.lock().unwrap().push(format!("end {n}"));
                    event.ack(&n).unwrap();
                }
            });
        });
    })
    .await;
    let mut client = Client::join(address).await;
    for n in 0..3 {
        client.send(&format!(r#"42{n}["step",{n}]"#)).await;
    }
    for n in 0..3 {
        assert_eq!(client.next_packet().await, format!("43{n}[{n}]"));
    }
    assert_eq!(*log.lock().unwrap(), ["start 0", "end 0", "start 1", "end 1", "start 2", "end 2"]);
}

#[tokio::test]
async fn handler_may_wait_for_the_acknowledgement_of_what_it_sends() {
    let (_io, address) = start(Config::default(), |io| {
        io.of("/").on_connection(|socket: Socket| {
            socket.on("start", |event: Event| async move {
                let answer = event.socket().emit_with_ack("question", &"6*7").await.unwrap();
                event.ack(&answer.arg::<u32>(0).unwrap()).unwrap();
            });
        });
    })
    .await;
    let mut client = Client::join(address).await;
    client.send(r#"421["start"]"#).await;
    assert_eq!(client.next_packet().await, r#"421["question","6*7"]"#);
    client.send("431[42]").await;
    assert_eq!(client.next_packet().await, "431[42]");
}

#[tokio::test]
async fn acknowledgements_that_do_not_come_are_errors() {
    let (results, mut outcome) = mpsc::unbounded_channel();
    let (io, address) = start(Config::default(), move |io| {
        io.of("/").on_connection(move |socket: Socket| {
            let results = results.clone();
            tokio::spawn(async move {
                let short = socket.timeout(Duration::from_millis(20)).emit_with_ack("a", &1).await;
                results.send(short).unwrap();
                let long = socket.emit_with_ack("b", &2).await;
                results.send(long).unwrap();
                results.send(socket.emit_with_ack("c", &3).await).unwrap();
            });
        });
    })
    .await;
    let mut client = Client::join(address).await;
    assert_eq!(client.next_packet().await, r#"421["a",1]"#);
    assert!(matches!(within(outcome.recv()).await, Some(Err(AckError::Timeout))));
    assert_eq!(client.next_packet().await, r#"422["b",2]"#);
    client.send("431[]").await;
    client.send("4399[]").await;
    client.send("41").await;
    assert!(matches!(within(outcome.recv()).await, Some(Err(AckError::Disconnected))));
    assert!(matches!(within(outcome.recv()).await, Some(Err(AckError::Emit(_)))));
    assert_eq!(io.metrics().bad_input(nexus_server::BadInputKind::UnknownAck), 2, "late and unknown ones are ignored");
}

#[tokio::test]
async fn middleware_looks_at_one_event_at_a_time_and_may_refuse_it() {
    let (_io, address) = start(Config::default(), |io| {
        io.of("/").on_connection(|socket: Socket| {
            let inside = Arc::new(Mutex::new(()));
            socket.use_middleware(move |event: Event| {
                let inside = Arc::clone(&inside);
                async move {
                    let alone = inside.try_lock().is_ok();
                    tokio::task::yield_now().await;
                    if !alone || event.name() == "bad" {
                        return Err(EventRejected::new("not you"));
                    }
                    Ok(())
                }
            });
            socket.on_any(|event: Event| async move { event.ack(event.name()).unwrap() });
        });
    })
    .await;
    let mut client = Client::join(address).await;
    for packet in [r#"421["one"]"#, r#"422["bad"]"#, r#"423["two"]"#] {
        client.send(packet).await;
    }
    assert_eq!(client.next_packet().await, r#"431["one"]"#);
    assert_eq!(client.next_packet().await, r#"433["two"]"#);
}

#[tokio::test]
async fn panics_are_contained_and_counted() {
    let (io, address) = start(Config::default(), |io| {
        io.of("/").on_connection(|socket: Socket| {
            socket.on("now", |_: Event| -> std::future::Ready<()> { panic!("at the call") });
            socket.on("later", |_: Event| async {
                tokio::task::yield_now().await;
                panic!("after a suspension");
            });
            socket.on("fine", |event: Event| async move { event.ack(&1).unwrap() });
        });
    })
    .await;
    let mut client = Client::join(address).await;
    for packet in [r#"42["now"]"#, r#"42["later"]"#, r#"427["fine"]"#] {
        client.send(packet).await;
    }
    assert_eq!(client.next_packet().await, "437[1]");
    client.send(r#"428["fine"]"#).await;
    assert_eq!(client.next_packet().await, "438[1]");
    while io.metrics().handler_panics.value() < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn several_handlers_and_binary_arguments() {
    let (_io, address) = start(Config::default(), |io| {
        io.of("/").on_connection(|socket: Socket| {
            socket.on("bin", |event: Event| async move {
                let bytes = event.payload().binary(0).unwrap();
                event.socket().emit_payload("first", &Payload::from_bytes(bytes)).unwrap();
            });
            socket.on("bin", |event: Event| async move { event.socket().emit("second", &1).unwrap() });
            socket.on("off", |event: Event| async move {
                event.socket().off("bin");
                event.ack(&true).unwrap();
                event.ack(&false).unwrap();
            });
        });
    })
    .await;
    let mut client = Client::join(address).await;
    client.send(r#"451-["bin",{"_placeholder":true,"num":0}]"#).await;
    client.send_binary(&[1, 2, 3]).await;
    assert_eq!(client.next_packet().await, r#"451-["first",{"_placeholder":true,"num":0}]"#);
    assert_eq!(client.next().await.into_data().as_ref(), [1, 2, 3]);
    assert_eq!(client.next_packet().await, r#"42["second",1]"#);
    client.send(r#"425["off"]"#).await;
    assert_eq!(client.next_packet().await, "435[true]", "only the first acknowledgement is sent");
    client.send(r#"451-["bin",{"_placeholder":true,"num":0}]"#).await;
    client.send_binary(&[1]).await;
    client.send(r#"426["off"]"#).await;
    assert_eq!(client.next_packet().await, "436[true]");
}
