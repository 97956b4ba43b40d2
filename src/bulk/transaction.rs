//! A transaction whose statements are sent without waiting for one another.

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

/// Sets the time limits, and how rows are found, for a transaction.
pub(super) const SET_TRANSACTION: &str = include_str!("../../sql/bulk/set_transaction.sql");

/// Asks what the server calls the transaction.
pub(super) const TRANSACTION_ID: &str = include_str!("../../sql/bulk/transaction_id.sql");

/// A parameter and its type.
pub(crate) type Typed<'a> = (&'a (dyn ToSql + Sync), Type);

/// A parameter that is sent later.
type Kept = (Box<dyn ToSql + Sync + Send>, Type);

/// What the server said to one statement.
pub(crate) type Reply = std::result::Result<Answer, tokio_postgres::Error>;

/// What came of a statement that succeeded.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The rows it returned.
    pub(crate) rows: Vec<Row>,
    /// How many rows it wrote.
    pub(super) affected: u64,
}

/// A connection for one transaction and what goes with it.
///
/// Unless it is committed or rolled back, the connection is closed when this is
/// dropped and the pool never sees it again: the server then rolls back by itself.
#[derive(Debug)]
pub struct Transaction {
    connection: CloseOnDrop,
    /// How long each reply may take before the connection is given up.
    reply_timeout: Duration,
    /// Whether a statement that waits for a lock fails for that, before its own time is up.
    tells_lock_from_time: bool,
    /// What is prepared on the connection, by its text.
    texts: Arc<Vec<(String, Vec<Type>)>>,
    prepared: Arc<Vec<Statement>>,
    /// Statements that go before those of the next flight.
    deferred: Vec<Deferred>,
    /// How many of them have gone.
    settled: AtomicUsize,
    round_trips: AtomicU64,
    /// Something was sent and not all of its replies were read.
    is_waiting: AtomicBool,
    /// What the server calls the transaction, once it has said so.
    id: OnceLock<String>,
    correlation: Option<i64>,
}

/// A statement that goes with the first flight, to spare a round trip.
#[derive(Debug)]
struct Deferred {
    sql: &'static str,
    parameters: Vec<Kept>,
    answer: Expected,
}

/// What a deferred statement returns.
#[derive(Debug)]
enum Expected {
    /// Nothing that is looked at.
    Nothing,
    /// A row, or this is wrong.
    Row(fn() -> Error),
    /// The transaction's id.
    TransactionId,
}

