//! Defines the invariants of a database as SQL: each query returns the rows that violate one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, SimpleQueryMessage};
use tokio_util::sync::CancellationToken;

use super::oracle::{Fate, Oracle, Truth};
use crate::harness::SOURCE;

/// The oracle's expectations, in the same database as the stored data.
const CREATE_TRUTH: &str = "
    create schema oracle;
    create table oracle.truth (
        page bigint, place bigint, bytes bytea,
        ocid text, release_id text, data jsonb, stored jsonb,
        reason text, mended jsonb,
        primary key (page, place));
    create index on oracle.truth (ocid, release_id);
    create index on oracle.truth using hash (bytes)";

/// The columns of a stored release are compared one by one, except those that are null.
const INSERT_TRUTH: &str = "
    insert into oracle.truth
    select page, place, bytes, ocid, release_id,
        case when ocid is not null then convert_from(bytes, 'UTF8')::jsonb end,
        case when ocid is not null then jsonb_build_object(
            'source', $12::text, 'ocid', ocid, 'release_id', release_id,
            'date', date::timestamptz, 'tag', array[tag], 'tender_title', title,
            'award_count', 0, 'contract_count', 0, 'supplier_names', '{}'::text[],
            'content_hash', hash, 'chain_number', 0, 'page_number', page,
            'data', convert_from(bytes, 'UTF8')::jsonb) end,
        reason, mended::jsonb
    from unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[], $5::text[], $6::text[],
            $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])
        as truth (page, place, bytes, hash, ocid, release_id, date, tag, title, reason, mended)";

/// The expectation for an item, as columns of the table of truths.
#[derive(Default)]
struct TruthColumns<'a> {
    ocid: Option<&'a str>,
    release_id: Option<&'a str>,
    date: Option<&'a str>,
    tag: Option<&'a str>,
    title: Option<&'a str>,
    reason: Option<&'a str>,
    mended: Option<&'a str>,
}

impl<'a> TruthColumns<'a> {
    fn new(truth: &'a Truth) -> Self {
        match &truth.fate {
            Fate::Stored {
                ocid,
                release_id,
                date,
                tag,
                title,
            } => Self {
                ocid: Some(ocid),
                release_id: Some(release_id),
                date: Some(date),
                tag: Some(tag),
                title: Some(title),
                ..Self::default()
            },
            Fate::Refused { reason, mended } => Self {
                reason: Some(reason),
                mended: mended.as_deref(),
                ..Self::default()
            },
        }
    }
}

/// Inserts the oracle's expectations into the database.
pub(super) async fn insert_truths(client: &Client, oracle: &Oracle) {
    client.batch_execute(CREATE_TRUTH).await.unwrap();
    let truths = &oracle.truths;
    let pages: Vec<i64> = truths.iter().map(|truth| truth.page).collect();
    let places: Vec<i64> = truths.iter().map(|truth| truth.place).collect();
    let bytes: Vec<&[u8]> = truths.iter().map(|truth| truth.bytes.as_bytes()).collect();
    // Served items have no white space between tokens, so their hash is that of the bytes.
    let hashes = bytes.iter().map(|bytes| *blake3::hash(bytes).as_bytes());
    let hashes: Vec<Vec<u8>> = hashes.map(Vec::from).collect();
    let told: Vec<TruthColumns<'_>> = truths.iter().map(TruthColumns::new).collect();
    let texts = |of: for<'a> fn(&TruthColumns<'a>) -> Option<&'a str>| -> Vec<Option<&str>> {
        told.iter().map(of).collect()
    };
    let parameters: [(&(dyn ToSql + Sync), Type); 12] = [
        (&pages, Type::INT8_ARRAY),
        (&places, Type::INT8_ARRAY),
        (&bytes, Type::BYTEA_ARRAY),
        (&hashes, Type::BYTEA_ARRAY),
        (&texts(|told| told.ocid), Type::TEXT_ARRAY),
        (&texts(|told| told.release_id), Type::TEXT_ARRAY),
        (&texts(|told| told.date), Type::TEXT_ARRAY),
        (&texts(|told| told.tag), Type::TEXT_ARRAY),
        (&texts(|told| told.title), Type::TEXT_ARRAY),
        (&texts(|told| told.reason), Type::TEXT_ARRAY),
        (&texts(|told| told.mended), Type::TEXT_ARRAY),
        (&SOURCE, Type::TEXT),
    ];
    client.query_typed(INSERT_TRUTH, &parameters).await.unwrap();
}

