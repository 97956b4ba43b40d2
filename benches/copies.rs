//! Runs two binary `COPY`s at the same time, which is the fastest method of writing rows that
//! PostgreSQL has.

use std::pin::pin;

use jiff::Timestamp;
use ocds_ingest::database::Database;
use ocds_ingest::sink::{FETCHED, TABLE};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;

use crate::rows::{Extracted, Row, Shared};
use crate::server::Result;

/// Runs two binary `COPY`s at the same time. Each of them writes half of the pages.
pub(crate) async fn run_two_copies(database: &Database, pages: &[Extracted]) -> Result<()> {
    let (left, right) = pages.split_at(pages.len() / 2);
    let (left, right) = (left.to_vec(), right.to_vec());
    let [left, right] = [left, right].map(|half| tokio::spawn(copy_pages(database.clone(), half)));
    for copied in [left, right] {
        copied.await??;
    }
    Ok(())
}

async fn copy_pages(database: Database, pages: Vec<Extracted>) -> Result<()> {
    let connection = database.connection().await?;
    let names: Vec<&str> = FETCHED
        .shared
        .iter()
        .chain(FETCHED.per_row)
        .copied()
        .collect();
    let r#type = |name: &&str| TABLE.column(name).expect("a column").r#type().clone();
    let types: Vec<Type> = names.iter().map(r#type).collect();
    let names = names.join(", ");
    let sql = format!("copy ocds.release ({names}) from stdin (format binary)");
    let sink = connection.copy_in(&*sql).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    let now = Timestamp::now();
    for (page, releases) in &pages {
        let shared = Shared::new(page, now);
        for release in releases {
            let row = Row::new(release);
            let values: Vec<_> = shared.values().into_iter().chain(row.values()).collect();
            writer.as_mut().write(&values).await?;
        }
    }
    writer.finish().await?;
    Ok(())
}