impl Transaction {
    /// Begins a transaction within the session's time limits, on a connection of
    /// its own. The first statements to be sent take the beginning along.
    ///
    /// # Errors
    /// As [`Database::connection`].
    pub async fn begin(database: &Database, session: &Session) -> Result<Self> {
        failpoint::reach("before-begin");
        let mut transaction = Self {
            connection: database.close_on_drop_connection().await?,
            reply_timeout: session.reply_timeout,
            tells_lock_from_time: session.tells_lock_from_time,
            texts: Arc::clone(&session.texts),
            prepared: Arc::default(),
            deferred: Vec::new(),
            settled: AtomicUsize::new(0),
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

    /// Prepares what the session wants, before the transaction begins: in one that
    /// has failed, the server refuses to prepare. Preparing waits for locks on
    /// tables as any statement does, and so has a transaction with time limits of
    /// its own.
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
        self.settle().await?;
        let texts = Arc::clone(&self.texts);
        let mut prepared = Vec::with_capacity(texts.len());
        for (sql, types) in &*texts {
            let prepare = self.connection().prepare_typed_cached(sql, types);
            prepared.push(wait_for_reply(self.reply_timeout, prepare).await??);
        }
        let mut flight = self.flight();
        flight.simple("commit");
        flight.land_one().await?;
        self.prepared = Arc::new(prepared);
        session.remember(id, Arc::clone(&self.prepared));
        Ok(())
    }

    fn defer_begin(&mut self, session: &Session) {
        let limit = |limit: &String| (Box::new(limit.clone()) as _, Type::TEXT);
        self.deferred.push(Deferred {
            sql: "begin",
            parameters: Vec::new(),
            answer: Expected::Nothing,
        });
        self.deferred.push(Deferred {
            sql: SET_TRANSACTION,
            parameters: vec![
                limit(&session.statement_timeout),
                limit(&session.lock_timeout),
                limit(&session.idle_in_transaction_timeout),
            ],
            answer: Expected::Nothing,
        });
    }

    /// Sends a statement before those of the next flight; it must return a row.
    pub(crate) fn defer_expecting_row(
        &mut self,
        sql: &'static str,
        parameters: Vec<Kept>,
        otherwise: fn() -> Error,
    ) {
        self.deferred.push(Deferred {
            sql,
            parameters,
            answer: Expected::Row(otherwise),
        });
    }

    /// Asks, with the next flight, what the server calls the transaction: what
    /// became of it can be asked for by that when a commit's reply is lost.
    pub(super) fn defer_id(&mut self) {
        self.deferred.push(Deferred {
            sql: TRANSACTION_ID,
            parameters: Vec::new(),
            answer: Expected::TransactionId,
        });
    }

    /// What the server calls the transaction, if it was asked.
    pub(super) fn id(&self) -> Option<&str> {
        self.id.get().map(String::as_str)
    }

    /// What log lines and spans of its statements are found by, such as a run's id.
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

    /// What is to blame for a statement that failed; `None` if the server did not say.
    pub(super) fn blame(&self, error: &tokio_postgres::Error) -> Option<Blame> {
        let state = error.code()?;
        if *state == SqlState::QUERY_CANCELED && !self.tells_lock_from_time {
            return Some(Blame::Server);
        }
        Some(Blame::from_sqlstate(state))
    }

    /// Whether a statement may have failed for the sake of one of its rows.
    pub(super) fn may_blame_a_row(&self, error: &tokio_postgres::Error) -> bool {
        self.blame(error).is_some_and(Blame::can_be_row)
    }

    /// How many times the server was waited for.
    pub(super) fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    /// Statements to be sent together, those deferred till now before them.
    pub(crate) fn flight(&self) -> Flight<'_> {
        let settled = self.settled.load(Ordering::Relaxed);
        let mut flight = Flight {
            transaction: self,
            replies: FuturesOrdered::new(),
            deferred: &self.deferred[settled..],
        };
        for deferred in flight.deferred {
            if matches!(deferred.answer, Expected::Nothing) && deferred.parameters.is_empty() {
                flight.simple(deferred.sql);
                continue;
            }
            let typed = deferred.parameters.iter();
            let typed = typed.map(|(value, r#type)| (&**value as _, r#type.clone()));
            flight.typed(deferred.sql, typed.collect());
        }
        flight
    }

    /// Sends what is deferred and waits for its replies.
    pub(crate) async fn settle(&self) -> Result<()> {
        if self.settled.load(Ordering::Relaxed) < self.deferred.len() {
            self.flight().land().await?;
        }
        Ok(())
    }

    fn known(&self, sql: &str) -> Option<Statement> {
        let found = self.texts.iter().position(|(text, _)| text == sql)?;
        self.prepared.get(found).cloned()
    }

    /// Begins to copy rows in.
    pub(super) async fn copy_in(
        &self,
        sql: &str,
    ) -> Result<std::result::Result<tokio_postgres::CopyInSink<bytes::Bytes>, tokio_postgres::Error>>
    {
        let connection = self.connection();
        self.wait()?;
        let begin = async {
            let statement = match self.known(sql) {
                Some(statement) => statement,
                None => {
                    self.count_round_trip();
                    connection.prepare(sql).await?
                }
            };
            connection.copy_in(&statement).await
        };
        let begun = wait_for_reply(self.reply_timeout, begin).await?;
        if begun.is_err() {
            self.waited();
        }
        Ok(begun)
    }

    /// Something is sent. Where an exchange before it was abandoned, its replies
    /// would be taken for those of this one.
    fn wait(&self) -> Result<()> {
        self.count_round_trip();
        if self.is_waiting.swap(true, Ordering::Relaxed) {
            return Err(Error::unexpected(
                "an exchange with the database was abandoned: the transaction is of no use",
            ));
        }
        Ok(())
    }

    /// All replies were read.
    pub(super) fn waited(&self) {
        self.is_waiting.store(false, Ordering::Relaxed);
    }

    pub(super) fn count_round_trip(&self) {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
    }

    /// Commits.
    ///
    /// # Errors
    /// The server did not, or could not be heard to.
    pub async fn commit(self) -> Result<()> {
        self.settle().await?;
        let mut flight = self.flight();
        // the server answers the commit of a transaction that has failed without
        // an error, but nothing else
        flight.simple("select");
        flight.commit();
        flight.land_one().await?;
        failpoint::reach("commit-acknowledged");
        self.ended();
        Ok(())
    }

    /// Gives the connection back after the flight that committed or rolled back.
    pub(crate) fn ended(self) {
        self.connection.return_to_pool();
    }

    /// Undoes everything and gives the connection back; after an exchange that was
    /// abandoned it is closed instead, and the server undoes everything by itself.
    ///
    /// # Errors
    /// The server cannot be heard; it will undo everything by itself.
    pub async fn roll_back(self) -> Result<()> {
        if self.is_waiting.load(Ordering::Relaxed) {
            return Ok(());
        }
        if self.settled.load(Ordering::Relaxed) > 0 {
            let rollback = self.connection().batch_execute("rollback");
            wait_for_reply(self.reply_timeout, rollback).await??;
        }
        self.ended();
        Ok(())
    }
}

/// Statements under way together. Each is sent when the flight is first polled,
/// in the order they were added, and the server answers in that order.
pub(crate) struct Flight<'a> {
    transaction: &'a Transaction,
    replies: FuturesOrdered<BoxFuture<'a, Reply>>,
    deferred: &'a [Deferred],
}

impl<'a> Flight<'a> {
    /// Statements without parameters or rows.
    pub(crate) fn simple(&mut self, sql: &'a str) {
        let connection = self.transaction.connection();
        self.push(async move {
            connection
                .batch_execute(sql)
                .await
                .map(|()| Answer::default())
        });
    }

