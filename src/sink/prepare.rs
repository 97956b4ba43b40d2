//! The statements that pages share, prepared on a connection once for its life.

use crate::config::Method;
use crate::error::Result;
use crate::sink::lease::{HOLD_LEASE, SET_TIMEOUTS, begin};
use crate::sink::page::INSERT_PAGE;
use crate::sink::transaction::{Transaction, next};
use crate::sink::{Sink, Statement};

/// Prepares what a page's transaction needs, before that begins: in one that has
/// failed, the server refuses to prepare. Preparing waits for locks on tables as
/// any statement does, and so has a transaction with time limits of its own.
///
/// A partial batch is sent unprepared: a statement for each size would cost the
/// server more memory than time.
pub(super) async fn prepare<'t>(sink: &'t Sink, transaction: &mut Transaction<'t>) -> Result<()> {
    if !sink.limits.prepare {
        return Ok(());
    }
    let id = transaction.connection_id();
    let is_new = !sink.prepared_on.lock().expect("no panic").contains(&id);
    if is_new {
        let mut flight = transaction.flight();
        begin(sink, &mut flight);
        for reply in flight.land().await? {
            reply?;
        }
    }
    for sql in [SET_TIMEOUTS, HOLD_LEASE, INSERT_PAGE] {
        transaction.prepare(sql, &[]).await?;
    }
    let sizes: &[usize] = match sink.settings.method {
        Method::Row => &[1],
        Method::Upsert => &[1, sink.settings.batch_size],
    };
    for rows in sizes {
        let Statement { sql, types } = sink.statement(*rows);
        transaction.prepare(sql, types).await?;
    }
    if is_new {
        let mut flight = transaction.flight();
        flight.simple("commit");
        next(&mut flight.land().await?.into_iter())??;
        sink.prepared_on.lock().expect("no panic").insert(id);
    }
    Ok(())
}
