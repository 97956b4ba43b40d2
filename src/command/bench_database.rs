//! `bench-database`: which batch size suits the server at hand.
//!
//! Invented releases are written into a copy of `ocds.release`, in a schema of
//! its own that is dropped at the end, by each operation and in batches of
//! several sizes, as the sink writes them: pipelined, in transactions.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::error::SqlState;
use tracing::info;

use crate::bulk::{
    Batching, Binding, Condition, Method, OnFailure, Operation, Plan, Rows, Session, Table,
    Transaction, Verb,
};
use crate::cli::{BenchDatabase, Global};
use crate::command::answer::{answer, answer_json, answer_table};
use crate::command::table::{grouped, right, table};
use crate::command::{load, stoppable};
use crate::config::Config;
use crate::database::Database;
use crate::demo::Feed;
use crate::error::{Error, Kind, Result};
use crate::extract::{self, Options};
use crate::json;
use crate::release::Release;
use crate::sink::{FETCHED, Fetched, Served, TABLE};
use crate::source::Source;

/// The sizes that are compared.
const SIZES: [usize; 6] = [1, 10, 50, 100, 500, 1_000];

/// How many times each way is measured; the median counts.
const ROUNDS: usize = 3;

/// How long one measurement may take before it is enough.
const ENOUGH: Duration = Duration::from_secs(2);

/// How many rows are written before the clock is looked at again.
const PART: usize = 500;

/// A size is as good as the best if it is so near to it.
const AS_GOOD: f64 = 0.95;

/// `COPY` is worth it if it is so much faster.
const WORTH_IT: f64 = 1.1;

const SCRATCH: Table = TABLE.named("ocds_ingest_bench.release");

const UPSERT: Plan = Plan {
    table: SCRATCH,
    ..FETCHED
};

const INSERT: Plan = Plan {
    verb: Verb::Insert { returning: &[] },
    ..UPSERT
};

const UPDATE: Plan = Plan {
    shared: &["source", "run_id", "page_number", "fetched_at"],
    by: &["ocid", "release_id"],
    verb: Verb::Update {
        only_if: &[Condition::IsSent("source")],
    },
    ..UPSERT
};

/// The ways that are compared, as columns of the table.
const WAYS: [(&str, Plan, Method); 4] = [
    ("insert", INSERT, Method::Values),
    ("update", UPDATE, Method::Values),
    ("upsert", UPSERT, Method::Values),
    ("copy", UPSERT, Method::Copy),
];

pub(super) async fn bench_database(global: &Global, options: BenchDatabase) -> Result<ExitCode> {
    let config = load(global)?;
    let measured = stoppable(&config, async |database, stop| {
        make_scratch(database).await?;
        let measured = tokio::select! {
            measured = Box::pin(measure(database, &config, options.rows as usize)) => measured,
            () = stop.cancelled() => Err(Error::new(Kind::Truncated, "stopped")),
        };
        let dropped = drop_scratch(database).await;
        measured.and_then(|measured| dropped.map(|()| measured))
    })
    .await?;
    if options.json {
        answer_json(&measured)?;
    } else {
        print(&measured);
    }
    Ok(ExitCode::SUCCESS)
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Measured {
    /// A question and its answer, on this connection, in milliseconds.
    round_trip_ms: f64,
    /// The mean length of a release's text.
    mean_bytes: usize,
    sizes: Vec<Sizes>,
    recommended: Recommended,
}

/// Rows a second by each operation in batches of one size.
#[derive(Clone, Debug, Serialize)]
struct Sizes {
    rows_per_statement: usize,
    insert: f64,
    update: f64,
    upsert: f64,
    /// Of so many rows in one `COPY`; 0 where nothing may be prepared.
    copy: f64,
}

/// What the figures speak for.
#[derive(Debug, PartialEq, Serialize)]
struct Recommended {
    method: &'static str,
    batch_size: usize,
    reason: String,
}

async fn make_scratch(database: &Database) -> Result<()> {
    let connection = database.connection().await?;
    let sql = include_str!("../../sql/bench/scratch.sql");
    match connection.batch_execute(sql).await {
        Err(error) if error.code() == Some(&SqlState::DUPLICATE_SCHEMA) => Err(Error::config(
            "schema ocds_ingest_bench is there: another bench-database is at work, or was killed; if none is, drop it",
        )),
        made => Ok(made?),
    }
}

async fn drop_scratch(database: &Database) -> Result<()> {
    let connection = database.connection().await?;
    Ok(connection
        .batch_execute("drop schema ocds_ingest_bench cascade")
        .await?)
}

/// What all measurements are made with.
struct Bench<'a> {
    database: &'a Database,
    config: &'a Config,
    served: Served,
    rows: Rows,
    count: usize,
}

