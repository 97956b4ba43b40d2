//! A transaction that sends several statements before it waits for their replies.
//!
//! An [`Exchange`] is a group of statements that are sent together, and the replies to them.
//! `begin`, the session settings and other deferred statements do not need an exchange of their
//! own, because they are sent together with the caller's first statements.

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
    /// True if rows are missing because they would exceed the limit of the query.
    pub(crate) is_cut: bool,
    /// The number of rows that the statement wrote.
    pub(crate) affected: u64,
}

/// A transaction that has a connection of its own.
///
/// If a transaction is dropped without a commit or a rollback, its connection is closed and does
/// not return to the pool. The server then rolls the transaction back.
#[derive(Debug)]
pub struct Transaction {
    connection: CloseOnDrop,
    /// The time limit for a reply. A reply that takes longer is an error.
    pub(super) reply_timeout: Duration,
    /// True if `lock_timeout` is shorter than `statement_timeout`. A wait for a lock then always
    /// ends with an SQLSTATE of its own, so an SQLSTATE for a cancelled statement has another
    /// cause.
    has_shorter_lock_timeout: bool,
    /// The texts of the statements in `prepared`, in the same order.
    texts: Arc<Vec<(String, Vec<Type>)>>,
    prepared: Arc<Vec<Statement>>,
    /// The statements that are sent at the beginning of the next [`Exchange`].
    deferred: Vec<DeferredStatement>,
    /// The number of statements in `deferred` that were already sent.
    deferred_sent: AtomicUsize,
    round_trips: AtomicU64,
    /// True while replies to an [`Exchange`] are missing.
    is_waiting: AtomicBool,
    /// The server's id of this transaction. It is set when the reply to the id query arrives.
    id: OnceLock<String>,
    pub(super) correlation: Option<i64>,
}

/// A statement that waits for the next [`Exchange`] and is sent with it, which saves a round
/// trip.
#[derive(Debug)]
struct DeferredStatement {
    sql: &'static str,
    parameters: Vec<OwnedParameter>,
    reply: ExpectedReply,
}

#[derive(Debug)]
enum ExpectedReply {
    /// The reply may have any number of rows. Only an error in the reply matters.
    Nothing,
    /// The reply must have at least one row. A reply without a row causes this error.
    Row(fn() -> Error),
    TransactionId,
}