    /// The end of the transaction: what came before it has been sent.
    pub(crate) fn commit(&mut self) {
        let connection = self.transaction.connection();
        self.push(async move {
            failpoint::reach("before-commit");
            let mut committing = std::pin::pin!(connection.batch_execute("commit"));
            // queued by the first poll, and soon sent by the connection's own task
            let sent = futures::poll!(&mut committing);
            failpoint::reach("commit-sent");
            let committed = match sent {
                Poll::Ready(committed) => committed,
                Poll::Pending => committing.await,
            };
            committed.map(|()| Answer::default())
        });
    }

    /// A statement: as it is prepared on this connection, else for this one use.
    pub(crate) fn typed(&mut self, sql: &'a str, parameters: Vec<Typed<'a>>) {
        let connection = self.transaction.connection();
        match self.transaction.known(sql) {
            Some(statement) => self.push(async move {
                let values = parameters.iter().map(|(value, _)| *value);
                answer(connection.query_raw(&statement, values).await?).await
            }),
            None => self.push(async move {
                let rows = connection.query_typed(sql, &parameters).await?;
                Ok(Answer { rows, affected: 0 })
            }),
        }
    }

    /// A statement of an operation, in the same way.
    pub(super) fn fields(
        &mut self,
        statement: Arc<operation::Statement>,
        fields: Vec<Field<'a>>,
        observed: Observed,
    ) {
        let known = self.transaction.known(&statement.sql);
        let connection = self.transaction.connection();
        let send = async move { send(connection, known, &statement, fields).await };
        self.push(async move { observed.over(send).await });
    }