async fn measure(database: &Database, config: &Config, count: usize) -> Result<Measured> {
    let releases = releases(count)?;
    let bytes: usize = releases.iter().map(|release| release.text.len()).sum();
    let fetched = Fetched::new(Batching::default())?;
    let now = Timestamp::now();
    let bench = Bench {
        database,
        config,
        served: Served {
            source: "bench".into(),
            run_id: 0,
            chain: String::new(),
            page_number: 0,
            now,
            fetched_at: now,
        },
        rows: Rows::of(&fetched.release, &releases)?,
        count,
    };
    let mut sizes = Vec::new();
    for rows_per_statement in SIZES.into_iter().filter(|size| *size <= count) {
        info!("measuring {rows_per_statement} rows for each statement");
        let mut medians = [0.0; WAYS.len()];
        for (median, (_, plan, method)) in medians.iter_mut().zip(WAYS) {
            *median = bench.median(&plan, method, rows_per_statement).await?;
        }
        let [insert, update, upsert, copy] = medians;
        sizes.push(Sizes {
            rows_per_statement,
            insert,
            update,
            upsert,
            copy,
        });
    }
    Ok(Measured {
        round_trip_ms: round_trip(database).await?,
        mean_bytes: bytes / count,
        recommended: recommend(&sizes),
        sizes,
    })
}

/// Invented releases in the order of their keys, as the sink sends them.
fn releases(count: usize) -> Result<Vec<Release>> {
    let source = Source::new("http://127.0.0.1/");
    let options = Options::new(&source, &crate::config::Extract::default());
    let feed = Feed::clean(count as u64, 100);
    let mut releases = Vec::with_capacity(count);
    for body in (1..=feed.pages()).map_while(|number| feed.page(number)) {
        let body = Bytes::from(body);
        let cut = json::cut(&body, &source.items.shapes)
            .map_err(|json::Unreadable(message)| Error::unexpected(message))?;
        releases.extend(extract::extract_items(&body, &cut, &options).releases);
    }
    releases.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(releases)
}

impl Bench<'_> {
    /// The median rate, in rows a second, of a way in batches of a size.
    async fn median(&self, plan: &Plan, method: Method, size: usize) -> Result<f64> {
        if method == Method::Copy && !self.config.database.prepare {
            return Ok(0.0);
        }
        let batching = Batching {
            method,
            rows: size,
            bytes: usize::MAX,
        };
        let operation = Operation::new(plan, batching)?;
        let session = Session::new(&self.config.database).preparing(&[&operation]);
        let shared = self.shared(&operation)?;
        let mut rates = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            self.refill(matches!(plan.verb, Verb::Update { .. }))
                .await?;
            // as large as the sink's flights, but for COPY, which has one statement
            let part = match method {
                Method::Values => size.max(PART),
                Method::Copy => size,
            };
            rates.push(self.rate(&session, &operation, &shared, part).await?);
        }
        rates.sort_by(f64::total_cmp);
        Ok(rates[ROUNDS / 2])
    }

    fn shared(&self, operation: &Operation) -> Result<Rows> {
        let bind = operation
            .bind_shared()
            .column("source", |served: &Served| &served.source)
            .column("run_id", |served| &served.run_id)
            .column("page_number", |served| &served.page_number)
            .column("fetched_at", |served| &served.fetched_at);
        let bind = match operation.name() {
            "update" => bind,
            _ => bind.column("first_seen_at", |served| &served.now),
        };
        let binding: Binding<Served> = bind.bound()?;
        Rows::of(&binding, [&self.served])
    }

    /// Empties the table, or fills it with what will be updated.
    async fn refill(&self, is_full: bool) -> Result<()> {
        let connection = self.database.connection().await?;
        connection
            .batch_execute("truncate ocds_ingest_bench.release")
            .await?;
        drop(connection);
        if is_full {
            let operation = Operation::new(&INSERT, Batching::default())?;
            let session = Session::new(&self.config.database);
            let shared = self.shared(&operation)?;
            let mut transaction = Transaction::begin(self.database, &session).await?;
            let all = OnFailure::RollBack;
            transaction
                .apply(&operation, &shared, &self.rows, all)
                .await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Writes rows, all or until it is enough, and commits.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate needs no more than 52 bits"
    )]
    async fn rate(
        &self,
        session: &Session,
        operation: &Operation,
        shared: &Rows,
        part: usize,
    ) -> Result<f64> {
        // what is prepared is prepared now
        Transaction::begin(self.database, session)
            .await?
            .roll_back()
            .await?;
        let began = Instant::now();
        let mut transaction = Transaction::begin(self.database, session).await?;
        let mut written = 0;
        while written < self.count && began.elapsed() < ENOUGH {
            let end = self.count.min(written + part);
            let rows = self.rows.part(written..end);
            let all = OnFailure::RollBack;
            transaction.apply(operation, shared, &rows, all).await?;
            written = end;
        }
        transaction.commit().await?;
        Ok(written as f64 / began.elapsed().as_secs_f64())
    }
}