impl Transaction {
    /// Begins a transaction with the session's time limits, on a connection of its own. The
    /// statement `begin` is sent later, together with the first statements of the transaction.
    ///
    /// # Errors
    ///
    /// No connection could be opened, as described at [`Database::connection`], or the session's
    /// statements could not be prepared.
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
        transaction.prepare_statements(session).await?;
        transaction.defer_begin(session);
        failpoint::reach("after-begin");
        Ok(transaction)
    }

    /// Prepares the session's statements. This happens before the transaction begins, because the
    /// server prepares nothing in a transaction that has failed. Preparing waits for locks on
    /// tables, so it uses a separate transaction with the same time limits.
    async fn prepare_statements(&mut self, session: &Session) -> Result<()> {
        if self.texts.is_empty() {
            return Ok(());
        }
        let id = Connection::id(&self.connection);
        if let Some(prepared) = session.prepared_on(id) {
            self.prepared = prepared;
            return Ok(());
        }
        self.defer_begin(session);
        self.send_deferred().await?;
        let texts = Arc::clone(&self.texts);
        let mut prepared = Vec::with_capacity(texts.len());
        for (sql, types) in &*texts {
            let prepare = self.connection.prepare_typed_cached(sql, types);
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
        let limits = vec![
            limit(&session.statement_timeout),
            limit(&session.lock_timeout),
            limit(&session.idle_in_transaction_timeout),
        ];
        self.defer("begin", Vec::new(), ExpectedReply::Nothing);
        self.defer(SET_TRANSACTION, limits, ExpectedReply::Nothing);
    }

    fn defer(&mut self, sql: &'static str, parameters: Vec<OwnedParameter>, reply: ExpectedReply) {
        self.deferred.push(DeferredStatement {
            sql,
            parameters,
            reply,
        });
    }

    /// Sends a statement with the next [`Exchange`]. If the statement returns no row, that
    /// exchange fails with the given error.
    pub(crate) fn defer_expecting_row(
        &mut self,
        sql: &'static str,
        parameters: Vec<OwnedParameter>,
        no_row_error: fn() -> Error,
    ) {
        self.defer(sql, parameters, ExpectedReply::Row(no_row_error));
    }

    /// Asks for the transaction's id with the next [`Exchange`]. If the reply to the commit is
    /// lost, the server can tell by the id whether the transaction was committed.
    pub(super) fn defer_id_query(&mut self) {
        self.defer(TRANSACTION_ID, Vec::new(), ExpectedReply::TransactionId);
    }

    /// Returns the server's id of the transaction, or `None` if
    /// [`defer_id_query`](Self::defer_id_query) was not called or its reply has not arrived.
    pub(super) fn id(&self) -> Option<&str> {
        self.id.get().map(String::as_str)
    }

    /// Adds an id, such as the id of a run, to the trace spans of the statements that follow.
    pub fn correlate(&mut self, id: i64) {
        self.correlation = Some(id);
    }

    /// Returns the cause of a failed statement, or `None` if the error has no SQLSTATE.
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

    /// Returns true if a statement failed because of one of its rows, and would fail each time.
    pub(crate) fn is_refused(&self, error: &tokio_postgres::Error) -> bool {
        self.blame(error) == Some(Blame::Row)
    }

    pub(super) fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    /// Starts an [`Exchange`]. It begins with the deferred statements that were not sent yet.
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

    /// Sends the deferred statements and waits for the replies to them.
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
        let connection = &self.connection;
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

    /// Marks the start of an [`Exchange`]. It fails if an earlier exchange was abandoned, because
    /// the replies to the earlier exchange would be mistaken for replies to the new one.
    fn mark_waiting(&self) -> Result<()> {
        self.count_round_trip();
        if self.is_waiting.swap(true, Ordering::Relaxed) {
            return Err(Error::unexpected(
                "an earlier exchange with the database was abandoned: the transaction cannot continue",
            ));
        }
        Ok(())
    }

    /// Marks that all replies to the current [`Exchange`] were read.
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
    /// The server did not commit, or the reply to the commit was lost.
    pub async fn commit(self) -> Result<()> {
        self.send_deferred().await?;
        let mut exchange = self.new_exchange();
        // In a transaction that has failed, the server answers `commit` without an error. But it
        // answers any other statement with an error, so this statement shows whether it has
        // failed.
        exchange.push_simple("select");
        exchange.push_commit();
        exchange.await_last_answer().await?;
        failpoint::reach("commit-acknowledged");
        self.release_connection();
        Ok(())
    }

    /// Returns the connection to the pool. Call it after the [`Exchange`] that committed or
    /// rolled back the transaction.
    pub(crate) fn release_connection(self) {
        self.connection.return_to_pool();
    }

    /// Rolls back and returns the connection to the pool. After an abandoned exchange, the
    /// connection is closed instead, and the server then rolls the transaction back.
    ///
    /// # Errors
    ///
    /// The server does not answer. It rolls the transaction back when it notices that the
    /// connection is closed.
    pub async fn roll_back(self) -> Result<()> {
        if self.is_waiting.load(Ordering::Relaxed) {
            return Ok(());
        }
        if self.deferred_sent.load(Ordering::Relaxed) > 0 {
            let rollback = self.connection.batch_execute("rollback");
            wait_for_reply(self.reply_timeout, rollback).await??;
        }
        self.release_connection();
        Ok(())
    }
}

/// A group of statements that are sent together. They are sent when the exchange is first polled,
/// in the order in which they were added. The server replies in the same order.
pub(crate) struct Exchange<'a> {
    transaction: &'a Transaction,
    replies: FuturesOrdered<BoxFuture<'a, Reply>>,
    deferred: &'a [DeferredStatement],
}

impl<'a> Exchange<'a> {
    /// Adds one or more statements that have no parameters. Rows that they return are not read.
    pub(crate) fn push_simple(&mut self, sql: &'a str) {
        let connection = &self.transaction.connection;
        self.push(async move {
            connection
                .batch_execute(sql)
                .await
                .map(|()| Answer::default())
        });
    }

