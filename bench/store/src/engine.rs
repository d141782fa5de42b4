//! The same small store on each engine: numbered messages, changed in commits that survive a power cut.

use std::{error::Error, path::Path};

pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

pub struct Commit {
    pub put: Vec<(u64, Vec<u8>)>,
    pub remove: Vec<u64>,
}

pub trait Store {
    fn commit(&mut self, commit: Commit) -> Outcome;
    /// What can be read.
    fn read(&mut self) -> Vec<(u64, Vec<u8>)>;
}

pub fn open(engine: &str, dir: &Path) -> Outcome<Box<dyn Store>> {
    match engine {
        #[cfg(feature = "redb")]
        "redb" => Ok(Box::new(in_redb::Redb::open(&dir.join("outbox"))?)),
        #[cfg(feature = "sqlite")]
        "sqlite" => Ok(Box::new(in_sqlite::Sqlite::open(&dir.join("outbox"))?)),
        _ => Err(format!("built without {engine}, for {dir:?}").into()),
    }
}

#[cfg(feature = "redb")]
mod in_redb {
    use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

    use super::{Commit, Outcome, Path, Store};

    const MESSAGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("messages");

    pub struct Redb(Database);

    impl Redb {
        pub fn open(path: &Path) -> Outcome<Self> {
            let mut builder = Database::builder();
            // A plain open trusts the file, and may panic.
            builder.set_cache_size(1 << 20).set_check_integrity_on_open(path.exists());
            let database = builder.create(path)?;
            Ok(Self(database))
        }
    }

    impl Store for Redb {
        fn commit(&mut self, commit: Commit) -> Outcome {
            let transaction = self.0.begin_write()?;
            {
                let mut table = transaction.open_table(MESSAGES)?;
                for (id, record) in &commit.put {
                    table.insert(*id, record.as_slice())?;
                }
                for id in &commit.remove {
                    table.remove(*id)?;
                }
            }
            Ok(transaction.commit()?)
        }

        fn read(&mut self) -> Vec<(u64, Vec<u8>)> {
            let mut found = Vec::new();
            let Ok(transaction) = self.0.begin_read() else { return found };
            let Ok(table) = transaction.open_table(MESSAGES) else { return found };
            let Ok(rows) = table.iter() else { return found };
            for row in rows {
                let Ok((id, record)) = row else { break };
                found.push((id.value(), record.value().to_vec()));
            }
            // And from the other end, past what stopped the first.
            let Ok(rows) = table.iter() else { return found };
            for row in rows.rev() {
                let Ok((id, record)) = row else { break };
                if found.iter().any(|(known, _)| *known == id.value()) {
                    break;
                }
                found.push((id.value(), record.value().to_vec()));
            }
            found
        }
    }
}

#[cfg(feature = "sqlite")]
mod in_sqlite {
    use rusqlite::Connection;

    use super::{Commit, Outcome, Path, Store};

    pub struct Sqlite(Connection);

    impl Sqlite {
        pub fn open(path: &Path) -> Outcome<Self> {
            let connection = Connection::open(path)?;
            connection.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -1024;
                 CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, record BLOB NOT NULL)",
            )?;
            Ok(Self(connection))
        }
    }

    impl Store for Sqlite {
        fn commit(&mut self, commit: Commit) -> Outcome {
            let transaction = self.0.transaction()?;
            for (id, record) in &commit.put {
                let mut put = transaction.prepare_cached("INSERT OR REPLACE INTO messages VALUES (?1, ?2)")?;
                put.execute((i64::try_from(*id)?, record))?;
            }
            for id in &commit.remove {
                let mut remove = transaction.prepare_cached("DELETE FROM messages WHERE id = ?1")?;
                remove.execute([i64::try_from(*id)?])?;
            }
            Ok(transaction.commit()?)
        }

        fn read(&mut self) -> Vec<(u64, Vec<u8>)> {
            let mut found = Vec::new();
            for order in ["ASC", "DESC"] {
                let sql = format!("SELECT id, record FROM messages ORDER BY id {order}");
                let Ok(mut select) = self.0.prepare(&sql) else { continue };
                let Ok(mut rows) = select.query(()) else { continue };
                while let Ok(Some(row)) = rows.next() {
                    let (Ok(id), Ok(record)) = (row.get::<_, i64>(0), row.get::<_, Vec<u8>>(1)) else { continue };
                    let id = id.unsigned_abs();
                    if found.iter().any(|(known, _)| *known == id) {
                        continue;
                    }
                    found.push((id, record));
                }
            }
            found
        }
    }
}
