//! Tries storage engines as the client's store would use them: kills a writer 50 times, damages files, and measures
//! time, bytes written and size. `cargo run --release --features redb,sqlite` prints the table.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use store_trial::{Commit, Outcome, open};

/// Messages that wait at a time.
const WAITING: u64 = 50;
const KILLS: u64 = 50;
const DAMAGES: u64 = 100;

fn main() -> Outcome {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match *args.as_slice() {
        ["write", engine, dir] => write(engine, Path::new(dir)),
        ["measure", engine, dir, batch] => measure(engine, Path::new(dir), batch.parse()?),
        ["read", engine, dir] => read(engine, Path::new(dir)),
        [] => all(),
        _ => Err("no arguments: all trials".into()),
    }
}

/// What a chat message makes, of a length that differs, with a checksum over the rest.
fn record(id: u64) -> Vec<u8> {
    let mut random = Random(id + 1);
    let mut record: Vec<u8> = (0..150 + random.below(200)).map(|_| random.next().to_le_bytes()[3]).collect();
    record.extend(sum(&record).to_le_bytes());
    record
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Puts one message after the other, takes out those of long ago in the same commit, and says which are committed.
fn write(engine: &str, dir: &Path) -> Outcome {
    let mut store = open(engine, dir)?;
    let first = store.read().iter().map(|(id, _)| id + 1).max().unwrap_or(1);
    let mut out = io::stdout();
    for id in first.. {
        let remove = id.checked_sub(WAITING).into_iter().collect();
        store.commit(Commit { put: vec![(id, record(id))], remove })?;
        writeln!(out, "{id}")?;
    }
    Ok(())
}

/// Puts 2,000 messages and removes each later, both in commits of `batch`.
fn measure(engine: &str, dir: &Path, batch: u64) -> Outcome {
    const MESSAGES: u64 = 2000;
    let mut store = open(engine, dir)?;
    store.commit(Commit { put: vec![(0, record(0))], remove: Vec::new() })?;
    let before = written()?;
    let mut times = Vec::new();
    for id in (1..=MESSAGES).step_by(usize::try_from(batch)?) {
        let ids = id..id + batch;
        let put = ids.clone().map(|id| (id, record(id))).collect();
        for commit in [Commit { put, remove: Vec::new() }, Commit { put: Vec::new(), remove: ids.collect() }] {
            let started = Instant::now();
            store.commit(commit)?;
            times.push(started.elapsed());
        }
    }
    drop(store);
    times.sort();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default().as_secs_f64() * 1e6;
    println!("{:.0} {:.0} {}", at(50), at(99), (written()? - before) / MESSAGES);
    Ok(())
}

fn written() -> Outcome<u64> {
    let io = fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).ok_or("no write_bytes")?;
    Ok(line.trim().parse()?)
}

/// Says which messages can be read as they were written, and how many read otherwise.
fn read(engine: &str, dir: &Path) -> Outcome {
    let mut store = open(engine, dir)?;
    let found = store.read();
    let (good, bad): (Vec<_>, Vec<_>) = found.iter().partition(|(id, read)| *read == record(*id));
    println!("bad {}", bad.len());
    for (id, _) in good {
        println!("{id}");
    }
    Ok(())
}

fn all() -> Outcome {
    println!("| | redb | SQLite |\n|---|---|---|");
    row("kills of a writer at a random moment", |_, _| Ok(KILLS.to_string()))?;
    let mut lost = Vec::new();
    let killed = |engine: &str, dir: &Path| {
        let outcome = kill_often(engine, dir)?;
        lost.push(outcome.lost);
        Ok(outcome.commits.to_string())
    };
    row("commits that it had reported", killed)?;
    let mut lost = lost.into_iter();
    row("of those not there afterwards", |_, _| Ok(lost.next().unwrap_or_default().to_string()))?;
    for batch in [1, 32] {
        let mut bytes = Vec::new();
        row(&format!("commit of {batch} message(s), median and 99th of 100, µs"), |engine, dir| {
            let line = child(&["measure", engine, text(dir)?, &batch.to_string()])?.ok_or("failed")?;
            let mut parts = line.split_whitespace().map(str::to_owned);
            let (median, high) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            bytes.push(parts.next().unwrap_or_default());
            Ok(format!("{median}, {high}"))
        })?;
        let mut bytes = bytes.into_iter();
        row("bytes written for one message, put and removed", |_, _| Ok(bytes.next().unwrap_or_default()))?;
    }
    for (name, damage) in
        [("64 bytes overwritten", overwrite as fn(&Path, u64) -> Outcome), ("cut off somewhere", truncate)]
    {
        row(&format!("{DAMAGES} files of 200 messages, {name}: messages read on average"), |engine, dir| {
            damaged(engine, dir, damage)
        })?;
    }
    let bare = size("bare", "")?;
    row("added to a stripped program, KiB", |engine, _| {
        Ok(format!("{}", (size(&format!("with_{engine}"), engine)? - bare) / 1024))
    })
}

