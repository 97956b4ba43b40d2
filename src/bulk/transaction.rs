//! A transaction that sends several statements before it waits for their replies.
//!
//! `begin`, the session settings and other deferred statements have no exchange of their own:
//! they are sent together with the first statements of the caller.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, RowStream, Statement};
use tracing::{Instrument as _, debug_span};

use crate::bulk::Session;
use crate::bulk::operation;
use crate::bulk::rows::Field;
use crate::database::{CloseOnDrop, Connection, Database, wait_for_reply};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::metrics;
use crate::sqlstate::Blame;

pub(super) const SET_TRANSACTION: &str =
    include_str!("../../sql/bulk/set_transaction_settings.sql");

pub(super) const TRANSACTION_ID: &str = include_str!("../../sql/bulk/transaction_id.sql");

pub(crate) type TypedParameter<'a> = (&'a (dyn ToSql + Sync), Type);

type OwnedParameter = (Box<dyn ToSql + Sync + Send>, Type);

pub(crate) type Reply = std::result::Result<Answer, tokio_postgres::Error>;

/// The reply to a statement that succeeded.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<Row>,
    /// The number of rows that the statement wrote.
    pub(super) affected: u64,
}

/// A transaction on a connection of its own.
///
/// A transaction that is dropped without a commit or a rollback closes its connection, which
/// never returns to the pool. The server then rolls back by itself.
#[derive(Debug)]
pub struct Transaction {
    connection: CloseOnDrop,
    /// The time after which a missing reply is an error.
    reply_timeout: Duration,
    /// True if a wait for a lock always ends with its own SQLSTATE, because `lock_timeout` is
    /// shorter than `statement_timeout`.
    has_shorter_lock_timeout: bool,
    /// The texts of `prepared`, in the same order.
    texts: Arc<Vec<(String, Vec<Type>)>>,
    prepared: Arc<Vec<Statement>>,
    /// Statements that are sent before those of the next exchange.
    deferred: Vec<DeferredStatement>,
    /// The number of deferred statements that are sent already.
    deferred_sent: AtomicUsize,
    round_trips: AtomicU64,
    /// True while replies to an exchange are missing.
    is_waiting: AtomicBool,
    /// The server's id of the transaction, after its query was sent.
    id: OnceLock<String>,
    correlation: Option<i64>,
}

/// A statement that is sent with the next exchange, which saves a round trip.
#[derive(Debug)]
struct DeferredStatement {
    sql: &'static str,
    parameters: Vec<OwnedParameter>,
    reply: ExpectedReply,
}

#[derive(Debug)]
enum ExpectedReply {
    /// The reply is not read, unless it is an error.
    Nothing,
    /// At least one row; a reply without a row is this error.
    Row(fn() -> Error),
    TransactionId,
}

impl Transaction {
    /// Begins a transaction with the session's time limits, on a connection of its own. `begin`
    /// is sent with the first statements.
    ///
    /// # Errors
    ///
    /// As [`Database::connection`].
    pub async fn begin(database: &Database, session: &Session) -> Result<Self> {
        failpoint::reach("before-begin");
        let mut transaction = Self {
            connection: database.close_on_drop_connection().await?,
            reply_timeout: session.reply_timeout,
            has_shorter_lock_timeout: session.has_shorter_lock_timeout,
            texts: Arc::clone(&session.texts),
            prepared: Arc::default(),
            deferred: Vec::new(),
            deferred_sent: AtomicUsize::new(0),
            round_trips: AtomicU64::new(0),
            is_waiting: AtomicBool::new(false),
            id: OnceLock::new(),
            correlation: None,
        };
        transaction.prepare(session).await?;
        transaction.defer_begin(session);
        failpoint::reach("after-begin");
        Ok(transaction)
    }

    /// Prepares the session's statements, before the transaction begins, because the server
    /// prepares nothing in a transaction that has failed. Preparing waits for locks on tables,
    /// so it happens in a transaction of its own with the same time limits.
    async fn prepare(&mut self, session: &Session) -> Result<()> {
        if self.texts.is_empty() {
            return Ok(());
        }
        let id = Connection::id(self.connection());
        if let Some(prepared) = session.prepared_on(id) {
            self.prepared = prepared;
            return Ok(());
        }
        self.defer_begin(session);
        self.send_deferred().await?;
        let texts = Arc::clone(&self.texts);
        let mut prepared = Vec::with_capacity(texts.len());
        for (sql, types) in &*texts {
            let prepare = self.connection().prepare_typed_cached(sql, types);
            prepared.push(wait_for_reply(self.reply_timeout, prepare).await??);
        }
        let mut exchange = self.new_exchange();
        exchange.push_simple("commit");
        exchange.await_last_answer().await?;
        self.prepared = Arc::new(prepared);
        session.remember_prepared(id, Arc::clone(&self.prepared));
        Ok(())
    }

