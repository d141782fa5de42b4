//! What is measured of a server: memory of idle connections, CPU of a fan-out, CPU of acknowledged events.

use std::{cell::Cell, io, rc::Rc, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::{sync::Semaphore, task, time};

use crate::{peer::Peer, process::Measured};

/// Handshakes under way at the same time.
const CONNECTING: usize = 50;
/// Memory is read once the server had this long to free what the handshakes took.
const SETTLE: Duration = Duration::from_secs(5);
/// How long any single step may take before the run is given up.
const STEP_LIMIT: Duration = Duration::from_secs(120);
const EVENT_DATA: &str = concat!(
    r#"{"id":"0190c5f2-7b1e-7c3a-9d4e-5f60718293a4","receiverId":"user-000042","#,
    r#""content":"The quick brown fox jumps over the lazy dog while the band plays on."}"#
);

/// KiB of resident memory per idle connection, above what the empty server takes.
pub(crate) async fn idle_memory(server: &Measured, port: u16, connections: usize) -> io::Result<f64> {
    let empty = server.rss_kib()?;
    let peers = connect(port, connections).await?;
    let readers: Vec<_> = peers
        .into_iter()
        .map(|mut peer| {
            task::spawn_local(async move {
                // Only heartbeats come, and `text` answers them: this ends with the connection.
                peer.text().await.map(|_| ())
            })
        })
        .collect();
    time::sleep(SETTLE).await;
    let full = server.rss_kib()?;
    if readers.iter().any(task::JoinHandle::is_finished) {
        return Err(io::Error::other("the server closed an idle connection"));
    }
    readers.iter().for_each(task::JoinHandle::abort);
    Ok((full - empty) / as_f64(connections))
}

/// CPU seconds of the server per million deliveries: one peer has events broadcast to a room of `members`, with
/// up to `in_flight` broadcasts under way that have not reached every member.
pub(crate) async fn fan_out(
    server: &Measured,
    port: u16,
    members: usize,
    broadcasts: usize,
    in_flight: usize,
) -> io::Result<f64> {
    let delivered = Rc::new(Cell::new(0));
    let arrived = Rc::new(Semaphore::new(in_flight));
    let warm_up = broadcasts / 10;
    let mut readers = Vec::with_capacity(members);
    for mut peer in connect(port, members).await? {
        peer.send(r#"420["join"]"#).await?;
        peer.expect("430[").await?;
        let (delivered, arrived) = (delivered.clone(), arrived.clone());
        readers.push(task::spawn_local(async move {
            for _ in 0..warm_up + broadcasts {
                peer.expect(r#"42["m",{"#).await?;
                delivered.set(delivered.get() + 1);
                if delivered.get() % members == 0 {
                    arrived.add_permits(1);
                }
            }
            Ok::<_, io::Error>(peer)
        }));
    }
    let mut sender = Peer::join_root(port).await?;
    let mut before = 0.0;
    for round in 0..warm_up + broadcasts {
        if round == warm_up {
            before = server.cpu_seconds()?;
        }
        step(async {
            arrived.acquire().await.map_err(io::Error::other)?.forget();
            sender.send(r#"42["b"]"#).await
        })
        .await?;
    }
    let spent = server.cpu_seconds()? - before;
    for reader in readers {
        step(async { reader.await.map_err(io::Error::other)? }).await?;
    }
    Ok(spent * 1e6 / as_f64(members * broadcasts))
}

/// CPU seconds of the server per 100,000 acknowledged events: `peers` connections, each of which sends its next event
/// when the one before was acknowledged.
pub(crate) async fn acked_events(server: &Measured, port: u16, peers: usize, each: usize) -> io::Result<f64> {
    let connected = connect(port, peers).await?;
    let connected = exchange(connected, each / 10).await?;
    let before = server.cpu_seconds()?;
    exchange(connected, each).await?;
    let spent = server.cpu_seconds()? - before;
    Ok(spent * 1e5 / as_f64(peers * each))
}

async fn exchange(peers: Vec<Peer>, each: usize) -> io::Result<Vec<Peer>> {
    let tasks: Vec<_> = peers
        .into_iter()
        .map(|mut peer| {
            task::spawn_local(async move {
                for id in 0..each {
                    peer.send(&format!(r#"42{id}["e",{EVENT_DATA}]"#)).await?;
                    let reply = peer.text().await?;
                    if reply.as_ref() != format!("43{id}[{EVENT_DATA}]").as_bytes() {
                        return Err(io::Error::other("the server acknowledged with something else"));
                    }
                }
                Ok(peer)
            })
        })
        .collect();
    let mut done = Vec::with_capacity(tasks.len());
    for task in tasks {
        done.push(step(async { task.await.map_err(io::Error::other)? }).await?);
    }
    Ok(done)
}

async fn connect(port: u16, count: usize) -> io::Result<Vec<Peer>> {
    step(stream::iter(0..count).map(|_| Peer::join_root(port)).buffer_unordered(CONNECTING).try_collect()).await
}

async fn step<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    time::timeout(STEP_LIMIT, work).await.map_err(|_| io::Error::other("a step of the load took over 120 s"))?
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
pub(crate) fn as_f64(count: usize) -> f64 {
    count as f64
}
