//! Sessions that are resumed, one and many, and clients whose server was killed.

use std::{
    error::Error,
    io,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Bench,
    memory::{ask, connect, cpu_since, join, step},
    page::{Table, spread},
    proxy::Proxy,
};
use crate::{eprintln_step, free_port, load::as_f64, peer::Peer};

/// Events that a session has missed. A log keeps 10,000.
const MISSED: [usize; 5] = [0, 10, 100, 1000, 9000];
/// How often one session is resumed for each of them, in each round.
const REPEATS: usize = 5;
/// Events that each of many sessions has missed.
const MISSED_BY_MANY: usize = 100;
const NAMESPACE: &str = "/granted";
/// Namespaces that each client has joined.
const NAMESPACES: usize = 2;

/// Milliseconds, a value for each round or resume.
#[derive(Default)]
pub(super) struct Recovery {
    clients: usize,
    resume: [Vec<f64>; MISSED.len()],
    storm: Vec<f64>,
    storm_cpu: Vec<f64>,
    cut: Back,
    killed: Back,
}

/// How clients came back. Times are from the moment from which they could.
#[derive(Default)]
struct Back {
    first: Vec<f64>,
    all: Vec<f64>,
    cpu: Vec<f64>,
    recovered: Vec<f64>,
    complete: Vec<f64>,
    gaps: Vec<f64>,
    lost: Vec<f64>,
}

pub(super) async fn measure(bench: &Bench, clients: usize) -> Result<Recovery, Box<dyn Error>> {
    let mut recovery = Recovery { clients, ..Recovery::default() };
    for round in 1..=bench.rounds {
        eprintln_step(&format!("recovery, round {round} of {}", bench.rounds));
        recovery.resume_one(bench).await?;
        recovery.resume_many(bench).await?;
        recovery.cut_and_kill(bench).await?;
    }
    Ok(recovery)
}

/// A session as its client remembers it.
struct Session {
    user: String,
    pid: String,
    offset: String,
}