    fn defer_begin(&mut self, session: &Session) {
        let limit = |limit: &String| (Box::new(limit.clone()) as _, Type::TEXT);
        self.deferred.push(DeferredStatement {
            sql: "begin",
            parameters: Vec::new(),
            reply: ExpectedReply::Nothing,
        });
        self.deferred.push(DeferredStatement {
            sql: SET_TRANSACTION,
            parameters: vec![
                limit(&session.statement_timeout),
                limit(&session.lock_timeout),
                limit(&session.idle_in_transaction_timeout),
            ],
            reply: ExpectedReply::Nothing,
        });
    }

    /// Sends a statement with the next exchange. If it returns no row, the exchange fails with
    /// the error.
    pub(crate) fn defer_expecting_row(
        &mut self,
        sql: &'static str,
        parameters: Vec<OwnedParameter>,
        no_row_error: fn() -> Error,
    ) {
        self.deferred.push(DeferredStatement {
            sql,
            parameters,
            reply: ExpectedReply::Row(no_row_error),
        });
    }

    /// Asks for the transaction's id with the next exchange. If the reply to the commit is lost,
    /// the server can tell by the id whether it committed.
    pub(super) fn defer_id_query(&mut self) {
        self.deferred.push(DeferredStatement {
            sql: TRANSACTION_ID,
            parameters: Vec::new(),
            reply: ExpectedReply::TransactionId,
        });
    }

    /// The transaction's id, if [`defer_id_query`](Self::defer_id_query) asked for it.
    pub(super) fn id(&self) -> Option<&str> {
        self.id.get().map(String::as_str)
    }

    /// Adds an id, such as that of a run, to the trace spans of the following statements.
    pub fn correlate(&mut self, id: i64) {
        self.correlation = Some(id);
    }

    pub(super) fn correlation(&self) -> Option<i64> {
        self.correlation
    }

    fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn reply_timeout(&self) -> Duration {
        self.reply_timeout
    }

    /// The cause of a failed statement, or `None` if the error has no SQLSTATE.
    pub(super) fn blame(&self, error: &tokio_postgres::Error) -> Option<Blame> {
        let state = error.code()?;
        if *state == SqlState::QUERY_CANCELED && !self.has_shorter_lock_timeout {
            return Some(Blame::Server);
        }
        Some(Blame::from_sqlstate(state))
    }

    /// Returns true if a statement may have failed because of one of its rows.
    pub(super) fn can_blame_row(&self, error: &tokio_postgres::Error) -> bool {
        self.blame(error).is_some_and(Blame::can_be_row)
    }

