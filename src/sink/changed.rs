//! Finds the releases whose content differs from what is stored.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::bulk::{Transaction, next_reply};
use crate::error::Result;
use crate::release::Release;
use crate::sink::release::collect_keys;

/// The maximum number of stored hashes that are read at a time. The number is limited because a
/// row of the reply takes some hundred bytes, and a page may have very many releases.
const MAX_HASHES_PER_QUERY: usize = 10_000;

/// Releases in the order of their keys, in which they are written. The compiled ones are apart,
/// because they have a table of their own.
#[derive(Clone, Debug, Default)]
pub(super) struct SortedReleases<'a> {
    pub(super) releases: Vec<&'a Release>,
    pub(super) compiled: Vec<&'a Release>,
}

impl<'a> SortedReleases<'a> {
    pub(super) fn new(sorted: impl IntoIterator<Item = &'a Release>) -> Self {
        let sorted = sorted.into_iter();
        let (compiled, releases) = sorted.partition(|release| release.key.is_compiled());
        Self { releases, compiled }
    }

    pub(super) fn len(&self) -> usize {
        self.releases.len() + self.compiled.len()
    }

    /// Keeps the releases of which the source has not stored the same content.
    pub(super) async fn retain_changed(
        self,
        transaction: &Transaction,
        source: &str,
    ) -> Result<Self> {
        // Most pages need only one chunk, which costs one round trip.
        let mut changed = Self::default();
        let most = self.releases.len().max(self.compiled.len());
        for nth in 0..most.div_ceil(MAX_HASHES_PER_QUERY) {
            let chunk = |all: &[&'a Release]| {
                let rest = all.iter().skip(nth * MAX_HASHES_PER_QUERY);
                rest.take(MAX_HASHES_PER_QUERY).copied().collect()
            };
            let chunk = Self {
                releases: chunk(&self.releases),
                compiled: chunk(&self.compiled),
            };
            let more = chunk.retain_changed_of_chunk(transaction, source).await?;
            changed.releases.extend(more.releases);
            changed.compiled.extend(more.compiled);
        }
        Ok(changed)
    }

    async fn retain_changed_of_chunk(
        self,
        transaction: &Transaction,
        source: &str,
    ) -> Result<Self> {
        let Self { releases, compiled } = self;
        let (ocids, ids) = collect_keys(releases.iter().copied());
        let (compiled_ocids, _) = collect_keys(compiled.iter().copied());
        let mut exchange = transaction.new_exchange();
        exchange.push_query(
            include_str!("../../sql/sink/stored_release_hashes.sql"),
            vec![(&ocids, Type::TEXT_ARRAY), (&ids, Type::TEXT_ARRAY)],
        );
        if !compiled.is_empty() {
            exchange.push_query(
                include_str!("../../sql/sink/stored_compiled_hashes.sql"),
                vec![(&compiled_ocids, Type::TEXT_ARRAY)],
            );
        }
        let mut replies = exchange.await_replies().await?.into_iter();
        let releases = remove_stored(releases, &next_reply(&mut replies)??.rows, source)?;
        let compiled = match replies.next() {
            Some(stored) => remove_stored(compiled, &stored?.rows, source)?,
            None => compiled,
        };
        Ok(Self { releases, compiled })
    }
}

/// Removes the releases that the source has stored with the same content. Each row of `stored`
/// contains the position of a release, counted from 1, a source, and the hash that this source
/// has stored for the release's key.
fn remove_stored<'a>(
    releases: Vec<&'a Release>,
    stored: &[Row],
    source: &str,
) -> Result<Vec<&'a Release>> {
    let mut is_stored = vec![false; releases.len()];
    for row in stored {
        let position: i64 = row.try_get(0)?;
        let stored_by: &str = row.try_get(1)?;
        let hash: &[u8] = row.try_get(2)?;
        let index = usize::try_from(position - 1).expect("ordinality counts from 1");
        is_stored[index] |= stored_by == source && hash == releases[index].content_hash;
    }
    let changed = releases.into_iter().zip(is_stored);
    let changed = changed.filter_map(|(release, is_stored)| (!is_stored).then_some(release));
    Ok(changed.collect())
}
