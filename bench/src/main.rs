//! Side-by-side measurements of Nexus and its peers, in one run and in turn. `cargo xtask bench` runs all of them and
//! writes `docs/benchmarks.md`; naming some prints them. What delivery costs is measured apart from them, and has a page of
//! its own.

mod delivery;
mod load;
mod machine;
mod peer;
mod process;
mod report;

use std::{
    error::Error,
    ffi::OsStr,
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command as Blocking,
    time::Duration,
};

use clap::{Parser, ValueEnum};
use tokio::{process::Command, task::LocalSet, time};

use crate::{
    process::Measured,
    report::{ClientFigures, Report, ServerFigures},
};

const ACKING_PEERS: usize = 100;
/// Broadcasts under way at once in the busy fan-out: enough that the server is never idle, too few to fill a socket's
/// buffer.
const BUSY: usize = 8;
const CLIENT_RATE: Duration = Duration::from_millis(1);

#[derive(Parser)]
struct Args {
    /// What to measure. Nothing named: everything, and the results go to docs/benchmarks.md.
    what: Vec<What>,
    /// How often each server is started and measured; the report has the medians.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Measure this server alone, to profile it.
    #[arg(long)]
    only: Option<Contender>,
    /// Idle connections whose memory is measured. Each takes a file descriptor here and one in the server.
    #[arg(long, default_value_t = 5000)]
    connections: usize,
    /// Members of the room that is broadcast to.
    #[arg(long, default_value_t = 1000)]
    members: usize,
    /// Broadcasts that are measured.
    #[arg(long, default_value_t = 1000)]
    broadcasts: usize,
    /// Acknowledged events that are measured, for each of 100 connections.
    #[arg(long, default_value_t = 2000)]
    events: usize,
    #[command(flatten)]
    delivery: delivery::Options,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Memory, fan-out and acknowledgements of the servers.
    Servers,
    /// A client process that receives 1,000 events a second.
    Client,
    /// Encoding and decoding of packets.
    Codec,
    /// What delivery costs. Never with the others: it has a page of its own, docs/benchmarks-delivery.md.
    Delivery,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Contender {
    Nexus,
    Node,
    Bare,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the package lies in a workspace")?;
    if args.what.contains(&What::Delivery) {
        if args.what.len() > 1 {
            return Err("the bench `delivery` runs by itself".into());
        }
        return delivery::run_all(root, args.rounds, &args.delivery).await;
    }
    let wants = |what| args.what.is_empty() || args.what.contains(&what);
    let mut report = Report::new(machine::describe()?);
    let ours = wants(What::Client) || wants(What::Servers) && args.only.is_none_or(|only| only == Contender::Nexus);
    let programs = prepare(root, ours)?;
    if wants(What::Servers) {
        report.servers = Some(LocalSet::new().run_until(measure_servers(&args, &programs)).await?);
    }
    if wants(What::Client) {
        report.clients = Some(LocalSet::new().run_until(measure_clients(&args, &programs)).await?);
    }
    if wants(What::Codec) {
        eprintln_step("codec");
        let output = cargo(root).args(["bench", "--quiet", "-p", "nexus-core", "--bench", "codec"]).output()?;
        if !output.status.success() {
            return Err("cargo bench -p nexus-core --bench codec failed".into());
        }
        report.codec = Some(String::from_utf8(output.stdout)?);
    }
    let text = report.to_markdown();
    if args.what.is_empty() && args.only.is_none() {
        fs::create_dir_all(root.join("docs"))?;
        fs::write(root.join("docs/benchmarks.md"), &text)?;
    }
    #[expect(clippy::print_stdout, reason = "the result of the command")]
    {
        println!("{text}");
    }
    Ok(())
}

/// Where the measured programs are.
struct Programs {
    binaries: PathBuf,
    scripts: PathBuf,
}

impl Programs {
    fn server(&self, contender: Contender, port: u16) -> Command {
        let port = port.to_string();
        match contender {
            Contender::Nexus => command(self.binaries.join("examples/bench_server"), ["--port", &port]),
            Contender::Bare => command(self.binaries.join("bare_server"), ["--port", &port]),
            Contender::Node => command("node", [self.scripts.join("server.mjs").as_os_str(), port.as_ref()]),
        }
    }

