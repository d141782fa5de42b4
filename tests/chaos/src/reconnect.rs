//! Mass reconnect: thousands of clients lose their server in the same moment, and it comes back.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

use crate::program::{Program, Role, Said};

/// Signs the tokens of the trial's server, which only listens on loopback.
const SECRET: &str = "for trials on loopback only, no secret at all";
/// How long the server is away.
pub const AWAY: Duration = Duration::from_secs(5);
/// How long everything may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Attempts that were underway when the server came back may still fail for so long.
pub const MARGIN: Duration = Duration::from_millis(500);
/// How many clients have to be back for the first mark.
pub const FIRST_MARK: u64 = 1000;

/// What the clients said at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// From the kill; negative before.
    pub millis: i64,
    /// Clients connected.
    pub connected: u64,
    /// Attempts since the start.
    pub attempts: u64,
    /// Attempts that failed, and losses, since the start.
    pub failures: u64,
}

/// The delays that were drawn for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// After how many failed attempts in a row; 0 after the loss itself.
    pub attempt: u32,
    /// How many clients drew one.
    pub count: u64,
    /// The shortest, in milliseconds.
    pub min: u64,
    /// The longest, in milliseconds.
    pub max: u64,
}

impl Drawn {
    /// The shortest and the longest delay, in milliseconds, that the default policy has for this attempt: 1 s at first,
    /// doubled each time up to 30 s, then shortened by up to a half.
    #[must_use]
    pub fn configured(&self) -> (u64, u64) {
        let longest = 2_u64.saturating_pow(self.attempt).saturating_mul(1000).min(30_000);
        (longest / 2, longest)
    }

    /// Whether all delays were within what is configured, and filled at least nine tenths of it. A notice tells what
    /// is left of a delay: a millisecond less than it was at times.
    #[must_use]
    pub fn is_spread(&self) -> bool {
        let (shortest, longest) = self.configured();
        let within = self.min + 10 >= shortest && self.max <= longest;
        let few = self.count < 1000;
        within && (few || (self.max.saturating_sub(self.min)) * 10 >= (longest - shortest) * 9)
    }
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Reconnected {
    /// How many clients there were.
    pub clients: u64,
    /// In the order of time.
    pub samples: Vec<Sample>,
    /// By attempt.
    pub drawn: Vec<Drawn>,
    /// When the server listened again, in milliseconds from the kill.
    pub server_up: i64,
}

impl Reconnected {
    /// Milliseconds from the server's return until so many clients were back; `None` if they never were.
    #[must_use]
    pub fn back(&self, clients: u64) -> Option<i64> {
        let after = self.samples.iter().filter(|sample| sample.millis >= self.server_up);
        after.filter(|sample| sample.connected >= clients).map(|sample| sample.millis - self.server_up).min()
    }

    /// Attempts that failed although the server was back.
    #[must_use]
    pub fn refused(&self) -> u64 {
        let settled = self.server_up + i64::try_from(MARGIN.as_millis()).unwrap_or(i64::MAX);
        let at_return = self.samples.iter().filter(|sample| sample.millis <= settled).map(|s| s.failures).max();
        let at_end = self.samples.last().map(|sample| sample.failures);
        at_end.unwrap_or(0).saturating_sub(at_return.unwrap_or(0))
    }

    /// Attempts in each second from the kill.
    #[must_use]
    pub fn attempts_by_second(&self) -> Vec<u64> {
        let mut seconds = Vec::new();
        for pair in self.samples.windows(2) {
            let [before, after] = pair else { continue };
            let Ok(second) = usize::try_from(before.millis.div_euclid(1000)) else { continue };
            if seconds.len() <= second {
                seconds.resize(second + 1, 0);
            }
            if let Some(attempts) = seconds.get_mut(second) {
                *attempts += after.attempts.saturating_sub(before.attempts);
            }
        }
        seconds
    }
}

/// Has `clients` clients lose the server and come back.
///
/// # Errors
/// When a program can't be started, or the clients don't connect in time.
pub async fn run(clients: u64, server: &Path, program: &Path, folder: &Path) -> io::Result<Reconnected> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let (said, mut lines) = mpsc::channel(1024);
    let start_server = || {
        let mut command = Command::new(server);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--log", "warn"]);
        command.env("JWT_SECRET", SECRET).current_dir(folder);
        Program::start(Role::Server, command, &folder.join("server.log"), &said)
    };
    let deadline = Instant::now() + PATIENCE;
    let killed = start_server()?;
    until(&mut lines, deadline, |said| said.line.starts_with("listening on ")).await?;
    let mut command = Command::new(program);
    command.args(["--url", &format!("http://127.0.0.1:{port}"), "--clients", &clients.to_string()]);
    command.env("JWT_SECRET", SECRET);
    let program = Program::start(Role::First, command, &folder.join("clients.log"), &said)?;
    until(&mut lines, deadline, |said| said.line == "up").await?;

