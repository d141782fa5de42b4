//! A user who sends and receives messages while the network is cut and processes are killed, and writes down what it
//! saw: `cargo xtask chaos` starts it and counts. `tests/peers/chaos-client.mjs` is the same on the stock client.
//!
//! Reads `CLASS N`: messages of that class may be sent up to number N. Prints `ready`, `sent CLASS N`, `got CLASS N`.
//! Writes USER.sent.jsonl and USER.received.jsonl, and goes on from there when it is started again. Ends when its
//! standard input does.

#![expect(clippy::print_stdout, reason = "a program that is read by another")]

use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clap::Parser;
use nexus_core::{
    driver::{Client, Event, Notice, Outcome},
    manager::{Config, Emit, EmitOutcome, MessageId},
    socketio::{Namespace, Payload},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
    sync::watch,
};

const NAMESPACE: &str = "messaging";
const EVENT: &str = "NEW_MESSAGE";
/// The delays of the other stacks, so that a run takes as long; all else is as it comes.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_millis(500);

#[derive(Parser)]
struct Args {
    #[arg(long)]
    url: String,
    /// Who this is.
    #[arg(long)]
    name: String,
    /// Who gets the messages.
    #[arg(long)]
    to: String,
    /// How many of each class.
    #[arg(long)]
    messages: u64,
    #[arg(long, value_delimiter = ',')]
    classes: Vec<String>,
    /// Folder of the journals.
    #[arg(long)]
    journal: PathBuf,
    /// How many processes this user was before.
    #[arg(long)]
    life: u64,
    /// Folder of the durable messages.
    #[arg(long)]
    data_dir: PathBuf,
    #[arg(long, env = "NEXUS_TOKEN", hide_env_values = true)]
    token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Draft<'a> {
    receiver_id: &'a str,
    content: String,
    class: &'a str,
    n: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    sender_id: String,
    unique_id: String,
    class: String,
    n: u64,
}

/// A file of lines that are in the system's hands when `write` returns, whatever becomes of this process.
struct Journal(Mutex<File>);

impl Journal {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Mutex::new(File::options().create(true).append(true).open(path)?)))
    }

    fn write(&self, line: &Value) -> io::Result<()> {
        lock(&self.0).write_all(format!("{line}\n").as_bytes())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends the messages of one class, one after another.
struct Lane {
    client: Client,
    journal: Arc<Journal>,
    class: String,
    to: String,
    /// The buffered messages by what the client calls them.
    names: Arc<Mutex<HashMap<MessageId, u64>>>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let path = |kind: &str| args.journal.join(format!("{}.{kind}.jsonl", args.name));
    let sent_before = last_sent(&path("sent"))?;
    let sent = Arc::new(Journal::open(&path("sent"))?);
    let received = Journal::open(&path("received"))?;

    let mut config = Config::new(&args.url)?;
    (config.reconnect.initial_delay, config.reconnect.max_delay) = (FIRST_DELAY, LONGEST_DELAY);
    let client = Client::builder(config).store(&args.data_dir).build()?;
    let life = args.life;
    let names = Arc::new(Mutex::new(HashMap::new()));
    let _listening = [
        client.on(NAMESPACE, EVENT, move |event| note_received(&received, life, &event))?,
        client.add_notice_listener({
            let (sent, names) = (Arc::clone(&sent), Arc::clone(&names));
            move |notice| note_dropped(&sent, &names, &notice)
        }),
    ];

    let mut leave = BTreeMap::new();
    let mut lanes = Vec::new();
    for class in &args.classes {
        let (credit, may_send) = watch::channel(0_u64);
        leave.insert(class.clone(), credit);
        let last = sent_before.get(class).copied().unwrap_or(0);
        if last > 0 {
            // What a process before this one was about to send when it was killed counts as sent: its number is used up.
            println!("sent {class} {last}");
        }
        let (client, journal) = (client.clone(), Arc::clone(&sent));
        let lane = Lane { client, journal, class: class.clone(), to: args.to.clone(), names: Arc::clone(&names) };
        lanes.push(tokio::spawn(lane.run(last, args.messages, may_send)));
    }
    let connecting = tokio::spawn({
        let client = client.clone();
        async move {
            let connected = client.connect(args.name, args.token.as_str()).await;
            // The other one begins when this one is there: nobody keeps messages for a user who never was.
            if life == 0 && connected.is_ok() && client.join(NAMESPACE).await.is_ok() {
                println!("ready");
            }
        }
    });
    if life > 0 {
        println!("ready");
    }
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some((class, n)) = line.split_once(' ')
            && let (Some(credit), Ok(n)) = (leave.get(class), n.parse())
        {
            credit.send_replace(n);
        }
    }
    drop(leave);
    for lane in lanes {
        lane.await?.map_err(|error| error.to_string())?;
    }
    connecting.abort();
    client.close().await;
    Ok(())
}