/// Invariants that hold at every moment. The first [`WATCHED`] are checked during a run too.
const ALWAYS: [(&str, &str); 5] = [
    (
        "nothing is lost, and the checkpoint is never ahead of the data",
        "select truth.page, truth.place, truth.ocid from oracle.truth
         join ocds.page on page.number = truth.page
         where not exists (select from ocds.release where release.ocid = truth.ocid
                           and release.release_id = truth.release_id)
         and not exists (select from ocds.quarantine where document = truth.bytes)",
    ),
    (
        // A row may be newer, because pages after a gap are deleted and fetched again.
        "no release is older than the durable pages of the newest run",
        "select newest.ocid, newest.page, stored.page from (
             select distinct on (ocid, release_id) ocid, release_id, truth.page
             from oracle.truth join ocds.page on page.number = truth.page
                 and page.run_id = (select max(run_id) from ocds.page)
             where ocid is not null
             order by ocid, release_id, truth.page desc, place desc) as newest
         join ocds.release using (ocid, release_id)
         join oracle.truth as stored using (ocid, release_id)
         where stored.data = release.data and stored.page < newest.page",
    ),
    (
        "no release is invented, nor a column of one",
        "select ocid, release_id, to_jsonb(release) - 'data' from ocds.release
         where not exists (select from oracle.truth where truth.ocid = release.ocid
                           and truth.release_id = release.release_id
                           and truth.stored = jsonb_strip_nulls(to_jsonb(release)
                               - '{run_id,first_seen_at,fetched_at,package_id}'::text[]))",
    ),
    (
        "no reject is invented, nor its place, nor why it was refused",
        "select id, reason, page_number, pointer from ocds.quarantine
         where not exists (select from oracle.truth where bytes = document
                           and truth.reason = quarantine.reason
                           and truth.page = page_number
                           and '/releases/' || place = pointer)",
    ),
    (
        "every package that a row refers to is stored",
        "select package_id from (
             select source, package_id from ocds.release
             union all select source, package_id from ocds.quarantine) as referring
         where package_id is not null
         and not exists (select from ocds.package where package.source = referring.source
                         and package.id = referring.package_id)",
    ),
];

/// The number of invariants that are checked during a run.
const WATCHED: usize = 2;

/// Invariants that hold at the end.
const AT_THE_END: [(&str, &str); 5] = [
    (
        "the newest wins",
        "select newest.ocid, newest.page from (
             select distinct on (ocid) ocid, release_id, page, data from oracle.truth
             where ocid is not null order by ocid, page desc, place desc) as newest
         left join ocds.release using (ocid, release_id)
         where release.data is distinct from newest.data",
    ),
    (
        "what could not be stored is in quarantine, and only that",
        "select truth.page, truth.place from oracle.truth where ocid is null
         and not exists (select from ocds.quarantine where document = truth.bytes)
         union all
         select page_number, id from ocds.quarantine
         where exists (select from oracle.truth where bytes = document and ocid is not null)
         or resolved_at is not null",
    ),
    (
        "no document is in quarantine twice",
        "select min(id), max(id) from ocds.quarantine
         group by document having count(*) > 1",
    ),
    (
        "the pages of the newest run that has come to the end have all items of the feed",
        "select sum(releases), (select count(*) from oracle.truth) from ocds.page
         where run_id = (select max(id) from ocds.run
                         where state = 'complete' and kind = 'incremental')
         having sum(releases) is distinct from (select count(*) from oracle.truth)",
    ),
    (
        "nobody holds the source any more",
        "select id, state from ocds.run where state = 'running'",
    ),
];

