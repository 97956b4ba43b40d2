//! How transactions behave: their time limits, and what is prepared for them.

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
use crate::patience::Patience;

/// What the transactions of one purpose have in common. It is for the connections of
/// one [`Database`](crate::database::Database), on which it prepares statements.
#[derive(Debug)]
pub struct Session {
    /// As PostgreSQL reads them, in milliseconds.
    pub(super) statement_timeout: String,
    pub(super) lock_timeout: String,
    pub(super) idle_in_transaction_timeout: String,
    /// Whether a statement that waits for a lock fails for that, before its own time is up.
    pub(super) tells_lock_from_time: bool,
    /// The statement's own limit and time for the answer to travel.
    pub(super) reply_timeout: Duration,
    retry_for: Duration,
    /// Whether statements are prepared: a pooler may not carry them.
    prepares: bool,
    pub(super) texts: Arc<Vec<(String, Vec<Type>)>>,
    prepared_on: Mutex<HashMap<ObjectId, Arc<Vec<Statement>>>>,
}

/// Connections remembered at once: far more than a pool has. Those that are gone
/// are forgotten with the rest when there are more.
const MOST_CONNECTIONS: usize = 100;

impl Session {
    /// Transactions with the time limits of the settings.
    #[must_use]
    pub fn new(settings: &config::Database) -> Self {
        let milliseconds = |limit: Duration| limit.as_millis().to_string();
        Self {
            statement_timeout: milliseconds(settings.statement_timeout),
            lock_timeout: milliseconds(settings.lock_timeout),
            idle_in_transaction_timeout: milliseconds(settings.idle_in_transaction_timeout),
            tells_lock_from_time: settings.lock_timeout < settings.statement_timeout,
            reply_timeout: reply_limit(settings),
            retry_for: settings.retry_for,
            prepares: settings.prepare,
            texts: Arc::default(),
            prepared_on: Mutex::default(),
        }
    }

    /// Prepares the statements of operations on each connection, once for its life,
    /// and those that go with any.
    #[must_use]
    pub fn preparing(mut self, operations: &[&Operation]) -> Self {
        let rows = operations.iter().flat_map(|operation| operation.prepared());
        let rows = rows.map(|statement| (statement.sql.clone(), statement.types.clone()));
        let copies = operations
            .iter()
            .filter_map(|operation| operation.copy_text());
        let copies = copies.map(|text| text.copy.as_str());
        let others = [SET_TRANSACTION, TRANSACTION_ID].into_iter().chain(copies);
        let others = others.map(|sql| (sql.to_owned(), Vec::new()));
        self.add_texts(rows.chain(others));
        self
    }

    /// Prepares other statements too; the server infers their types.
    #[must_use]
    pub(crate) fn preparing_texts(mut self, texts: &[&str]) -> Self {
        let texts = texts.iter().map(|sql| ((*sql).to_owned(), Vec::new()));
        self.add_texts(texts);
        self
    }

    fn add_texts(&mut self, texts: impl Iterator<Item = (String, Vec<Type>)>) {
        if self.prepares {
            Arc::make_mut(&mut self.texts).extend(texts);
        }
    }

    /// What is prepared on a connection, if anything has been.
    pub(super) fn prepared_on(&self, id: ObjectId) -> Option<Arc<Vec<Statement>>> {
        self.prepared_on.lock().expect("no panic").get(&id).cloned()
    }

    pub(super) fn remember(&self, id: ObjectId, statements: Arc<Vec<Statement>>) {
        let mut prepared_on = self.prepared_on.lock().expect("no panic");
        if prepared_on.len() >= MOST_CONNECTIONS {
            prepared_on.clear();
        }
        prepared_on.insert(id, statements);
    }

    /// Waits between attempts at something of a kind, while the server is away.
    pub(crate) fn patience(&self, kind: &'static str, what: impl Into<String>) -> Patience {
        Patience::new(kind, what, self.retry_for)
    }
}