    let mut result = Reconnected { clients, ..Reconnected::default() };
    // A moment of calm first, so that the plot has a beginning.
    let mut calm = 0;
    until(&mut lines, deadline, |said| {
        calm += usize::from(result.take(&said.line, 0));
        calm == 4
    })
    .await?;
    let kill = now();
    for sample in &mut result.samples {
        sample.millis -= kill;
    }
    killed.kill().await?;
    let away = sleep(AWAY);
    tokio::pin!(away);
    loop {
        tokio::select! {
            () = &mut away => break,
            Some(said) = lines.recv() => drop(result.take(&said.line, kill)),
        }
    }
    let server = start_server()?;
    until(&mut lines, deadline, |said| {
        result.take(&said.line, kill);
        said.role == Role::Server && said.line.starts_with("listening on ")
    })
    .await?;
    result.server_up = now() - kill;
    until(&mut lines, deadline, |said| {
        result.take(&said.line, kill) && result.samples.last().is_some_and(|last| last.connected == clients)
    })
    .await?;
    let ending = program.finish();
    tokio::pin!(ending);
    loop {
        tokio::select! {
            ended = &mut ending => break ended?,
            Some(said) = lines.recv() => drop(result.take(&said.line, kill)),
        }
    }
    while let Ok(said) = lines.try_recv() {
        result.take(&said.line, kill);
    }
    server.kill().await?;
    Ok(result)
}

impl Reconnected {
    /// Reads a line of the clients'; true if it was a sample.
    fn take(&mut self, line: &str, kill: i64) -> bool {
        let mut words = line.split(' ');
        let kind = words.next();
        let numbers: Vec<i64> = words.filter_map(|word| word.parse().ok()).collect();
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        match (kind, numbers.as_slice()) {
            (Some("sample"), &[at, connected, attempts, failures]) => {
                let [connected, attempts, failures] = [connected, attempts, failures].map(count);
                self.samples.push(Sample { millis: at - kill, connected, attempts, failures });
                true
            }
            (Some("delay"), &[attempt, drawn, min, max]) => {
                let attempt = u32::try_from(attempt).unwrap_or(0);
                self.drawn.push(Drawn { attempt, count: count(drawn), min: count(min), max: count(max) });
                false
            }
            _ => false,
        }
    }
}

async fn until(
    lines: &mut mpsc::Receiver<Said>,
    deadline: Instant,
    mut is_there: impl FnMut(&Said) -> bool,
) -> io::Result<()> {
    let reading = async {
        while let Some(said) = lines.recv().await {
            if is_there(&said) {
                return true;
            }
        }
        false
    };
    match timeout_at(deadline, reading).await {
        Ok(true) => Ok(()),
        _ => Err(io::Error::other("the clients did not get there in time; see their errors in the folder")),
    }
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Reconnected {
        let mut seen = Reconnected { clients: 4000, server_up: 5000, ..Reconnected::default() };
        for line in [
            "sample 99000 4000 4000 0", // a second before the kill
            "sample 100000 4000 4000 0",
            "sample 100500 0 4000 4000",
            "sample 101000 0 7000 7000",
            "sample 105000 0 9000 8000",
            "sample 105500 900 9900 8100", // underway when the server came back
            "sample 106000 1000 10000 8100",
            "sample 107000 4000 13000 8107",
        ] {
            assert!(seen.take(line, 100_000), "{line}");
        }
        assert!(!seen.take("delay 1 4000 500 1000", 100_000) && !seen.take("up", 100_000));
        seen
    }

    #[test]
    fn marks_and_refusals_count_from_the_servers_return() {
        let seen = seen();
        assert_eq!((seen.back(FIRST_MARK), seen.back(4000), seen.back(4001)), (Some(1000), Some(2000), None));
        assert_eq!(seen.refused(), 7);
        assert_eq!(seen.drawn, [Drawn { attempt: 1, count: 4000, min: 500, max: 1000 }]);
    }

    #[test]
    fn a_spread_is_wide_and_within_what_is_configured() {
        let drawn = |attempt, count, min, max| Drawn { attempt, count, min, max };
        assert_eq!(drawn(0, 1, 0, 0).configured(), (500, 1000));
        assert_eq!(drawn(9, 1, 0, 0).configured(), (15_000, 30_000));
        assert!(drawn(0, 5000, 500, 999).is_spread() && drawn(1, 3, 1500, 1600).is_spread());
        assert!(!drawn(0, 5000, 700, 999).is_spread(), "too narrow");
        assert!(!drawn(0, 5000, 300, 999).is_spread(), "too early");
        assert!(!drawn(0, 5000, 500, 1100).is_spread(), "too late");
    }

    #[test]
    fn attempts_belong_to_the_second_in_which_they_began() {
        assert_eq!(seen().attempts_by_second(), [3000, 2000, 0, 0, 0, 1000, 3000]);
    }
}
