//! `bench-database`: measures which batch size is best for the database server.
//!
//! It writes invented releases into a copy of `ocds.release`. The copy is in a schema of its own,
//! which is dropped at the end. Each operation runs with batches of several sizes, in the same
//! way as in the sink: in transactions, with several statements sent before the first reply is
//! read.

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
use crate::command::stdout::{print_json, print_line, print_table};
use crate::command::table::format_number;
use crate::command::{load_config, run_stoppable};
use crate::config::Config;
use crate::database::Database;
use crate::demo::Feed;
use crate::error::{Error, Kind, Result};
use crate::extract::{self, Options};
use crate::json;
use crate::release::Release;
use crate::sink::{FETCHED, FetchedReleases, Served, TABLE};
use crate::source::{Overwrite, Source};

const SIZES: [usize; 6] = [1, 10, 50, 100, 500, 1_000];

/// The number of measurements of each method. Their median is used.
const ROUNDS: usize = 3;

/// The time after which a measurement stops.
const MAX_MEASURING_TIME: Duration = Duration::from_secs(2);

/// The number of rows that are written before the time is checked again.
const ROWS_PER_TIME_CHECK: usize = 500;

/// The share of the best rate that is good enough. The smallest batch size with this share is
/// recommended.
const GOOD_ENOUGH_SHARE: f64 = 0.95;

/// The factor by which `COPY` must be faster to be recommended.
const COPY_ADVANTAGE: f64 = 1.1;

const SCRATCH: Table = TABLE.with_name("ocds_ingest_bench.release");

const UPSERT: Plan = Plan {
    table: SCRATCH,
    ..FETCHED
};

const INSERT: Plan = Plan {
    verb: Verb::Insert { returning: &[] },
    ..UPSERT
};

const UPDATE: Plan = Plan {
    shared: &[
        "source",
        "run_id",
        "chain_number",
        "page_number",
        "fetched_at",
    ],
    key: &["ocid", "release_id"],
    verb: Verb::Update {
        only_if: &[Condition::EqualsShared("source")],
    },
    ..UPSERT
};

/// The methods that are compared. Each is a column of the printed table.
const METHODS: [(&str, Plan, Method); 4] = [
    ("insert", INSERT, Method::Values),
    ("update", UPDATE, Method::Values),
    ("upsert", UPSERT, Method::Values),
    ("copy", UPSERT, Method::Copy),
];

pub(super) async fn bench_database(global: &Global, options: BenchDatabase) -> Result<ExitCode> {
    let config = load_config(global)?;
    let measured = run_stoppable(&config, async |database, stop| {
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
        print_json(&measured)?;
    } else {
        print_measurements(&measured);
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Serialize)]
struct Measurements {
    /// The median time between a query and its reply on this connection, in milliseconds.
    round_trip_ms: f64,
    /// The mean length of a release's text, in bytes.
    mean_bytes: usize,
    sizes: Vec<Rates>,
    recommended: Recommendation,
}

/// The rates of each operation with one batch size, in rows per second.
#[derive(Clone, Debug, Serialize)]
struct Rates {
    rows_per_statement: usize,
    insert: f64,
    update: f64,
    upsert: f64,
    /// The rate of `COPY` statements with this number of rows. It is 0 if prepared statements are
    /// disabled.
    copy: f64,
}

#[derive(Debug, PartialEq, Serialize)]
struct Recommendation {
    method: &'static str,
    batch_size: usize,
    reason: String,
}

async fn make_scratch(database: &Database) -> Result<()> {
    let connection = database.connection().await?;
    let sql = include_str!("../../sql/bench/create_bench_table.sql");
    match connection.batch_execute(sql).await {
        Err(error) if error.code() == Some(&SqlState::DUPLICATE_SCHEMA) => Err(Error::config(
            "schema ocds_ingest_bench already exists: another bench-database is running or was killed; if none is running, drop the schema",
        )),
        made => Ok(made?),
    }
}

async fn drop_scratch(database: &Database) -> Result<()> {
    let connection = database.connection().await?;
    let sql = "drop schema ocds_ingest_bench cascade";
    Ok(connection.batch_execute(sql).await?)
}

struct Bench<'a> {
    database: &'a Database,
    config: &'a Config,
    served: Served,
    rows: Rows,
    count: usize,
}

