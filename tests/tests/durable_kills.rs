//! Durable messages of real processes that are killed (SIGKILL), to a server that dies as well.

#![expect(clippy::unwrap_used, reason = "a server that fails in a test fails the test")]

use std::{
    error::Error,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
};

use nexus_server::{
    Config, ConnectRequest, DeliveryConfig, Event, Io, Socket,
    store::{Store, StoreConfig},
};
use nexus_tests::{PATIENCE, within};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    runtime::Runtime,
};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Where processes keep what they keep, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("nexus-{name}-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn outbox(&self) -> PathBuf {
        self.0.join("outbox")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// A server with a ledger on disk, which notes the messages that its handler ran for.
struct Server {
    address: SocketAddr,
    /// Taken when it is killed.
    runtime: Option<Runtime>,
    ran: Arc<Mutex<Vec<u64>>>,
}

impl Server {
    fn start(folder: &Path, at: SocketAddr, ran: &Arc<Mutex<Vec<u64>>>) -> Outcome<Self> {
        let listener = std::net::TcpListener::bind(at)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (data, log) = (folder.join("server"), Arc::clone(ran));
        let (ready, is_ready) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            fs::create_dir_all(&data).unwrap();
            let store = Store::open(&data, StoreConfig::default()).await.unwrap();
            let io = Io::new(Config::default());
            let namespace = io.of("/realtime");
            namespace.delivery(DeliveryConfig { durable: Some(store), ..DeliveryConfig::default() });
            namespace.authorize(|request: ConnectRequest| async move {
                request.set_user("ada");
                Ok(())
            });
            namespace.on_connection(move |socket: Socket| {
                let log = Arc::clone(&log);
                socket.on("count", move |event: Event| {
                    log.lock().unwrap().push(event.arg(0).unwrap());
                    async move { event.ack(&true).unwrap() }
                });
            });
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            ready.send(()).unwrap();
            axum::serve(listener, io.router()).await
        });
        is_ready.recv_timeout(PATIENCE)?;
        Ok(Self { address, runtime: Some(runtime), ran: Arc::clone(ran) })
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its sockets are closed with no word, and its memory is gone.
    async fn kill(mut self) -> SocketAddr {
        if let Some(runtime) = self.runtime.take() {
            let _panicked = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE)).await;
        }
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Sender {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Sender {
    fn start(url: &str, outbox: &Path, first: Option<u64>) -> Outcome<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_durable_sender"));
        command.arg(url).arg(outbox).args(first.map(|first| first.to_string()));
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        Ok(Self { child, lines: BufReader::new(stdout).lines() })
    }

    async fn line(&mut self) -> Outcome<Option<String>> {
        Ok(within("a line of the sender", self.lines.next_line()).await??)
    }

    async fn accepted(&mut self) -> Outcome<u64> {
        let line = self.line().await?.ok_or("the sender has ended")?;
        Ok(line.strip_prefix("accepted ").ok_or_else(|| format!("not accepted: {line}"))?.parse()?)
    }

    /// Kills it, and gives what it had said to be accepted besides.
    async fn kill(mut self) -> Outcome<Vec<u64>> {
        self.child.kill().await?;
        let mut accepted = Vec::new();
        while let Some(line) = self.line().await? {
            // The last line may be cut off.
            accepted.extend(line.strip_prefix("accepted ").and_then(|label| label.parse::<u64>().ok()));
        }
        Ok(accepted)
    }
}

/// Sends what is left in an outbox, to the end, and gives how each ended.
async fn drain(url: &str, outbox: &Path) -> Outcome<Vec<String>> {
    let mut sender = Sender::start(url, outbox, None)?;
    let mut lines = Vec::new();
    while let Some(line) = sender.line().await? {
        lines.push(line);
    }
    assert!(within("the sender's end", sender.child.wait()).await??.success());
    Ok(lines)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_had_accepted_is_sent_once_by_the_next() -> Outcome {
    let folder = Folder::new("durable-offline")?;
    let ran = Arc::default();
    let server = Server::start(&folder.0, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &ran)?;
    let url = server.url();
    let address = server.kill().await;
    // There is no server.
    let mut sender = Sender::start(&url, &folder.outbox(), Some(0))?;
    let mut accepted = Vec::new();
    while accepted.len() < 20 {
        accepted.push(sender.accepted().await?);
    }
    accepted.extend(sender.kill().await?);

    let server = Server::start(&folder.0, address, &ran)?;
    let lines = drain(&url, &folder.outbox()).await?;
    let ran = server.ran.lock().unwrap().clone();
    // One more may have been committed and not said.
    assert!(ran.len() == accepted.len() || ran.len() == accepted.len() + 1, "{ran:?}");
    assert_eq!(ran, (0..ran.len() as u64).collect::<Vec<_>>(), "each once, in order");
    assert_eq!(lines.iter().filter(|line| *line == "acked").count(), ran.len());
    assert!(lines.contains(&format!("restored {} 0", ran.len())), "{lines:?}");
    assert!(outboxes(&folder.outbox())?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_accepted_message_is_lost_or_doubled_however_often_both_ends_are_killed() -> Outcome {
    const FIRST: u64 = 1000;
    let folder = Folder::new("durable-kills")?;
    let ran = Arc::default();
    let mut server = Server::start(&folder.0, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &ran)?;
    let mut accepted = Vec::new();
    for round in 1..=8 {
        let mut sender = Sender::start(&server.url(), &folder.outbox(), Some(round * FIRST))?;
        for _ in 0..round * 3 {
            accepted.push(sender.accepted().await?);
        }
        if round % 3 == 0 {
            let address = server.kill().await;
            accepted.push(sender.accepted().await?);
            server = Server::start(&folder.0, address, &ran)?;
        }
        accepted.extend(sender.kill().await?);
    }
    // While there is no server, one more leaves a message that the last one surely finds.
    let url = server.url();
    let address = server.kill().await;
    let mut sender = Sender::start(&url, &folder.outbox(), Some(9 * FIRST))?;
    accepted.push(sender.accepted().await?);
    accepted.extend(sender.kill().await?);
    let server = Server::start(&folder.0, address, &ran)?;
    let lines = drain(&server.url(), &folder.outbox()).await?;
    assert!(lines.iter().any(|line| line == "acked"), "{lines:?}");

    let ran = server.ran.lock().unwrap().clone();
    let mut once = ran.clone();
    once.sort_unstable();
    once.dedup();
    // A server that dies between the effect and its commit may run one again: this one's effects are not in its store.
    assert!(ran.len() - once.len() <= 3, "{} ran, {} once", ran.len(), once.len());
    for label in &accepted {
        assert!(once.binary_search(label).is_ok(), "{label} was accepted, and did not run");
    }
    let of_round = |round: u64| once.iter().filter(|label| **label / FIRST == round).count();
    let said = |round: u64| accepted.iter().filter(|label| **label / FIRST == round).count();
    for round in 1..=9 {
        assert!((said(round)..=said(round) + 1).contains(&of_round(round)), "round {round}");
    }
    Ok(())
}

fn outboxes(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut outboxes = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "outbox") {
            outboxes.push(path);
        }
    }
    Ok(outboxes)
}