async fn round_trip(database: &Database) -> Result<f64> {
    let connection = database.connection().await?;
    let mut times = Vec::new();
    for _ in 0..21 {
        let began = Instant::now();
        connection.batch_execute("select 1").await?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// The smallest batch that is as good as the best: smaller statements weigh less,
/// and less is written again when a row is refused. `COPY` has no batches, but
/// for what it refuses.
fn recommend(sizes: &[Sizes]) -> Recommended {
    let best = |rate: fn(&Sizes) -> f64| {
        let rates = sizes.iter().map(rate);
        rates.fold(0.0, f64::max)
    };
    let (upsert, copy) = (best(|size| size.upsert), best(|size| size.copy));
    let enough = |rate: fn(&Sizes) -> f64, best: f64| {
        let size = sizes.iter().find(|size| rate(size) >= best * AS_GOOD);
        size.map_or((1, 1.0), |size| {
            (size.rows_per_statement, rate(size) / best)
        })
    };
    let (batch_size, share) = enough(|size| size.upsert, upsert);
    let method = if copy > upsert * WORTH_IT {
        "copy"
    } else {
        "upsert"
    };
    let reason = if method == "copy" {
        format!(
            "COPY writes {:.1} times as many rows as the best upsert, where pages have {} releases or more; batches are for what it refuses",
            copy / upsert,
            enough(|size| size.copy, copy).0
        )
    } else {
        let share = 100.0 * share;
        format!(
            "that size writes {share:.0} % of what the best does, and larger statements weigh more and are written again when one row is refused; COPY is at most {:.1} times as fast",
            copy / upsert
        )
    };
    Recommended {
        method,
        batch_size,
        reason,
    }
}

fn print(measured: &Measured) {
    let Measured {
        round_trip_ms,
        mean_bytes,
        sizes,
        recommended,
    } = measured;
    answer(format_args!(
        "releases a second, of {} bytes; a round trip takes {round_trip_ms:.2} ms",
        grouped(i64::try_from(*mean_bytes).unwrap_or(i64::MAX)),
    ));
    answer(format_args!(""));
    let [insert, update, upsert, copy] = WAYS.map(|(name, ..)| name);
    let mut rows = table(["rows per statement", insert, update, upsert, copy]);
    for size in sizes {
        let rates = [size.insert, size.update, size.upsert, size.copy];
        #[expect(clippy::cast_possible_truncation, reason = "whole rows are enough")]
        let rates = rates.map(|rate| grouped(rate as i64));
        let mut cells = vec![grouped(size.rows_per_statement as i64)];
        cells.extend(rates);
        rows.add_row(cells);
    }
    right(&mut rows, &[0, 1, 2, 3, 4]);
    answer_table(&rows);
    answer(format_args!(""));
    answer(format_args!(
        "recommended: sink.method = \"{}\", sink.batch_size = {}",
        recommended.method, recommended.batch_size
    ));
    answer(format_args!("{}", recommended.reason));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(upsert: [f64; 3], copy: [f64; 3]) -> Vec<Sizes> {
        let rates = upsert.into_iter().zip(copy);
        let sizes = [1, 100, 1_000].into_iter().zip(rates);
        sizes
            .map(|(rows_per_statement, (upsert, copy))| Sizes {
                rows_per_statement,
                insert: 0.0,
                update: 0.0,
                upsert,
                copy,
            })
            .collect()
    }

    fn check(upsert: [f64; 3], copy: [f64; 3], expected: (&str, usize)) {
        let recommended = recommend(&sizes(upsert, copy));
        assert_eq!((recommended.method, recommended.batch_size), expected);
    }

    #[test]
    fn the_smallest_batch_that_is_as_good_as_the_best_is_recommended() {
        check([10.0, 98.0, 100.0], [1.0, 50.0, 109.0], ("upsert", 100));
        check([10.0, 90.0, 100.0], [1.0, 50.0, 109.0], ("upsert", 1_000));
        check([96.0, 98.0, 100.0], [1.0, 50.0, 109.0], ("upsert", 1));
    }

    #[test]
    fn copy_is_recommended_where_it_is_worth_it() {
        check([10.0, 98.0, 100.0], [1.0, 50.0, 150.0], ("copy", 100));
    }
}
