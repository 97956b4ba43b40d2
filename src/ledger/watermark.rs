//! How far incremental runs of a source have got, and the stretch of time that a
//! run covers.

use std::collections::HashSet;

use jiff::Timestamp;
use tokio_postgres::types::Type;

use crate::database::Database;
use crate::error::{Error, Kind, Result};
use crate::ledger::Lease;
use crate::page::Cursor;

/// How far incremental runs of a source have got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watermark {
    /// All that the publisher dated before is stored, of a source with windows.
    pub reached: Option<Timestamp>,
    /// The newest page of a feed of changes.
    pub cursor: Option<Cursor>,
}

/// What moves a watermark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What the source's feed is.
    pub scope: String,
    /// Where the run's windows begin: behind a watermark there would be a gap.
    pub from: Option<Timestamp>,
    /// How far the run has got.
    pub watermark: Watermark,
}

/// How far incremental runs of a source have got, if its feed is still the same.
///
/// # Errors
/// The database cannot be asked.
pub async fn watermark(
    database: &Database,
    source: &str,
    scope: &str,
) -> Result<Option<Watermark>> {
    let sql = include_str!("../../sql/ledger/watermark.sql");
    let parameters = [(&source as _, Type::TEXT), (&scope as _, Type::TEXT)];
    let rows = database.query(sql, &parameters).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let cursor: Option<&str> = row.try_get("cursor")?;
    Ok(Some(Watermark {
        reached: row.try_get("reached")?,
        cursor: cursor.and_then(Cursor::parse),
    }))
}

/// The values of axes that runs before this one have walked from the beginning of a
/// feed, as the names of chains have them.
///
/// Those are the values of complete runs, each of which has walked what was new to it.
/// The oldest run that is remembered counts too, complete or not: the watermark
/// is its own, or one that was moved with its values.
///
/// # Errors
/// The database cannot be asked.
pub async fn walked_axes(
    database: &Database,
    source: &str,
    scope: &str,
    lease: &Lease,
) -> Result<HashSet<String>> {
    let sql = include_str!("../../sql/ledger/walked_axes.sql");
    let parameters = [
        (&source as _, Type::TEXT),
        (&scope as _, Type::TEXT),
        (&lease.run_id as _, Type::INT8),
    ];
    let rows = database.query(sql, &parameters).await?;
    let axes = rows.iter().map(|row| row.try_get("axes"));
    Ok(axes.collect::<Result<_, _>>()?)
}

/// The stretch of time that a run covers: the one it began with, or this one if it
/// is new.
///
/// # Errors
/// The lease is lost ([`Kind::Lease`]), or the database cannot be asked.
pub async fn run_window(
    database: &Database,
    lease: &Lease,
    (from, until): (Timestamp, Timestamp),
) -> Result<(Timestamp, Timestamp)> {
    let sql = include_str!("../../sql/ledger/run_window.sql");
    let parameters = [
        (&lease.run_id as _, Type::INT8),
        (&lease.epoch as _, Type::INT4),
        (&lease.taken_at as _, Type::TIMESTAMPTZ),
        (&from as _, Type::TIMESTAMPTZ),
        (&until as _, Type::TIMESTAMPTZ),
    ];
    let rows = database.query(sql, &parameters).await?;
    let lost = || Error::new(Kind::Lease, "another run took the source over");
    let row = rows.first().ok_or_else(lost)?;
    Ok((row.try_get("window_from")?, row.try_get("window_until")?))
}
