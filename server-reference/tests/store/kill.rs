//! A process that commits is killed at random moments, and what it had said to be committed is there.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

use futures_util::FutureExt;
use nexus_server::store::{Store, StoreConfig, StoreError, Write};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::support::{Folder, done, key, statement, unit};

const FOLDER: &str = "NEXUS_TEST_FOLDER";
const NEXT: &str = "NEXUS_TEST_NEXT";
const ROUNDS: u64 = 20;
const LANES: usize = 6;

/// The process that is killed: the same program, told where to write. In a run of all tests it has nothing to do.
#[tokio::test]
async fn a_process_commits_until_it_is_killed() {
    let Ok(folder) = env::var(FOLDER) else { return };
    let store = Store::open(Path::new(&folder), StoreConfig::default()).await.unwrap();
    store.write(vec![statement("CREATE TABLE IF NOT EXISTS effects (lane, id)")], Vec::new()).await.unwrap();
    let next = env::var(NEXT).unwrap();
    let lanes = next.split(',').enumerate().map(|(lane, next)| {
        let (store, mut id) = (store.clone(), next.parse::<u64>().unwrap());
        async move {
            loop {
                let mut unit = unit(&key("ada", &format!("lane{lane}")), id.saturating_sub(200).max(1), done(id));
                unit.writes.push(effect(lane, id));
                match store.commit(unit).await {
                    // The process before was killed between its commit and its word.
                    Ok(()) | Err(StoreError::Recorded) => {}
                    Err(error) => panic!("{error}"),
                }
                writeln!(std::io::stdout(), "\nacked {lane} {id}").unwrap();
                id += 1;
            }
        }
    });
    futures_util::future::join_all(lanes).await;
}

fn effect(lane: usize, id: u64) -> Write {
    Box::new(move |connection| {
        async move {
            let (lane, id) = (i64::try_from(lane).unwrap(), i64::try_from(id).unwrap());
            let insert = sqlx::query("INSERT INTO effects VALUES (?1, ?2)").bind(lane).bind(id);
            insert.execute(connection).await?;
            Ok(())
        }
        .boxed()
    })
}

fn start(folder: &Path, next: &[u64; LANES]) -> Child {
    let next: Vec<String> = next.iter().map(u64::to_string).collect();
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "kill::a_process_commits_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(NEXT, next.join(","))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_once() {
    let folder = Folder::new();
    let mut next = [1; LANES];
    for round in 0..ROUNDS {
        let mut seed = [0; 1];
        getrandom::fill(&mut seed).unwrap();
        let enough = usize::from(seed[0]) + 1;
        let mut child = start(folder.path(), &next);
        let mut acked = 0;
        // What it had said by the time it died counts, and the last line may be cut short.
        for line in BufReader::new(child.stdout.take().unwrap()).split(b'\n') {
            let line = String::from_utf8(line.unwrap()).unwrap();
            let Some((lane, id)) = line.strip_prefix("acked ").and_then(|ack| ack.split_once(' ')) else { continue };
            let (lane, id): (usize, u64) = (lane.parse().unwrap(), id.parse().unwrap_or_default());
            acked += 1;
            if acked == enough {
                child.kill().unwrap();
            }
            if id == next[lane] {
                next[lane] += 1;
            }
        }
        assert!(!child.wait().unwrap().success());
        assert!(acked >= enough, "round {round}: it ended by itself after {acked}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let effects = runtime.block_on(effects(&folder));
    assert!(next.iter().all(|next| *next > 2), "every lane went on: {next:?}");
    for (lane, next) in next.into_iter().enumerate() {
        let there = &effects[&i64::try_from(lane).unwrap()];
        let once: Vec<i64> = (1..).take(there.len()).collect();
        assert_eq!(*there, once, "lane {lane}: each id once, without a gap");
        assert!(there.len() >= usize::try_from(next).unwrap() - 1, "lane {lane}: acknowledged up to {next}");
    }
}

/// The ids of each lane, in their order.
async fn effects(folder: &Folder) -> BTreeMap<i64, Vec<i64>> {
    let options = SqliteConnectOptions::new().filename(folder.file());
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let rows: Vec<(i64, i64)> =
        sqlx::query_as("SELECT lane, id FROM effects ORDER BY lane, id").fetch_all(&mut connection).await.unwrap();
    let mut lanes = BTreeMap::<_, Vec<_>>::new();
    for (lane, id) in rows {
        lanes.entry(lane).or_default().push(id);
    }
    lanes
}
