//! Reads the pages of the previous run that can be fetched with a conditional request.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::database::Database;
use crate::error::Result;
use crate::ledger::claim::read_next_position;
use crate::ledger::{Lease, RunSpec};
use crate::page::{Chain, Cursor, RememberedPage, Validators};

/// Returns the pages of the previous run that have validators (`ETag` or `Last-Modified`), in the
/// order in which the pages were committed. It returns at most `limit` pages.
///
/// No page is returned unless the previous run reached its end, had the same definition, and was
/// the last run that wrote releases. Two kinds of pages are left out. The first are pages that
/// were extracted under other `rules`. The second are pages before a page that replaced stored
/// content, because that content may have come from the earlier page.
pub async fn read_remembered_pages(
    database: &Database,
    lease: &Lease,
    spec: &RunSpec,
    rules: &str,
    limit: u32,
) -> Result<Vec<(Chain, Cursor, RememberedPage)>> {
    let sql = include_str!("../../sql/ledger/remembered_pages.sql");
    let parameters = [
        (&spec.source as _, Type::TEXT),
        (&lease.run_id as _, Type::INT8),
        (&spec.definition as _, Type::TEXT),
        (&rules as _, Type::TEXT),
        (&i64::from(limit) as _, Type::INT8),
    ];
    let rows = database.query(sql, &parameters).await?;
    let pages: Result<Vec<_>, _> = rows.iter().map(read_page).collect();
    Ok(pages?.into_iter().flatten().collect())
}

/// Reads a page from a row. Returns `None` if this version of the program cannot read the cursor
/// of the page or of the next page.
fn read_page(row: &Row) -> Result<Option<(Chain, Cursor, RememberedPage)>, tokio_postgres::Error> {
    let Some(cursor) = Cursor::parse(row.try_get("cursor")?) else {
        return Ok(None);
    };
    let Ok(next) = read_next_position(row)? else {
        return Ok(None);
    };
    let remembered = RememberedPage {
        run_id: row.try_get("run_id")?,
        number: row.try_get::<_, i64>("number")?.unsigned_abs(),
        items: usize::try_from(row.try_get::<_, i32>("items")?).unwrap_or_default(),
        validators: Validators {
            etag: row.try_get("etag")?,
            last_modified: row.try_get("last_modified")?,
        },
        next,
    };
    let chain = Chain::new(row.try_get::<_, &str>("chain")?);
    Ok(Some((chain, cursor, remembered)))
}
