use futures_util::{FutureExt, StreamExt};
use tokio::{net::TcpListener, runtime::Handle, task::yield_now};

use super::{Outcome, Server, within};
use crate::{
    driver::{AckFailed, BuildError, Client, ConnectFailed, EmitFailed, JoinFailed, TokenProvider},
    manager::{Config, ConnectionStatus},
};

fn alive_tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Closed clients leave no task behind. A task counts as alive until its executor has put it away, which takes a turn.
async fn assert_no_task_is_left() -> Outcome {
    within("the end of all tasks", async {
        while alive_tasks() > 0 {
            yield_now().await;
        }
    })
    .await
}

#[test]
fn a_client_needs_a_runtime() {
    let config = Config::new("http://localhost:1").unwrap();
    assert!(matches!(Client::new(config.clone()), Err(BuildError::NoRuntime)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::builder(config).runtime(runtime.handle().clone()).build().unwrap();
    runtime.block_on(client.close());
}

#[tokio::test]
async fn close_resolves_everything_and_leaves_no_task() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let mut events = client.events("realtime", "n")?;
    let mut status = client.status();
    let keeps_the_client = client.clone();
    client.on("realtime", "n", move |_| drop(keeps_the_client.stats()))?.detach();
    let (connected, peer) = tokio::join!(client.connect("ada", "t"), server.accept_joined());
    connected?;
    let mut peer = peer?;

    let mut ack = Box::pin(client.emit_with_ack("realtime", "unanswered", &1));
    assert!(ack.as_mut().now_or_never().is_none());
    let mut join = Box::pin(client.join("elsewhere"));
    assert!(join.as_mut().now_or_never().is_none());
    peer.text().await?;
    peer.text().await?;

    let (_, closed) = tokio::join!(within("close", client.close()), peer.closed());
    closed?;
    assert!(matches!(ack.await, Err(AckFailed::Unacknowledged(_) | AckFailed::Closed(_))));
    assert!(matches!(join.await, Err(JoinFailed::Closed(_))));
    assert!(events.next().await.is_none());
    let mut last = None;
    while let Some(change) = status.next().await {
        last = Some(change.status);
    }
    assert_eq!(last, Some(ConnectionStatus::Disconnected));

    assert!(matches!(client.emit("realtime", "n", &1), Err(EmitFailed::Closed(_))));
    assert!(matches!(client.connect("ada", "t").await, Err(ConnectFailed::Closed(_))));
    assert!(client.on("realtime", "n", drop).is_err());
    assert!(client.status().skip(1).next().await.is_none());
    client.close().await; // again does no harm
    assert_eq!(client.stats().listeners, 0);
    assert_no_task_is_left().await
}

#[tokio::test]
async fn close_says_goodbye_after_the_last_message() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let (connected, peer) = tokio::join!(client.connect("ada", "t"), server.accept_joined());
    connected?;
    let mut peer = peer?;
    client.emit("realtime", "last words", &1)?;
    let ((), received) = tokio::join!(client.close(), async {
        peer.expect(r#"42/realtime,["last words",1]"#).await?;
        peer.closed().await
    });
    received?;
    assert_no_task_is_left().await
}

#[tokio::test]
async fn dropping_the_last_handle_closes() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let (connected, peer) = tokio::join!(client.connect("ada", "t"), server.accept_joined());
    connected?;
    let mut peer = peer?;
    let clone = client.clone();
    let mut events = clone.events("realtime", "n")?;
    drop(client);
    peer.send(r#"42/realtime,["n"]"#).await?;
    assert!(events.next().await.is_some(), "a handle is left");
    drop(clone);
    peer.closed().await?;
    assert!(events.next().await.is_none());
    assert_no_task_is_left().await
}

#[tokio::test]
async fn close_ends_an_attempt_to_connect() -> Outcome {
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let client = Client::new(Config::new(&format!("http://{}", silent.local_addr()?))?)?;
    let connecting = client.connect("ada", "t");
    let closing = async {
        let _tcp = silent.accept().await;
        client.close().await;
    };
    let (connected, ()) = tokio::join!(connecting, closing);
    assert!(connected.is_err());
    assert_no_task_is_left().await
}

#[tokio::test]
async fn close_ends_a_question_for_a_token() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let (asked, mut was_asked) = tokio::sync::mpsc::unbounded_channel();
    let provider = TokenProvider::new(move |_| {
        let _closed = asked.send(());
        std::future::pending()
    });
    let closing = async {
        let _peer = server.accept().await?;
        within("the question", was_asked.recv()).await?;
        client.close().await;
        Outcome::Ok(())
    };
    let (connected, closed) = tokio::join!(client.connect("ada", provider), closing);
    closed?;
    assert!(connected.is_err());
    assert_no_task_is_left().await
}

#[test]
fn a_runtime_that_ends_ends_its_clients() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(async { Client::new(Config::new("http://localhost:1").unwrap()).unwrap() });
    let mut status = client.status();
    drop(runtime);
    assert!(status.next().now_or_never().flatten().is_some(), "the status of then");
    assert!(matches!(status.next().now_or_never(), Some(None)), "and the end");
    assert!(client.emit("realtime", "n", &1).is_err());
}
