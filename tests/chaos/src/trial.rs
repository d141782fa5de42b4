//! One trial: a stack, two users who send each other messages, and the faults of a script.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::flow::{Lane, TICK};
use crate::program::{Program, Role, Said};
use crate::proxy::Proxy;
use crate::recount::{self, Tally};
use crate::script::{Action, Counts, Scenario, Script, Step};
use crate::stack::{Programs, Stack, User};

const NAMES: [&str; 2] = ["ada", "bob"];
/// How long a server may take until it listens, on a loaded machine.
const START: Duration = Duration::from_secs(30);
/// How long nothing may move before the trial is given up.
const STUCK: Duration = Duration::from_secs(120);
/// How long nothing may come, once all was sent and what is promised has come, before the journals are counted.
const QUIET: Duration = Duration::from_secs(2);
const TELL: Duration = Duration::from_secs(5);

/// What a trial is to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is on trial.
    pub stack: Stack,
    /// What it is exposed to.
    pub scenario: Scenario,
    /// Messages of each class from each user.
    pub messages: u64,
    /// Decides the faults.
    pub seed: u64,
    /// Where the journals go; what is there is deleted.
    pub folder: PathBuf,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What it was.
    pub plan: Plan,
    /// By class.
    pub tallies: BTreeMap<String, Tally>,
    /// What the script had in store.
    pub counts: Counts,
    /// How many faults of the network have happened.
    pub faults: u64,
    /// How many connections the clients made.
    pub connections: u64,
    /// Why the trial was given up, if it was.
    pub given_up: Option<String>,
    /// How long it took.
    pub time: Duration,
}

/// One user: its process, network, script and lanes.
struct Party {
    role: Role,
    proxy: Proxy,
    program: Option<Program>,
    steps: VecDeque<Step>,
    lanes: Vec<Lane>,
    token: String,
    life: u64,
    /// Whether it has been there at least once: until both have, nobody sends.
    is_ready: bool,
    restart: Option<Instant>,
}

impl Party {
    /// What it may send more, as lines for its program.
    fn grant(&mut self, messages: u64, volatile_turn: bool) -> Vec<String> {
        let buffered = self.lanes.iter().find(|lane| lane.class == "buffered").map_or(0, |lane| lane.credit);
        let grant = |lane: &mut Lane| match (lane.class == "volatile", volatile_turn) {
            (true, true) => lane.follow(buffered),
            (false, false) => lane.grant(messages),
            _ => false,
        };
        let raised =
            self.lanes.iter_mut().filter_map(|lane| grant(lane).then(|| format!("{} {}", lane.class, lane.credit)));
        raised.collect()
    }
}

struct Trial<'a> {
    plan: &'a Plan,
    programs: &'a Programs,
    port: u16,
    server: Option<Program>,
    server_restart: Option<Instant>,
    parties: [Party; 2],
    said: mpsc::Sender<Said>,
    volatile_turn: bool,
    /// When something came or was sent.
    moved: Instant,
}

/// Runs a trial to its end, and counts.
///
/// # Errors
/// When a program can't be started, or a journal can't be read or written.
pub async fn run(plan: &Plan, programs: &Programs) -> io::Result<Outcome> {
    let begun = Instant::now();
    if plan.folder.exists() {
        fs::remove_dir_all(&plan.folder)?;
    }
    fs::create_dir_all(&plan.folder)?;
    let script = script(plan);
    let (said, mut lines) = mpsc::channel(1024);
    let mut trial = Trial::start(plan, programs, script, said, &mut lines).await?;
    let given_up = trial.until_quiet(&mut lines, begun).await?;
    let figures = trial.parties.each_ref().map(|party| party.proxy.figures());
    trial.end(&mut lines).await?;
    Ok(Outcome {
        faults: figures.iter().map(|figures| figures.faults).sum(),
        connections: figures.iter().map(|figures| figures.connections).sum(),
        given_up,
        time: begun.elapsed(),
        ..recount(plan)?
    })
}

/// Counts the journals of an earlier run of this plan again.
///
/// # Errors
/// When a journal can't be read.
pub fn recount(plan: &Plan) -> io::Result<Outcome> {
    Ok(Outcome {
        tallies: recount::recount(&plan.folder, NAMES)?,
        plan: plan.clone(),
        counts: script(plan).counts(),
        faults: 0,
        connections: 0,
        given_up: None,
        time: Duration::ZERO,
    })
}

fn script(plan: &Plan) -> Script {
    Script::new(plan.seed, plan.scenario, plan.messages)
}