fn row(name: &str, mut cell: impl FnMut(&str, &Path) -> Outcome<String>) -> Outcome {
    let mut line = format!("| {name} |");
    for engine in ["redb", "sqlite"] {
        // Beside the build: /tmp may be memory.
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(format!("trial-{engine}"));
        let _not_there = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir)?;
        line += &format!(" {} |", cell(engine, &dir)?);
        fs::remove_dir_all(&dir)?;
    }
    println!("{line}");
    Ok(())
}

struct Killed {
    commits: u64,
    lost: u64,
}

fn kill_often(engine: &str, dir: &Path) -> Outcome<Killed> {
    let mut outcome = Killed { commits: 0, lost: 0 };
    let mut random = Random(7);
    let mut last = 0;
    for _ in 0..KILLS {
        let mut writer =
            Command::new(env::current_exe()?).args(["write", engine, text(dir)?]).stdout(Stdio::piped()).spawn()?;
        let stdout = writer.stdout.take().ok_or("no standard output")?;
        let reader = std::thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).last());
        std::thread::sleep(Duration::from_micros(20_000 + random.below(200_000)));
        writer.kill()?;
        writer.wait()?;
        let reported = reader.join().map_err(|_| "the reader panicked")?;
        let before = last;
        last = reported.map_or(Ok(last), |line| line.parse())?;
        outcome.commits += last - before;
        let mut store = open(engine, dir)?;
        let found = store.read();
        let there = |id: u64| found.iter().any(|(found, read)| *found == id && *read == record(id));
        // The commit after the last one reported may have been made.
        outcome.lost += ((last + 2).saturating_sub(WAITING).max(1)..=last).filter(|id| !there(*id)).count() as u64;
        last = last.max(found.iter().map(|(id, _)| *id).max().unwrap_or(0));
    }
    Ok(outcome)
}

fn damaged(engine: &str, dir: &Path, damage: fn(&Path, u64) -> Outcome) -> Outcome<String> {
    let (mut good, mut bad, mut failed) = (0, 0, 0);
    for seed in 0..DAMAGES {
        fs::remove_dir_all(dir)?;
        fs::create_dir_all(dir)?;
        let mut store = open(engine, dir)?;
        for id in 0..200 {
            store.commit(Commit { put: vec![(id, record(id))], remove: Vec::new() })?;
        }
        drop(store);
        damage(&dir.join("outbox"), seed)?;
        match child(&["read", engine, text(dir)?])? {
            None => failed += 1,
            Some(read) => {
                let mut lines = read.lines();
                bad += lines.next().and_then(|line| line.strip_prefix("bad ")?.parse::<u64>().ok()).unwrap_or(0);
                good += lines.count() as u64;
            }
        }
    }
    Ok(format!("{}, {bad} wrong, {failed} not opened", good / DAMAGES))
}

fn overwrite(file: &Path, seed: u64) -> Outcome {
    let mut bytes = fs::read(file)?;
    let mut random = Random(seed);
    let at = usize::try_from(random.below(bytes.len() as u64 - 64))?;
    for byte in bytes.iter_mut().skip(at).take(64) {
        *byte = random.next().to_le_bytes()[0];
    }
    Ok(fs::write(file, bytes)?)
}

fn truncate(file: &Path, seed: u64) -> Outcome {
    let length = fs::metadata(file)?.len();
    Ok(fs::OpenOptions::new().write(true).open(file)?.set_len(Random(seed).below(length))?)
}

/// What this program prints with these arguments; `None` if it fails.
fn child(args: &[&str]) -> Outcome<Option<String>> {
    let mut child =
        Command::new(env::current_exe()?).args(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut text = String::new();
    child.stdout.take().ok_or("no standard output")?.read_to_string(&mut text)?;
    Ok(child.wait()?.success().then_some(text))
}

/// The bytes of a program that is built anew.
fn size(program: &str, features: &str) -> Outcome<u64> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--bin", program, "--features", features])
        .current_dir(manifest)
        .status()?;
    if !built.success() {
        return Err("does not build".into());
    }
    let path: PathBuf = [manifest, Path::new("target/release"), Path::new(program)].iter().collect();
    Ok(fs::metadata(path)?.len())
}

fn text(path: &Path) -> Outcome<&str> {
    Ok(path.to_str().ok_or("not UTF-8")?)
}
