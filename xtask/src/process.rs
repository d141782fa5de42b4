//! Programs that xtask starts: streamed while they run, and never left behind.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// A program silent for this long is reported as still running.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How long a program may take to end when asked, before it is killed.
const PATIENCE: Duration = Duration::from_secs(8);

/// How a program relates to the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// It leads a process group, which is ended as a whole.
    Group,
    /// It shares our process group, because it reads from the terminal.
    Single,
}

/// The programs that run now; clones share the list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Children(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    running: BTreeMap<u32, Reach>,
    /// Set by the first signal: from then on nothing starts, and the signal's handler ends the process.
    ending: bool,
}

impl Children {
    /// Ends every program: asks first, then kills what is still there. No other starts from now on.
    pub(crate) fn end_all(&self) {
        self.table().ending = true;
        let running: Vec<(u32, Reach)> = self.table().running.iter().map(|(id, reach)| (*id, *reach)).collect();
        for (id, reach) in &running {
            signal(*id, *reach, "TERM");
        }
        let deadline = Instant::now() + PATIENCE;
        for (id, reach) in &running {
            while signal(*id, *reach, "0") && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
            }
            signal(*id, *reach, "KILL");
        }
    }

    /// Returns unless a signal is ending everything: then whoever got the signal ends this process as well.
    pub(crate) fn stay_if_ending(&self) {
        while self.table().ending {
            thread::sleep(PATIENCE);
        }
    }

    /// Runs to the end, handing each line of standard output to `on_line`; standard error goes to the terminal.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn stream(
        &self,
        name: &str,
        command: &mut Command,
        mut on_line: impl FnMut(&str),
    ) -> Result<ExitStatus, Failure> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut running = self.spawn(name, command, Reach::Group)?;
        let heartbeat = Heartbeat::start(name);
        for line in running.stdout.take().into_iter().flat_map(BufRead::lines) {
            let Ok(line) = line else { break };
            heartbeat.beat();
            on_line(&line);
        }
        running.wait()
    }

    /// Runs to the end with all output to the terminal.
    ///
    /// # Errors
    /// When the program cannot be started or does not succeed.
    pub(crate) fn run(&self, name: &str, command: &mut Command) -> Result<(), Failure> {
        succeeded(name, self.stream(name, command, |line| println!("{line}"))?)
    }

    /// Runs to the end with all output in a file, for work beside the stage that is shown.
    ///
    /// # Errors
    /// When it cannot be started or does not succeed; the message names the file.
    pub(crate) fn run_logged(&self, name: &str, command: &mut Command, log: &Path) -> Result<(), Failure> {
        let status = self.start_logged(name, command, log)?.wait()?;
        logged(name, status, log)
    }

    /// The same for a program that may hang: it is ended after `patience`.
    ///
    /// # Errors
    /// As for `run_logged`, and when it takes longer.
    pub(crate) fn run_within(
        &self,
        name: &str,
        command: &mut Command,
        log: &Path,
        patience: Duration,
    ) -> Result<(), Failure> {
        let mut running = self.start_logged(name, command, log)?;
        let deadline = Instant::now() + patience;
        while running.is_alive() {
            if Instant::now() > deadline {
                return Err(Failure::new(format!("{name} was given up after {} s", patience.as_secs())));
            }
            thread::sleep(Duration::from_millis(50));
        }
        logged(name, running.wait()?, log)
    }

    fn start_logged(&self, name: &str, command: &mut Command, log: &Path) -> Result<Running, Failure> {
        if let Some(folder) = log.parent() {
            std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
        }
        let file = File::create(log).map_err(|error| Failure::file(log, &error))?;
        let copy = file.try_clone().map_err(|error| Failure::file(log, &error))?;
        command.stdin(Stdio::null()).stdout(file).stderr(copy);
        self.spawn(name, command, Reach::Group)
    }

    /// Runs to the end with the terminal as its own: for programs that a person types into.
    ///
    /// # Errors
    /// When the program cannot be started or does not succeed.
    pub(crate) fn interact(&self, name: &str, command: &mut Command) -> Result<(), Failure> {
        succeeded(name, self.spawn(name, command, Reach::Single)?.wait()?)
    }

    /// Starts a program that runs beside us until the handle is dropped. Its standard output is piped.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn start(&self, name: &str, command: &mut Command) -> Result<Running, Failure> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        self.spawn(name, command, Reach::Group)
    }

    /// The same for a program that ends by itself when its standard input does, which stays open until then.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn start_attended(&self, name: &str, command: &mut Command) -> Result<Running, Failure> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        self.spawn(name, command, Reach::Group)
    }

    fn spawn(&self, name: &str, command: &mut Command, reach: Reach) -> Result<Running, Failure> {
        if reach == Reach::Group {
            lead_group(command);
        }
        // The list stays locked while the program starts, so that a signal cannot miss it.
        let mut table = self.table();
        if table.ending {
            return Err(Failure::new(format!("{name} is not started: interrupted")));
        }
        let mut child = command.spawn().map_err(|error| Failure::start(name, &error))?;
        table.running.insert(child.id(), reach);
        drop(table);
        Ok(Running {
            stdout: child.stdout.take().map(BufReader::new),
            name: name.to_owned(),
            child,
            reach,
            children: self.clone(),
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A program in the background; dropping this ends it and waits for it.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    child: Child,
    reach: Reach,
    children: Children,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Running {
    /// Reads standard output until `find` answers, then keeps draining it in the background.
    ///
    /// # Errors
    /// When the program ends first, or says nothing of the kind in `patience`.
    pub(crate) fn await_line<T: Send + 'static>(
        &mut self,
        patience: Duration,
        mut find: impl FnMut(&str) -> Option<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let Some(stdout) = self.stdout.take() else {
            return Err(Failure::new(format!("the output of {} is not piped", self.name)));
        };
        let (found, answer) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                match find(&line) {
                    Some(value) => drop(found.send(value)),
                    None => println!("{line}"),
                }
            }
        });
        answer.recv_timeout(patience).map_err(|error| match error {
            RecvTimeoutError::Disconnected => Failure::new(format!("{} ended before it was ready", self.name)),
            RecvTimeoutError::Timeout => {
                Failure::new(format!("{} was not ready after {} s", self.name, patience.as_secs()))
            }
        })
    }

    /// Stays until the program ends by itself.
    ///
    /// # Errors
    /// Always: it was to stay until we are told to end.
    pub(crate) fn stay(mut self) -> Result<(), Failure> {
        let status = self.wait()?;
        Err(Failure::new(format!("{} ended ({status})", self.name)))
    }

    fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn wait(&mut self) -> Result<ExitStatus, Failure> {
        let status = self.child.wait();
        self.children.table().running.remove(&self.child.id());
        status.map_err(|error| Failure::new(format!("waiting for {} failed: {error}", self.name)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stdin) = self.child.stdin.take() {
            drop(stdin);
            let deadline = Instant::now() + PATIENCE;
            while self.is_alive() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
            }
        }
        if self.is_alive() {
            signal(self.child.id(), self.reach, "TERM");
            let deadline = Instant::now() + PATIENCE;
            while self.is_alive() {
                if Instant::now() > deadline {
                    signal(self.child.id(), self.reach, "KILL");
                    drop(self.child.kill());
                    drop(self.child.wait());
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        self.children.table().running.remove(&self.child.id());
    }
}

/// Says that a silent program is still at work.
struct Heartbeat {
    beats: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    fn start(name: &str) -> Self {
        let (beats, received) = mpsc::channel();
        let (name, begun) = (name.to_owned(), Instant::now());
        let thread = thread::spawn(move || {
            loop {
                match received.recv_timeout(HEARTBEAT) {
                    Ok(()) => {}
                    Err(RecvTimeoutError::Timeout) => {
                        eprintln!("    … {name}: still running after {} s", begun.elapsed().as_secs());
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        Self { beats: Some(beats), thread: Some(thread) }
    }

    fn beat(&self) {
        if let Some(beats) = &self.beats {
            let _ = beats.send(());
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.beats = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn succeeded(name: &str, status: ExitStatus) -> Result<(), Failure> {
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{name} failed ({status})"))) }
}

fn logged(name: &str, status: ExitStatus, log: &Path) -> Result<(), Failure> {
    succeeded(name, status).map_err(|failure| Failure::new(format!("{failure}; its output is in {}", log.display())))
}

#[cfg(unix)]
fn lead_group(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(not(unix))]
fn lead_group(_command: &mut Command) {}

/// Sends a signal by the system's own `kill`; true when there was somebody to get it.
#[cfg(unix)]
fn signal(id: u32, reach: Reach, signal: &str) -> bool {
    let whom = match reach {
        Reach::Group => format!("-{id}"),
        Reach::Single => id.to_string(),
    };
    Command::new("kill")
        .args(["-s", signal, "--", &whom])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Ends a process tree; there is no polite way that reaches a console program from outside.
#[cfg(not(unix))]
fn signal(id: u32, _reach: Reach, signal: &str) -> bool {
    signal != "0"
        && Command::new("taskkill")
            .args(["/T", "/F", "/PID", &id.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn lines_are_handed_over_and_the_status_comes_back() {
        let mut lines = Vec::new();
        let status = Children::default()
            .stream("sh", Command::new("sh").args(["-c", "echo one; echo two; exit 3"]), |line| {
                lines.push(line.to_owned());
            })
            .unwrap();
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(status.code(), Some(3));
    }

    #[test]
    fn a_dropped_program_ends_with_its_own_children() {
        let children = Children::default();
        let mut running =
            children.start("sh", Command::new("sh").args(["-c", "sleep 600 & echo ready; wait"])).unwrap();
        let mut stdout = running.stdout.take().unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        drop(running);
        // The pipe ends when nobody holds it any more, the sleeping grandchild included.
        line.clear();
        assert_eq!(stdout.read_line(&mut line).unwrap(), 0);
        assert!(children.table().running.is_empty());
    }

    #[test]
    fn an_attended_program_ends_its_own_way() {
        let script = "echo ready; cat; echo cleaned up";
        let mut running = Children::default().start_attended("sh", Command::new("sh").args(["-c", script])).unwrap();
        let mut stdout = running.stdout.take().unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        drop(running);
        line.clear();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "cleaned up\n");
    }

    #[test]
    fn a_program_that_ends_before_it_is_ready_is_an_error() {
        let mut running = Children::default().start("sh", Command::new("sh").args(["-c", "exit 1"])).unwrap();
        let failure = running.await_line(PATIENCE, |_| Some(())).unwrap_err();
        assert_eq!(failure.to_string(), "sh ended before it was ready");
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let children = Children::default();
        let log = std::env::temp_dir().join(format!("nexus-xtask-{}.log", std::process::id()));
        let failure = children.run_within("sleep", Command::new("sleep").arg("600"), &log, Duration::ZERO).unwrap_err();
        assert_eq!(failure.to_string(), "sleep was given up after 0 s");
        assert!(children.table().running.is_empty());
        children.run_within("true", &mut Command::new("true"), &log, PATIENCE).unwrap();
        std::fs::remove_file(log).unwrap();
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let failure = Children::default().run("no-such-program", &mut Command::new("no-such-program")).unwrap_err();
        assert!(failure.to_string().starts_with("`no-such-program` could not be started"));
    }
}