impl<'a> Trial<'a> {
    async fn start(
        plan: &'a Plan,
        programs: &'a Programs,
        script: Script,
        said: mpsc::Sender<Said>,
        lines: &mut mpsc::Receiver<Said>,
    ) -> io::Result<Self> {
        let port = free_port()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let log = plan.folder.join("server.log");
        let server = Program::start(Role::Server, plan.stack.server(programs, port, &plan.folder), &log, &said)?;
        let up = async {
            while let Some(said) = lines.recv().await {
                if said.line.starts_with("listening on ") {
                    return true;
                }
            }
            false
        };
        if timeout(START, up).await != Ok(true) {
            return Err(io::Error::other(format!("the server did not start; its errors are in {}", log.display())));
        }
        let [first, second] = NAMES;
        let party = async |role, name, steps: Vec<Step>| {
            let now = Instant::now();
            io::Result::Ok(Party {
                role,
                proxy: Proxy::start(address).await?,
                program: None,
                steps: steps.into(),
                lanes: plan.stack.classes().iter().map(|class| Lane::new(class, now)).collect(),
                token: plan.stack.token(port, name).await?,
                life: 0,
                is_ready: false,
                restart: Some(now),
            })
        };
        let parties =
            [party(Role::First, first, script.first).await?, party(Role::Second, second, script.second).await?];
        let moved = Instant::now();
        let server = Some(server);
        Ok(Self { plan, programs, port, server, server_restart: None, parties, said, volatile_turn: false, moved })
    }

    /// Runs until nothing more comes; gives the reason if it was given up before.
    async fn until_quiet(&mut self, lines: &mut mpsc::Receiver<Said>, begun: Instant) -> io::Result<Option<String>> {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = Instant::now();
        loop {
            tokio::select! {
                Some(said) = lines.recv() => self.on_line(&said).await,
                _ = tick.tick() => {
                    if let Some(reason) = self.on_tick()? {
                        return Ok(Some(reason));
                    }
                    self.grant().await;
                    if told.elapsed() >= TELL {
                        told = Instant::now();
                        self.tell(begun);
                    }
                }
            }
            self.take_steps().await?;
            if self.is_all_sent() {
                for party in &self.parties {
                    party.proxy.calm();
                }
                let quiet = if self.is_all_through() { QUIET } else { self.plan.stack.patience() };
                if self.moved.elapsed() >= quiet && self.everybody_is_up() {
                    self.tell(begun);
                    return Ok(None);
                }
            }
        }
    }

    async fn on_line(&mut self, said: &Said) {
        let own = match said.role {
            Role::Server => return,
            Role::First => 0,
            Role::Second => 1,
        };
        let now = Instant::now();
        let mut words = said.line.split(' ');
        match (words.next(), words.next(), words.next().and_then(|n| n.parse().ok())) {
            (Some("ready"), None, None) => {
                let lines: Vec<String> = self.parties.get_mut(own).map_or_else(Vec::new, |party| {
                    party.is_ready = true;
                    party.lanes.iter().map(|lane| format!("{} {}", lane.class, lane.credit)).collect()
                });
                for line in lines {
                    self.tell_party(own, &line).await;
                }
            }
            (Some("sent"), Some(class), Some(n)) => {
                self.moved = now;
                self.lane(own, class, |lane| lane.on_sent(n, now));
            }
            (Some("got"), Some(class), Some(n)) => {
                self.moved = now;
                self.lane(1 - own, class, |lane| lane.on_got(n, now));
            }
            _ => {}
        }
    }

    /// Starts again what was killed, and gives up what does not move.
    fn on_tick(&mut self) -> io::Result<Option<String>> {
        let now = Instant::now();
        if self.server_restart.is_some_and(|at| at <= now) {
            self.server_restart = None;
            let command = self.plan.stack.server(self.programs, self.port, &self.plan.folder);
            let log = self.plan.folder.join("server.log");
            self.server = Some(Program::start(Role::Server, command, &log, &self.said)?);
        }
        if let Some(server) = &mut self.server
            && let Some(status) = server.ended()?
        {
            return Ok(Some(format!("the server ended by itself: {status}")));
        }
        let patience = self.plan.stack.patience();
        for (party, [name, peer]) in self.parties.iter_mut().zip([NAMES, reversed(NAMES)]) {
            if party.restart.is_some_and(|at| at <= now) {
                party.restart = None;
                let user = User { name, peer, token: &party.token, life: party.life };
                let (plan, address) = (self.plan, party.proxy.address());
                let command = plan.stack.client(self.programs, address, user, plan.messages, &plan.folder);
                let log = plan.folder.join(format!("{name}.log"));
                party.program = Some(Program::start(party.role, command, &log, &self.said)?);
                party.life += 1;
            }
            if let Some(program) = &mut party.program
                && let Some(status) = program.ended()?
            {
                return Ok(Some(format!("{name} ended by itself: {status}")));
            }
            for lane in &mut party.lanes {
                lane.give_up(patience, now);
            }
        }
        let is_stuck = now.saturating_duration_since(self.moved) >= STUCK;
        Ok(is_stuck.then(|| format!("nothing moved for {} s", STUCK.as_secs())))
    }

