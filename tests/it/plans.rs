//! Tests that statements read no more of a large table than necessary, whatever the planner's
//! statistics are.
//!
//! The tests count rows and blocks, because a plan that looks good may still read everything.

use ocds_ingest::config::{self, Config};
use ocds_ingest::ledger::quarantine;
use ocds_ingest::pipeline;
use serde_json::Value;
use tokio_postgres::types::Type;
use tokio_util::sync::CancellationToken;

use crate::harness::{Ingest, SOURCE, open_database};

/// The sources in the planner's statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Statistics {
    None,
    /// All except [`SOURCE`], which came later.
    BeforeSource,
    All,
}

const ALL_STATISTICS: [Statistics; 3] =
    [Statistics::None, Statistics::BeforeSource, Statistics::All];

const TABLES: [&str; 11] = [
    "run",
    "page",
    "walked_page",
    "request",
    "watermark",
    "release",
    "publisher_compiled",
    "quarantine",
    "release_history",
    "process",
    "compile_queue",
];

/// Returns SQL that inserts the rows of sources: the number of runs for each, pages for each run,
/// and releases, each of which is a reject too. The last number is that of the open rejects.
fn insert_rows(sources: &str, [runs, pages, releases, open]: [u64; 4]) -> String {
    format!(
        "insert into ocds.run (
            source, kind, definition, state, end_seen, epoch, owner, taken_at,
            backend_pid, backend_start, heartbeat_at, started_at, ended_at
        )
        select source, 'incremental', 'd', 'complete', true, 1, '', now(), 1, now(), now(), now(), now()
        from unnest('{sources}'::text[]) as source, generate_series(1, {runs});
        insert into ocds.page (
            run_id, chain, number, cursor, url, fetched_at, committed_at,
            releases, inserted, updated, unchanged, folded, quarantined, etag, rules
        )
        select id, 'w ' || i % 50, i, '', repeat('u', 100), now(), now(), 1, 0, i % 2, 0, 0, 0, 'e', 'r'
        from ocds.run, generate_series(1, {pages}) as i
        where source = any('{sources}');
        insert into ocds.walked_page (run_id, chain, number, is_whole, keys)
        select run_id, chain, number, true, decode(repeat('00', 80), 'hex')
        from ocds.page
        join ocds.run on id = run_id
        where source = any('{sources}');
        insert into ocds.request (run_id, page_number, attempt, url, requested_at, milliseconds, bytes)
        select run_id, number, 1, url, now(), 0, 0
        from ocds.page
        join ocds.run on id = run_id
        where source = any('{sources}');
        insert into ocds.watermark (source, scope, run_id, moved_at)
        select source, 's', 1, now()
        from unnest('{sources}'::text[]) as source;
        insert into ocds.release (
            source, ocid, release_id, date, award_count, contract_count, supplier_names,
            content_hash, run_id, page_number, first_seen_at, fetched_at, data
        )
        select source, 'o-' || md5(source || i), i, case when i % 2 = 0 then now() end, 0, 0, '{{}}',
            '\\x01', 1, 1, now(), now(), to_jsonb(repeat('x', 200))
        from unnest('{sources}'::text[]) as source, generate_series(1, {releases}) as i;
        insert into ocds.publisher_compiled (
            source, ocid, origin, content_hash, run_id, page_number, first_seen_at, fetched_at, data
        )
        select source, ocid, 'publisher', '', 1, 1, now(), now(), 'null'
        from ocds.release
        where source = any('{sources}') and date is null;
        insert into ocds.process (ocid, source, origin, releases, changed_at, content_hash)
        select ocid, source, 'single', 1, now(), ''
        from ocds.release
        where source = any('{sources}');
        insert into ocds.compile_queue (ocid, source)
        select ocid, source
        from ocds.release
        where source = any('{sources}');
        insert into ocds.release_history (
            source, ocid, release_id, content_hash, run_id, chain_number, page_number,
            first_seen_at, fetched_at, replaced_at, replaced_by, data
        )
        select source, ocid, release_id, content_hash, run_id, 0, page_number,
            first_seen_at, fetched_at, 'epoch', 1, 'null'
        from ocds.release
        where source = any('{sources}');
        insert into ocds.quarantine (
            source, document_hash, pointer, reason, message, ocid, release_id, url, run_id, page_number,
            seen, first_seen_at, last_seen_at, resolved_at, resolution, document
        )
        select source, '', i, reason, '', 'o-' || md5(source || i), i, 'http://' || i, 1, i,
            1, now(), now(), case when i > {open} then now() end, case when i > {open} then 'stored' end, ''
        from unnest('{sources}'::text[]) as source, generate_series(1, {releases}) as i
        cross join lateral (
            select (array['refused', 'missing-document', 'unreadable-page'])[i % 3 + 1] as reason
        ) as refused"
    )
}

