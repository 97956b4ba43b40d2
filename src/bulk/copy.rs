//! Rows by binary `COPY`: the fastest way in, where each row need not be told
//! apart from the others.

use std::pin::pin;

use bytes::{BufMut, Bytes, BytesMut};
use futures::SinkExt;
use tokio_postgres::CopyInSink;

use crate::bulk::apply::Apply;
use crate::bulk::operation::{CopyText, DROP_STAGE, Statement};
use crate::bulk::transaction::{Answer, next};
use crate::database::wait_for_reply;
use crate::error::Result;
use crate::metrics;

/// How much is handed to the connection at once.
const CHUNK_BYTES: usize = 256 << 10;

/// What a binary `COPY` begins with: its signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What it ends with: a row of -1 fields.
const TRAILER: i16 = -1;

impl<'a> Apply<'a> {
    /// Copies all rows; `false` if the server may have refused them for one row's sake,
    /// and nothing was written.
    pub(super) async fn copy(&mut self, text: &'a CopyText) -> Result<bool> {
        let transaction = self.transaction;
        let mut flight = transaction.flight();
        self.save(&mut flight);
        if let Some(stage) = &text.stage {
            flight.simple(stage);
        }
        flight.land_one().await?;
        self.sent(&(0..self.rows.len()));
        let observed = self.observed(self.rows.len(), "copy");
        let error = match observed.over(self.copy_and_merge(text)).await? {
            Ok(answer) => {
                self.count(0..self.rows.len(), answer)?;
                return Ok(true);
            }
            Err(error) if transaction.may_blame_a_row(&error) => error,
            Err(error) => return Err(error.into()),
        };
        let state = error.code().map_or("", |state| state.code());
        tracing::debug!(sqlstate = state, "COPY was refused: writing by batches");
        metrics::count_fallback(self.operation.table().label());
        let mut flight = self.transaction.flight();
        flight.simple("rollback to savepoint batch");
        flight.land_one().await?;
        Ok(false)
    }

    async fn copy_and_merge(
        &self,
        text: &CopyText,
    ) -> Result<std::result::Result<Answer, tokio_postgres::Error>> {
        let sink = match self.transaction.copy_in(&text.copy).await? {
            Ok(sink) => sink,
            Err(error) => return Ok(Err(error)),
        };
        let affected = match self.send_rows(sink, text.merge.is_none()).await? {
            Ok(affected) => affected,
            Err(error) => return Ok(Err(error)),
        };
        match &text.merge {
            Some(merge) => self.merge(merge).await,
            None => Ok(Ok(Answer {
                affected,
                ..Answer::default()
            })),
        }
    }

    /// Sends the rows, each with the values that all share where they go straight
    /// into the table.
    async fn send_rows(
        &self,
        sink: CopyInSink<Bytes>,
        is_straight: bool,
    ) -> Result<std::result::Result<u64, tokio_postgres::Error>> {
        let limit = self.transaction.reply_timeout();
        let shared = 0..if is_straight { self.shared.len() } else { 0 };
        let columns = self.shared.fields(&shared).count() + self.operation.each().len();
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
        self.transaction.waited();
        Ok(finished)
    }

    async fn merge(
        &self,
        merge: &Statement,
    ) -> Result<std::result::Result<Answer, tokio_postgres::Error>> {
        let mut flight = self.transaction.flight();
        let shared = self.shared.fields(&(0..self.shared.len()));
        flight.unobserved(merge, shared.collect());
        // the transaction may copy again
        flight.simple(DROP_STAGE);
        let mut replies = flight.land().await?.into_iter();
        let merged = next(&mut replies)?;
        if merged.is_ok() {
            next(&mut replies)??;
        }
        Ok(merged)
    }
}