/// Invariants that hold after a replay has repaired what it can.
const AFTER_REPLAY: [(&str, &str); 3] = [
    (
        "what was mended is stored as its repair leaves it, beside what was served",
        "select page, place, release.repairs, release.data from oracle.truth
         left join ocds.release on served = bytes
         where mended is not null and (release.data = mended and release.ocid = mended ->> 'ocid'
             and release.release_id = mended ->> 'id' and release.page_number = truth.page
             and repairs = array[case truth.reason when 'nul-character' then 'nul'
                                 else truth.reason end]) is not true",
    ),
    (
        "all else is stored as it was served",
        "select ocid, release_id from ocds.release
         where num_nulls(repairs, served) <> 2
         and not exists (select from oracle.truth where bytes = served and mended is not null)",
    ),
    (
        "what was mended is resolved, and only that",
        "select page, place, resolution from oracle.truth
         join ocds.quarantine on document = bytes
         where mended is null and num_nulls(resolution, resolved_at) <> 2
         or mended is not null
             and (resolution = 'replayed' and resolved_at is not null) is not true",
    ),
];

/// Checks the result of a replay.
pub(super) async fn expect_after_replay(client: &Client, when: &str) {
    check_invariants(client, &AFTER_REPLAY, when).await;
}

/// Checks the invariants that hold at every moment.
pub(super) async fn expect_always(client: &Client, when: &str) {
    check_invariants(client, &ALWAYS, when).await;
}

/// Checks all invariants.
pub(super) async fn expect_all(client: &Client, when: &str) {
    expect_always(client, when).await;
    check_invariants(client, &AT_THE_END, when).await;
}

async fn check_invariants(client: &Client, invariants: &[(&str, &str)], when: &str) {
    for (invariant, sql) in invariants {
        let breaks = query_rows(client, sql).await.unwrap();
        let shown = &breaks[..breaks.len().min(5)];
        assert!(breaks.is_empty(), "{when}: {invariant}: {shown:?}");
    }
}

/// Returns the rows of a query as texts.
async fn query_rows(client: &Client, sql: &str) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let texts = (0..row.len()).map(|column| row.get(column).unwrap_or("null").to_owned());
            Some(texts.collect())
        }
        _ => None,
    });
    Ok(rows.collect())
}

/// Counts the pages of each run before its first gap. One statement reads one snapshot.
const CHECKPOINTS: &str = "
    select run_id, count(*) from (
        select run_id, number, row_number() over (partition by run_id order by number) as nth
        from ocds.page) as page
    where number = nth group by run_id";

/// Counts the pages of the newest run before its first gap.
pub(super) async fn read_checkpoint(client: &Client) -> u64 {
    let checkpoints = query_rows(client, CHECKPOINTS).await.unwrap();
    let newest = checkpoints.iter().map(|checkpoint| {
        let [run, pages] = [0, 1].map(|column| checkpoint[column].parse::<u64>().unwrap());
        (run, pages)
    });
    newest.max().map_or(0, |(_, pages)| pages)
}

/// Counts the connections of runs.
const CONNECTIONS: &str = "
    select count(*) from pg_stat_activity where datname = current_database()
    and application_name = 'ocds-ingest' and backend_type = 'client backend'";

/// The maximum number of connections of a run: two sink workers, the heartbeat, the request log,
/// and one for queries.
const MAX_CONNECTIONS: u64 = 5;

/// The time in which connections of killed runs may remain.
const CLOSING_TIME: Duration = Duration::from_secs(40);

/// Checks regularly during runs with faults: no page is durable without its data, no checkpoint
/// goes back, and the number of connections is limited.
pub(crate) struct Watcher {
    over: CancellationToken,
    task: tokio::task::JoinHandle<Observations>,
}

