//! A connection that returns to the pool only if the caller returns it.
//!
//! # Why a connection is closed
//!
//! After a failed statement, a time limit or an abandoned wait, the next reply on a connection
//! may belong to an older statement. After a failover, the connection may lead to a server that
//! accepts no writes. So such a connection is closed and never used again.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use crate::database::Connection;
use crate::error::{Error, Result};

/// A connection that is closed when it is dropped. If all its replies have arrived, it can be
/// [returned to the pool](CloseOnDrop::return_to_pool).
#[derive(Debug)]
pub(crate) struct CloseOnDrop(Option<Connection>);

impl CloseOnDrop {
    pub(super) fn new(connection: Connection) -> Self {
        Self(Some(connection))
    }

    pub(crate) fn return_to_pool(mut self) {
        drop(self.0.take());
    }
}

impl Deref for CloseOnDrop {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0.as_ref().expect("a connection until the drop")
    }
}

impl DerefMut for CloseOnDrop {
    fn deref_mut(&mut self) -> &mut Connection {
        self.0.as_mut().expect("a connection until the drop")
    }
}

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Connection::take(connection));
        }
    }
}

/// Waits for a reply for at most `limit`. The server's own time limits do not help if the
/// server's replies do not arrive.
pub(crate) async fn wait_for_reply<T>(
    limit: Duration,
    reply: impl Future<Output = T>,
) -> Result<T> {
    tokio::time::timeout(limit, reply)
        .await
        .map_err(|_| Error::environment(format!("the database did not answer within {limit:?}")))
}