    pub(super) fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    /// Starts an exchange. Its first statements are the deferred ones that are not sent yet.
    pub(crate) fn new_exchange(&self) -> Exchange<'_> {
        let deferred_sent = self.deferred_sent.load(Ordering::Relaxed);
        let mut exchange = Exchange {
            transaction: self,
            replies: FuturesOrdered::new(),
            deferred: &self.deferred[deferred_sent..],
        };
        for deferred in exchange.deferred {
            if matches!(deferred.reply, ExpectedReply::Nothing) && deferred.parameters.is_empty() {
                exchange.push_simple(deferred.sql);
                continue;
            }
            let typed = deferred.parameters.iter();
            let typed = typed.map(|(value, r#type)| (&**value as _, r#type.clone()));
            exchange.push_query(deferred.sql, typed.collect());
        }
        exchange
    }

    /// Sends the deferred statements and waits for their replies.
    pub(crate) async fn send_deferred(&self) -> Result<()> {
        if self.deferred_sent.load(Ordering::Relaxed) < self.deferred.len() {
            self.new_exchange().await_replies().await?;
        }
        Ok(())
    }

    fn find_prepared(&self, sql: &str) -> Option<Statement> {
        let index = self.texts.iter().position(|(text, _)| text == sql)?;
        self.prepared.get(index).cloned()
    }

    pub(super) async fn begin_copy(
        &self,
        sql: &str,
    ) -> Result<std::result::Result<tokio_postgres::CopyInSink<bytes::Bytes>, tokio_postgres::Error>>
    {
        let connection = self.connection();
        self.mark_waiting()?;
        let begin_copy = async {
            let statement = match self.find_prepared(sql) {
                Some(statement) => statement,
                None => {
                    self.count_round_trip();
                    connection.prepare(sql).await?
                }
            };
            connection.copy_in(&statement).await
        };
        let sink = wait_for_reply(self.reply_timeout, begin_copy).await?;
        if sink.is_err() {
            self.mark_done();
        }
        Ok(sink)
    }

    /// Marks the start of an exchange. It fails if an earlier exchange was abandoned, because its
    /// replies would be mistaken for replies to this one.
    fn mark_waiting(&self) -> Result<()> {
        self.count_round_trip();
        if self.is_waiting.swap(true, Ordering::Relaxed) {
            return Err(Error::unexpected(
                "an earlier exchange with the database was abandoned: the transaction cannot continue",
            ));
        }
        Ok(())
    }

    /// Marks that all replies were read.
    pub(super) fn mark_done(&self) {
        self.is_waiting.store(false, Ordering::Relaxed);
    }

    pub(super) fn count_round_trip(&self) {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
    }

    /// Commits the transaction.
    ///
    /// # Errors
    ///
    /// The server did not commit, or its reply was lost.
    pub async fn commit(self) -> Result<()> {
        self.send_deferred().await?;
        let mut exchange = self.new_exchange();
        // In a transaction that has failed, the server answers `commit` without an error, but
        // no other statement.
        exchange.push_simple("select");
        exchange.push_commit();
        exchange.await_last_answer().await?;
        failpoint::reach("commit-acknowledged");
        self.release_connection();
        Ok(())
    }

    /// Returns the connection to the pool, after the exchange that committed or rolled back.
    pub(crate) fn release_connection(self) {
        self.connection.return_to_pool();
    }

    /// Rolls back and returns the connection to the pool. After an abandoned exchange it closes
    /// the connection instead, and the server rolls back by itself.
    ///
    /// # Errors
    ///
    /// The server does not answer. It will roll back by itself.
    pub async fn roll_back(self) -> Result<()> {
        if self.is_waiting.load(Ordering::Relaxed) {
            return Ok(());
        }
        if self.deferred_sent.load(Ordering::Relaxed) > 0 {
            let rollback = self.connection().batch_execute("rollback");
            wait_for_reply(self.reply_timeout, rollback).await??;
        }
        self.release_connection();
        Ok(())
    }
}

/// Statements that are sent together. They are sent when the exchange is first polled, in the
/// order in which they were added, and the server replies in that order.
pub(crate) struct Exchange<'a> {
    transaction: &'a Transaction,
    replies: FuturesOrdered<BoxFuture<'a, Reply>>,
    deferred: &'a [DeferredStatement],
}

impl<'a> Exchange<'a> {
    /// Adds one or more statements without parameters, whose rows are not read.
    pub(crate) fn push_simple(&mut self, sql: &'a str) {
        let connection = self.transaction.connection();
        self.push(async move {
            connection
                .batch_execute(sql)
                .await
                .map(|()| Answer::default())
        });
    }

    /// Adds the commit of the transaction.
    pub(crate) fn push_commit(&mut self) {
        let connection = self.transaction.connection();
        self.push(async move {
            failpoint::reach("before-commit");
            let mut committing = std::pin::pin!(connection.batch_execute("commit"));
            // The first poll queues it, and the task of the connection soon sends it.
            let sent = futures::poll!(&mut committing);
            failpoint::reach("commit-sent");
            let committed = match sent {
                Poll::Ready(committed) => committed,
                Poll::Pending => committing.await,
            };
            committed.map(|()| Answer::default())
        });
    }

    /// Adds a statement with parameters. It is parsed for this use only, unless it is prepared
    /// on this connection.
    pub(crate) fn push_query(&mut self, sql: &'a str, parameters: Vec<TypedParameter<'a>>) {
        let connection = self.transaction.connection();
        match self.transaction.find_prepared(sql) {
            Some(statement) => self.push(async move {
                let values = parameters.iter().map(|(value, _)| *value);
                read_answer(connection.query_raw(&statement, values).await?).await
            }),
            None => self.push(async move {
                let rows = connection.query_typed(sql, &parameters).await?;
                Ok(Answer { rows, affected: 0 })
            }),
        }
    }