async fn measure(database: &Database, config: &Config, count: usize) -> Result<Measurements> {
    let releases = make_releases(count)?;
    let bytes: usize = releases.iter().map(|release| release.text.len()).sum();
    let fetched = FetchedReleases::new(Batching::default())?;
    let now = Timestamp::now();
    let bench = Bench {
        database,
        config,
        served: Served {
            source: "bench".into(),
            run_id: 0,
            chain: String::new(),
            chain_number: 0,
            overwrite: Overwrite::Always,
            page_number: 0,
            now,
            fetched_at: now,
        },
        rows: Rows::encode(&fetched.release, &releases)?,
        count,
    };
    let mut sizes = Vec::new();
    for rows_per_statement in SIZES.into_iter().filter(|size| *size <= count) {
        info!("measuring {rows_per_statement} rows for each statement");
        let mut medians = [0.0; METHODS.len()];
        for (median, (_, plan, method)) in medians.iter_mut().zip(METHODS) {
            let measuring = bench.measure_median(&plan, method, rows_per_statement);
            *median = measuring.await?;
        }
        let [insert, update, upsert, copy] = medians;
        sizes.push(Rates {
            rows_per_statement,
            insert,
            update,
            upsert,
            copy,
        });
    }
    Ok(Measurements {
        round_trip_ms: measure_round_trip(database).await?,
        mean_bytes: bytes / count,
        recommended: recommend(&sizes),
        sizes,
    })
}

