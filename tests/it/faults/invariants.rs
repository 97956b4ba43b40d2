//! What must hold of a database whatever has happened, as SQL: each query gives what
//! breaks it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, SimpleQueryMessage};
use tokio_util::sync::CancellationToken;

use super::oracle::{Fate, Oracle, Truth};

/// The oracle's truths, in the database that they are compared with.
const TRUTH: &str = "
    create schema oracle;
    create table oracle.truth (
        page bigint, place bigint, bytes bytea, ocid text, release_id text, data jsonb,
        primary key (page, place));
    create index on oracle.truth (ocid, release_id);
    create index on oracle.truth using hash (bytes)";

const TELL: &str = "
    insert into oracle.truth
    select page, place, bytes, ocid, release_id,
        case when ocid is not null then convert_from(bytes, 'UTF8')::jsonb end
    from unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::text[], $5::text[])
        as truth (page, place, bytes, ocid, release_id)";

/// Puts the truths beside what they are compared with.
pub(super) async fn tell(client: &Client, oracle: &Oracle) {
    client.batch_execute(TRUTH).await.unwrap();
    let of = |truth: &Truth| match &truth.fate {
        Fate::Stored { ocid, release_id } => (Some(ocid.clone()), Some(release_id.clone())),
        Fate::Refused => (None, None),
    };
    let truths = &oracle.truths;
    let pages: Vec<i64> = truths.iter().map(|truth| truth.page).collect();
    let places: Vec<i64> = truths.iter().map(|truth| truth.place).collect();
    let bytes: Vec<&[u8]> = truths.iter().map(|truth| truth.bytes.as_bytes()).collect();
    let (ocids, ids): (Vec<_>, Vec<_>) = truths.iter().map(of).unzip();
    let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
        (&pages, Type::INT8_ARRAY),
        (&places, Type::INT8_ARRAY),
        (&bytes, Type::BYTEA_ARRAY),
        (&ocids, Type::TEXT_ARRAY),
        (&ids, Type::TEXT_ARRAY),
    ];
    client.query_typed(TELL, &parameters).await.unwrap();
}

/// What must hold at every moment; the first [`WATCHED`] are looked at while a run is
/// under way, too.
const ALWAYS: [(&str, &str); 4] = [
    (
        "nothing is lost, and the checkpoint is never ahead of the data",
        "select truth.page, truth.place, truth.ocid from oracle.truth
         join ocds.page on page.number = truth.page
         where not exists (select from ocds.release where release.ocid = truth.ocid
                           and release.release_id = truth.release_id)
         and not exists (select from ocds.quarantine where document = truth.bytes)",
    ),
    (
        // A row may be newer than that: pages behind a gap are forgotten and done again.
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
        "no release is invented",
        "select ocid, release_id from ocds.release
         where not exists (select from oracle.truth where truth.ocid = release.ocid
                           and truth.release_id = release.release_id
                           and truth.data = release.data)",
    ),
    (
        "no reject is invented",
        "select id, reason, pointer from ocds.quarantine
         where not exists (select from oracle.truth where bytes = document)",
    ),
];

/// How many of them are watched.
const WATCHED: usize = 2;

/// What must hold at the end.
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
         where exists (select from oracle.truth where bytes = document and ocid is not null)",
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

/// Expects that all holds that must at every moment.
pub(super) async fn expect_always(client: &Client, when: &str) {
    expect(client, &ALWAYS, when).await;
}

/// Expects that all holds.
pub(super) async fn expect_all(client: &Client, when: &str) {
    expect_always(client, when).await;
    expect(client, &AT_THE_END, when).await;
}

async fn expect(client: &Client, invariants: &[(&str, &str)], when: &str) {
    for (invariant, sql) in invariants {
        let breaks = rows(client, sql).await.unwrap();
        let shown = &breaks[..breaks.len().min(5)];
        assert!(breaks.is_empty(), "{when}: {invariant}: {shown:?}");
    }
}

/// The rows of a query as texts.
async fn rows(client: &Client, sql: &str) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
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

/// The pages of each run before its first gap. One statement sees one moment.
const CHECKPOINTS: &str = "
    select run_id, count(*) from (
        select run_id, number, row_number() over (partition by run_id order by number) as nth
        from ocds.page) as page
    where number = nth group by run_id";

/// How many pages of the newest run are before its first gap.
pub(super) async fn checkpoint(client: &Client) -> u64 {
    let checkpoints = rows(client, CHECKPOINTS).await.unwrap();
    let newest = checkpoints.iter().map(|checkpoint| {
        let [run, pages] = [0, 1].map(|column| checkpoint[column].parse::<u64>().unwrap());
        (run, pages)
    });
    newest.max().map_or(0, |(_, pages)| pages)
}

/// Looks on, at moments of its own, while a run has its troubles: no page is durable
/// without its data, and no checkpoint goes back.
pub(super) struct Watcher {
    over: CancellationToken,
    task: tokio::task::JoinHandle<u32>,
}

impl Watcher {
    pub(super) fn start(url: &str) -> Self {
        let over = CancellationToken::new();
        let (token, url) = (over.clone(), url.to_owned());
        let task = tokio::spawn(async move {
            let mut looks = 0;
            let mut reached: BTreeSet<(String, u64)> = BTreeSet::new();
            while !token.is_cancelled() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                // a server that is away is looked at when it is back
                let Ok((client, connection)) =
                    tokio_postgres::connect(&url, tokio_postgres::NoTls).await
                else {
                    continue;
                };
                let connection = tokio::spawn(connection);
                while !token.is_cancelled() && look(&client, &mut reached).await.is_some() {
                    looks += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                connection.abort();
            }
            looks
        });
        Self { over, task }
    }

    /// Expects that all was well whenever it looked.
    pub(super) async fn expect_calm(self) {
        self.over.cancel();
        let looks = self.task.await.expect("every look found all in order");
        assert!(looks > 0, "it never looked");
    }
}

/// One look; `None` if the server did not answer.
async fn look(client: &Client, reached: &mut BTreeSet<(String, u64)>) -> Option<()> {
    for (invariant, sql) in &ALWAYS[..WATCHED] {
        let breaks = rows(client, sql).await.ok()?;
        assert!(breaks.is_empty(), "{invariant}: {breaks:?}");
    }
    let checkpoints = rows(client, CHECKPOINTS).await.ok()?;
    for checkpoint in checkpoints {
        let (run, pages) = (checkpoint[0].clone(), checkpoint[1].parse().unwrap());
        let before = reached.range((run.clone(), 0)..=(run.clone(), u64::MAX));
        let before = before.map(|(_, pages)| *pages).max().unwrap_or_default();
        assert!(
            before <= pages,
            "the checkpoint of run {run} went back from {before} to {pages}"
        );
        reached.insert((run, pages));
    }
    Some(())
}
