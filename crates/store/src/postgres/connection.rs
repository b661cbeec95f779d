//! One connection and its prepared statements.

use std::collections::HashMap;
use std::pin::pin;

use futures::TryStreamExt;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use super::fault;
use crate::StoreError;
use crate::sql::{Columns, Param, Query, odd};

/// A parameter by reference.
pub(crate) type Value<'a> = &'a (dyn ToSql + Sync);

/// A connection; ends when dropped.
pub(crate) struct Connection {
    client: Client,
    prepared: HashMap<&'static str, Statement>,
}

impl Connection {
    pub(crate) async fn open(config: &Config) -> Result<Self, StoreError> {
        let (client, connection) = config.connect(NoTls).await.map_err(fail("connecting to PostgreSQL"))?;
        tokio::spawn(async move {
            // Its users learn of the end by their own errors.
            if let Err(error) = connection.await {
                tracing::warn!(%error, "a connection to PostgreSQL ended");
            }
        });
        let this = Self { client, prepared: HashMap::new() };
        // Acknowledged is synced, whatever the database's default.
        this.batch(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        )
        .await?;
        Ok(this)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Runs statements without parameters.
    pub(crate) async fn batch(&self, text: &str) -> Result<(), StoreError> {
        self.client.batch_execute(text).await.map_err(fail("asking PostgreSQL"))
    }

    /// All rows of an answer.
    pub(crate) async fn all<T>(&mut self, query: Query<T>) -> Result<Vec<T>, StoreError> {
        let statement = self.prepare(query.sql, &types(&query.params)).await?;
        let params: Vec<Value<'_>> = query.params.iter().map(|param| param as Value<'_>).collect();
        let rows = self.client.query(&statement, &params).await.map_err(fail("reading from PostgreSQL"))?;
        rows.iter().map(|row| (query.read)(row)).collect()
    }

    /// Each row of an answer as it comes, so that no more than one of them is held beside what is made of them.
    pub(crate) async fn each<T>(&mut self, query: Query<T>, mut take: impl FnMut(T)) -> Result<(), StoreError> {
        let statement = self.prepare(query.sql, &types(&query.params)).await?;
        let params = query.params.iter().map(|param| param as Value<'_>);
        let rows = self.client.query_raw(&statement, params).await.map_err(fail("reading from PostgreSQL"))?;
        let mut rows = pin!(rows);
        while let Some(row) = rows.try_next().await.map_err(fail("reading from PostgreSQL"))? {
            take((query.read)(&row)?);
        }
        Ok(())
    }

    /// The first row of an answer.
    pub(crate) async fn one<T>(&mut self, query: Query<T>) -> Result<Option<T>, StoreError> {
        Ok(self.all(query).await?.into_iter().next())
    }

    /// Runs a statement and says how many rows it changed.
    pub(crate) async fn execute(&mut self, text: &'static str, params: &[Param]) -> Result<u64, StoreError> {
        let statement = self.prepare(text, &types(params)).await?;
        let params: Vec<Value<'_>> = params.iter().map(|param| param as Value<'_>).collect();
        self.client.execute(&statement, &params).await.map_err(fail("writing to PostgreSQL"))
    }

    /// Runs a statement whose parameters say their types, with values that are
    /// not copied, and says how many rows it changed.
    pub(crate) async fn execute_with(&mut self, text: &'static str, params: &[Value<'_>]) -> Result<u64, StoreError> {
        let statement = self.prepare(text, &[]).await?;
        self.client.execute(&statement, params).await.map_err(fail("writing to PostgreSQL"))
    }

    async fn prepare(&mut self, text: &'static str, types: &[Type]) -> Result<Statement, StoreError> {
        if let Some(statement) = self.prepared.get(text) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare_typed(text, types).await.map_err(fail("preparing a statement"))?;
        self.prepared.insert(text, statement.clone());
        Ok(statement)
    }
}

fn fail(during: &'static str) -> impl FnOnce(tokio_postgres::Error) -> StoreError {
    move |error| fault::postgres(during, error)
}

fn types(params: &[Param]) -> Vec<Type> {
    let of = |param: &Param| match param {
        Param::Int(_) | Param::MaybeInt(_) => Type::INT8,
        Param::Blob(_) => Type::BYTEA,
        Param::Text(_) => Type::TEXT,
        Param::Ints(_) => Type::INT8_ARRAY,
        Param::Blobs(_) => Type::BYTEA_ARRAY,
    };
    params.iter().map(of).collect()
}

impl ToSql for Param {
    fn to_sql(&self, to: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Int(value) => value.to_sql(to, out),
            Self::MaybeInt(value) => value.to_sql(to, out),
            Self::Blob(bytes) => bytes.to_sql(to, out),
            Self::Text(text) => text.to_sql(to, out),
            Self::Ints(values) => values.to_sql(to, out),
            Self::Blobs(values) => values.to_sql(to, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl Columns for Row {
    fn maybe_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        cell(self, column)
    }

    fn maybe_blob(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError> {
        cell(self, column)
    }

    fn maybe_text(&self, column: usize) -> Result<Option<String>, StoreError> {
        cell(self, column)
    }
}

fn cell<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<Option<T>, StoreError> {
    row.try_get(column).map_err(|_| odd(column))
}
