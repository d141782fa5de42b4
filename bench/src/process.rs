//! The measured process: started, watched through `/proc`, killed when dropped.

use std::{fs, io, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdout, Command},
    time,
};

const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a process may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(300);
/// Linux reports CPU time to user space in hundredths of a second on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process that said on its standard output that it is up.
pub(crate) struct Measured {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pid: u32,
}

impl Measured {
    /// Starts `command` and waits for the line `up`.
    pub(crate) async fn start(command: Command) -> io::Result<Self> {
        Self::start_until(command, "up").await
    }

    /// Starts `command` and waits for a first line that begins like this.
    pub(crate) async fn start_until(mut command: Command, said: &str) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let pid = child.id().ok_or_else(|| io::Error::other("the process ended at once"))?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        time::timeout(START_LIMIT, stdout.read_line(&mut line))
            .await
            .map_err(|_| io::Error::other(format!("{command:?} did not print `{said}` within 30 s")))??;
        if !line.starts_with(said) {
            return Err(io::Error::other(format!("{command:?} printed {line:?} and not `{said}`")));
        }
        Ok(Self { child, stdout, pid })
    }

    /// Writes a line to its standard input, and reads one of its output.
    pub(crate) async fn ask(&mut self, line: &str) -> io::Result<String> {
        let stdin = self.child.stdin.as_mut().ok_or_else(|| io::Error::other("no standard input"))?;
        stdin.write_all(format!("{line}\n").as_bytes()).await?;
        let mut answer = String::new();
        time::timeout(ANSWER_LIMIT, self.stdout.read_line(&mut answer))
            .await
            .map_err(|_| io::Error::other(format!("no answer to {line:?} within 300 s")))??;
        if answer.is_empty() {
            return Err(io::Error::other(format!("the process ended without an answer to {line:?}")));
        }
        Ok(answer.trim_end().to_owned())
    }

    /// Bytes that it has had the system write to files since it started: whole pages, whatever of them had changed, and
    /// without what the file system writes of its own.
    pub(crate) fn written_bytes(&self) -> io::Result<f64> {
        let counts = fs::read_to_string(format!("/proc/{}/io", self.pid))?;
        counts
            .lines()
            .find_map(|line| line.strip_prefix("write_bytes:"))
            .and_then(|rest| rest.trim().parse().ok())
            .ok_or_else(|| io::Error::other("no write_bytes in /proc/PID/io"))
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
