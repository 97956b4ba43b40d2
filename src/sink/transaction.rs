//! A transaction whose statements are sent without waiting for one another.

use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, Statement};

use crate::database::Connection;
use crate::error::{Error, Result, is_row_trouble};

/// A parameter and its type, for a statement that is not prepared.
pub(super) type Typed<'a> = (&'a (dyn ToSql + Sync), Type);

/// What the server said to one statement.
pub(super) type Reply = std::result::Result<Vec<Row>, tokio_postgres::Error>;

/// A connection in a transaction. Unless it is told that the transaction
/// [`ended`](Transaction::ended), or rolls it back itself, the connection is closed and the pool
/// never sees it again: the server then rolls back by itself.
#[derive(Debug)]
pub(super) struct Transaction {
    connection: Option<Connection>,
    /// How long each reply may take before the connection is given up.
    reply_timeout: Duration,
}

impl Transaction {
    /// A transaction to be begun by its first flight.
    pub(super) fn on(connection: Connection, reply_timeout: Duration) -> Self {
        Self {
            connection: Some(connection),
            reply_timeout,
        }
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("taken only at the end")
    }

    /// Statements to be sent together.
    pub(super) fn flight(&self) -> Flight<'_> {
        Flight {
            connection: self.connection(),
            reply_timeout: self.reply_timeout,
            replies: FuturesOrdered::new(),
        }
    }

    /// The statement prepared on this connection, at most once for its life.
    pub(super) async fn prepare(&self, sql: &str, types: &[Type]) -> Result<Statement> {
        let prepare = self.connection().prepare_typed_cached(sql, types);
        Ok(limited(self.reply_timeout, prepare).await??)
    }

    /// Gives the connection back after the flight that committed or rolled back.
    pub(super) fn ended(mut self) {
        drop(self.connection.take());
    }

    /// Undoes everything and gives the connection back.
    pub(super) async fn roll_back(mut self) -> Result<()> {
        let rollback = self.connection().batch_execute("rollback");
        limited(self.reply_timeout, rollback).await??;
        drop(self.connection.take());
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Connection::take(connection));
        }
    }
}

/// Statements under way together. Each is sent when the flight is first polled,
/// in the order they were added, and the server answers in that order.
pub(super) struct Flight<'a> {
    connection: &'a Connection,
    reply_timeout: Duration,
    replies: FuturesOrdered<BoxFuture<'a, Reply>>,
}

impl<'a> Flight<'a> {
    /// Statements without parameters or rows.
    pub(super) fn simple(&mut self, sql: &'a str) {
        let connection = self.connection;
        self.push(async move { connection.batch_execute(sql).await.map(|()| Vec::new()) });
    }

    /// A statement that the server parses for this one use.
    pub(super) fn typed(&mut self, sql: &'a str, parameters: Vec<Typed<'a>>) {
        let connection = self.connection;
        self.push(async move { connection.query_typed(sql, &parameters).await });
    }

    /// A statement prepared on this connection.
    pub(super) fn prepared(
        &mut self,
        statement: Statement,
        parameters: Vec<&'a (dyn ToSql + Sync)>,
    ) {
        let connection = self.connection;
        self.push(async move { connection.query(&statement, &parameters).await });
    }

    fn push(&mut self, reply: impl Future<Output = Reply> + Send + 'a) {
        self.replies.push_back(Box::pin(reply));
    }

    /// Sends the statements and waits for all replies.
    ///
    /// # Errors
    /// The server said nothing for too long. What it said, errors included, is
    /// in the replies.
    pub(super) async fn land(mut self) -> Result<Vec<Reply>> {
        let mut replies = Vec::with_capacity(self.replies.len());
        while let Some(reply) = limited(self.reply_timeout, self.replies.next()).await? {
            replies.push(reply);
        }
        Ok(replies)
    }
}

/// The server's own time limits do not help where it cannot be heard.
pub(super) async fn limited<T>(limit: Duration, reply: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(limit, reply).await.map_err(|_| {
        Error::environment(format!(
            "the database did not answer within {} seconds",
            limit.as_secs()
        ))
    })
}

/// The next reply of a flight that has one for each statement.
pub(super) fn next(replies: &mut impl Iterator<Item = Reply>) -> Result<Reply> {
    replies
        .next()
        .ok_or_else(|| Error::unexpected("a statement without a reply"))
}

/// Whether a statement failed for its rows' sake.
pub(super) fn blames_a_row(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(is_row_trouble)
}
