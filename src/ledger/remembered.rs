//! What the run before made of its pages, and what their server said of them.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::database::Database;
use crate::error::Result;
use crate::ledger::claim::next_position;
use crate::ledger::{Lease, RunSpec};
use crate::page::{Chain, Cursor, Remembered, Validators};

/// The pages of the run before of which their server can say whether they have changed,
/// at most so many, in the order of that run: none unless it came to its end, was spec
/// for the same, and stored last what there is. What was not made by these `rules` is
/// not among them, nor is a page behind which another one stored anything over what
/// was there: it may have been the page's.
///
/// # Errors
/// The database cannot be spec.
pub async fn remembered_pages(
    database: &Database,
    lease: &Lease,
    spec: &RunSpec,
    rules: &str,
    most: u32,
) -> Result<Vec<(Chain, Cursor, Remembered)>> {
    let sql = include_str!("../../sql/ledger/remembered_pages.sql");
    let parameters = [
        (&spec.source as _, Type::TEXT),
        (&lease.run_id as _, Type::INT8),
        (&spec.definition as _, Type::TEXT),
        (&rules as _, Type::TEXT),
        (&i64::from(most) as _, Type::INT8),
    ];
    let rows = database.query(sql, &parameters).await?;
    let pages: Result<Vec<_>, _> = rows.iter().map(page).collect();
    Ok(pages?.into_iter().flatten().collect())
}

/// `None` if how it was spec for, or what follows it, cannot be read.
fn page(row: &Row) -> Result<Option<(Chain, Cursor, Remembered)>, tokio_postgres::Error> {
    let Some(cursor) = Cursor::parse(row.try_get("cursor")?) else {
        return Ok(None);
    };
    let Ok(next) = next_position(row)? else {
        return Ok(None);
    };
    let remembered = Remembered {
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
