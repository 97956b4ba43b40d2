//! A transaction whose statements are sent without waiting for one another.

use std::time::Duration;

use deadpool_postgres::ObjectId;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, Statement};

use crate::database::Connection;
use crate::error::{Error, Result, is_row_trouble};

/// A parameter and its type.
pub(super) type Typed<'a> = (&'a (dyn ToSql + Sync), Type);

/// What the server said to one statement.
pub(super) type Reply = std::result::Result<Vec<Row>, tokio_postgres::Error>;

/// A connection for one transaction and what goes with it. Unless it is told that the transaction
/// [`ended`](Transaction::ended), or rolls it back itself, the connection is closed and the pool
/// never sees it again: the server then rolls back by itself.
#[derive(Debug)]
pub(super) struct Transaction<'s> {
    connection: Option<Connection>,
    /// How long each reply may take before the connection is given up.
    reply_timeout: Duration,
    /// What is prepared on the connection, by its text.
    prepared: Vec<(&'s str, Statement)>,
}

impl<'s> Transaction<'s> {
    /// A transaction that a flight will begin.
    pub(super) fn on(connection: Connection, reply_timeout: Duration) -> Self {
        Self {
            connection: Some(connection),
            reply_timeout,
            prepared: Vec::new(),
        }
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("taken only at the end")
    }

    /// Statements to be sent together.
    pub(super) fn flight(&self) -> Flight<'_> {
        Flight {
            transaction: self,
            replies: FuturesOrdered::new(),
        }
    }

    /// Tells the connection from all others of the pool.
    pub(super) fn connection_id(&self) -> ObjectId {
        Connection::id(self.connection())
    }

    /// Prepares a statement, at most once for the connection's life; flights that
    /// send this text use it. Where no types are given the server infers them.
    pub(super) async fn prepare(&mut self, sql: &'s str, types: &[Type]) -> Result<()> {
        let prepare = self.connection().prepare_typed_cached(sql, types);
        let statement = limited(self.reply_timeout, prepare).await??;
        self.prepared.push((sql, statement));
        Ok(())
    }

    fn known(&self, sql: &str) -> Option<Statement> {
        let mut prepared = self.prepared.iter();
        let found = prepared.find(|(text, _)| *text == sql);
        found.map(|(_, statement)| statement.clone())
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

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Connection::take(connection));
        }
    }
}

/// Statements under way together. Each is sent when the flight is first polled,
/// in the order they were added, and the server answers in that order.
pub(super) struct Flight<'a> {
    transaction: &'a Transaction<'a>,
    replies: FuturesOrdered<BoxFuture<'a, Reply>>,
}

impl<'a> Flight<'a> {
    /// Statements without parameters or rows.
    pub(super) fn simple(&mut self, sql: &'a str) {
        let connection = self.transaction.connection();
        self.push(async move { connection.batch_execute(sql).await.map(|()| Vec::new()) });
    }

    /// A statement: as it is prepared on this connection, else for this one use.
    pub(super) fn typed(&mut self, sql: &'a str, parameters: Vec<Typed<'a>>) {
        let connection = self.transaction.connection();
        match self.transaction.known(sql) {
            Some(statement) => {
                let values = parameters.into_iter().map(|(value, _)| value).collect();
                self.execute(statement, values);
            }
            None => self.push(async move { connection.query_typed(sql, &parameters).await }),
        }
    }

    /// A statement of many parameters, in the same way: their types are looked at
    /// only if it is not prepared.
    pub(super) fn wide(
        &mut self,
        sql: &'a str,
        types: &[Type],
        values: Vec<&'a (dyn ToSql + Sync)>,
    ) {
        match self.transaction.known(sql) {
            Some(statement) => self.execute(statement, values),
            None => self.typed(sql, values.into_iter().zip(types.iter().cloned()).collect()),
        }
    }

    fn execute(&mut self, statement: Statement, values: Vec<&'a (dyn ToSql + Sync)>) {
        let connection = self.transaction.connection();
        self.push(async move { connection.query(&statement, &values).await });
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
        while let Some(reply) = limited(self.transaction.reply_timeout, self.replies.next()).await?
        {
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
