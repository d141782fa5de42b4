//! Durable messages of our client to our server over real sockets: the server is killed in the middle, comes back with its
//! store, and each has had its effect once, in order.

use std::{
    error::Error,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use nexus_core::{
    driver::{Client, Outcome as Ended},
    manager::Config,
};
use nexus_server::{
    ConnectRequest, DeliveryConfig, Event, Io, Socket,
    store::{Store, StoreConfig, StoreError},
};
use nexus_tests::{PATIENCE, within};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{net::TcpListener, runtime::Runtime};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A folder of a test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Outcome<Self> {
        let folder = std::env::temp_dir().join(format!("nexus-tests-{name}-{}", std::process::id()));
        let _gone = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn create(db: &mut SqliteConnection) -> BoxFuture<'_, Result<(), StoreError>> {
    Box::pin(async move {
        sqlx::query("CREATE TABLE IF NOT EXISTS effects (n INTEGER)").execute(db).await?;
        Ok(())
    })
}

/// Serves in a runtime of its own, so that it can be killed. Counts the events that handlers got; the one after so many is
/// never done.
fn serve(
    address: SocketAddr,
    folder: &Path,
    handled: &Arc<AtomicU64>,
    hangs_after: u64,
) -> Outcome<(Runtime, SocketAddr)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (folder, handled) = (folder.to_owned(), Arc::clone(handled));
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    runtime.spawn(async move {
        let Ok(store) = Store::open(&folder, StoreConfig::default()).await else { return };
        let Ok(()) = store.write(vec![Box::new(create)], Vec::new()).await else { return };
        let io = Io::new(nexus_server::Config::default());
        for name in ["/realtime", "/messaging"] {
            let namespace = io.of(name);
            namespace.delivery(DeliveryConfig { durable: Some(store.clone()), ..DeliveryConfig::default() });
            namespace.authorize(|request: ConnectRequest| async move {
                request.set_user("ada");
                Ok(())
            });
            let handled = Arc::clone(&handled);
            namespace.on_connection(move |socket: Socket| {
                let handled = Arc::clone(&handled);
                socket.on("add", move |event: Event| {
                    let hangs = handled.fetch_add(1, Ordering::Relaxed) == hangs_after;
                    async move {
                        if hangs {
                            std::future::pending::<()>().await;
                        }
                        add(&event);
                    }
                });
            });
        }
        let Ok(listener) = TcpListener::from_std(listener) else { return };
        let _ended = axum::serve(listener, io.router()).await;
    });
    Ok((runtime, address))
}

fn add(event: &Event) {
    let Ok(n) = event.arg::<i64>(0) else { return };
    let written = event.write(move |db| {
        Box::pin(async move {
            sqlx::query("INSERT INTO effects VALUES (?1)").bind(n).execute(db).await?;
            Ok(())
        })
    });
    let _gone = if written.is_ok() { event.ack(&n) } else { event.reject("not durable", &n) };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn durable_messages_have_their_effect_once_although_the_server_is_killed() -> Outcome {
    const COUNT: i64 = 150;
    let (server_folder, client_folder) = (Folder::new("durable-server")?, Folder::new("durable-client")?);
    let handled = Arc::new(AtomicU64::new(0));
    let (server, address) = serve(SocketAddr::from(([127, 0, 0, 1], 0)), &server_folder.0, &handled, 20)?;

    let mut config = Config::new(&format!("http://{address}"))?;
    config.reconnect.initial_delay = Duration::from_millis(50);
    config.reconnect.max_delay = Duration::from_millis(200);
    let client = Client::builder(config).store(&client_folder.0).build()?;
    within("connect", client.connect("ada", "good")).await??;
    let mut emitted = Vec::new();
    for n in 0..COUNT {
        emitted.push(client.emit_durable("messaging", "add", &n)?);
    }
    while handled.load(Ordering::Relaxed) <= 20 {
        tokio::task::yield_now().await;
    }
    tokio::task::spawn_blocking(move || server.shutdown_timeout(PATIENCE)).await?;
    let (server, _) = serve(address, &server_folder.0, &handled, u64::MAX)?;

    for (n, message) in (0..COUNT).zip(&emitted) {
        match within("an outcome", message.outcome()).await?? {
            Ended::Acked(payload) => assert_eq!(payload.args::<(i64,)>()?, (n,), "the marker is not the application's"),
            other => return Err(format!("message {n} ended as {other:?}").into()),
        }
    }
    client.close().await;
    assert!(handled.load(Ordering::Relaxed) > COUNT.unsigned_abs(), "what hung ran again");
    tokio::task::spawn_blocking(move || server.shutdown_timeout(PATIENCE)).await?;

    let options = SqliteConnectOptions::new().filename(server_folder.0.join("nexus.db"));
    let mut database = SqliteConnection::connect_with(&options).await?;
    let effects: Vec<i64> = sqlx::query_scalar("SELECT n FROM effects ORDER BY rowid").fetch_all(&mut database).await?;
    assert_eq!(effects, (0..COUNT).collect::<Vec<_>>());
    Ok(())
}
