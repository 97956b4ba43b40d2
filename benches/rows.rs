//! Defines the rows that all methods of writing store.

use bytes::BytesMut;
use jiff::Timestamp;
use ocds_ingest::extract::{self, Options};
use ocds_ingest::page::{Cursor, Page, PageRecord, Position};
use ocds_ingest::release::{COLUMNS, Release, Value};
use ocds_ingest::sink::FETCHED;
use ocds_ingest::source::Source;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::server::Result;

/// The name of the source under which the rows are stored.
pub(crate) const SOURCE: &str = "bench";

/// A page and its releases, in the form in which the sink receives them.
pub(crate) type Extracted = (PageRecord, Vec<Release>);

/// Divides the bodies of pages and extracts their releases. The pages are numbered from 1.
pub(crate) fn extract_pages(bodies: impl Iterator<Item = String>) -> Vec<Extracted> {
    let source = Source::new("http://127.0.0.1/");
    let options = Options {
        max_depth: 512,
        zone: source.zone.clone(),
        ..Options::default()
    };
    let position = |number| Position {
        number,
        cursor: Cursor::Number(number),
    };
    (1..)
        .zip(bodies)
        .map(|(number, body)| {
            let url = source.url.to_string();
            let mut page = Page::from_json(url, body).expect("a page of our own");
            page.position = position(number);
            page.next = Some(position(number + 1));
            let extracted = extract::extract(&page, &options);
            assert!(extracted.rejects.is_empty(), "a clean page");
            (page.into_record(), extracted.releases)
        })
        .collect()
}

/// The values that all rows of a page share.
pub(crate) struct Shared {
    page_number: i64,
    now: Timestamp,
    fetched_at: Timestamp,
}

impl Shared {
    pub(crate) fn new(page: &PageRecord, now: Timestamp) -> Self {
        Self {
            page_number: i64::try_from(page.position.number).expect("a small feed"),
            now,
            fetched_at: page.fetched_at,
        }
    }

    pub(crate) fn values(&self) -> [&(dyn ToSql + Sync); FETCHED.shared.len()] {
        [
            &SOURCE,
            &1_i64,
            &0_i32,
            &self.page_number,
            &self.now,
            &self.fetched_at,
        ]
    }
}

/// The values of the columns that a release itself fills.
pub(crate) struct Row<'a>(Vec<Box<dyn ToSql + Send + Sync + 'a>>);

impl<'a> Row<'a> {
    pub(crate) fn new(release: &'a Release) -> Self {
        let values = COLUMNS
            .iter()
            .map(|column| -> Box<dyn ToSql + Send + Sync> {
                match column.value {
                    Value::Text(get) => Box::new(get(release)),
                    Value::Texts(get) => Box::new(get(release)),
                    Value::Names(get) => Box::new(get(release)),
                    Value::Instant(get) => Box::new(get(release)),
                    Value::Decimal(get) => Box::new(get(release)),
                    Value::Count(get) => Box::new(get(release)),
                    Value::Bytes(get) => Box::new(get(release)),
                    Value::Package(get) => Box::new(get(release)),
                    Value::Json(get) => Box::new(JsonText(get(release))),
                }
            });
        Self(values.collect())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &(dyn ToSql + Sync)> {
        self.0.iter().map(|value| &**value as &(dyn ToSql + Sync))
    }
}

/// A JSON value that is sent as its text.
#[derive(Debug)]
struct JsonText<'a>(&'a [u8]);

impl ToSql for JsonText<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull> {
        // Version 1 of the binary format of `jsonb` is this byte and then the JSON text.
        out.extend_from_slice(&[1]);
        out.extend_from_slice(self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSONB
    }

    to_sql_checked!();
}

pub(crate) fn count_releases(pages: &[Extracted]) -> usize {
    pages.iter().map(|(_, releases)| releases.len()).sum()
}

/// Returns the mean length of a release's text in bytes.
pub(crate) fn mean_bytes(pages: &[Extracted]) -> usize {
    let releases = pages.iter().flat_map(|(_, releases)| releases);
    releases.map(|release| release.text.len()).sum::<usize>() / count_releases(pages).max(1)
}
