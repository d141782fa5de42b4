//! The measured process: started, watched through `/proc`, killed when dropped.

use std::{fs, io, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    time,
};

const START_LIMIT: Duration = Duration::from_secs(30);
/// Linux reports CPU time to user space in hundredths of a second on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process that said `up` on its standard output.
pub(crate) struct Measured {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pid: u32,
}

impl Measured {
    /// Starts `command` and waits for the line `up`.
    pub(crate) async fn start(mut command: Command) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let pid = child.id().ok_or_else(|| io::Error::other("the process ended at once"))?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        time::timeout(START_LIMIT, stdout.read_line(&mut line))
            .await
            .map_err(|_| io::Error::other(format!("{command:?} did not print `up` within 30 s")))??;
        if line.trim() != "up" {
            return Err(io::Error::other(format!("{command:?} printed {line:?} and not `up`")));
        }
        Ok(Self { child, stdout, pid })
    }

    /// User and system time since the process started, in seconds.
    pub(crate) fn cpu_seconds(&self) -> io::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The command name is in parentheses and may hold spaces: count the fields after it.
        let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ')).into_iter().flatten();
        let ticks: Vec<f64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        match ticks.as_slice() {
            [user, system] => Ok((user + system) / TICKS_PER_SECOND),
            _ => Err(io::Error::other("unexpected format of /proc/PID/stat")),
        }
    }

    /// Resident memory in KiB.
    pub(crate) fn rss_kib(&self) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
            .ok_or_else(|| io::Error::other("no VmRSS in /proc/PID/status"))
    }

    /// Closes the standard input, waits for the process to end and returns the rest of its output.
    pub(crate) async fn finish(mut self) -> io::Result<String> {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).await?;
        self.child.wait().await?;
        Ok(rest)
    }

    /// Ends a server that runs until it is killed.
    pub(crate) async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await
    }
}