    /// The same for one that is part of what is observed already.
    pub(super) fn unobserved(
        &mut self,
        statement: &'a operation::Statement,
        fields: Vec<Field<'a>>,
    ) {
        let known = self.transaction.known(&statement.sql);
        let connection = self.transaction.connection();
        self.push(send(connection, known, statement, fields));
    }

    fn push(&mut self, reply: impl Future<Output = Reply> + Send + 'a) {
        self.replies.push_back(Box::pin(reply));
    }

    /// Sends the statements and waits for all replies.
    ///
    /// # Errors
    /// The server said nothing for too long, or what was deferred failed. What it
    /// said to this flight's own statements, errors included, is in the replies.
    pub(crate) async fn land(mut self) -> Result<Vec<Reply>> {
        self.transaction.wait()?;
        let limit = self.transaction.reply_timeout;
        for deferred in self.deferred {
            let reply = wait_for_reply(limit, self.replies.next()).await?;
            let rows = reply.expect("one for each statement")?.rows;
            match (&deferred.answer, rows.first()) {
                (Expected::Nothing, _) | (Expected::Row(_), Some(_)) => {}
                (Expected::Row(otherwise), None) => return Err(otherwise()),
                (Expected::TransactionId, row) => {
                    let row =
                        row.ok_or_else(|| Error::unexpected("a transaction without an id"))?;
                    let _ = self.transaction.id.set(row.try_get(0)?);
                }
            }
        }
        let settled = &self.transaction.settled;
        settled.fetch_add(self.deferred.len(), Ordering::Relaxed);
        let mut replies = Vec::with_capacity(self.replies.len());
        while let Some(reply) = wait_for_reply(limit, self.replies.next()).await? {
            replies.push(reply);
        }
        self.transaction.waited();
        Ok(replies)
    }

    /// Sends the statements, of which none may fail, and gives the last one's answer.
    ///
    /// # Errors
    /// As [`Flight::land`], or a statement failed.
    pub(crate) async fn land_one(self) -> Result<Answer> {
        let mut last = Answer::default();
        for reply in self.land().await? {
            last = reply?;
        }
        Ok(last)
    }
}

/// What a statement with rows is measured and traced as: never with a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observed {
    pub(super) statement: metrics::Statement,
    pub(super) rows: usize,
    pub(super) correlation: Option<i64>,
}

impl Observed {
    /// Sends the statement, and waits for its reply.
    pub(super) async fn over<T>(self, send: impl Future<Output = T>) -> T {
        let metrics::Statement {
            operation, table, ..
        } = self.statement;
        let (rows, run) = (self.rows, self.correlation);
        let span = debug_span!("statement", run.id = run, operation, table, rows);
        let began = Instant::now();
        let reply = send.instrument(span).await;
        self.statement.record(rows, began.elapsed());
        reply
    }
}

/// Sends a statement as it is prepared, else for this one use.
async fn send(
    connection: &Connection,
    known: Option<Statement>,
    statement: &operation::Statement,
    fields: Vec<Field<'_>>,
) -> Reply {
    let operation::Statement { sql, types } = statement;
    let stream = match known {
        Some(statement) => connection.query_raw(&statement, fields).await?,
        None => {
            let typed = fields.into_iter().zip(types.iter().cloned());
            connection.query_typed_raw(sql, typed).await?
        }
    };
    answer(stream).await
}

async fn answer(stream: RowStream) -> Reply {
    let mut stream = std::pin::pin!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    let affected = stream.rows_affected().unwrap_or_default();
    Ok(Answer { rows, affected })
}

/// The next reply of a flight that has one for each statement.
pub(crate) fn next(replies: &mut impl Iterator<Item = Reply>) -> Result<Reply> {
    replies
        .next()
        .ok_or_else(|| Error::unexpected("a statement without a reply"))
}
