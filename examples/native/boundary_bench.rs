//! What the client costs without a boundary, beside the benchmark programs of Kotlin, Swift and Python: `cargo xtask bench
//! mobile` runs them all. Prints lines of JSON.
//!
//! `boundary_bench [--events N] [--idle SECONDS]`; the variable `NEXUS_STAGE` is the port of a stage of `tests/behaviour`.

#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::{Duration, Instant},
};

use clap::Parser;
use futures_util::future::try_join_all;
use nexus_core::{
    driver::{Client, EmitFailed},
    manager::{Config, ConnectionStatus, EmitError},
};
use serde_json::{Value, json};

type Failure = Box<dyn Error + Send + Sync>;

/// Measures the client in Rust.
#[derive(Parser)]
struct Args {
    /// Events of each measure; a tenth of it for round trips.
    #[arg(long, default_value_t = 20_000)]
    events: u64,
    /// Counts wake-ups for so many seconds, connected and in the background, instead.
    #[arg(long, value_name = "SECONDS")]
    idle: Option<u64>,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let port: u16 = std::env::var("NEXUS_STAGE")?.parse()?;
    let server = stage(port, "POST", "/servers", r#"{"kind":"nexus"}"#)?;
    let url = server.get("url").and_then(Value::as_str).ok_or("no address")?;
    let measured = measure(url, &args).await;
    stage(port, "DELETE", &format!("/servers/{}", server.get("id").unwrap_or(&Value::Null)), "")?;
    measured
}

async fn measure(url: &str, args: &Args) -> Result<(), Failure> {
    let mut config = Config::new(url)?;
    config.background_grace = Duration::from_millis(100);
    let client = Client::builder(config).event_buffer(usize::try_from(args.events)?).build()?;
    client.connect("ada", "good-ada").await?;
    client.join("messaging").await?;
    match args.idle {
        Some(seconds) => idle(&client, seconds).await?,
        None => busy(&client, args.events).await?,
    }
    client.close().await;
    Ok(())
}

async fn busy(client: &Client, count: u64) -> Result<(), Failure> {
    let mut items = client.events("messaging", "item")?;
    let timed = Timed::start("events received and decoded", count)?;
    client.emit("messaging", "send-items", &count)?;
    for number in 0..count {
        let event = items.recv().await.ok_or("the client has ended")?;
        if event.arg::<u64>(0)? != number {
            return Err(format!("not event {number}").into());
        }
    }
    timed.stop()?;
    let timed = Timed::start("emits, until they are handed to the network", count)?;
    for number in 0..count {
        while let Err(error) = client.emit("messaging", "silence", &number) {
            let EmitFailed::Refused(EmitError::QueueFull) = error else { return Err(error.into()) };
            client.flush().await?;
        }
    }
    client.flush().await?;
    timed.stop()?;
    let trips = (count / 10).max(1);
    let timed = Timed::start("acknowledged round trips, one after another", trips)?;
    for number in 0..trips {
        client.emit_with_ack("messaging", "echo", &number).await?;
    }
    timed.stop()?;
    let timed = Timed::start("acknowledged round trips, 64 at a time", trips)?;
    let asking = (0..64).map(|first| async move {
        for number in (first..trips).step_by(64) {
            client.emit_with_ack("messaging", "echo", &number).await?;
        }
        Ok::<_, Failure>(())
    });
    try_join_all(asking).await?;
    timed.stop()?;
    let resident = status("self")?.get("VmRSS").and_then(|kib| kib.split(' ').next()?.parse::<u64>().ok());
    println!(
        "{}",
        json!({"language": "rust", "name": "resident memory of this process, connected", "bytes": resident.map(|kib| kib * 1024)})
    );
    Ok(())
}

/// Counts how often threads were woken while nothing happened, but for the server's heartbeat.
async fn idle(client: &Client, seconds: u64) -> Result<(), Failure> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    wakeups("wake-ups, connected", seconds)?;
    client.enter_background();
    while client.connection_status() != ConnectionStatus::Disconnected {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    wakeups("wake-ups, in the background", seconds)
}

/// Blocks the first thread, which counts for nothing, so that no timer of ours wakes the others.
fn wakeups(name: &str, seconds: u64) -> Result<(), Failure> {
    let before = switches()?;
    std::thread::sleep(Duration::from_secs(seconds));
    let after = switches()?;
    let woken: u64 = after.iter().map(|(thread, count)| count - before.get(thread).unwrap_or(&0)).sum();
    println!(
        "{}",
        json!({"language": "rust", "name": name, "count": woken, "seconds": seconds, "threads": after.len()})
    );
    Ok(())
}

/// Voluntary context switches of each thread but the first: one for each time that it was woken.
fn switches() -> Result<BTreeMap<String, u64>, Failure> {
    let first = std::process::id().to_string();
    let mut counts = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task")? {
        let thread = task?.file_name().to_string_lossy().into_owned();
        if thread != first {
            let figures = status(&format!("self/task/{thread}"))?;
            let count = figures.get("voluntary_ctxt_switches").and_then(|count| count.parse().ok());
            counts.insert(thread, count.ok_or("no count of context switches")?);
        }
    }
    Ok(counts)
}

fn status(of: &str) -> Result<BTreeMap<String, String>, Failure> {
    let text = fs::read_to_string(format!("/proc/{of}/status"))?;
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
}

/// Time by the clock, and of all threads on the processor.
struct Timed {
    name: &'static str,
    count: u64,
    began: Instant,
    spent: f64,
}

impl Timed {
    fn start(name: &'static str, count: u64) -> Result<Self, Failure> {
        Ok(Self { name, count, began: Instant::now(), spent: cpu()? })
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    fn stop(self) -> Result<(), Failure> {
        let (seconds, spent, count) = (self.began.elapsed().as_secs_f64(), cpu()? - self.spent, self.count as f64);
        println!(
            "{}",
            json!({
                "language": "rust", "name": self.name, "count": self.count, "seconds": seconds, "perSecond": count / seconds,
                "microseconds": seconds / count * 1e6, "cpuMicroseconds": spent / count * 1e6,
            })
        );
        Ok(())
    }
}

/// User and system time of this process so far, in seconds.
fn cpu() -> Result<f64, Failure> {
    let mut nanoseconds = 0;
    for task in fs::read_dir("/proc/self/task")? {
        // The first figure is the time on a processor.
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds).as_secs_f64())
}

fn stage(port: u16, method: &str, target: &str, body: &str) -> Result<Value, Failure> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    if !head.contains(" 20") {
        return Err(format!("the stage said {head}").into());
    }
    Ok(serde_json::from_str(body).unwrap_or_default())
}
