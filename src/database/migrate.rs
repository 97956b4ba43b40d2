//! Applies the migrations of `sql/migrations` that the database lacks.
//!
//! All pending migrations are applied in one transaction, so that an upgrade happens completely
//! or not at all. Two processes that upgrade the same database take turns. A database is not
//! changed if it is newer than the program, or if it has other migrations.
//!
//! No statement here is prepared. Outside a transaction, a pooler may send the preparation and the
//! execution of a statement to different servers.

use include_dir::{Dir, include_dir};
use tokio_postgres::error::{ErrorPosition, SqlState};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};

use crate::config;
use crate::error::{Error, Result};

/// The migrations that are built into the program. Their file names have the form
/// `0001_what_it_is.sql`.
static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql/migrations");

/// The key of the advisory lock. It is the text `ocds` in ASCII twice, so that no other program
/// uses it.
const LOCK_KEY: i64 = 0x6f63_6473_6f63_6473;

/// A numbered change of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The number of the migration. Migrations are counted from 1 without gaps.
    pub version: i32,
    /// The name of the migration, such as `releases`.
    pub name: String,
    /// The SQL statements. Every name in them is qualified by its schema.
    pub sql: String,
}

impl Migration {
    /// Returns the name of the migration's file in `sql/migrations`.
    #[must_use]
    pub fn file(&self) -> String {
        format!("{:04}_{}.sql", self.version, self.name)
    }

    fn checksum(&self) -> Vec<u8> {
        blake3::hash(self.sql.as_bytes()).as_bytes().to_vec()
    }
}

/// Returns the migrations that are built into the program, in their order.
///
/// # Errors
///
/// [`Unexpected`](crate::error::Kind::Unexpected) if a file is missing or has a wrong name. A
/// test makes sure that this never happens in a release.
pub fn built_in_migrations() -> Result<Vec<Migration>> {
    let mut list = Vec::new();
    for file in BUILT_IN.files() {
        let path = file.path();
        if path.extension().is_none_or(|kind| kind != "sql") {
            continue;
        }
        let name_error = || {
            Error::unexpected(format!(
                "sql/migrations/{} is not UTF-8 text named 0001_name.sql",
                path.display()
            ))
        };
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let (version, name) = stem
            .and_then(|stem| stem.split_once('_'))
            .ok_or_else(name_error)?;
        list.push(Migration {
            version: version.parse().map_err(|_| name_error())?,
            name: name.to_owned(),
            sql: file.contents_utf8().ok_or_else(name_error)?.to_owned(),
        });
    }
    list.sort_by_key(|migration| migration.version);
    let mut numbered = (1..).zip(&list);
    if numbered.any(|(number, migration)| number != migration.version) {
        return Err(Error::unexpected("sql/migrations is not numbered from 1"));
    }
    Ok(list)
}

/// Returns the migrations of `list` that the database does not have yet. It changes nothing and
/// locks nothing.
///
/// # Errors
///
/// [`Config`](crate::error::Kind::Config) if the database has migrations that are not in `list`,
/// or migrations whose text was different when they were applied.
pub async fn find_pending(client: &Client, list: &[Migration]) -> Result<Vec<Migration>> {
    let table_exists = client
        .query_typed("select to_regclass('ocds.migration') is not null", &[])
        .await?;
    if !table_exists[0].try_get::<_, bool>(0)? {
        return Ok(list.to_vec());
    }
    let applied = client
        .query_typed(SELECT_APPLIED, &[])
        .await
        .map_err(explain_missing_privilege)?;
    find_missing(&applied, list)
}

const SELECT_APPLIED: &str = "select version, name, checksum from ocds.migration order by version";

/// Applies all pending migrations in one transaction, and returns them in their order. Several
/// processes may call this at the same time: one process applies the migrations, and the others
/// wait for it and find nothing to do.
///
/// # Errors
///
/// [`Config`](crate::error::Kind::Config) if the database has other migrations, as described at
/// [`find_pending`], or if the role has no right to create tables. Any other error names the
/// migration's file and line. After an error, the database is unchanged.
pub async fn apply(
    client: &mut Client,
    list: &[Migration],
    settings: &config::Database,
) -> Result<Vec<Migration>> {
    // Usually nothing is pending. Then no lock and no right to create tables is needed.
    let pending = find_pending(client, list).await?;
    if pending.is_empty() {
        return Ok(pending);
    }
    let transaction = client.transaction().await?;
    let applied = lock_and_read_applied(&transaction, settings)
        .await
        .map_err(explain_missing_privilege)?;
    let pending = find_missing(&applied, list)?;
    for migration in &pending {
        apply_migration(&transaction, migration).await?;
    }
    transaction.commit().await?;
    Ok(pending)
}