/// The number of releases of [`SOURCE`], and of its rejects.
const OWN: u64 = 2_000;

/// The number of runs of [`SOURCE`], with [`PAGES`] pages each.
const RUNS: u64 = 20;
const PAGES: u64 = 100;

/// The maximum number of sessions of parallel tests, because some statements read all sessions.
const SESSIONS: u64 = 100;

/// Makes a database in which most rows belong to other sources.
async fn fill_database(statistics: Statistics) -> Ingest {
    let ingest = Ingest::new().await;
    for table in TABLES {
        let by_hand = format!("alter table ocds.{table} set (autovacuum_enabled = false)");
        ingest.execute(&by_hand).await;
    }
    let analyze = TABLES
        .map(|table| format!("analyze ocds.{table}"))
        .join("; ");
    // The other sources have no open rejects.
    let others = insert_rows("{a,b,c,d}", [300, 10, 5_000, 0]);
    let own = insert_rows(&format!("{{{SOURCE}}}"), [RUNS, PAGES, OWN, OWN]);
    for (sql, is_run) in [
        (&others, true),
        (&analyze, statistics == Statistics::BeforeSource),
        (&own, true),
        (&analyze, statistics == Statistics::All),
    ] {
        if is_run {
            ingest.execute(sql).await;
        }
    }
    ingest
}

/// A statement that looks rows up: its text; its parameters as SQL literals, in which words such
/// as `:run` stand for values; and the number of rows that it must read.
type Lookup = (&'static str, &'static str, u64);

/// Returns the text of a statement's file.
macro_rules! sql {
    ($file:literal) => {
        include_str!(concat!("../../sql/", $file, ".sql"))
    };
}

/// The lookups by source, run or page in claims, heartbeats and queries.
const LEDGER_LOOKUPS: &[Lookup] = &[
    (sql!("ledger/abandon_run"), ":run", 1),
    (
        sql!("ledger/delete_pages_after_gap"),
        ":run, :chains, :lasts",
        2 * PAGES,
    ),
    (
        sql!("ledger/end_run"),
        ":run, 1, now(), 'complete', true, null, 0, 0, 0, 0, null, false, true",
        1,
    ),
    (sql!("ledger/delete_old_runs"), ":source, 15", 3 * RUNS),
    (
        sql!("ledger/renew_lease"),
        ":run, 1, now(), true, false, 0, 0, 0",
        SESSIONS,
    ),
    (
        sql!("ledger/last_ended_run"),
        ":source, 'backfill', 1, 2",
        RUNS,
    ),
    (sql!("ledger/end_stuck_copies"), "20", SESSIONS),
    (sql!("ledger/wait_for_late_commits"), ":source", RUNS),
    (sql!("ledger/lock_run_to_take_over"), ":run", 1),
    (
        sql!("ledger/move_watermark"),
        ":run, 1, now(), 's', null, now(), null",
        1,
    ),
    (
        sql!("ledger/count_lost_pages"),
        ":run, array['w 1'], array[1], array[1000]",
        2,
    ),
    (sql!("ledger/mark_run_incomplete"), ":run, ''", 1),
    (
        sql!("ledger/rejects_to_replay"),
        ":source, null, array['superseded']",
        OWN,
    ),
    (sql!("ledger/find_page_cursor"), ":source, 101, 'd'", RUNS),
    (
        sql!("ledger/remembered_pages"),
        ":source, 0, 'd', 'r', 1000",
        RUNS + 3 * PAGES,
    ),
    (sql!("ledger/resume_points"), ":run, 1", 2 * PAGES),
    (sql!("ledger/run_totals"), ":run", PAGES),
    (
        sql!("ledger/skipped_stretches"),
        ":source, 'skipped', :run, 1, now(), true, 1000",
        OWN,
    ),
    (
        sql!("ledger/save_run_window"),
        ":run, 1, now(), now(), now()",
        1,
    ),
    (sql!("ledger/running_run"), ":source, 1, 1", SESSIONS),
    (sql!("ledger/set_watermark_back"), ":run", PAGES),
    (sql!("ledger/resume_run"), ":run, '', false, 5", SESSIONS),
    (sql!("ledger/unverified_runs"), ":source", 2 * RUNS * PAGES),
    (sql!("ledger/mark_runs_verified"), "array[:run::bigint]", 1),
    (
        sql!("ledger/walked_axes"),
        ":source, 'd', :run",
        2 * RUNS * PAGES,
    ),
    (sql!("ledger/was_taken_over"), ":run, 1, :source", RUNS),
    (sql!("ledger/watermark"), ":source, 's'", 1),
    (
        sql!("sink/has_open_rejects"),
        ":source, array['superseded']",
        1,
    ),
    (sql!("sink/previous_walk"), ":source, :run", 2 * RUNS),
    (sql!("sink/count_walked"), ":run", 2 * PAGES),
    (sql!("sink/next_walked_pages"), ":run, '', 0", PAGES),
];

