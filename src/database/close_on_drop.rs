//! A connection that goes back to the pool only when its last exchange is over.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use crate::database::Connection;
use crate::error::{Error, Result};

/// A connection that is closed when it is dropped: after an error, a time limit or an
/// abandoned wait nobody knows what it will say next, nor to which server it leads. One
/// that has answered all it was asked is [given back](CloseOnDrop::return_to_pool).
#[derive(Debug)]
pub(crate) struct CloseOnDrop(Option<Connection>);

impl CloseOnDrop {
    pub(super) fn new(connection: Connection) -> Self {
        Self(Some(connection))
    }

    /// Gives the connection back to the pool.
    pub(crate) fn return_to_pool(mut self) {
        drop(self.0.take());
    }
}

impl Deref for CloseOnDrop {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0.as_ref().expect("taken only at the end")
    }
}

impl DerefMut for CloseOnDrop {
    fn deref_mut(&mut self) -> &mut Connection {
        self.0.as_mut().expect("taken only at the end")
    }
}

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Connection::take(connection));
        }
    }
}

/// Waits for a reply no longer than this: the server's own time limits do not help
/// where it cannot be heard.
pub(crate) async fn wait_for_reply<T>(
    limit: Duration,
    reply: impl Future<Output = T>,
) -> Result<T> {
    tokio::time::timeout(limit, reply)
        .await
        .map_err(|_| Error::environment(format!("the database did not answer within {limit:?}")))
}
