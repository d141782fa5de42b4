//! What the figures were taken on.

use std::{fs, io, process::Command, thread};

/// Lines about the machine and its tools. No host name, no paths.
pub(crate) fn describe() -> io::Result<Vec<String>> {
    let mut lines = describe_here()?;
    lines.push(format!("Node {}, socket.io 4.8.4, socket.io-client 4.8.4", version("node")?));
    Ok(lines)
}

/// The same without the tools of the peers.
pub(crate) fn describe_here() -> io::Result<Vec<String>> {
    let cores = thread::available_parallelism()?;
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_else(|| "unknown".to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(vec![format!("{cores} cores ({processor}), memory {memory}, Linux {}", kernel.trim()), version("rustc")?])
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

fn version(program: &str) -> io::Result<String> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .map_err(|error| io::Error::other(format!("{program} is needed for this comparison: {error}")))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