/// The observations so far.
#[derive(Default)]
struct Observations {
    looks: u32,
    checkpoints: BTreeSet<(String, u64)>,
    most_connections: u64,
    /// The time since when there are too many connections.
    crowded_since: Option<Instant>,
}

impl Watcher {
    /// Watches data, checkpoints and connections of a database that at most this many runs write
    /// at once.
    pub(super) fn start(url: &str, runs: u64) -> Self {
        Self::spawn(&ALWAYS[..WATCHED], url, runs)
    }

    /// Watches only checkpoints and connections, for a database without the oracle's
    /// expectations.
    pub(crate) fn start_for_checkpoints(url: &str) -> Self {
        Self::spawn(&[], url, 1)
    }

    fn spawn(invariants: &'static [(&str, &str)], url: &str, runs: u64) -> Self {
        let over = CancellationToken::new();
        let (token, url) = (over.clone(), url.to_owned());
        let task = tokio::spawn(async move {
            let mut seen = Observations::default();
            while !token.is_cancelled() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                // While the server is down, wait until it is back.
                let Ok((client, connection)) =
                    tokio_postgres::connect(&url, tokio_postgres::NoTls).await
                else {
                    continue;
                };
                let connection = tokio::spawn(connection);
                seen.crowded_since = None;
                let mut looked = Instant::now();
                while !token.is_cancelled()
                    && seen.check_once(&client, invariants, runs).await.is_some()
                {
                    // A check of much data takes long, so the server gets time for other work.
                    let pause = Duration::from_millis(20).max(4 * looked.elapsed());
                    tokio::time::sleep(pause).await;
                    looked = Instant::now();
                }
                connection.abort();
            }
            seen
        });
        Self { over, task }
    }

    /// Checks that every observation was right.
    pub(crate) async fn expect_calm(self) {
        self.over.cancel();
        let seen = self.task.await.expect("every look found all in order");
        assert!(seen.looks > 0, "the watcher never checked");
        println!(
            "{} looks, at most {} connections",
            seen.looks, seen.most_connections
        );
    }
}

impl Observations {
    /// Checks once. Returns `None` if the server did not reply.
    async fn check_once(
        &mut self,
        client: &Client,
        invariants: &[(&str, &str)],
        runs: u64,
    ) -> Option<()> {
        for (invariant, sql) in invariants {
            let breaks = query_rows(client, sql).await.ok()?;
            assert!(breaks.is_empty(), "{invariant}: {breaks:?}");
        }
        for checkpoint in query_rows(client, CHECKPOINTS).await.ok()? {
            self.record_checkpoint(&checkpoint[0], checkpoint[1].parse().unwrap());
        }
        let connections = query_rows(client, CONNECTIONS).await.ok()?;
        self.record_connections(connections[0][0].parse().unwrap(), runs);
        self.looks += 1;
        Some(())
    }

    fn record_checkpoint(&mut self, run: &str, pages: u64) {
        let all = (run.to_owned(), 0)..=(run.to_owned(), u64::MAX);
        let before = self.checkpoints.range(all).map(|(_, pages)| *pages).max();
        let before = before.unwrap_or_default();
        assert!(
            before <= pages,
            "the checkpoint of run {run} went back from {before} to {pages}"
        );
        self.checkpoints.insert((run.to_owned(), pages));
    }

    fn record_connections(&mut self, connections: u64, runs: u64) {
        self.most_connections = self.most_connections.max(connections);
        if connections <= runs * MAX_CONNECTIONS {
            self.crowded_since = None;
            return;
        }
        let crowded_since = *self.crowded_since.get_or_insert_with(Instant::now);
        assert!(
            crowded_since.elapsed() < CLOSING_TIME,
            "{connections} connections of {runs} runs for {CLOSING_TIME:?}"
        );
    }
}
