//! The third column of the benchmarks: tokio-tungstenite doing the same writes as `bench_server` and nothing else.
//! No sessions, no heartbeat, no checks: a floor for what framing and system calls cost.

use std::{error::Error, sync::Arc};

use clap::Parser;
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, RwLock, mpsc},
};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config,
    tungstenite::{Error as WebSocketError, Message, Utf8Bytes, protocol::WebSocketConfig},
};

const OPEN: &str = r#"0{"sid":"bare","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
const JOINED: &str = r#"40{"sid":"bare"}"#;
const BROADCAST: &str = concat!(
    r#"42["m",{"id":"0190c5f2-7b1e-7c3a-9d4e-5f60718293a4","kind":"presence","user":"user-000042","#,
    r#""status":"online","text":"The quick brown fox jumps over the lazy dog while the band plays on and on.","#,
    r#""at":1764000000000}]"#
);
const READ_BUFFER: usize = 4096;

type Writer = Arc<Mutex<SplitSink<WebSocketStream<TcpStream>, Message>>>;
type Room = Arc<RwLock<Vec<Member>>>;

#[derive(Parser)]
struct Args {
    #[arg(long)]
    port: u16,
    /// Gives each member a queue, and writes all that waits there at once: quicker where many broadcasts are under
    /// way, slower where there is one.
    #[arg(long)]
    queues: bool,
}

/// How a broadcast reaches a member.
enum Member {
    Direct(Writer),
    Queued(mpsc::UnboundedSender<Utf8Bytes>),
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let listener = TcpListener::bind(("127.0.0.1", args.port)).await?;
    let room = Room::default();
    #[expect(clippy::print_stdout, reason = "the benchmark waits for this line")]
    {
        println!("up");
    }
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, room.clone(), args.queues));
    }
}

async fn serve(stream: TcpStream, room: Room, queues: bool) -> Result<(), WebSocketError> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    let (sink, mut messages) = accept_async_with_config(stream, Some(config)).await?.split();
    let writer: Writer = Arc::new(Mutex::new(sink));
    send(&writer, OPEN.into()).await?;
    while let Some(message) = messages.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        let Some(packet) = text.strip_prefix("42") else {
            if text.as_str() == "40" {
                send(&writer, JOINED.into()).await?;
            }
            continue;
        };
        let Some((ack, event)) = packet.split_once('[') else {
            continue;
        };
        if event.starts_with(r#""join""#) {
            let member = if queues { queue(writer.clone()) } else { Member::Direct(writer.clone()) };
            room.write().await.push(member);
            send(&writer, format!("43{ack}[]").into()).await?;
        } else if let Some(data) = event.strip_prefix(r#""e","#) {
            send(&writer, format!("43{ack}[{data}").into()).await?;
        } else {
            let frame = Utf8Bytes::from_static(BROADCAST);
            for member in room.read().await.iter() {
                match member {
                    Member::Direct(writer) => send(writer, frame.clone()).await?,
                    // A member that is gone takes nothing.
                    Member::Queued(queue) => drop(queue.send(frame.clone())),
                }
            }
        }
    }
    Ok(())
}

fn queue(writer: Writer) -> Member {
    let (queue, mut waiting) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(first) = waiting.recv().await {
            let mut sink = writer.lock().await;
            sink.feed(Message::Text(first)).await?;
            while let Ok(next) = waiting.try_recv() {
                sink.feed(Message::Text(next)).await?;
            }
            sink.flush().await?;
        }
        Ok::<(), WebSocketError>(())
    });
    Member::Queued(queue)
}

async fn send(writer: &Writer, text: Utf8Bytes) -> Result<(), WebSocketError> {
    writer.lock().await.send(Message::Text(text)).await
}
