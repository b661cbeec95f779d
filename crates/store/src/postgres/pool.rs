//! A few connections that callers take in turn.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Config;

use super::connection::Connection;
use crate::StoreError;

/// Connections to one database.
pub(crate) struct Pool {
    config: Config,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

/// A connection that goes back to the pool when dropped.
pub(crate) struct Taken {
    pool: Arc<Pool>,
    connection: Option<Connection>,
    _place: OwnedSemaphorePermit,
}

impl Pool {
    pub(crate) fn new(config: Config, connections: usize) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(connections.max(1)));
        Arc::new(Self { config, places, idle: Mutex::default() })
    }

    /// A connection that nobody else has, new if none is idle.
    pub(crate) async fn take(self: &Arc<Self>) -> Result<Taken, StoreError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) if !connection.is_closed() => connection,
            _ => self.connect().await?,
        };
        Ok(Taken { pool: Arc::clone(self), connection: Some(connection), _place: place })
    }

    /// A connection outside the pool.
    pub(crate) async fn connect(&self) -> Result<Connection, StoreError> {
        Connection::open(&self.config).await
    }

    /// Whoever waits and whoever comes finds the pool closed.
    pub(crate) fn close(&self) {
        self.places.close();
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let usable = |connection: &Connection| !connection.is_closed() && !self.pool.places.is_closed();
        if let Some(connection) = self.connection.take().filter(usable) {
            self.pool.idle().push(connection);
        }
    }
}

impl Deref for Taken {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a connection stays until it is dropped")
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a connection stays until it is dropped")
    }
}