impl Session {
    /// Joins anew, with what is known of the session, and reads what it missed. Returns the milliseconds from CONNECT to its
    /// answer.
    async fn resume(&self, port: u16, missed: usize) -> io::Result<f64> {
        let mut peer = Peer::open(port).await?;
        let more = format!(r#","pid":"{}","offset":"{}""#, self.pid, self.offset);
        let connect = connect(NAMESPACE, &self.user, &more);
        let start = Instant::now();
        peer.send(&connect).await?;
        for _ in 0..missed {
            peer.expect(r#"42/granted,["u","#).await?;
        }
        let answer = peer.text().await?;
        let took = start.elapsed();
        let answer = String::from_utf8_lossy(&answer);
        if answer.starts_with("40/granted,{") && answer.contains(&self.pid) {
            return Ok(took.as_secs_f64() * 1e3);
        }
        Err(io::Error::other(format!("the session was not resumed: {answer}")))
    }
}

impl Recovery {
    async fn resume_one(&mut self, bench: &Bench) -> io::Result<()> {
        let (server, port) = bench.server().await?;
        let mut admin = join(port, "/plain", "admin").await?;
        for (times, missed) in self.resume.iter_mut().zip(MISSED) {
            for repeat in 0..REPEATS {
                let session = lose(port, format!("u{missed}-{repeat}"), &mut admin).await?;
                ask(&mut admin, &format!(r#"["broadcast",{missed}]"#)).await?;
                times.push(step(session.resume(port, missed)).await?);
            }
        }
        server.kill().await
    }

    /// All at once, by hand: what the server takes, without the delays of clients.
    async fn resume_many(&mut self, bench: &Bench) -> io::Result<()> {
        let (server, port) = bench.server().await?;
        let mut admin = join(port, "/plain", "admin").await?;
        let mut peers = Vec::with_capacity(self.clients);
        for user in 0..self.clients {
            peers.push(open_session(port, format!("u{user}")).await?);
        }
        ask(&mut admin, r#"["broadcast",1]"#).await?;
        let mut sessions = Vec::with_capacity(self.clients);
        for peer in peers {
            sessions.push(peer.lose().await?);
        }
        ask(&mut admin, &format!(r#"["broadcast",{MISSED_BY_MANY}]"#)).await?;
        let (before, start) = (server.cpu_seconds()?, Instant::now());
        let resuming = stream::iter(&sessions).map(|session| session.resume(port, MISSED_BY_MANY));
        let all: Vec<f64> = step(resuming.buffer_unordered(self.clients.max(1)).try_collect()).await?;
        self.storm.push(start.elapsed().as_secs_f64() * 1e3);
        self.storm_cpu.push(cpu_since(&server, before)? / as_f64(all.len()));
        server.kill().await
    }

    /// Clients of ours at our gateways: their network is cut, then their server is killed and started again at once.
    async fn cut_and_kill(&mut self, bench: &Bench) -> io::Result<()> {
        let (port, folder) = (free_port()?, bench.fresh("gateways")?);
        let server = bench.gateways(port, &folder).await?;
        let proxy = Proxy::start(port).await?;
        let mut clients = bench.recovery_clients(proxy.port, self.clients).await?;

        let (before, start) = (server.cpu_seconds()?, now());
        proxy.cut();
        let answer = clients.ask("back").await?;
        self.cut.take(&answer, start, self.clients)?;
        self.cut.cpu.push(cpu_since(&server, before)?);

        clients.kill().await?;

        // Others, whose connections have not been lost before: the delays of those would be longer.
        let mut clients = bench.recovery_clients(proxy.port, self.clients).await?;
        server.kill().await?;
        let server = bench.gateways(port, &folder).await?;
        let start = now();
        let before = server.cpu_seconds()?;
        let answer = clients.ask("back").await?;
        self.killed.take(&answer, start, self.clients)?;
        self.killed.cpu.push(cpu_since(&server, before)?);
        clients.kill().await?;
        server.kill().await
    }

    pub(super) fn to_markdown(&self) -> String {
        let mut page = "## Recovery\nOne session, from CONNECT to its answer, with the events of 170 bytes that it has missed sent \
                        and read in between.\n\n"
            .to_owned();
        let mut table = Table::new(["missed events", "ms"]);
        for (missed, times) in MISSED.iter().zip(&self.resume) {
            table.row([missed.to_string(), spread(times, 2)]);
        }
        page += &table.to_markdown();
        page += &format!(
            "\n{} sessions that have missed {MISSED_BY_MANY} events each and come back in one moment, connections and handshakes \
             included: all are back\nafter {} ms, and took {} ms of the server's CPU each.\n\n",
            self.clients,
            spread(&self.storm, 0),
            spread(&self.storm_cpu, 2)
        );
        page += &format!(
            "{} clients of ours at our gateways, each in two namespaces with an inbox, with the default delays of reconnection \
             (0.5 to\n1 s at first). Cut: their connections break, and new ones can be had at once. Killed: the server is, with \
             `kill -9`, and started\nagain; the time counts from when it listens. Joinings are told how they continue: recovered, \
             or the inbox is complete\n(of what is addressed to the user nothing is missing), or a gap, as for a \
             client that has no position yet.\n\n",
            self.clients
        );
        let mut table = Table::new([
            "",
            "first back, ms",
            "all back, ms",
            "server CPU, ms",
            "recovered",
            "inbox complete",
            "gap",
            "events lost",
        ]);
        for (title, back) in [("cut", &self.cut), ("killed", &self.killed)] {
            let mut cells = vec![title.to_owned()];
            for times in [&back.first, &back.all, &back.cpu] {
                cells.push(spread(times, 0));
            }
            for counts in [&back.recovered, &back.complete, &back.gaps, &back.lost] {
                cells.push(spread(counts, 0));
            }
            table.row(cells);
        }
        page += &table.to_markdown();
        page
    }
}

/// A session with a connection.
struct Open {
    peer: Peer,
    session: Session,
}

async fn open_session(port: u16, user: String) -> io::Result<Open> {
    let mut peer = Peer::open(port).await?;
    peer.send(&connect(NAMESPACE, &user, "")).await?;
    let answer = String::from_utf8_lossy(&peer.text().await?).into_owned();
    let pid = answer.split(r#""pid":""#).nth(1).and_then(|rest| rest.split('"').next());
    let Some(pid) = pid.filter(|_| answer.starts_with("40/granted,{")) else {
        return Err(io::Error::other(format!("the server sent {answer:?}")));
    };
    Ok(Open { peer, session: Session { user, pid: pid.to_owned(), offset: String::new() } })
}

impl Open {
    /// Waits for an event, and loses the connection.
    async fn lose(mut self) -> io::Result<Session> {
        let event = String::from_utf8_lossy(&step(self.peer.text()).await?).into_owned();
        self.session.offset = event.rsplit('"').nth(1).unwrap_or_default().to_owned();
        Ok(self.session)
    }
}

async fn lose(port: u16, user: String, admin: &mut Peer) -> io::Result<Session> {
    let open = open_session(port, user).await?;
    ask(admin, r#"["broadcast",1]"#).await?;
    open.lose().await
}

impl Back {
    /// Reads what the clients say, times from `start`. Every namespace of every client has to be back.
    fn take(&mut self, answer: &str, start: f64, clients: usize) -> io::Result<()> {
        let numbers: Vec<f64> = answer.split(' ').filter_map(|word| word.parse().ok()).collect();
        let &[first, last, recovered, complete, gaps, lost] = numbers.as_slice() else {
            return Err(io::Error::other(format!("the clients answered {answer:?}")));
        };
        if recovered + complete + gaps != as_f64(clients * NAMESPACES) {
            return Err(io::Error::other(format!("some clients came back more than once: {answer}")));
        }
        self.first.push(first - start);
        self.all.push(last - start);
        for (values, value) in [
            (&mut self.recovered, recovered),
            (&mut self.complete, complete),
            (&mut self.gaps, gaps),
            (&mut self.lost, lost),
        ] {
            values.push(value);
        }
        Ok(())
    }
}

/// Milliseconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64() * 1e3
}
