//! A chat in the terminal: two people, each in a terminal of their own, type to each other.
//!
//! `cargo xtask demo --chat ada` in one terminal, `cargo xtask demo --chat bob` in another.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

mod demo_token;

use std::{
    error::Error,
    io::{self, IsTerminal, Write},
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Parser;
use nexus_core::{
    driver::{Auth, Client, Event, Notice, Outcome},
    manager::{Config, ConnectionStatus, StatusChange},
    socketio::Payload,
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
    sync::mpsc,
};

const HELP: &str =
    "Type a message and press Enter. @NAME chooses whom you write to; /stats shows the connection, /quit ends.";
/// How long a message may wait for a connection and its acknowledgement.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Chats in the terminal.
#[derive(Parser)]
struct Args {
    /// Address of the server.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// Who you are.
    #[arg(long)]
    name: String,
    /// Whom you write to. Default: who writes to you.
    #[arg(long)]
    to: Option<String>,
    /// Your token. Default: one from the server, which was started with --demo then.
    #[arg(long, env = "NEXUS_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Directory in which messages are kept until the server has them, whatever becomes of this program. Default: they
    /// are kept in memory.
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Draft<'a> {
    receiver_id: &'a str,
    content: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    sender_id: String,
    receiver_id: String,
    content: String,
}

/// The acknowledgement of a message.
#[derive(Deserialize)]
struct Receipt {
    ok: bool,
    #[serde(default)]
    message: String,
}

/// What there is to show.
enum News {
    Typed(String),
    InputEnded,
    Came(Event),
    Status(StatusChange),
    Notice(Notice),
    Line(String),
}

/// What is on the screen.
struct Screen {
    name: String,
    to: Option<String>,
    client: Client,
    durable: bool,
    colours: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let (tell, mut news) = mpsc::unbounded_channel();
    let durable = args.data_dir.is_some();
    let builder = Client::builder(Config::new(&args.url)?);
    let client = match args.data_dir {
        Some(directory) => builder.store(directory).build()?,
        None => builder.build()?,
    };
    let _listening = [
        client.on("messaging", "NEW_MESSAGE", to(&tell, News::Came))?,
        client.add_status_listener(to(&tell, News::Status)),
        client.add_notice_listener(to(&tell, News::Notice)),
    ];
    let auth = args.token.map_or_else(|| Auth::from(demo_token::provider(&args.url, &args.name)), Auth::from);
    tokio::spawn(read_input(tell.clone()));
    let screen = Screen {
        name: args.name.clone(),
        to: args.to,
        client: client.clone(),
        durable,
        colours: io::stdout().is_terminal(),
    };
    tokio::spawn(connect(client.clone(), args.name, auth, tell.clone()));
    screen.run(&mut news, &tell).await?;
    client.close().await;
    Ok(())
}

/// A listener that passes on what it gets.
fn to<T, F>(tell: &mpsc::UnboundedSender<News>, news: F) -> impl FnMut(T) + Send + 'static
where
    T: 'static,
    F: Fn(T) -> News + Send + 'static,
{
    let tell = tell.clone();
    move |item| {
        // Nobody reads any more: the program ends.
        let _ = tell.send(news(item));
    }
}

async fn connect(client: Client, name: String, auth: Auth, tell: mpsc::UnboundedSender<News>) {
    if let Err(error) = client.connect(name, auth).await {
        let _ = tell.send(News::Line(format!("! {error}")));
    }
}

async fn read_input(tell: mpsc::UnboundedSender<News>) {
    let mut lines = BufReader::new(stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if tell.send(News::Typed(line)).is_err() {
            return;
        }
    }
    let _ = tell.send(News::InputEnded);
}

impl Screen {
    async fn run(
        mut self,
        news: &mut mpsc::UnboundedReceiver<News>,
        tell: &mpsc::UnboundedSender<News>,
    ) -> io::Result<()> {
        self.show(HELP)?;
        while let Some(item) = news.recv().await {
            match item {
                News::InputEnded => break,
                News::Typed(line) if line.trim() == "/quit" => break,
                News::Typed(line) => {
                    self.erase_input()?;
                    self.typed(line.trim(), tell)?;
                }
                News::Came(event) => self.came(&event)?,
                News::Status(change) => self.status(&change)?,
                News::Notice(Notice::RetryScheduled { failed_attempts, delay, reason }) => {
                    self.show(&format!("· {reason}; attempt {} in {:.1} s", failed_attempts + 1, delay.as_secs_f64()))?;
                }
                News::Notice(Notice::JoinFailed { namespace, error }) => {
                    self.show(&format!("! {namespace}: {error}"))?;
                }
                News::Notice(Notice::MessageDropped(_)) => self.show("! a message waited too long and was dropped")?,
                News::Notice(Notice::Restored { messages, .. }) if !messages.is_empty() => {
                    self.show(&format!("· {} of your messages were still here, and are sent", messages.len()))?;
                }
                News::Notice(Notice::StoreFailed(error)) => self.show(&format!("! {error}"))?,
                News::Notice(_) => {}
                News::Line(line) => self.show(&line)?,
            }
        }
        Ok(())
    }

    fn typed(&mut self, line: &str, tell: &mpsc::UnboundedSender<News>) -> io::Result<()> {
        if line == "/stats" {
            let stats = self.client.stats().manager;
            let p95 = stats.p95_latency.map_or("?".to_owned(), millis);
            let counters = stats.counters;
            return self.show(&format!(
                "· {}, quality {}, p95 {p95}, {} queued, {} reconnections, {} events sent, {} received",
                stats.status,
                stats.quality,
                stats.queued_messages,
                counters.reconnects,
                counters.events_out,
                counters.events_in
            ));
        }
        if line.starts_with('/') {
            return self.show(HELP);
        }
        let content = match line.strip_prefix('@') {
            Some(rest) => {
                let (name, content) = rest.split_once(' ').unwrap_or((rest, ""));
                self.to = Some(name.to_owned());
                content.trim()
            }
            None => line,
        };
        match &self.to {
            _ if content.is_empty() => self.prompt(),
            None => self.show("· To whom? Start with @NAME."),
            Some(to) => {
                let (client, to, content) = (self.client.clone(), to.clone(), content.to_owned());
                tokio::spawn(send(client, to, content.clone(), self.durable, tell.clone()));
                if self.client.connection_status() != ConnectionStatus::Connected {
                    return self.show(&format!("… {content}  (waits for the connection)"));
                }
                self.prompt()
            }
        }
    }

    fn came(&mut self, event: &Event) -> io::Result<()> {
        let Ok(message) = event.arg::<Message>(0) else { return self.show("! a message that is none") };
        let content = printable(&message.content);
        if message.sender_id == self.name {
            return self.show(&format!("you, elsewhere → {}: {content}", printable(&message.receiver_id)));
        }
        self.to.get_or_insert_with(|| message.sender_id.clone());
        self.show(&format!("{}: {content}", printable(&message.sender_id)))
    }

    fn status(&mut self, change: &StatusChange) -> io::Result<()> {
        match (&change.reason, change.status) {
            // A loss is told with the next attempt, if there is one.
            (Some(reason), _) if self.client.connection_status() == ConnectionStatus::Disconnected => {
                self.show(&format!("· disconnected: {reason}"))
            }
            (None, ConnectionStatus::Connected) => self.show("· connected"),
            _ => self.prompt(),
        }
    }

    /// Takes the line that was typed off the screen: it comes again with what became of it.
    fn erase_input(&self) -> io::Result<()> {
        if self.colours { write!(io::stdout(), "\x1b[1A\r\x1b[K") } else { Ok(()) }
    }

    /// Prints a line above the prompt.
    fn show(&self, line: &str) -> io::Result<()> {
        if self.colours {
            write!(io::stdout(), "\r\x1b[K")?;
        }
        println!("{line}");
        self.prompt()
    }

    /// Status, latency and quality, and whom the next line goes to.
    fn prompt(&self) -> io::Result<()> {
        if !self.colours {
            return Ok(());
        }
        let latency = self.client.average_latency().map_or(String::new(), |latency| format!(" {}", millis(latency)));
        let status = match self.client.connection_status() {
            ConnectionStatus::Connected => format!("{}{latency}", self.client.connection_quality()),
            status => status.to_string(),
        };
        let to = self.to.as_deref().unwrap_or("?");
        write!(io::stdout(), "\r\x1b[K\x1b[2m[{status}]\x1b[0m {} → {}> ", self.name, printable(to))?;
        io::stdout().flush()
    }
}

/// Sends a message, now or when there is a connection again, and says what became of it.
async fn send(client: Client, to: String, content: String, durable: bool, tell: mpsc::UnboundedSender<News>) {
    let started = Instant::now();
    let draft = Draft { receiver_id: &to, content: &content };
    let answer = if durable {
        send_durable(&client, &draft).await
    } else {
        let answer = client.emit_with_ack_timeout("messaging", "NEW_MESSAGE", &draft, PATIENCE).await;
        answer.map_err(|error| error.to_string())
    };
    let line = match answer.map(|answer| answer.arg::<Receipt>(0)) {
        Ok(Ok(receipt)) if receipt.ok => format!("✓ {content}  ({})", millis(started.elapsed())),
        Ok(Ok(receipt)) => format!("✗ {content}  ({})", printable(&receipt.message)),
        Ok(Err(error)) => format!("? {content}  ({error})"),
        Err(error) => format!("? {content}  ({})", printable(&error)),
    };
    let _ = tell.send(News::Line(line));
}

/// Has a message kept until the server has it. If this program ends before, the next one sends it.
async fn send_durable(client: &Client, draft: &Draft<'_>) -> Result<Payload, String> {
    let message = client.emit_durable("messaging", "NEW_MESSAGE", draft).map_err(|error| error.to_string())?;
    message.accepted().await.map_err(|error| error.to_string())?;
    match message.outcome().await {
        Ok(Outcome::Acked(answer)) => Ok(answer),
        Ok(Outcome::Rejected { code, .. }) => Err(format!("refused: {code}")),
        Ok(Outcome::Expired { .. }) => Err("it waited too long".to_owned()),
        Ok(_) => Err("the server may or may not have it".to_owned()),
        Err(error) => Err(format!("kept: {error}")),
    }
}

/// Text of others, with nothing that would command the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
