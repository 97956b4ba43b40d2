//! Holds the time limits of transactions, and the statements that are prepared for transactions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deadpool_postgres::ObjectId;
use tokio_postgres::Statement;
use tokio_postgres::types::Type;

use crate::bulk::operation::Operation;
use crate::bulk::transaction::{SET_TRANSACTION, TRANSACTION_ID};
use crate::config;
use crate::database::reply_limit;
use crate::retry::Retry;

/// The settings that all transactions of one purpose share. A session remembers the statements
/// that it has prepared on the connections of one [`Database`]. So do not use a session with
/// several databases.
///
/// [`Database`]: crate::database::Database
#[derive(Debug)]
pub struct Session {
    /// The time limit of a statement, as text in milliseconds.
    pub(super) statement_timeout: String,
    pub(super) lock_timeout: String,
    pub(super) idle_in_transaction_timeout: String,
    pub(super) has_shorter_lock_timeout: bool,
    /// The time limit of a reply: the time limit of a statement and some time for the network.
    pub(super) reply_timeout: Duration,
    retry_for: Duration,
    /// False if the configuration says that a pooler does not support prepared statements.
    can_prepare: bool,
    pub(super) texts: Arc<Vec<(String, Vec<Type>)>>,
    prepared_on: Mutex<HashMap<ObjectId, Arc<Vec<Statement>>>>,
}

/// The maximum number of connections whose prepared statements are remembered. It is far larger
/// than a pool. Closed connections are not removed. If the limit is reached, the session forgets
/// all connections and prepares the statements again.
const MAX_CONNECTIONS: usize = 100;

impl Session {
    /// Creates a session with the time limits that the settings contain.
    #[must_use]
    pub fn new(settings: &config::Database) -> Self {
        let milliseconds = |limit: Duration| limit.as_millis().to_string();
        Self {
            statement_timeout: milliseconds(settings.statement_timeout),
            lock_timeout: milliseconds(settings.lock_timeout),
            idle_in_transaction_timeout: milliseconds(settings.idle_in_transaction_timeout),
            has_shorter_lock_timeout: settings.lock_timeout < settings.statement_timeout,
            reply_timeout: reply_limit(settings),
            retry_for: settings.retry_for,
            can_prepare: settings.prepare,
            texts: Arc::default(),
            prepared_on: Mutex::default(),
        }
    }

    /// Prepares the statements of these operations once on each connection. It also prepares the
    /// statements that every transaction needs.
    #[must_use]
    pub fn with_prepared(mut self, operations: &[&Operation]) -> Self {
        let rows = operations
            .iter()
            .flat_map(|operation| operation.statements_to_prepare());
        let rows = rows.map(|statement| (statement.sql.clone(), statement.types.clone()));
        let copies = operations
            .iter()
            .filter_map(|operation| operation.copy.as_ref());
        let copies = copies.map(|statements| statements.copy.as_str());
        let others = [SET_TRANSACTION, TRANSACTION_ID].into_iter().chain(copies);
        let others = others.map(|sql| (sql.to_owned(), Vec::new()));
        self.add_texts(rows.chain(others));
        self
    }

    /// Prepares only the `COPY` of each operation. The statements that write the rows of a refused
    /// `COPY` are not prepared, because they have thousands of parameters and are hardly needed.
    #[must_use]
    pub(crate) fn with_prepared_copies(mut self, operations: &[Operation]) -> Self {
        let copies = operations.iter().filter_map(|it| it.copy.as_ref());
        let copies = copies.map(|statements| (statements.copy.clone(), Vec::new()));
        self.add_texts(copies);
        self
    }

    /// Prepares statements that belong to no operation. The server infers the types of their
    /// parameters.
    #[must_use]
    pub(crate) fn with_prepared_texts(mut self, texts: &[&str]) -> Self {
        let texts = texts.iter().map(|sql| ((*sql).to_owned(), Vec::new()));
        self.add_texts(texts);
        self
    }

    fn add_texts(&mut self, texts: impl Iterator<Item = (String, Vec<Type>)>) {
        if self.can_prepare {
            Arc::make_mut(&mut self.texts).extend(texts);
        }
    }

    pub(super) fn prepared_on(&self, id: ObjectId) -> Option<Arc<Vec<Statement>>> {
        self.prepared_on.lock().expect("no panic").get(&id).cloned()
    }

    pub(super) fn remember_prepared(&self, id: ObjectId, statements: Arc<Vec<Statement>>) {
        let mut prepared_on = self.prepared_on.lock().expect("no panic");
        if prepared_on.len() >= MAX_CONNECTIONS {
            prepared_on.clear();
        }
        prepared_on.insert(id, statements);
    }

    /// Returns a [`Retry`] that repeats a task while the server is away.
    pub(crate) fn new_retry(&self, kind: &'static str, task: impl Into<String>) -> Retry {
        Retry::new(kind, task, self.retry_for)
    }
}