    /// Takes the steps that are due.
    async fn take_steps(&mut self) -> io::Result<()> {
        let now = Instant::now();
        for party in &mut self.parties {
            let sent = party.lanes.iter().find(|lane| lane.class == "buffered").map_or(0, |lane| lane.sent);
            // A fault that waits for its bytes goes first.
            while !party.proxy.is_armed()
                && let Some(step) = party.steps.pop_front_if(|step| step.at <= sent)
            {
                match step.action {
                    Action::Network(armed) => party.proxy.arm(armed),
                    Action::KillServer(away) => {
                        if let Some(server) = self.server.take() {
                            server.kill().await?;
                            self.server_restart = Some(now + away);
                        }
                    }
                    Action::KillClient(away) => {
                        if let Some(program) = party.program.take() {
                            program.kill().await?;
                            party.restart = Some(now + away);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Lets the senders send on. Volatile messages, which may get lost, go along with the buffered ones.
    async fn grant(&mut self) {
        if !self.parties.iter().all(|party| party.is_ready) {
            return;
        }
        self.volatile_turn = !self.volatile_turn;
        for own in 0..self.parties.len() {
            let lines = self.parties.get_mut(own).map(|party| party.grant(self.plan.messages, self.volatile_turn));
            for line in lines.unwrap_or_default() {
                self.tell_party(own, &line).await;
            }
        }
    }

    async fn tell_party(&mut self, index: usize, line: &str) {
        if let Some(program) = self.parties.get_mut(index).and_then(|party| party.program.as_mut()) {
            program.tell(line).await;
        }
    }

    fn lane(&mut self, index: usize, class: &str, change: impl FnOnce(&mut Lane)) {
        let lanes = self.parties.get_mut(index).map(|party| &mut party.lanes);
        if let Some(lane) = lanes.into_iter().flatten().find(|lane| lane.class == class) {
            change(lane);
        }
    }

    fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.parties.iter().flat_map(|party| &party.lanes)
    }

    fn is_all_sent(&self) -> bool {
        self.lanes().all(|lane| lane.sent >= self.plan.messages)
    }

    fn is_all_through(&self) -> bool {
        self.lanes().filter(|lane| lane.class != "volatile").all(|lane| lane.got >= self.plan.messages)
    }

    fn everybody_is_up(&self) -> bool {
        self.server.is_some() && self.parties.iter().all(|party| party.program.is_some())
    }

    #[expect(clippy::print_stdout, reason = "a command-line program talks to its user")]
    fn tell(&self, begun: Instant) {
        let sent: u64 = self.lanes().map(|lane| lane.sent).sum();
        let all = self.plan.messages * self.lanes().count() as u64;
        let faults: u64 = self.parties.iter().map(|party| party.proxy.figures().faults).sum();
        println!(
            "    {} {}: {sent} of {all} sent, {faults} faults, {} s",
            self.plan.stack.name(),
            self.plan.scenario.name(),
            begun.elapsed().as_secs()
        );
    }

    async fn end(mut self, lines: &mut mpsc::Receiver<Said>) -> io::Result<()> {
        let programs: Vec<Program> = self.parties.iter_mut().filter_map(|party| party.program.take()).collect();
        let ending = async {
            for program in programs {
                program.finish().await?;
            }
            match self.server.take() {
                Some(server) => server.kill().await,
                None => Ok(()),
            }
        };
        tokio::pin!(ending);
        loop {
            tokio::select! {
                ended = &mut ending => return ended,
                // Nobody may wait for a reader.
                Some(_) = lines.recv() => {}
            }
        }
    }
}

fn reversed([one, other]: [&'static str; 2]) -> [&'static str; 2] {
    [other, one]
}

/// A port that was free a moment ago: the server has to come back to the same.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Where a plan's journals go, below a folder.
#[must_use]
pub fn folder_of(log: &Path, stack: Stack, scenario: Scenario) -> PathBuf {
    log.join(format!("{}-{}", scenario.name(), stack.name()))
}