/// Waits until no other process migrates the database, creates the table of applied migrations,
/// and reads that table.
async fn lock_and_read_applied(
    transaction: &Transaction<'_>,
    settings: &config::Database,
) -> Result<Vec<tokio_postgres::Row>, tokio_postgres::Error> {
    // The statements of a migration have no time limit, because a migration may rewrite a large
    // table. Another process waits ten minutes for it. But a migration waits only briefly for a
    // table's lock, because every later user of the table would wait for the migration.
    transaction
        .batch_execute(
            "set local statement_timeout = 0; \
             set local lock_timeout = '10min'; \
             set local idle_in_transaction_session_timeout = '60s'",
        )
        .await?;
    transaction
        .execute_typed(
            "select pg_advisory_xact_lock($1)",
            &[(&LOCK_KEY, Type::INT8)],
        )
        .await?;
    let lock_timeout = format!("{}ms", settings.lock_timeout.as_millis());
    transaction
        .execute_typed(
            "select set_config('lock_timeout', $1, true)",
            &[(&lock_timeout, Type::TEXT)],
        )
        .await?;
    // The existence of the schema is checked first, because `if not exists` needs the right to
    // create a schema even if the schema exists.
    let schema = transaction
        .query_typed("select to_regnamespace('ocds') is null", &[])
        .await?;
    if schema[0].try_get(0)? {
        transaction.batch_execute("create schema ocds").await?;
    }
    // The table is locked too, because some servers that are compatible with PostgreSQL ignore
    // advisory locks.
    transaction
        .batch_execute(
            "create table if not exists ocds.migration (\
                 version integer primary key, \
                 name text not null, \
                 checksum bytea not null, \
                 applied_at timestamptz not null default now()); \
             lock table ocds.migration in exclusive mode",
        )
        .await?;
    transaction.query_typed(SELECT_APPLIED, &[]).await
}

async fn apply_migration(transaction: &Transaction<'_>, migration: &Migration) -> Result<()> {
    let file = migration.file();
    transaction
        .batch_execute(&migration.sql)
        .await
        .map_err(|e| {
            let place = match find_error_line(&e, &migration.sql) {
                Some(line) => format!("apply migration {file}, line {line}"),
                None => format!("apply migration {file}"),
            };
            explain_missing_privilege(e).context(place)
        })?;
    transaction
        .execute_typed(
            "insert into ocds.migration (version, name, checksum) values ($1, $2, $3)",
            &[
                (&migration.version, Type::INT4),
                (&migration.name, Type::TEXT),
                (&migration.checksum(), Type::BYTEA),
            ],
        )
        .await
        .map_err(|e| explain_missing_privilege(e).context(format!("record migration {file}")))?;
    Ok(())
}

/// Returns the migrations of `list` that were not applied. The migrations that were applied must
/// equal those in `list`.
fn find_missing(applied: &[tokio_postgres::Row], list: &[Migration]) -> Result<Vec<Migration>> {
    for row in applied {
        let version: i32 = row.try_get(0)?;
        let name: String = row.try_get(1)?;
        let checksum: Vec<u8> = row.try_get(2)?;
        let known = list.iter().find(|known| known.version == version);
        let Some(known) = known else {
            let newest = list.last().map_or(0, |newest| newest.version);
            return Err(Error::config(format!(
                "the database has migration {version:04}_{name}, and this program knows migrations up \
                 to {newest:04}: use the version of the program that applied it, or a later one"
            )));
        };
        if known.checksum() != checksum {
            return Err(Error::config(format!(
                "migration {} is not the same as what was applied to the database as {version:04}_{name}",
                known.file()
            )));
        }
    }
    let newest = applied.last().map_or(Ok(0), |row| row.try_get(0))?;
    let missing = list.iter().filter(|it| it.version > newest);
    Ok(missing.cloned().collect())
}

/// Returns the line of a migration in which the server found an error.
fn find_error_line(error: &tokio_postgres::Error, sql: &str) -> Option<usize> {
    let ErrorPosition::Original(position) = error.as_db_error()?.position()? else {
        return None;
    };
    let before = sql.chars().take(*position as usize - 1);
    Some(before.filter(|character| *character == '\n').count() + 1)
}

/// If the error says that the role lacks a right, it becomes a configuration error.
fn explain_missing_privilege(error: tokio_postgres::Error) -> Error {
    if error.code() != Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        return error.into();
    }
    Error::config(
        "the database's role may not do this: let the database's owner run `ocds-ingest migrate`, \
         or grant the role CREATE on the database",
    )
    .with_source(Error::from(error))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_built_in_migrations_are_named_and_numbered() {
        let list = super::built_in_migrations().expect("the files of sql/migrations");
        assert!(list.iter().all(|migration| !migration.sql.is_empty()));
    }
}
