//! What delivery costs: `cargo xtask bench delivery`, which writes `docs/benchmarks-delivery.md`.

mod memory;
mod page;
mod proxy;
mod recovery;
mod uplink;

use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    process::{Command as Blocking, Stdio},
};

use clap::ValueEnum;
use tokio::{process::Command, task::LocalSet};

use crate::{cargo, command, eprintln_step, free_port, machine, process::Measured, run};

/// Signs the tokens of a server that only listens on loopback, while it is measured.
const SECRET: &str = "for benchmarks on loopback only, no secret at all";

/// What of delivery to measure, and how much.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A part of the bench `delivery` to measure by itself, printed and not written; may be repeated.
    #[arg(long)]
    part: Vec<Part>,
    /// Acknowledged messages that are measured one after another and at a steady rate, for each class.
    #[arg(long, default_value_t = 1000)]
    messages: u64,
    /// Acknowledged messages that are measured pipelined; a quarter of them durable.
    #[arg(long, default_value_t = 20_000)]
    pipelined: u64,
    /// Users whose memory is measured, and clients that lose their server.
    #[arg(long, default_value_t = 1000)]
    users: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Emits of each class.
    Uplink,
    /// Memory of ledgers, logs, inboxes and outboxes.
    Memory,
    /// Sessions that are resumed.
    Recovery,
    /// Durable emits in Chromium.
    Web,
}

/// Where the measured programs are, and where they may keep what they keep.
struct Bench {
    binaries: PathBuf,
    folder: PathBuf,
    rounds: usize,
}

/// Measures, prints, and writes the page if everything was measured.
pub(crate) async fn run_all(root: &Path, rounds: usize, options: &Options) -> Result<(), Box<dyn Error>> {
    let bench = Bench::prepare(root, rounds)?;
    let wants = |part| options.part.is_empty() || options.part.contains(&part);
    let mut facts = machine::describe_here()?;
    facts.push(format!(
        "load average of the minute before: {} (where it is not near 0, others were at work)",
        load_average()?
    ));
    let mut page = page::Page::new(facts, rounds);
    if wants(Part::Uplink) {
        page.add(uplink::measure(&bench, options.messages, options.pipelined).await?.to_markdown());
    }
    if wants(Part::Memory) {
        let measuring = LocalSet::new();
        page.add(measuring.run_until(memory::measure(&bench, options.users)).await?.to_markdown());
    }
    if wants(Part::Recovery) {
        let measuring = LocalSet::new();
        page.add(measuring.run_until(recovery::measure(&bench, options.users)).await?.to_markdown());
    }
    if wants(Part::Web) {
        eprintln_step("durable emits in Chromium");
        page.add(bench.in_browser(root).await?);
    }
    fs::remove_dir_all(&bench.folder)?;
    let text = page.to_markdown();
    if options.part.is_empty() {
        fs::write(root.join("docs/benchmarks-delivery.md"), &text)?;
    }
    #[expect(clippy::print_stdout, reason = "the result of the command")]
    {
        println!("{text}");
    }
    Ok(())
}

fn load_average() -> io::Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').next().unwrap_or_default().to_owned())
}

impl Bench {
    fn prepare(root: &Path, rounds: usize) -> Result<Self, Box<dyn Error>> {
        eprintln_step("building");
        let examples =
            ["--example", "delivery_server", "--example", "delivery_client", "--example", "recovery_clients"];
        run(cargo(root).args(["build", "--quiet", "--release", "-p", "nexus-examples"]).args(examples))?;
        run(cargo(root).args(["build", "--quiet", "--release", "-p", "nexus-server", "--bin", "nexus-server"]))?;
        let here = std::env::current_exe()?;
        let binaries = here.parent().ok_or("the program lies in a folder")?.to_owned();
        // Beside the build, and not in the system's folder for temporary files, which may be no disk.
        let target = binaries.parent().ok_or("the program lies in a folder of the build")?;
        let folder = target.join("bench-delivery");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(Self { binaries, folder, rounds })
    }

    /// A folder that was not there before.
    fn fresh(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    async fn server(&self) -> io::Result<(Measured, u16)> {
        let port = free_port()?;
        let mut server = command(self.binaries.join("examples/delivery_server"), ["--port", &port.to_string()]);
        server.arg("--data-dir").arg(self.fresh("server")?);
        Ok((Measured::start(server).await?, port))
    }

    async fn clients(&self, port: u16, clients: usize) -> io::Result<Measured> {
        let mut client = command(self.binaries.join("examples/delivery_client"), [format!("http://127.0.0.1:{port}")]);
        client.args(["--clients", &clients.to_string(), "--data-dir"]).arg(self.fresh("client")?);
        Measured::start(client).await
    }

    /// The server with its gateways, on a port and a folder that it may have had before.
    async fn gateways(&self, port: u16, folder: &Path) -> io::Result<Measured> {
        let mut server = Command::new(self.binaries.join("nexus-server"));
        server.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--log", "warn", "--data-dir"]).arg(folder);
        server.env("JWT_SECRET", SECRET);
        Measured::start_until(server, "listening on ").await
    }

    async fn recovery_clients(&self, port: u16, clients: usize) -> io::Result<Measured> {
        let url = format!("http://127.0.0.1:{port}");
        let mut program = command(self.binaries.join("examples/recovery_clients"), [url]);
        program.args(["--clients", &clients.to_string()]).env("JWT_SECRET", SECRET);
        Measured::start(program).await
    }
}

impl Bench {
    /// The section that the browser's own program writes.
    async fn in_browser(&self, root: &Path) -> io::Result<String> {
        let mut program = command("node", ["bench/web/delivery.mjs", "--rounds", &self.rounds.to_string()]);
        program.current_dir(root).stderr(Stdio::inherit());
        program.env("DELIVERY_SERVER", self.binaries.join("examples/delivery_server"));
        program.env("DELIVERY_FOLDER", self.fresh("web")?);
        let output = program.output().await?;
        if !output.status.success() {
            return Err(io::Error::other(format!("{program:?} failed")));
        }
        String::from_utf8(output.stdout).map_err(io::Error::other)
    }
}

/// Writes whatever waits to be written to disk, so that nobody else's is in the way.
fn flush_disks() -> Result<(), Box<dyn Error>> {
    run(&mut Blocking::new("sync"))
}