    fn client(&self, contender: Contender, address: &str) -> Command {
        match contender {
            Contender::Node => command("node", [self.scripts.join("client.mjs").as_os_str(), address.as_ref()]),
            _ => command(self.binaries.join("examples/bench_client"), [address]),
        }
    }
}

/// Builds the programs, `ours` only where they are measured, and installs the packages of the peers.
fn prepare(root: &Path, ours: bool) -> Result<Programs, Box<dyn Error>> {
    eprintln_step("building");
    if ours {
        let examples = ["--example", "bench_server", "--example", "bench_client"];
        run(cargo(root).args(["build", "--quiet", "--release", "-p", "nexus-examples"]).args(examples))?;
    }
    run(cargo(root).args(["build", "--quiet", "--release", "-p", "nexus-bench", "--bins"]))?;
    let scripts = root.join("bench/peer");
    run(Blocking::new("npm").args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(&scripts))?;
    let here = std::env::current_exe()?;
    let binaries = here.parent().ok_or("the program lies in a folder")?.to_owned();
    Ok(Programs { binaries, scripts })
}

async fn measure_servers(args: &Args, programs: &Programs) -> io::Result<Vec<ServerFigures>> {
    let contenders: Vec<Contender> = match args.only {
        Some(one) => vec![one],
        None => vec![Contender::Nexus, Contender::Node, Contender::Bare],
    };
    let mut figures: Vec<_> = contenders.iter().map(|contender| ServerFigures::new(contender.title())).collect();
    for round in 1..=args.rounds {
        for (contender, figures) in contenders.iter().zip(&mut figures) {
            eprintln_step(&format!("{}, round {round} of {}", contender.title(), args.rounds));
            let port = free_port()?;
            let server = Measured::start(programs.server(*contender, port)).await?;
            figures.idle_kib.push(load::idle_memory(&server, port, args.connections).await?);
            server.kill().await?;

            let port = free_port()?;
            let server = Measured::start(programs.server(*contender, port)).await?;
            figures.fan_out.push(load::fan_out(&server, port, args.members, args.broadcasts, 1).await?);
            server.kill().await?;

            let port = free_port()?;
            let mut command = programs.server(*contender, port);
            if *contender == Contender::Bare {
                command.arg("--queues");
            }
            let server = Measured::start(command).await?;
            figures.busy_fan_out.push(load::fan_out(&server, port, args.members, args.broadcasts, BUSY).await?);
            server.kill().await?;

            let port = free_port()?;
            let server = Measured::start(programs.server(*contender, port)).await?;
            figures.acks.push(load::acked_events(&server, port, ACKING_PEERS, args.events).await?);
            server.kill().await?;
        }
    }
    Ok(figures)
}

async fn measure_clients(args: &Args, programs: &Programs) -> io::Result<Vec<ClientFigures>> {
    const EVENTS: u32 = 10_000;

    let mut all = Vec::new();
    for contender in [Contender::Nexus, Contender::Node] {
        let mut figures = ClientFigures::new(contender.client_title());
        for round in 1..=args.rounds {
            eprintln_step(&format!("{}, round {round} of {}", contender.client_title(), args.rounds));
            let port = free_port()?;
            let server = Measured::start(programs.server(Contender::Nexus, port)).await?;
            let client = Measured::start(programs.client(contender, &format!("http://127.0.0.1:{port}"))).await?;
            let mut sender = peer::Peer::join_root(port).await?;
            let before = client.cpu_seconds()?;
            let mut ticks = time::interval(CLIENT_RATE);
            for _ in 0..EVENTS {
                ticks.tick().await;
                sender.send(r#"42["b"]"#).await?;
            }
            // The answer comes after the last broadcast was written, in order, to the client as well.
            sender.send(r#"420["e",0]"#).await?;
            sender.expect("430[0]").await?;
            time::sleep(Duration::from_millis(500)).await;
            figures.cpu_per_second.push((client.cpu_seconds()? - before) * 1e6 / f64::from(EVENTS));
            figures.rss_mib.push(client.rss_kib()? / 1024.0);
            let said = client.finish().await?;
            if said.trim() != format!("received {EVENTS}") {
                return Err(io::Error::other(format!("the client should have received {EVENTS} events: {said:?}")));
            }
            server.kill().await?;
        }
        all.push(figures);
    }
    Ok(all)
}

impl Contender {
    fn title(self) -> &'static str {
        match self {
            Self::Nexus => "Nexus",
            Self::Node => "Node socket.io",
            Self::Bare => "bare tokio-tungstenite",
        }
    }

    fn client_title(self) -> &'static str {
        match self {
            Self::Node => "socket.io-client (Node)",
            _ => "Nexus client",
        }
    }
}

fn command<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}

fn cargo(root: &Path) -> Blocking {
    let mut cargo = Blocking::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    // What `cargo run` tells this process about its own package: build scripts of dependencies watch such variables,
    // and would run again.
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&variable);
        }
    }
    cargo
}

fn run(command: &mut Blocking) -> Result<(), Box<dyn Error>> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} failed").into()) }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[expect(clippy::print_stderr, reason = "progress of the command")]
fn eprintln_step(step: &str) {
    eprintln!("bench: {step}");
}
