//! Runs a test on every engine: SQLite with its threads, SQLite inline, and
//! PostgreSQL.

use std::path::PathBuf;
use std::sync::Arc;

use store::{LeaseClock, PostgresOptions, SqliteOptions, Store, open_postgres, open_sqlite};
use tempfile::TempDir;
use testkit::postgres::Postgres;

/// An open store of a test's own.
pub struct Bench {
    pub store: Arc<dyn Store>,
    engine: Engine,
}

enum Engine {
    Sqlite { dir: TempDir, options: SqliteOptions },
    Postgres { url: String },
}

/// Leases begin and end at the times that a test hands in.
pub fn by_handed_times() -> PostgresOptions {
    PostgresOptions { lease_clock: LeaseClock::Caller, ..PostgresOptions::default() }
}

impl Bench {
    /// SQLite in a new directory.
    pub fn sqlite(options: SqliteOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open_sqlite(dir.path(), options.clone()).unwrap();
        Self { store, engine: Engine::Sqlite { dir, options } }
    }

    async fn postgres() -> Self {
        let url = Postgres::shared().database();
        let store = open_postgres(&url, by_handed_times()).await.unwrap();
        Self { store, engine: Engine::Postgres { url } }
    }

    /// Closes the store and opens it again, as after a restart.
    pub async fn reopen(&mut self) {
        self.store.close().await.unwrap();
        self.store = self.another().await;
    }

    /// A store over the same data: another node, or on SQLite the next start.
    pub async fn another(&self) -> Arc<dyn Store> {
        match &self.engine {
            Engine::Sqlite { dir, options } => open_sqlite(dir.path(), options.clone()).unwrap(),
            Engine::Postgres { url } => open_postgres(url, by_handed_times()).await.unwrap(),
        }
    }

    /// The data directory, on SQLite.
    pub fn dir(&self) -> Option<PathBuf> {
        match &self.engine {
            Engine::Sqlite { dir, .. } => Some(dir.path().to_owned()),
            Engine::Postgres { .. } => None,
        }
    }

    /// The URL of the database, on PostgreSQL.
    pub fn url(&self) -> Option<&str> {
        match &self.engine {
            Engine::Sqlite { .. } => None,
            Engine::Postgres { url } => Some(url),
        }
    }
}

/// Options for a simulation.
pub fn inline() -> SqliteOptions {
    SqliteOptions { inline: true, ..SqliteOptions::default() }
}

/// Runs `test` on every engine.
pub fn for_each_engine<F>(test: impl Fn(Bench) -> F)
where
    F: Future<Output = ()>,
{
    for_each_sqlite(&test);
    eprintln!("engine: PostgreSQL");
    runtime().block_on(async { test(Bench::postgres().await).await });
}

/// Runs `test` on SQLite, with threads and inline.
pub fn for_each_sqlite<F>(test: impl Fn(Bench) -> F)
where
    F: Future<Output = ()>,
{
    eprintln!("engine: SQLite with threads");
    runtime().block_on(async { test(Bench::sqlite(SqliteOptions::default())).await });
    eprintln!("engine: SQLite inline");
    runtime().block_on(async { test(Bench::sqlite(inline())).await });
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
