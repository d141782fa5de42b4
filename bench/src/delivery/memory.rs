//! What the server keeps for its users, and a client for what it has not sent.

use std::{error::Error, fs, io, path::Path, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time;

use super::{
    Bench,
    page::{Table, spread},
};
use crate::{eprintln_step, load::as_f64, peer::Peer, process::Measured};

/// Unresolved events of each user: a client has 256 at most.
const UNRESOLVED: usize = 64;
/// As many events as a log keeps by default, and as much again to see that it keeps no more.
const LOG: usize = 10_000;
/// Users whose inboxes are filled, and how far: to the default bound.
const INBOXES: usize = 200;
const INBOX_ENTRIES: usize = 100;
/// Messages in a full outbox, the default bound of durable ones.
const OUTBOX: usize = 10_000;
/// Handshakes under way at the same time.
const CONNECTING: usize = 50;
/// Memory is read once the process had this long to free what it does not need.
const SETTLE: Duration = Duration::from_secs(2);
const STEP_LIMIT: Duration = Duration::from_secs(120);

/// KiB, or bytes where a name says so, a value for each round.
#[derive(Default)]
pub(super) struct Memory {
    users: usize,
    stock_user: Vec<f64>,
    granted_user: Vec<f64>,
    durable_bytes: Vec<f64>,
    buffered_bytes: Vec<f64>,
    lost_session: Vec<f64>,
    log_bytes: Vec<f64>,
    log_beyond: Vec<f64>,
    inbox_disk: Vec<f64>,
    inbox_beyond: Vec<f64>,
    inbox_memory: Vec<f64>,
    durable_outbox_bytes: Vec<f64>,
    durable_outbox_disk: Vec<f64>,
    buffered_queue_bytes: Vec<f64>,
}

pub(super) async fn measure(bench: &Bench, users: usize) -> Result<Memory, Box<dyn Error>> {
    let mut memory = Memory { users, ..Memory::default() };
    for round in 1..=bench.rounds {
        eprintln_step(&format!("memory, round {round} of {}", bench.rounds));
        memory.users_and_ledgers(bench).await?;
        memory.streams(bench).await?;
        memory.outboxes(bench).await?;
    }
    Ok(memory)
}

impl Memory {
    async fn users_and_ledgers(&mut self, bench: &Bench) -> io::Result<()> {
        let users = as_f64(self.users);
        let (server, port) = bench.server().await?;
        let empty = server.rss_kib()?;
        let plain = join_all(port, "/plain", self.users).await?;
        time::sleep(SETTLE).await;
        self.stock_user.push((server.rss_kib()? - empty) / users);
        drop(plain);
        server.kill().await?;

        for (marker, bytes) in [(r#","d":1"#, &mut self.durable_bytes), ("", &mut self.buffered_bytes)] {
            let (server, port) = bench.server().await?;
            let empty = server.rss_kib()?;
            let peers = join_all(port, "/granted", self.users).await?;
            time::sleep(SETTLE).await;
            let joined = server.rss_kib()?;
            self.granted_user.push((joined - empty) / users);
            let peers = leave_unresolved(peers, marker).await?;
            time::sleep(SETTLE).await;
            bytes.push((server.rss_kib()? - joined) * 1024.0 / users / as_f64(UNRESOLVED));
            drop(peers);
            server.kill().await?;
        }

        let (server, port) = bench.server().await?;
        let empty = server.rss_kib()?;
        drop(join_all(port, "/granted", self.users).await?);
        time::sleep(SETTLE).await;
        self.lost_session.push((server.rss_kib()? - empty) / users);
        server.kill().await
    }

    async fn streams(&mut self, bench: &Bench) -> io::Result<()> {
        let (server, port) = bench.server().await?;
        let mut admin = join(port, "/plain", "admin").await?;
        let empty = server.rss_kib()?;
        ask(&mut admin, &format!(r#"["broadcast",{LOG}]"#)).await?;
        let full = server.rss_kib()?;
        self.log_bytes.push((full - empty) * 1024.0 / as_f64(LOG));
        ask(&mut admin, &format!(r#"["broadcast",{LOG}]"#)).await?;
        self.log_beyond.push((server.rss_kib()? - full) * 1024.0 / as_f64(LOG));
        server.kill().await?;

        let (server, port) = bench.server().await?;
        let mut admin = join(port, "/plain", "admin").await?;
        let folder = bench.folder.join("server");
        let (empty, no_file) = (server.rss_kib()?, kib_on_disk(&folder)?);
        let fill = format!(r#"["fill",{{"users":{INBOXES},"entries":{INBOX_ENTRIES}}}]"#);
        let filled = ask(&mut admin, &fill).await?;
        let (memory, file) = (server.rss_kib()?, kib_on_disk(&folder)?);
        let again = ask(&mut admin, &fill).await?;
        if !filled.contains("true") || !again.contains("true") {
            return Err(io::Error::other("the server could not fill inboxes"));
        }
        self.inbox_disk.push((file - no_file) / as_f64(INBOXES));
        self.inbox_beyond.push((kib_on_disk(&folder)? - file) / as_f64(INBOXES));
        self.inbox_memory.push((memory - empty) / as_f64(INBOXES));
        server.kill().await
    }

    async fn outboxes(&mut self, bench: &Bench) -> io::Result<()> {
        for class in ["durable", "buffered"] {
            let (server, port) = bench.server().await?;
            let mut client = bench.clients(port, 1).await?;
            let empty = client.rss_kib()?;
            let accepted = client.ask(&format!("offline {class} {OUTBOX}")).await?;
            if accepted != OUTBOX.to_string() {
                return Err(io::Error::other(format!("of {OUTBOX} messages {accepted} were accepted")));
            }
            let bytes = (client.rss_kib()? - empty) * 1024.0 / as_f64(OUTBOX);
            if class == "durable" {
                self.durable_outbox_bytes.push(bytes);
                self.durable_outbox_disk.push(kib_on_disk(&bench.folder.join("client"))? * 1024.0 / as_f64(OUTBOX));
            } else {
                self.buffered_queue_bytes.push(bytes);
            }
            client.kill().await?;
            server.kill().await?;
        }
        Ok(())
    }

    pub(super) fn to_markdown(&self) -> String {
        let mut page = format!(
            "## Memory and disk\nResident memory above that of the process before, with {} users, each on a WebSocket of its own \
             (its memory is in the\nfigures of users), and what the files of a folder take on disk.\n\n",
            self.users
        );
        let mut table = Table::new(["server", ""]);
        let mut row = |what: &str, values: &[f64], unit: &str| {
            table.row([what.to_owned(), format!("{} {unit}", spread(values, 1))]);
        };
        row("a user who is connected, nothing granted", &self.stock_user, "KiB");
        row("a user who is connected, delivery and recovery granted", &self.granted_user, "KiB");
        row("a lost session that may be resumed, its connection's leftovers included", &self.lost_session, "KiB");
        row(
            &format!("an unresolved durable event in the ledger, {UNRESOLVED} for each user"),
            &self.durable_bytes,
            "bytes",
        );
        row(
            &format!("an unresolved buffered event in the ledger, {UNRESOLVED} for each user"),
            &self.buffered_bytes,
            "bytes",
        );
        row(&format!("an event in a namespace's log, {LOG} of 170 bytes, its default bound"), &self.log_bytes, "bytes");
        row(&format!("{LOG} more events: for each"), &self.log_beyond, "bytes");
        row(&format!("an inbox of {INBOX_ENTRIES} events of 170 bytes, on disk"), &self.inbox_disk, "KiB");
        row(&format!("{INBOX_ENTRIES} more events: for each inbox, on disk"), &self.inbox_beyond, "KiB");
        row("an inbox, in memory (SQLite's caches, which have a bound)", &self.inbox_memory, "KiB");
        page += &table.to_markdown();
        let mut table = Table::new(["client", ""]);
        let mut row = |what: &str, values: &[f64]| {
            table.row([what.to_owned(), format!("{} bytes", spread(values, 0))]);
        };
        row(
            &format!("a durable message of 200 bytes that waits, {OUTBOX} of them, in memory"),
            &self.durable_outbox_bytes,
        );
        row("the same on disk", &self.durable_outbox_disk);
        row(&format!("a buffered message of 200 bytes that waits, {OUTBOX} of them"), &self.buffered_queue_bytes);
        page.push('\n');
        page += &table.to_markdown();
        page
    }
}

/// The CONNECT of a user that asks for everything; with `more` in the auth object.
pub(super) fn connect(namespace: &str, user: &str, more: &str) -> String {
    format!(r#"40{namespace},{{"userId":"{user}"{more},"nx":{{"v":1,"ci":"i-{user}"}}}}"#)
}

pub(super) async fn join(port: u16, namespace: &str, user: &str) -> io::Result<Peer> {
    let mut peer = Peer::open(port).await?;
    peer.send(&connect(namespace, user, "")).await?;
    peer.expect(&format!("40{namespace},{{")).await?;
    Ok(peer)
}

async fn join_all(port: u16, namespace: &str, users: usize) -> io::Result<Vec<Peer>> {
    let joining = stream::iter(0..users).map(|user| async move { join(port, namespace, &format!("u{user}")).await });
    step(joining.buffer_unordered(CONNECTING).try_collect()).await
}

/// Sends an event to `/plain` and returns the acknowledgement.
pub(super) async fn ask(peer: &mut Peer, event: &str) -> io::Result<String> {
    peer.send(&format!("42/plain,0{event}")).await?;
    let answer = step(peer.text()).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Each user's events are acknowledged, and the user never says so.
async fn leave_unresolved(peers: Vec<Peer>, durable: &str) -> io::Result<Vec<Peer>> {
    let sending = stream::iter(peers).map(|mut peer| async move {
        for id in 1..=UNRESOLVED {
            let marker = format!(r#"{{"$m":{{"id":{id},"lo":1{durable}}}}}"#);
            peer.send(&format!(r#"42/granted,{id}["m",{{"user":"u","n":{id}}},{marker}]"#)).await?;
        }
        let mut acknowledged = 0;
        while acknowledged < UNRESOLVED {
            let text = peer.text().await?;
            if text.starts_with(b"43/granted,") {
                acknowledged += 1;
            } else if !text.starts_with(br#"42/granted,["$nx","#) {
                return Err(io::Error::other(format!("the server sent {:?}", String::from_utf8_lossy(&text))));
            }
        }
        Ok(peer)
    });
    step(sending.buffer_unordered(CONNECTING).try_collect()).await
}

/// What the files of a folder take, in KiB.
fn kib_on_disk(folder: &Path) -> io::Result<f64> {
    use std::os::unix::fs::MetadataExt;
    let mut blocks = 0_u32;
    for entry in fs::read_dir(folder)? {
        blocks += u32::try_from(entry?.metadata()?.blocks()).map_err(io::Error::other)?;
    }
    Ok(f64::from(blocks) / 2.0)
}

pub(super) async fn step<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    time::timeout(STEP_LIMIT, work).await.map_err(|_| io::Error::other("a step took over 120 s"))?
}

/// Milliseconds of CPU time.
pub(super) fn cpu_since(server: &Measured, before: f64) -> io::Result<f64> {
    Ok((server.cpu_seconds()? - before) * 1e3)
}