    pub(crate) fn push_commit(&mut self) {
        let connection = &self.transaction.connection;
        self.push(async move {
            failpoint::reach("before-commit");
            let mut committing = std::pin::pin!(connection.batch_execute("commit"));
            // The first poll queues the statement `commit`. The connection's task sends it soon
            // after.
            let sent = futures::poll!(&mut committing);
            failpoint::reach("commit-sent");
            let committed = match sent {
                Poll::Ready(committed) => committed,
                Poll::Pending => committing.await,
            };
            committed.map(|()| Answer::default())
        });
    }

    /// Adds a statement with parameters. If the statement is not prepared on this connection, the
    /// server parses it for this use only.
    pub(crate) fn push_query(&mut self, sql: &'a str, parameters: Vec<TypedParameter<'a>>) {
        let connection = &self.transaction.connection;
        match self.transaction.find_prepared(sql) {
            Some(statement) => self.push(async move {
                let values = parameters.iter().map(|(value, _)| *value);
                read_answer(connection.query_raw(&statement, values).await?).await
            }),
            None => self.push(async move {
                read_answer(connection.query_typed_raw(sql, parameters).await?).await
            }),
        }
    }

    /// Adds a query of which at most about `max_bytes` of rows are kept in memory. The answer says
    /// whether rows are missing.
    pub(crate) fn push_limited_query(
        &mut self,
        sql: &'a str,
        parameters: Vec<TypedParameter<'a>>,
        max_bytes: usize,
    ) {
        let connection = &self.transaction.connection;
        let prepared = self.transaction.find_prepared(sql);
        self.push(async move {
            let stream = match prepared {
                Some(statement) => {
                    let values = parameters.iter().map(|(value, _)| *value);
                    connection.query_raw(&statement, values).await?
                }
                None => connection.query_typed_raw(sql, parameters).await?,
            };
            read_limited_answer(stream, max_bytes).await
        });
    }

    /// Adds a statement of an operation. The statement is traced and measured.
    pub(super) fn push_rows(
        &mut self,
        statement: Arc<operation::Statement>,
        fields: Vec<Field<'a>>,
        observer: StatementObserver,
    ) {
        let prepared = self.transaction.find_prepared(&statement.sql);
        let connection = &self.transaction.connection;
        let send = async move { send_rows(connection, prepared, &statement, fields).await };
        self.push(async move { observer.observe(send).await });
    }

    /// Adds a statement that is part of a larger action. The statement is not measured, because
    /// the larger action is.
    pub(super) fn push_unmeasured_rows(
        &mut self,
        statement: &'a operation::Statement,
        fields: Vec<Field<'a>>,
    ) {
        let prepared = self.transaction.find_prepared(&statement.sql);
        let connection = &self.transaction.connection;
        self.push(send_rows(connection, prepared, statement, fields));
    }

    fn push(&mut self, reply: impl Future<Output = Reply> + Send + 'a) {
        self.replies.push_back(Box::pin(reply));
    }

    /// Sends the statements and waits for all replies. If a statement of the caller failed, its
    /// reply contains the error.
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

    /// Sends the statements and returns the reply to the last one.
    ///
    /// # Errors
    ///
    /// One of the statements failed, or a reply took too long.
    pub(crate) async fn await_last_answer(self) -> Result<Answer> {
        let mut last = Answer::default();
        for reply in self.await_replies().await? {
            last = reply?;
        }
        Ok(last)
    }
}

/// Traces and measures a statement with rows. It does not contain any value of a row.
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
    let rows = stream.as_mut().try_collect().await?;
    let affected = stream.rows_affected().unwrap_or_default();
    Ok(Answer {
        rows,
        affected,
        is_cut: false,
    })
}

/// Reads all rows, and drops those that would exceed the limit.
async fn read_limited_answer(stream: RowStream, max_bytes: usize) -> Reply {
    let mut stream = std::pin::pin!(stream);
    let mut answer = Answer::default();
    let mut bytes = 0;
    while let Some(row) = stream.as_mut().try_next().await? {
        bytes += row.raw_size_bytes();
        if bytes > max_bytes {
            answer.is_cut = true;
            answer.rows.clear();
        } else {
            answer.rows.push(row);
        }
    }
    Ok(answer)
}

/// Returns the next reply of an [`Exchange`]. The server sends one reply for each statement.
pub(crate) fn next_reply(replies: &mut impl Iterator<Item = Reply>) -> Result<Reply> {
    replies
        .next()
        .ok_or_else(|| Error::unexpected("the server did not reply to a statement"))
}
