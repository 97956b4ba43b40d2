//! Writes rows by binary `COPY`, which is the fastest method. The reply to `COPY` does not say
//! which row failed. So a refused `COPY` is rolled back, and its rows are written in batches.

use std::pin::pin;

use bytes::{BufMut, Bytes, BytesMut};
use futures::SinkExt;
use tokio_postgres::CopyInSink;

use crate::bulk::apply::ApplyRun;
use crate::bulk::operation::{CopyStatements, DROP_TEMPORARY_TABLE, Statement};
use crate::bulk::transaction::{Answer, next_reply};
use crate::database::wait_for_reply;
use crate::error::Result;
use crate::failpoint;
use crate::metrics;

/// The approximate number of bytes that are passed to the connection at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// The first bytes of a binary `COPY`: the signature, no flags and no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// The field count that ends a binary `COPY`, where the next row would begin.
const TRAILER: i16 = -1;

impl<'a> ApplyRun<'a> {
    /// Copies all rows. Returns false if `COPY` failed and a row may be the cause. Nothing is
    /// written then.
    pub(super) async fn copy_rows(&mut self, statements: &'a CopyStatements) -> Result<bool> {
        let transaction = self.transaction;
        let mut exchange = transaction.new_exchange();
        self.push_savepoint(&mut exchange);
        if let Some(create_table) = &statements.create_table {
            exchange.push_simple(create_table);
        }
        exchange.await_last_answer().await?;
        self.count_statement(&(0..self.rows.len()));
        let observer = self.build_observer(self.rows.len(), "copy");
        let error = match observer.observe(self.copy_and_merge(statements)).await? {
            Ok(answer) => {
                self.add_answer(0..self.rows.len(), answer)?;
                return Ok(true);
            }
            Err(error) if transaction.can_blame_row(&error) => error,
            Err(error) => return Err(error.into()),
        };
        let state = error.code().map_or("", |state| state.code());
        tracing::debug!(
            sqlstate = state,
            "the server refused COPY: the rows are written in batches"
        );
        metrics::count_fallback(self.operation.table().label());
        let mut exchange = self.transaction.new_exchange();
        exchange.push_simple("rollback to savepoint batch");
        exchange.await_last_answer().await?;
        Ok(false)
    }

    async fn copy_and_merge(
        &self,
        statements: &CopyStatements,
    ) -> Result<std::result::Result<Answer, tokio_postgres::Error>> {
        let sink = match self.transaction.begin_copy(&statements.copy).await? {
            Ok(sink) => sink,
            Err(error) => return Ok(Err(error)),
        };
        failpoint::reach("copy-begun");
        let affected = match self.send_rows(sink, statements.merge.is_none()).await? {
            Ok(affected) => affected,
            Err(error) => return Ok(Err(error)),
        };
        match &statements.merge {
            Some(merge) => self.merge(merge).await,
            None => Ok(Ok(Answer {
                affected,
                ..Answer::default()
            })),
        }
    }

    /// Sends the rows. If `COPY` writes into the table itself, each row must contain the shared
    /// values. If it writes into the temporary table, the later merge adds the shared values.
    async fn send_rows(
        &self,
        sink: CopyInSink<Bytes>,
        has_shared_values: bool,
    ) -> Result<std::result::Result<u64, tokio_postgres::Error>> {
        let limit = self.transaction.reply_timeout;
        let shared = 0..if has_shared_values {
            self.shared.len()
        } else {
            0
        };
        let columns = self.shared.fields(&shared).count() + self.operation.row_columns.len();
        let shared = self.shared.slice(&shared);
        let columns = i16::try_from(columns).expect("a table has at most 1,600 columns");
        let mut sink = pin!(sink);
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        chunk.put_slice(HEADER);
        for row in 0..self.rows.len() {
            chunk.put_i16(columns);
            chunk.put_slice(shared);
            chunk.put_slice(self.rows.slice(&(row..row + 1)));
            if chunk.len() >= CHUNK_BYTES {
                if let Err(error) = wait_for_reply(limit, sink.send(chunk.split().freeze())).await?
                {
                    return Ok(Err(error));
                }
                chunk.reserve(CHUNK_BYTES);
            }
        }
        chunk.put_i16(TRAILER);
        if let Err(error) = wait_for_reply(limit, sink.send(chunk.freeze())).await? {
            return Ok(Err(error));
        }
        self.transaction.count_round_trip();
        let finished = wait_for_reply(limit, sink.finish()).await?;
        self.transaction.mark_done();
        Ok(finished)
    }

    async fn merge(
        &self,
        merge: &Statement,
    ) -> Result<std::result::Result<Answer, tokio_postgres::Error>> {
        let mut exchange = self.transaction.new_exchange();
        let shared = self.shared.fields(&(0..self.shared.len()));
        exchange.push_unmeasured_rows(merge, shared.collect());
        // Drops the temporary table, because another `COPY` of this transaction may need its
        // name.
        exchange.push_simple(DROP_TEMPORARY_TABLE);
        let mut replies = exchange.await_replies().await?.into_iter();
        let merged = next_reply(&mut replies)?;
        if merged.is_ok() {
            next_reply(&mut replies)??;
        }
        Ok(merged)
    }
}
