//! A server on the library of nexus-server with what the scenarios ask for: the namespaces and events of
//! `tests/peers/behaviour.mjs`, and beyond them a ledger and inboxes on disk.
//!
//! `behaviour-nexus --data-dir=DIR` prints `{"port":N}` when it listens, and ends with its standard input.

mod admin;
mod events;
mod inboxes;
mod record;

use std::{
    error::Error,
    io::{self, Read as _, Write as _},
    net::Ipv4Addr,
    path::PathBuf,
    sync::Arc,
};

use nexus_server::{
    Config, Io,
    store::{Store, StoreConfig},
};
use serde_json::json;
use tokio::net::TcpListener;

use inboxes::Inboxes;
use record::Record;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut folder = None;
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("--data-dir", value)) => folder = Some(PathBuf::from(value)),
            _ => return Err(format!("unknown argument {argument}").into()),
        }
    }
    let folder = folder.ok_or("--data-dir is missing")?;
    let store = Store::open(&folder, StoreConfig::default()).await?;
    let record = Arc::new(Record::open(&folder, &store).await?);
    let inboxes = Arc::new(Inboxes::new(store));
    let io = Io::new(Config { max_payload: 4_000_000, send_queue_bytes: 16 << 20, ..Config::default() });
    events::install(&io, &record, &inboxes);
    let routes = io.router().merge(admin::routes(io.clone(), record, inboxes));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(io::stdout(), "{}", json!({"port": listener.local_addr()?.port()}))?;
    std::thread::spawn(|| {
        let _ended = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    Ok(axum::serve(listener, routes).await?)
}