/// The lookups in transactions of `bulk`, which disable some plans.
const BULK_LOOKUPS: &[Lookup] = &[
    (sql!("ledger/hold_lease"), ":run, 1, now()", 1),
    (
        sql!("sink/insert_unchanged_page"),
        ":run, :run, 'w 1', 1, 1000, null, now(), now(), null, null",
        1,
    ),
    (sql!("sink/page_counts"), ":run, 'w 1', 1", 1),
    (
        sql!("sink/resolve_document_rejects"),
        ":source, :urls, 'epoch', null, '', 1, false",
        100,
    ),
    (
        sql!("sink/resolve_rejects"),
        ":source, :ocids, :ids, 'epoch', :urls, 1",
        100,
    ),
    (
        sql!("sink/resolve_page_rejects"),
        ":source, '', 17, 'epoch', false",
        1,
    ),
    // The last fifty pages of the source.
    (
        sql!("sink/resolve_page_rejects"),
        ":source, '', 1950, 'epoch', true",
        50,
    ),
    (
        sql!("sink/keep_replaced_releases"),
        ":source, :ocids, :ids, :hashes, now(), 1, :dates, true",
        100,
    ),
    (
        sql!("sink/keep_replaced_compiled"),
        ":source, :ocids, :ids, :hashes, now(), 1, :dates, true",
        100,
    ),
    (
        sql!("sink/forget_kept_releases"),
        ":source, :ocids, :ids, 'epoch'",
        200,
    ),
    (
        sql!("sink/forget_kept_compiled"),
        ":source, :ocids, :ids, 'epoch'",
        200,
    ),
    (
        sql!("sink/written_releases"),
        ":ocids, :ids, :source, 1, 0, 1",
        100,
    ),
    (
        sql!("sink/written_compiled"),
        ":ocids, :source, 1, 0, 1",
        100,
    ),
    (sql!("sink/has_absent"), ":source", 1),
    (
        sql!("sink/clear_absent_releases"),
        ":source, :ocids, :ids",
        100,
    ),
    (sql!("sink/clear_absent_compiled"), ":source, :ocids", 100),
    (
        sql!("sink/mark_absent_releases"),
        ":source, :ocids, :ids, now()",
        100,
    ),
    (
        sql!("sink/mark_absent_compiled"),
        ":source, :ocids, now()",
        100,
    ),
    (sql!("sink/forget_walks"), ":source, :run", 2 * RUNS * PAGES),
    (sql!("compile/find_served_compiled"), ":source, :ocids", 100),
    (sql!("compile/take_from_queue"), ":source, :ocids", 100),
    (sql!("compile/read_releases"), ":source, :ocids", 100),
    (sql!("compile/read_release_keys"), ":source, :ocids", 100),
    (sql!("compile/read_hashes"), ":source, :ocids", 100),
    (
        sql!("compile/read_publisher_compiled"),
        ":source, :ocids",
        100,
    ),
    (sql!("compile/read_publisher_keys"), ":source, :ocids", 100),
    (sql!("compile/remove_gone"), ":source, :ocids", 100),
    (sql!("compile/process_sizes"), ":source, :ocids", 200),
    (sql!("compile/next_candidates"), ":source, 0, 100", 100),
    (sql!("compile/next_queued_source"), "'a'", 1),
    (sql!("purge/delete_release"), ":source, :ocids", 100),
    (sql!("purge/delete_compile_queue"), ":source, :ocids", 100),
    (sql!("sink/stored_release_hashes"), ":ocids, :ids", 100),
    (sql!("sink/stored_compiled_hashes"), ":ocids", 100),
];

