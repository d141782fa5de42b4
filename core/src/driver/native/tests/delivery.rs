use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
    mpsc,
};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::unbounded_channel;

use super::{Outcome, PATIENCE, Peer, Server, within};
use crate::{
    driver::{Client, Event, EventStream, Notice, ReplyFailed},
    manager::{DropReason, Emit, EmitError, EmitOutcome, ReplyError},
    socketio::{Namespace, Payload},
};

async fn connected(server: &Server, client: &Client) -> Outcome<Peer> {
    let (connected, peer) = tokio::join!(client.connect("ada", "t"), server.accept_joined());
    connected?;
    peer
}

async fn next(stream: &mut EventStream) -> Outcome<Event> {
    Ok(within("an event", stream.recv()).await?.ok_or("the stream has ended")?)
}

#[tokio::test]
async fn streams_and_callbacks_get_events_in_order() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let mut stream = client.events("realtime", "n")?;
    let (send, mut called) = unbounded_channel();
    let subscription = client.on("realtime", "n", move |event| {
        let _closed = send.send(event.arg::<u32>(0));
    })?;
    let (send_once, mut called_once) = unbounded_channel();
    let once = client.once("realtime", "n", move |event| {
        let _closed = send_once.send(event.arg::<u32>(0));
    })?;
    let mut peer = connected(&server, &client).await?;
    for n in 0..100 {
        peer.send(&format!(r#"42/realtime,["n",{n}]"#)).await?;
    }
    for n in 0..100 {
        let event = next(&mut stream).await?;
        assert_eq!((event.arg::<u32>(0)?, event.missed(), event.name()), (n, 0, "n"));
        assert_eq!(within("a call", called.recv()).await?.ok_or("ended")??, n);
    }
    assert_eq!(within("a call", called_once.recv()).await?.ok_or("ended")??, 0);
    assert!(within("the end", called_once.recv()).await?.is_none(), "called once and forgotten");
    drop(once);

    assert_eq!(client.stats().listeners, 2);
    subscription.unsubscribe();
    peer.send(r#"42/realtime,["n",100]"#).await?;
    assert_eq!(next(&mut stream).await?.arg::<u32>(0)?, 100);
    assert!(called.recv().await.is_none(), "unsubscribed");
    assert_eq!(client.off("realtime", "n"), 1);
    assert!(stream.next().await.is_none(), "the stream ends with its subscription");
    drop(peer);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn dropping_a_subscription_unsubscribes_and_detaching_does_not() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let calls = Arc::new(AtomicU64::new(0));
    let count = |calls: &Arc<AtomicU64>| {
        let calls = Arc::clone(calls);
        move |_| {
            calls.fetch_add(1, Ordering::SeqCst);
        }
    };
    drop(client.on("realtime", "n", count(&calls))?);
    client.on("realtime", "n", count(&calls))?.detach();
    let mut stream = client.events("realtime", "n")?;
    let mut peer = connected(&server, &client).await?;
    peer.send(r#"42/realtime,["n"]"#).await?;
    next(&mut stream).await?;
    drop(peer);
    client.close().await; // waits for callbacks
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    Ok(())
}

#[tokio::test]
async fn a_listener_that_panics_stops_nobody() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let (send, mut called) = unbounded_channel();
    let _panics = client.on("realtime", "n", move |event| {
        let n: u32 = event.arg(0).unwrap();
        let _closed = send.send(n);
        assert!(n % 2 == 1, "a listener of a test panics");
    })?;
    let mut stream = client.events("realtime", "n")?;
    let mut peer = connected(&server, &client).await?;
    for n in 0..4 {
        peer.send(&format!(r#"42/realtime,["n",{n}]"#)).await?;
    }
    for n in 0..4 {
        assert_eq!(next(&mut stream).await?.arg::<u32>(0)?, n);
        assert_eq!(within("a call", called.recv()).await?, Some(n));
    }
    drop(peer);
    client.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_blocks_stops_nobody() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let (release, blocked) = mpsc::channel::<()>();
    let _blocks = client.on("realtime", "n", move |_| {
        let _released = blocked.recv();
    })?;
    let mut stream = client.events("realtime", "n")?;
    let mut peer = connected(&server, &client).await?;
    for n in 0..10 {
        peer.send(&format!(r#"42/realtime,["n",{n}]"#)).await?;
        assert_eq!(next(&mut stream).await?.arg::<u32>(0)?, n);
    }
    peer.send("2").await?;
    peer.expect("3").await?;
    drop(release);
    drop(peer);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_stream_that_nobody_reads_loses_the_oldest_and_knows_how_many() -> Outcome {
    let server = Server::start().await?;
    let client = server.builder()?.event_buffer(4).listener_patience(Duration::from_millis(50)).build()?;
    let mut slow = client.events("realtime", "n")?;
    let mut other = client.events("realtime", "n")?;
    let mut peer = connected(&server, &client).await?;
    for n in 0..10 {
        peer.send(&format!(r#"42/realtime,["n",{n}]"#)).await?;
    }
    for n in 0..10 {
        let event = next(&mut other).await?;
        assert_eq!((event.arg::<u32>(0)?, event.missed()), (n, 0), "it is held up, and loses nothing");
    }
    let event = next(&mut slow).await?;
    assert_eq!((event.arg::<u32>(0)?, event.missed()), (6, 6));
    let event = next(&mut slow).await?;
    assert_eq!((event.arg::<u32>(0)?, event.missed()), (7, 0));
    let stats = client.stats();
    assert_eq!((stats.missed_items, stats.waiting_items, stats.listeners), (6, 2, 2));
    drop(peer);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_burst_waits_in_the_network_for_whoever_reads() -> Outcome {
    const COUNT: u32 = 5_000;
    let server = Server::start().await?;
    let client = server.builder()?.event_buffer(16).listener_patience(PATIENCE).build()?;
    let mut stream = client.events("realtime", "n")?;
    let (send, mut called) = unbounded_channel();
    let _callback = client.on("realtime", "n", move |event| {
        let _closed = send.send((event.arg::<u32>(0).unwrap(), event.missed()));
    })?;
    let mut peer = connected(&server, &client).await?;
    let sending = async {
        for n in 0..COUNT {
            peer.send(&format!(r#"42/realtime,["n",{n}]"#)).await?;
        }
        Outcome::Ok(())
    };
    let receiving = async {
        for n in 0..COUNT {
            let event = next(&mut stream).await?;
            assert_eq!((event.arg::<u32>(0)?, event.missed()), (n, 0));
            assert!(client.stats().waiting_items <= 2 * 16);
            assert_eq!(within("a call", called.recv()).await?, Some((n, 0)));
        }
        Outcome::Ok(())
    };
    let (sent, received) = tokio::join!(sending, receiving);
    sent?;
    received?;
    assert_eq!(client.stats().missed_items, 0);
    drop(peer);
    client.close().await;
    Ok(())
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Picture {
    title: String,
    pixels: Bytes,
}

#[tokio::test]
async fn acks_and_binary_go_both_ways() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let mut questions = client.events("realtime", "question")?;
    let mut peer = connected(&server, &client).await?;

    let picture = Picture { title: "Käse".to_owned(), pixels: Bytes::from_static(&[0, 1, 2, 255]) };
    let serve = async {
        let text = peer.text().await?;
        let id = text
            .strip_prefix("451-/realtime,")
            .and_then(|rest| rest.strip_suffix(r#"["show",{"title":"Käse","pixels":{"_placeholder":true,"num":0}}]"#))
            .ok_or_else(|| text.clone())?;
        assert_eq!(&peer.binary().await?[..], [0, 1, 2, 255]);
        peer.send(&format!(r#"461-/realtime,{id}[{{"title":"back","pixels":{{"_placeholder":true,"num":0}}}}]"#))
            .await?;
        peer.send_binary(&[9_u8, 8][..]).await?;
        Outcome::Ok(())
    };
    let (answer, served) = tokio::join!(client.emit_with_ack("realtime", "show", &picture), serve);
    served?;
    let answer: Picture = answer?.arg(0)?;
    assert_eq!(answer, Picture { title: "back".to_owned(), pixels: Bytes::from_static(&[9, 8]) });

    peer.send(r#"451-/realtime,7["question",{"_placeholder":true,"num":0}]"#).await?;
    peer.send_binary(&[5_u8][..]).await?;
    let question = next(&mut questions).await?;
    assert!(question.wants_ack());
    assert_eq!(question.payload().binary(0).as_deref(), Some(&[5_u8][..]));
    question.ack(&"got it")?;
    peer.expect(r#"43/realtime,7["got it"]"#).await?;
    assert!(matches!(question.ack(&"again"), Err(ReplyFailed::Refused(ReplyError::Gone))));

    peer.send(r#"42/realtime,["question"]"#).await?;
    let question = next(&mut questions).await?;
    assert!(!question.wants_ack());
    assert!(matches!(question.ack(&1), Err(ReplyFailed::NotAsked)));
    drop(peer);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_forgotten_ack_loses_nothing_else() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let mut stream = client.events("realtime", "n")?;
    let mut peer = connected(&server, &client).await?;

    let mut forgotten = Box::pin(client.emit_with_ack("realtime", "first", &1));
    assert!(forgotten.as_mut().now_or_never().is_none());
    drop(forgotten);
    drop(Box::pin(client.emit_with_ack("realtime", "never polled, never sent", &1)));
    assert!(stream.recv().now_or_never().is_none(), "a future of the stream, dropped as well");

    let first = peer.text().await?;
    let first_id: u64 = first.trim_start_matches("42/realtime,").trim_end_matches(r#"["first",1]"#).parse()?;
    let serve = async {
        let second = peer.text().await?;
        let id: u64 = second.trim_start_matches("42/realtime,").trim_end_matches(r#"["second",2]"#).parse()?;
        peer.send(r#"42/realtime,["n",5]"#).await?;
        peer.send(&format!(r#"43/realtime,{first_id}["late"]"#)).await?;
        peer.send(&format!(r#"43/realtime,{id}["in time"]"#)).await?;
        Outcome::Ok(())
    };
    let (answer, served) = tokio::join!(client.emit_with_ack("realtime", "second", &2), serve);
    served?;
    assert_eq!(answer?.arg::<String>(0)?, "in time");
    assert_eq!(next(&mut stream).await?.arg::<u32>(0)?, 5);
    assert_eq!(client.stats().manager.pending_acks, 0);
    drop(peer);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_server_that_does_not_read_fills_the_queue_and_no_more() -> Outcome {
    let server = Server::start().await?;
    let mut config = server.config()?;
    config.limits.unsent_bytes = 64 << 10;
    config.outbox.max_messages = 16;
    let client = Client::new(config)?;
    let mut peer = connected(&server, &client).await?;
    let namespace = Namespace::try_new("realtime")?;
    let text = "x".repeat(16 << 10);
    let mut accepted: u32 = 0;
    let refused = loop {
        // The task gets to write in between, until the system's buffers are full.
        tokio::task::yield_now().await;
        let payload = Payload::from_args(&(accepted, &text))?;
        match client.send(Emit::new(namespace.clone(), "n", payload)) {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(refused.is_retryable(), "{refused}");
    assert!(matches!(refused, crate::driver::EmitFailed::Refused(EmitError::QueueFull)));
    assert_eq!(client.queue().len(), 16);
    assert!(client.stats().manager.unsent_bytes < (64 + 32) << 10);
    let volatile = client.send(Emit::new(namespace, "v", Payload::empty()).volatile())?;
    assert_eq!(volatile.outcome, EmitOutcome::Dropped);

    let reading = async {
        for n in 0..accepted {
            let received = peer.text().await?;
            assert!(received.starts_with(&format!(r#"42/realtime,["n",{n},"#)), "{}", &received[..40]);
        }
        Outcome::Ok(())
    };
    let (flushed, read) = tokio::join!(within("the flush", client.flush()), reading);
    flushed??;
    read?;
    assert_eq!((client.queue().len(), client.stats().manager.unsent_bytes), (0, 0));
    drop(peer);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn what_never_leaves_the_queue_is_told() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let mut notices = client.notices();
    let connecting = client.connect("ada", "t").now_or_never();
    assert!(connecting.is_none());
    let emitted = client.emit("messaging", "m", &1)?;
    assert_eq!(emitted.outcome, EmitOutcome::Queued);
    let queue = client.queue();
    assert_eq!((queue.len(), queue[0].namespace.as_str(), &*queue[0].event), (1, "/messaging", "m"));
    client.cancel(emitted.message)?;
    assert!(client.queue().is_empty());
    loop {
        if let Notice::MessageDropped(dropped) = within("a notice", notices.recv()).await?.ok_or("ended")? {
            assert_eq!((dropped.message, dropped.reason), (emitted.message, DropReason::Cancelled));
            break;
        }
    }
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn namespaces_are_joined_when_first_used() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let mut peer = connected(&server, &client).await?;
    assert!(client.is_joined("realtime") && !client.is_joined("messaging"));
    let joins = async {
        peer.join("/messaging").await?;
        peer.text().await?; // the CONNECT of the refused one
        peer.send(r#"44/private,{"message":"no"}"#).await?;
        Outcome::Ok(())
    };
    let (joined, refused, served) = tokio::join!(client.join("messaging"), client.join("private"), joins);
    served?;
    joined?;
    assert!(refused.unwrap_err().to_string().contains("no"));
    client.join("messaging").await?; // already
    assert!(client.is_joined("messaging"));
    client.emit("messaging", "m", &())?;
    peer.expect(r#"42/messaging,["m",null]"#).await?;
    client.leave("messaging")?;
    peer.expect("41/messaging,").await?;
    assert!(!client.is_joined("messaging"));
    drop(peer);
    client.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handles_are_used_from_many_threads_at_once() -> Outcome {
    const WRITERS: u64 = 4;
    const EACH: u64 = 500;
    let server = Server::start().await?;
    let client = server.client()?;
    let mut peer = connected(&server, &client).await?;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let client = client.clone();
            tokio::spawn(async move {
                for n in 0..EACH {
                    client.emit("realtime", "n", &(writer, n))?;
                    // Whoever comes and goes meanwhile disturbs nobody.
                    let _stream = client.events("realtime", "m")?;
                    let _subscription = client.on("realtime", "m", drop)?;
                    let _status = client.status();
                    if n % 100 == 99 {
                        client.flush().await?;
                    }
                }
                Outcome::Ok(())
            })
        })
        .collect();
    let mut next_of = [0; WRITERS as usize];
    for n in 0..WRITERS * EACH {
        let text = peer.text().await?;
        let json = text.strip_prefix("42/realtime,").ok_or("no event")?;
        let (_, (writer, number)): (String, (usize, u64)) = serde_json::from_str(json)?;
        assert_eq!(number, next_of[writer], "each writer's events keep their order");
        next_of[writer] += 1;
        peer.send(&format!(r#"42/realtime,["m",{n}]"#)).await?;
    }
    for writer in writers {
        writer.await??;
    }
    assert_eq!(client.stats().listeners, 0);
    drop(peer);
    client.close().await;
    Ok(())
}
