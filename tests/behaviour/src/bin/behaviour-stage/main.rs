//! Servers for scenarios, and a bad network before each, to be ordered about over HTTP: `README.md` says how.
//!
//! `behaviour-stage [--root=DIR]` prints `{"port":N}` when it listens. With its standard input it ends, and with it all of
//! its servers and what they kept.

mod proxy;
mod server;
mod steps;

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    io::{self, Read as _, Write as _},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{self, State},
    http::StatusCode,
    routing::{delete, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot};

use server::{Kind, Server, StageError};

/// The most servers at a time.
const MAX_SERVERS: usize = 32;

type Failure = Box<dyn Error + Send + Sync>;

struct Stage {
    /// Of the repository: where the programs of the peers are.
    root: PathBuf,
    /// Where servers and clients keep what they keep, gone with the stage.
    folder: PathBuf,
    next: AtomicU64,
    servers: Mutex<BTreeMap<u64, Arc<Server>>>,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let mut root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("--root", value)) => root = PathBuf::from(value),
            _ => return Err(format!("unknown argument {argument}").into()),
        }
    }
    let folder = std::env::temp_dir().join(format!("nexus-behaviour-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let stage = Arc::new(Stage { root, folder, next: AtomicU64::new(1), servers: Mutex::default() });
    let routes = Router::new()
        .route("/servers", post(start))
        .route("/servers/{id}/do", post(perform))
        .route("/servers/{id}", delete(stop))
        .with_state(Arc::clone(&stage));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(io::stdout(), "{}", json!({"port": listener.local_addr()?.port()}))?;
    let (end, ended) = oneshot::channel();
    std::thread::spawn(move || {
        let _read = io::stdin().read_to_end(&mut Vec::new());
        let _is_ending = end.send(());
    });
    tokio::select! {
        served = async { axum::serve(listener, routes).await } => served?,
        _ = ended => {}
    }
    let servers: Vec<_> = std::mem::take(&mut *stage.servers()).into_values().collect();
    for server in servers {
        server.stop().await;
    }
    let _gone = fs::remove_dir_all(&stage.folder);
    Ok(())
}

type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;

fn refuse(error: &StageError) -> (StatusCode, Json<Value>) {
    (StatusCode::CONFLICT, Json(json!({"error": error.to_string()})))
}

#[derive(Deserialize)]
struct Order {
    kind: Kind,
}

async fn start(State(stage): State<Arc<Stage>>, Json(order): Json<Order>) -> Answer {
    if stage.servers().len() >= MAX_SERVERS {
        return Err(refuse(&StageError::TooMany(MAX_SERVERS)));
    }
    let id = stage.next.fetch_add(1, Ordering::Relaxed);
    let folder = stage.folder.join(id.to_string());
    let server = Server::start(order.kind, &stage.root, folder).await.map_err(|error| refuse(&error))?;
    let answer = json!({
        "id": id,
        "url": format!("http://127.0.0.1:{}", server.port()),
        "store": server.client_folder(),
    });
    stage.servers().insert(id, Arc::new(server));
    Ok(Json(answer))
}

async fn perform(
    State(stage): State<Arc<Stage>>,
    extract::Path(id): extract::Path<u64>,
    Json(step): Json<Value>,
) -> Answer {
    let server = stage.servers().get(&id).cloned().ok_or_else(|| refuse(&StageError::NoServer(id)))?;
    steps::perform(&server, step).await.map(|()| Json(json!({}))).map_err(|error| refuse(&error))
}

async fn stop(State(stage): State<Arc<Stage>>, extract::Path(id): extract::Path<u64>) -> Answer {
    let server = stage.servers().remove(&id).ok_or_else(|| refuse(&StageError::NoServer(id)))?;
    server.stop().await;
    Ok(Json(json!({})))
}

impl Stage {
    fn servers(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Server>>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