/// Returns invented releases. They are sorted by key, because the sink sorts them too.
fn make_releases(count: usize) -> Result<Vec<Release>> {
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
    /// Returns the median rate of a method with one batch size, in rows per second.
    async fn measure_median(&self, plan: &Plan, method: Method, size: usize) -> Result<f64> {
        if method == Method::Copy && !self.config.database.prepare {
            return Ok(0.0);
        }
        let batching = Batching {
            method,
            rows: size,
            bytes: usize::MAX,
        };
        let operation = Operation::new(plan, batching)?;
        let session = Session::new(&self.config.database).with_prepared(&[&operation]);
        let shared = self.shared_values(&operation)?;
        let mut rates = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let is_full = matches!(plan.verb, Verb::Update { .. });
            self.prepare_table(is_full).await?;
            // as large as the groups that the sink sends; COPY has one statement
            let part = match method {
                Method::Values => size.max(ROWS_PER_TIME_CHECK),
                Method::Copy => size,
            };
            let rate = self.measure_rate(&session, &operation, &shared, part);
            rates.push(rate.await?);
        }
        rates.sort_by(f64::total_cmp);
        Ok(rates[ROUNDS / 2])
    }

    fn shared_values(&self, operation: &Operation) -> Result<Rows> {
        let bind = operation
            .bind_shared()
            .column("source", |served: &Served| &served.source)
            .column("run_id", |served| &served.run_id)
            .column("chain_number", |served| &served.chain_number)
            .column("page_number", |served| &served.page_number)
            .column("fetched_at", |served| &served.fetched_at);
        let bind = match operation.name() {
            "update" => bind,
            _ => bind.column("first_seen_at", |served| &served.now),
        };
        let binding: Binding<Served> = bind.build()?;
        Rows::encode(&binding, [&self.served])
    }

    /// Empties the benchmark's table. If `is_full` is true, then stores all rows, so that they can
    /// be updated.
    async fn prepare_table(&self, is_full: bool) -> Result<()> {
        let connection = self.database.connection().await?;
        let sql = "truncate ocds_ingest_bench.release";
        connection.batch_execute(sql).await?;
        drop(connection);
        if is_full {
            let operation = Operation::new(&INSERT, Batching::default())?;
            let session = Session::new(&self.config.database);
            let shared = self.shared_values(&operation)?;
            let mut transaction = Transaction::begin(self.database, &session).await?;
            let (rows, all) = (&self.rows, OnFailure::RollBack);
            transaction.apply(&operation, &shared, rows, all).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Writes all rows, or as many as fit the time of a measurement, and commits. Returns the
    /// rate in rows per second.
    #[expect(clippy::cast_precision_loss, reason = "52 bits are enough")]
    async fn measure_rate(
        &self,
        session: &Session,
        operation: &Operation,
        shared: &Rows,
        part: usize,
    ) -> Result<f64> {
        // prepare the statements before the clock starts
        let transaction = Transaction::begin(self.database, session).await?;
        transaction.roll_back().await?;
        let began = Instant::now();
        let mut transaction = Transaction::begin(self.database, session).await?;
        let mut written = 0;
        while written < self.count && began.elapsed() < MAX_MEASURING_TIME {
            let end = self.count.min(written + part);
            let rows = self.rows.slice_rows(written..end);
            let all = OnFailure::RollBack;
            transaction.apply(operation, shared, &rows, all).await?;
            written = end;
        }
        transaction.commit().await?;
        Ok(written as f64 / began.elapsed().as_secs_f64())
    }
}

async fn measure_round_trip(database: &Database) -> Result<f64> {
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

/// Recommends the smallest batch that is almost as fast as the best one. Smaller statements need
/// less memory, and less work is repeated when a row is refused. With `COPY`, batches are used
/// only for rows that `COPY` refuses.
fn recommend(sizes: &[Rates]) -> Recommendation {
    let best = |rate: fn(&Rates) -> f64| sizes.iter().map(rate).fold(0.0, f64::max);
    let (upsert, copy) = (best(|size| size.upsert), best(|size| size.copy));
    let enough = |rate: fn(&Rates) -> f64, best: f64| {
        let size = sizes
            .iter()
            .find(|size| rate(size) >= best * GOOD_ENOUGH_SHARE);
        size.map_or((1, 1.0), |size| {
            (size.rows_per_statement, rate(size) / best)
        })
    };
    let (batch_size, share) = enough(|size| size.upsert, upsert);
    let (method, reason) = if copy > upsert * COPY_ADVANTAGE {
        let reason = format!(
            "COPY writes {:.1} times as many rows as the best upsert if pages have {} releases or more; batches are used only for rows that it refuses",
            copy / upsert,
            enough(|size| size.copy, copy).0
        );
        ("copy", reason)
    } else {
        let share = 100.0 * share;
        let reason = format!(
            "this batch size reaches {share:.0} % of the best rate; larger statements need more memory and repeat more work when a row is refused; COPY is at most {:.1} times as fast",
            copy / upsert
        );
        ("upsert", reason)
    };
    Recommendation {
        method,
        batch_size,
        reason,
    }
}

fn print_measurements(measured: &Measurements) {
    print_line(format_args!(
        "releases per second, of {} bytes each; a round trip takes {:.2} ms",
        format_number(i64::try_from(measured.mean_bytes).unwrap_or(i64::MAX)),
        measured.round_trip_ms
    ));
    print_line("");
    let [insert, update, upsert, copy] = METHODS.map(|(name, ..)| name);
    let header = ["rows per statement", insert, update, upsert, copy];
    let rows = measured.sizes.iter().map(|size| {
        let rates = [size.insert, size.update, size.upsert, size.copy];
        #[expect(clippy::cast_possible_truncation, reason = "whole rows are enough")]
        let [insert, update, upsert, copy] = rates.map(|rate| format_number(rate as i64));
        let rows_per_statement = format_number(size.rows_per_statement as i64);
        [rows_per_statement, insert, update, upsert, copy]
    });
    print_table(header, &[0, 1, 2, 3, 4], rows);
    print_line("");
    let recommended = &measured.recommended;
    print_line(format_args!(
        "recommended: sink.method = \"{}\", sink.batch_size = {}",
        recommended.method, recommended.batch_size
    ));
    print_line(&recommended.reason);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(upsert: [f64; 3], copy: [f64; 3]) -> Vec<Rates> {
        let rates = upsert.into_iter().zip(copy);
        let sizes = [1, 100, 1_000].into_iter().zip(rates);
        sizes
            .map(|(rows_per_statement, (upsert, copy))| Rates {
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