/// Reads the values for words in parameters: [`SOURCE`], its last run, and the keys of its first
/// hundred releases.
async fn read_values(ingest: &Ingest) -> Vec<(&'static str, String)> {
    let list = |item: &str, from: u64, to: u64| {
        format!("array_agg({item} order by i) from generate_series({from}, {to}) as i")
    };
    let run = format!("max(id) from ocds.run where source = '{SOURCE}'");
    let ocid = format!("'o-' || md5('{SOURCE}' || i)");
    let mut values = Vec::new();
    for (word, sql) in [
        (":run", run),
        (":source", format!("'{SOURCE}'::text")),
        (":ocids", list(&ocid, 1, 100)),
        (":ids", list("i", 1, 100)),
        (":urls", list("'http://' || i", 1, 100)),
        (":dates", list("now()", 1, 100)),
        (":hashes", list("'\\x00'::bytea", 1, 100)),
        (":chains", list("'w ' || i", 0, 49)),
        (":lasts", list("50", 0, 49)),
    ] {
        let quoted = format!("select quote_literal(value) from (select {sql}) as it (value)");
        values.push((word, ingest.value(&quoted).await));
    }
    values
}

/// The amount that a statement read.
#[derive(Clone, Copy, Debug)]
struct Read {
    /// Rows that any part of a plan returned or discarded.
    rows: u64,
    blocks: u64,
}

/// Sums up the rows that the parts of a plan have read.
fn count_rows(plan: &Value) -> u64 {
    let number = |key: &str| plan[key].as_f64().unwrap_or_default();
    let each = number("Actual Rows")
        + number("Rows Removed by Filter")
        + number("Rows Removed by Join Filter")
        + number("Rows Removed by Index Recheck");
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of rows"
    )]
    let own = (each * number("Actual Loops")) as u64;
    let parts = plan["Plans"].as_array().into_iter().flatten();
    own + parts.map(count_rows).sum::<u64>()
}

/// Runs a statement, counts what it reads, and rolls it back. Also returns its plan.
async fn count_reads(ingest: &Ingest, sql: &str, values: &str, settings: &str) -> (Read, String) {
    let client = &ingest.client;
    client.batch_execute("begin").await.unwrap();
    let limits = ["0", "0", "0"];
    let limits = limits.each_ref().map(|limit| (limit as _, Type::TEXT));
    let known = settings.matches('$').count();
    client
        .query_typed(settings, &limits[..known])
        .await
        .unwrap();
    let prepare = format!("deallocate all; prepare lookup as {sql}");
    client.batch_execute(&prepare).await.unwrap();
    let explain =
        format!("explain (analyze, buffers, timing off, format json) execute lookup ({values})");
    let text = ingest.value(&explain).await;
    client.batch_execute("rollback").await.unwrap();
    let explained: Value = serde_json::from_str(&text).unwrap();
    let plan = &explained[0]["Plan"];
    let blocks = |key: &str| plan[key].as_u64().unwrap_or_default();
    let read = Read {
        rows: count_rows(plan),
        blocks: blocks("Shared Hit Blocks") + blocks("Shared Read Blocks"),
    };
    (read, text)
}