    /// Adds a statement of an operation, which is traced and measured.
    pub(super) fn push_rows(
        &mut self,
        statement: Arc<operation::Statement>,
        fields: Vec<Field<'a>>,
        observer: StatementObserver,
    ) {
        let prepared = self.transaction.find_prepared(&statement.sql);
        let connection = self.transaction.connection();
        let send = async move { send_rows(connection, prepared, &statement, fields).await };
        self.push(async move { observer.observe(send).await });
    }

    /// Adds a statement that is part of a larger action that is measured already.
    pub(super) fn push_unmeasured_rows(
        &mut self,
        statement: &'a operation::Statement,
        fields: Vec<Field<'a>>,
    ) {
        let prepared = self.transaction.find_prepared(&statement.sql);
        let connection = self.transaction.connection();
        self.push(send_rows(connection, prepared, statement, fields));
    }

    fn push(&mut self, reply: impl Future<Output = Reply> + Send + 'a) {
        self.replies.push_back(Box::pin(reply));
    }

    /// Sends the statements and waits for all replies. Failures of the caller's statements are in
    /// the replies.
    ///
    /// # Errors
    ///
    /// A reply took too long, or a deferred statement failed.
    pub(crate) async fn await_replies(mut self) -> Result<Vec<Reply>> {
        self.transaction.mark_waiting()?;
        let limit = self.transaction.reply_timeout;
        for deferred in self.deferred {
            let reply = wait_for_reply(limit, self.replies.next()).await?;
            let rows = reply.expect("a reply for each statement")?.rows;
            match (&deferred.reply, rows.first()) {
                (ExpectedReply::Nothing, _) | (ExpectedReply::Row(_), Some(_)) => {}
                (ExpectedReply::Row(no_row_error), None) => return Err(no_row_error()),
                (ExpectedReply::TransactionId, row) => {
                    let row = row.ok_or_else(|| {
                        Error::unexpected("the server gave the transaction no id")
                    })?;
                    let _ = self.transaction.id.set(row.try_get(0)?);
                }
            }
        }
        let deferred_sent = &self.transaction.deferred_sent;
        deferred_sent.fetch_add(self.deferred.len(), Ordering::Relaxed);
        let mut replies = Vec::with_capacity(self.replies.len());
        while let Some(reply) = wait_for_reply(limit, self.replies.next()).await? {
            replies.push(reply);
        }
        self.transaction.mark_done();
        Ok(replies)
    }

    /// Sends the statements and returns the answer to the last one.
    ///
    /// # Errors
    ///
    /// As [`Exchange::await_replies`], or a statement failed.
    pub(crate) async fn await_last_answer(self) -> Result<Answer> {
        let mut last = Answer::default();
        for reply in self.await_replies().await? {
            last = reply?;
        }
        Ok(last)
    }
}

/// Traces and measures a statement with rows. It knows no value of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct StatementObserver {
    pub(super) statement: metrics::Statement,
    pub(super) rows: usize,
    pub(super) correlation: Option<i64>,
}

impl StatementObserver {
    pub(super) async fn observe<T>(self, send: impl Future<Output = T>) -> T {
        let metrics::Statement {
            operation, table, ..
        } = self.statement;
        let (rows, run) = (self.rows, self.correlation);
        let span = debug_span!("statement", run.id = run, operation, table, rows);
        let start = Instant::now();
        let reply = send.instrument(span).await;
        self.statement.record(rows, start.elapsed());
        reply
    }
}

async fn send_rows(
    connection: &Connection,
    prepared: Option<Statement>,
    statement: &operation::Statement,
    fields: Vec<Field<'_>>,
) -> Reply {
    let operation::Statement { sql, types } = statement;
    let stream = match prepared {
        Some(statement) => connection.query_raw(&statement, fields).await?,
        None => {
            let typed = fields.into_iter().zip(types.iter().cloned());
            connection.query_typed_raw(sql, typed).await?
        }
    };
    read_answer(stream).await
}

async fn read_answer(stream: RowStream) -> Reply {
    let mut stream = std::pin::pin!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    let affected = stream.rows_affected().unwrap_or_default();
    Ok(Answer { rows, affected })
}

/// Returns the next reply of an exchange. There is one for each statement.
pub(crate) fn next_reply(replies: &mut impl Iterator<Item = Reply>) -> Result<Reply> {
    replies
        .next()
        .ok_or_else(|| Error::unexpected("the server did not reply to a statement"))
}
