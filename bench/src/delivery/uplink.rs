//! Emits of each class: how many, how soon, and what they have written to disk.

use std::{error::Error, fs, io, os::unix::fs::MetadataExt, path::Path};

use super::{
    Bench, flush_disks,
    page::{Table, bytes, micros, ratio, spread},
};
use crate::{eprintln_step, process::Measured, report::median};

/// How many messages of a client are underway at once when they are pipelined: fewer than any bound that holds them back.
const WINDOW: u64 = 128;
/// Clients that send at once, to see what they share.
const MANY: usize = 16;
/// Messages a second at the steady rate.
const RATE: u64 = 100;
/// What is sent before anything is measured.
const WARM_UP: u64 = 100;

const CLASSES: [&str; 4] = ["volatile", "plain", "buffered", "durable"];

/// What one command to the clients came to.
#[derive(Clone, Copy)]
struct Answer {
    seconds: f64,
    accepted: [f64; 2],
    acked: [f64; 2],
    confirmed: f64,
    dropped: f64,
}

/// Bytes for each message.
#[derive(Clone, Copy)]
struct Written {
    client: f64,
    server: f64,
    device: f64,
}

#[derive(Default)]
struct Figures {
    lone: Vec<(Answer, Written)>,
    paced: Vec<(Answer, Written)>,
    pipelined: Vec<(Answer, Written)>,
    many: Vec<(Answer, Written)>,
}