#[tokio::test]
async fn a_lookup_reads_only_its_rows_with_any_statistics() {
    let bulk = include_str!("../../sql/bulk/set_transaction_settings.sql");
    let ledger = include_str!("../../sql/ledger/limit_transaction.sql");
    let of_ledger = LEDGER_LOOKUPS.iter().map(|lookup| (lookup, ledger));
    let of_bulk = BULK_LOOKUPS.iter().map(|lookup| (lookup, bulk));
    let lookups: Vec<_> = of_ledger.chain(of_bulk).collect();
    let mut failures = Vec::new();
    for statistics in ALL_STATISTICS {
        let ingest = fill_database(statistics).await;
        let values = read_values(&ingest).await;
        for ((sql, parameters, rows), settings) in &lookups {
            let put_in = |text: String, (word, value): &(&str, String)| text.replace(word, value);
            let parameters = values.iter().fold((*parameters).to_owned(), put_in);
            let (read, plan) = count_reads(&ingest, sql, &parameters, settings).await;
            if read.rows > 8 * rows + 50 || read.blocks > 20 * rows + 100 {
                let failure = format!("{statistics:?}: {read:?} for {rows} rows: {sql}{plan}");
                failures.push(failure);
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Returns what was read of a table since the last reset.
async fn count_table_reads(ingest: &Ingest, table: &str) -> Read {
    let one = async |sql: String| ingest.value(&sql).await.parse().unwrap();
    Read {
        rows: one(format!(
            "select seq_tup_read + (
                select sum(idx_tup_read) from pg_stat_user_indexes as i where i.relid = t.relid
            )
            from pg_stat_user_tables as t
            where schemaname = 'ocds' and relname = '{table}'"
        ))
        .await,
        blocks: one(format!(
            "select heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit
            from pg_statio_user_tables
            where schemaname = 'ocds' and relname = '{table}'"
        ))
        .await,
    }
}

async fn reset_counts(ingest: &Ingest) {
    // Report first what this connection has read.
    let reset = "select pg_stat_force_next_flush()";
    let _ = ingest.client.batch_execute(reset).await;
    let reset = "select pg_stat_reset()";
    ingest.execute(reset).await;
}

/// Waits until the server has counted deletions or updates of a table.
async fn wait_until_counted(ingest: &Ingest, column: &str, table: &str, rows: u64) {
    ingest
        .wait_until(&format!(
            "select {column} >= {rows} from pg_stat_user_tables
            where schemaname = 'ocds' and relname = '{table}'"
        ))
        .await;
}

#[tokio::test]
async fn a_purge_reads_its_rows_once_with_any_statistics() {
    for statistics in ALL_STATISTICS {
        let ingest = fill_database(statistics).await;
        let database = open_database(&ingest.url).await;
        reset_counts(&ingest).await;
        let purged = pipeline::purge(
            &database,
            SOURCE,
            &Config::default(),
            &CancellationToken::new(),
        )
        .await
        .unwrap();
        database.close().await.unwrap();
        assert_eq!(purged.releases, OWN + OWN / 2);
        assert_eq!(purged.rejects, OWN);
        assert_eq!(purged.runs, RUNS);
        for (table, own) in [
            ("release", OWN),
            ("publisher_compiled", OWN / 2),
            ("release_history", OWN),
            ("compile_queue", OWN),
            ("quarantine", OWN),
            ("page", RUNS * PAGES),
            ("request", RUNS * PAGES),
        ] {
            wait_until_counted(&ingest, "n_tup_del", table, own).await;
            let read = count_table_reads(&ingest, table).await;
            // The cursor reads each row, and the deletion reads it again.
            assert!(read.rows <= 3 * own, "{statistics:?} {table}: {read:?}");
            assert!(read.blocks <= 12 * own, "{statistics:?} {table}: {read:?}");
        }
        // A process is also looked up for each of its releases, so that it is not found twice.
        wait_until_counted(&ingest, "n_tup_del", "process", OWN).await;
        let read = count_table_reads(&ingest, "process").await;
        assert!(read.rows <= 5 * OWN, "{statistics:?} process: {read:?}");
        assert!(read.blocks <= 20 * OWN, "{statistics:?} process: {read:?}");
    }
}

#[tokio::test]
async fn discarded_rejects_are_found_by_id_with_any_statistics() {
    for statistics in ALL_STATISTICS {
        let ingest = fill_database(statistics).await;
        let ids = format!("select id from ocds.quarantine where source = '{SOURCE}' limit 500");
        let ids = ingest.column(&ids).await;
        let ids: Vec<i64> = ids.iter().map(|id| id.parse().unwrap()).collect();
        let database = open_database(&ingest.url).await;
        reset_counts(&ingest).await;
        let settings = config::Database::default();
        let report = quarantine::discard(&database, &settings, &ids).await;
        assert_eq!(report.unwrap().updated, 500);
        database.close().await.unwrap();
        wait_until_counted(&ingest, "n_tup_upd", "quarantine", 500).await;
        let read = count_table_reads(&ingest, "quarantine").await;
        assert!(read.rows <= 1_000, "{statistics:?}: {read:?}");
    }
}
