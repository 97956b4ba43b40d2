//! Keeps one release for each key of a page: the release that was served last, or the newest.

use std::mem::take;

use crate::release::{Reason, Reject, Release};
use crate::source::Overwrite;

/// The releases of a page, one for each key, in the order of their keys. The order prevents
/// deadlocks, because every transaction locks rows in this order.
#[derive(Debug, Default)]
pub(super) struct Folded {
    pub(super) releases: Vec<Release>,
    /// The rejects for releases that another release of the same page replaces with different
    /// content.
    pub(super) superseded: Vec<Reject>,
    /// The number of releases that were removed because another release of the same page has the
    /// same key.
    pub(super) folded: usize,
}

/// Keeps one release of each key: the last one, or the last of those with the newest date. Another
/// release with different content becomes a reject.
pub(super) fn fold_duplicates(mut releases: Vec<Release>, overwrite: Overwrite) -> Folded {
    let served = releases.len();
    // The sort is stable, so releases that compare as equal stay in the order in which they were
    // served. A missing date is less than all others.
    releases.sort_by(|a, b| {
        let by_key = a.key.cmp(&b.key);
        match overwrite {
            Overwrite::Always => by_key,
            Overwrite::Newer => by_key.then_with(|| a.columns.date.cmp(&b.columns.date)),
        }
    });
    releases.reverse();
    let mut superseded = Vec::new();
    // Duplicates are removed in place, because a page may have very many releases.
    releases.dedup_by(|release, stored| {
        let is_repeated = release.key == stored.key;
        if is_repeated && release.content_hash != stored.content_hash {
            superseded.push(reject_superseded(release, &stored.pointer));
        }
        is_repeated
    });
    releases.reverse();
    Folded {
        folded: served - releases.len(),
        releases,
        superseded,
    }
}

/// Builds the reject for a superseded release. Parts of the release are moved into the reject,
/// because the release is dropped afterwards.
fn reject_superseded(release: &mut Release, by: &str) -> Reject {
    Reject {
        reason: Reason::Superseded,
        message: format!("the page has another release of this ocid and id at {by}"),
        document: release.served_text().clone(),
        pointer: take(&mut release.pointer),
        url: release.url.take(),
        version: release.version,
        package: release.package.take(),
        ocid: Some(take(&mut release.key.ocid)),
        release_id: Some(take(&mut release.key.release_id)),
        sqlstate: None,
        constraint: None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;

    use super::*;
    use crate::release::{Columns, Key};

    /// Builds releases from text. Each word of the text has the form `key:content` or
    /// `key:content@second`.
    fn page(releases: &str) -> Vec<Release> {
        let release = |(index, text): (usize, &str)| {
            let (ocid, content) = text.split_once(':').unwrap();
            let (content, date) = match content.split_once('@') {
                Some((content, second)) => (content, Some(second.parse().unwrap())),
                None => (content, None),
            };
            let date = date.map(|second| Timestamp::from_second(second).unwrap());
            Release {
                url: None,
                key: Key {
                    ocid: ocid.to_owned(),
                    release_id: "1".to_owned(),
                },
                columns: Box::new(Columns {
                    date,
                    ..Columns::default()
                }),
                content_hash: [content.as_bytes()[0]; 32],
                pointer: format!("/releases/{index}"),
                text: Bytes::copy_from_slice(content.as_bytes()),
                change: None,
                version: None,
                package: None,
            }
        };
        releases.split(' ').enumerate().map(release).collect()
    }

    fn check(releases: &str, stored: &[&str], superseded: &[&str], folded: usize) {
        check_by(Overwrite::Always, releases, stored, superseded, folded);
    }

    fn check_by(
        overwrite: Overwrite,
        releases: &str,
        stored: &[&str],
        superseded: &[&str],
        folded: usize,
    ) {
        let result = fold_duplicates(page(releases), overwrite);
        let release = |r: &Release| format!("{}:{}", r.key.ocid, r.text.escape_ascii());
        let reject = |r: &Reject| r.document.escape_ascii().to_string();
        assert_eq!(
            result.releases.iter().map(release).collect::<Vec<_>>(),
            stored
        );
        assert_eq!(
            result.superseded.iter().map(reject).collect::<Vec<_>>(),
            superseded
        );
        assert_eq!(result.folded, folded);
    }

    #[test]
    fn releases_are_stored_in_the_order_of_their_keys() {
        check("c:1 a:1 b:1", &["a:1", "b:1", "c:1"], &[], 0);
    }

    #[test]
    fn the_last_of_a_key_is_stored_and_the_others_are_kept_as_superseded() {
        check("a:1 b:1 a:2 a:3", &["a:3", "b:1"], &["2", "1"], 2);
    }

    #[test]
    fn the_newest_of_a_key_is_stored_wherever_it_is() {
        let newer = Overwrite::Newer;
        check_by(newer, "a:1@9 a:2@5 b:1", &["a:1", "b:1"], &["2"], 1);
        check_by(newer, "a:1 a:2@5 a:3", &["a:2"], &["3", "1"], 2);
        // of two with the same date, the last
        check_by(newer, "a:1@5 a:2@5", &["a:2"], &["1"], 1);
        check("a:1@9 a:2@5", &["a:2"], &["1"], 1);
    }

    #[test]
    fn a_repeated_release_is_folded_and_not_a_reject() {
        check("a:1 a:1", &["a:1"], &[], 1);
        check("a:1 a:2 a:1", &["a:1"], &["2"], 2);
    }
}