/// What was measured, by class.
pub(super) struct Uplink(Vec<(&'static str, Figures)>);

pub(super) async fn measure(bench: &Bench, messages: u64, pipelined: u64) -> Result<Uplink, Box<dyn Error>> {
    let mut all: Vec<_> = CLASSES.iter().map(|class| (*class, Figures::default())).collect();
    for round in 1..=bench.rounds {
        for (class, figures) in &mut all {
            eprintln_step(&format!("{class} emits, round {round} of {}", bench.rounds));
            let batch = if *class == "durable" { pipelined / 4 } else { pipelined };
            flush_disks()?;
            let (server, port) = bench.server().await?;
            let mut client = bench.clients(port, 1).await?;
            client.ask(&format!("lone {class} {WARM_UP}")).await?;
            let disk = Disk::of(&bench.folder)?;
            let pair = (&server, &mut client, &disk);
            figures.lone.push(ask(pair, &format!("lone {class} {messages}")).await?);
            let pair = (&server, &mut client, &disk);
            figures.paced.push(ask(pair, &format!("paced {class} {} {RATE}", messages / 2)).await?);
            let pair = (&server, &mut client, &disk);
            figures.pipelined.push(ask(pair, &format!("pipelined {class} {batch} {WINDOW}")).await?);
            client.finish().await?;
            server.kill().await?;

            let (server, port) = bench.server().await?;
            let mut clients = bench.clients(port, MANY).await?;
            clients.ask(&format!("lone {class} {}", WARM_UP * 16)).await?;
            let pair = (&server, &mut clients, &disk);
            figures.many.push(ask(pair, &format!("pipelined {class} {batch} {WINDOW}")).await?);
            clients.finish().await?;
            server.kill().await?;
        }
    }
    Ok(Uplink(all))
}

async fn ask(pair: (&Measured, &mut Measured, &Disk), line: &str) -> io::Result<(Answer, Written)> {
    let (server, client, disk) = pair;
    let before = [client.written_bytes()?, server.written_bytes()?, disk.written_bytes()?];
    let answer = client.ask(line).await?;
    let after = [client.written_bytes()?, server.written_bytes()?, disk.written_bytes()?];
    let words: Vec<f64> = answer.split(' ').filter_map(|word| word.parse().ok()).collect();
    let &[seconds, a50, a99, k50, k99, confirmed, dropped] = words.as_slice() else {
        return Err(io::Error::other(format!("the client answered {answer:?}")));
    };
    let answer = Answer { seconds, accepted: [a50, a99], acked: [k50, k99], confirmed, dropped };
    let [client, server, device] = [0, 1, 2].map(|index: usize| {
        let [before, after] = [before.get(index), after.get(index)].map(|bytes| bytes.copied().unwrap_or_default());
        (after - before) / confirmed
    });
    Ok((answer, Written { client, server, device }))
}

/// The device of a folder, as the kernel counts what is written to it.
struct Disk(Option<String>);

impl Disk {
    fn of(folder: &Path) -> io::Result<Self> {
        let device = fs::metadata(folder)?.dev();
        let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00);
        let path = format!("/sys/dev/block/{major}:{minor}/stat");
        // Some file systems have no device of their own.
        Ok(Self(Path::new(&path).exists().then_some(path)))
    }

    /// NaN where nobody counts.
    fn written_bytes(&self) -> io::Result<f64> {
        let Some(path) = &self.0 else { return Ok(f64::NAN) };
        let sectors =
            fs::read_to_string(path)?.split_ascii_whitespace().nth(6).and_then(|word| word.parse::<f64>().ok());
        Ok(sectors.unwrap_or(f64::NAN) * 512.0)
    }
}

impl Uplink {
    pub(super) fn to_markdown(&self) -> String {
        let title = |class: &str| match class {
            "plain" => "buffered, stock namespace",
            "buffered" => "buffered, granted",
            "volatile" => "volatile",
            _ => "durable",
        };
        let all = |class: &str, pick: fn(&Figures) -> &Vec<(Answer, Written)>, of: fn(&(Answer, Written)) -> f64| {
            let figures = self.0.iter().find(|(name, _)| *name == class);
            figures.map(|(_, figures)| pick(figures).iter().map(of).collect::<Vec<f64>>()).unwrap_or_default()
        };
        let rate: fn(&(Answer, Written)) -> f64 = |(answer, _)| answer.confirmed / answer.seconds;
        let mut page = format!(
            "## Emits\nOne client and one server as processes of their own, on loopback, with all files on one disk. Each message \
             has\nabout 200 bytes, and asks for an acknowledgement; the handler only notes that it ran, so durability is all\nthat \
             is written. All arrived once. Pipelined: {WINDOW} of a client underway at once, without and with {} more\nclients \
             in the same process, which share the disk with each other and the server.\n\n",
            MANY - 1
        );
        let mut table =
            Table::new(["class", "1 client, emits/s", "of buffered", "16 clients, emits/s", "of buffered", "dropped"]);
        for class in CLASSES {
            let mut cells = vec![title(class).to_owned()];
            for pick in [(|f| &f.pipelined) as fn(&Figures) -> &Vec<_>, |f| &f.many] {
                let rates = all(class, pick, rate);
                cells.push(spread(&rates, 0));
                cells.push(ratio(median(&rates), median(&all("buffered", pick, rate))));
            }
            let dropped = |pick| median(&all(class, pick, |(answer, _)| answer.dropped));
            cells.push(format!("{:.0}, {:.0}", dropped(|f| &f.pipelined), dropped(|f| &f.many)));
            table.row(cells);
        }
        page += &table.to_markdown();
        page += &format!(
            "\nMicroseconds from the call of emit: until the message is accepted, which a durable one is when it is on the \
             client's\ndisk, and until its acknowledgement is told. Medians of the rounds' medians and 99th percentiles. At the \
             steady rate,\n{RATE} a second, the processes wait between messages, and are slower to wake.\n\n"
        );
        let mut table = Table::new([
            "class",
            "one at a time: accepted, 99th",
            "acked, 99th",
            "of buffered",
            "steady: accepted, 99th",
            "acked, 99th",
            "of buffered",
        ]);
        for class in CLASSES {
            let mut cells = vec![title(class).to_owned()];
            for pick in [(|f| &f.lone) as fn(&Figures) -> &Vec<_>, |f| &f.paced] {
                let at = |class, of| median(&all(class, pick, of));
                cells.push(micros(at(class, |(a, _)| a.accepted[0]), at(class, |(a, _)| a.accepted[1])));
                cells.push(micros(at(class, |(a, _)| a.acked[0]), at(class, |(a, _)| a.acked[1])));
                cells.push(ratio(at(class, |(a, _)| a.acked[0]), at("buffered", |(a, _)| a.acked[0])));
            }
            table.row(cells);
        }
        page += &table.to_markdown();
        page += "\nBytes written for each durable message, from its emit until its end is on the client's disk too; the others write \
                 none.\n`write_bytes` of `/proc/PID/io` counts whole pages of 4,096 bytes; the device's count is everybody's, and has \
                 the file\nsystem's journal in it.\n\n";
        let mut table = Table::new(["durable messages", "client", "server", "device"]);
        for (name, pick) in [
            ("one at a time", (|f| &f.lone) as fn(&Figures) -> &Vec<_>),
            ("steady", |f| &f.paced),
            ("pipelined, 1 client", |f| &f.pipelined),
            ("pipelined, 16 clients", |f| &f.many),
        ] {
            let at = |of| bytes(median(&all("durable", pick, of)));
            table.row([name.to_owned(), at(|(_, w)| w.client), at(|(_, w)| w.server), at(|(_, w)| w.device)]);
        }
        page += &table.to_markdown();
        page
    }
}