/// The highest number of each class that a process before this one was about to send.
fn last_sent(path: &Path) -> io::Result<BTreeMap<String, u64>> {
    #[derive(Deserialize)]
    struct Line {
        class: String,
        n: u64,
    }
    let mut last = BTreeMap::new();
    let text = if path.exists() { fs::read_to_string(path)? } else { String::new() };
    for line in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
        let highest = last.entry(line.class).or_insert(0);
        *highest = line.n.max(*highest);
    }
    Ok(last)
}

impl Lane {
    async fn run(self, mut last: u64, messages: u64, mut may_send: watch::Receiver<u64>) -> Result<(), SendError> {
        while last < messages {
            // The program ends, and whoever gave leave with it.
            let Ok(credit) = may_send.wait_for(|credit| *credit > last).await.map(|credit| *credit) else { break };
            while last < credit.min(messages) {
                last += 1;
                self.note(last, "intent")?;
                if self.class == "durable" {
                    self.send_durable(last).await?;
                } else {
                    self.send(last)?;
                }
                println!("sent {} {last}", self.class);
            }
        }
        Ok(())
    }

    fn send(&self, n: u64) -> Result<(), SendError> {
        let emit = self.emit(n)?;
        let emit = if self.class == "volatile" { emit.volatile() } else { emit };
        // Held until the name is noted: the notice of its end may come at once.
        let mut names = lock(&self.names);
        let emitted = self.client.send(emit)?;
        self.note(n, "sent")?;
        if self.class == "buffered" {
            names.insert(emitted.message, n);
        } else if emitted.outcome == EmitOutcome::Dropped {
            self.note(n, "told")?;
        }
        Ok(())
    }

    /// Waits until it is on disk; how it ends is noted when it does.
    async fn send_durable(&self, n: u64) -> Result<(), SendError> {
        let message = self.client.send_durable(self.emit(n)?)?;
        message.accepted().await?;
        self.note(n, "sent")?;
        let journal = Arc::clone(&self.journal);
        tokio::spawn(async move {
            // Without an end the client is closed, and another process goes on.
            let Ok(outcome) = message.outcome().await else { return };
            let state = if matches!(outcome, Outcome::Acked(_)) { "done" } else { "told" };
            // Nobody could be told that the journal can't be written.
            let _ = note(&journal, "durable", n, state);
        });
        Ok(())
    }

    fn emit(&self, n: u64) -> Result<Emit, SendError> {
        let content = format!("{} {n}", self.class);
        let draft = Draft { receiver_id: &self.to, content, class: &self.class, n };
        Ok(Emit::new(Namespace::try_new(NAMESPACE)?, EVENT, Payload::from_value(&draft)?))
    }

    fn note(&self, n: u64, state: &str) -> io::Result<()> {
        note(&self.journal, &self.class, n, state)
    }
}

fn note(journal: &Journal, class: &str, n: u64, state: &str) -> io::Result<()> {
    journal.write(&json!({"namespace": "/messaging", "class": class, "n": n, "state": state}))
}

type SendError = Box<dyn Error + Send + Sync>;

fn note_received(journal: &Journal, life: u64, event: &Event) {
    let Ok(message) = event.arg::<Message>(0) else { return };
    let line = json!({
        "namespace": event.namespace().as_str(), "sender": message.sender_id, "class": message.class, "n": message.n,
        "id": message.unique_id, "life": life,
    });
    if journal.write(&line).is_ok() {
        println!("got {} {}", message.class, message.n);
    }
}

fn note_dropped(journal: &Journal, names: &Mutex<HashMap<MessageId, u64>>, notice: &Notice) {
    if let Notice::MessageDropped(dropped) = notice
        && let Some(n) = lock(names).remove(&dropped.message)
    {
        let line = json!({
            "namespace": "/messaging", "class": "buffered", "n": n, "state": "told", "why": format!("{:?}", dropped.reason),
        });
        // Nobody could be told that the journal can't be written.
        let _ = journal.write(&line);
    }
}
