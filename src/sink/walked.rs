//! Collects the keys of the releases that a page has met, so that two walks can be compared.

use crate::release::{Reason, Reject, Release};

/// The number of bytes that are kept of a key.
pub(super) const KEY_BYTES: usize = 8;

/// Returns the digest of the key of a release. Of two billion releases, hardly two have the same.
pub(super) fn digest_key(ocid: &str, release_id: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    // no key that is stored has a NUL, so two keys cannot give the same text
    for part in [ocid, "\0", release_id] {
        hasher.update(part.as_bytes());
    }
    let hash = hasher.finalize();
    let (first, _) = hash.as_bytes().split_first_chunk().expect("32 bytes");
    u64::from_be_bytes(*first)
}

/// The keys that a page of a walk has met, whatever became of their releases.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WalkedKeys {
    /// The digests of the keys, each as [`KEY_BYTES`] bytes.
    pub(super) digests: Vec<u8>,
    /// False if something may have been on the page whose key is unknown.
    pub(super) is_whole: bool,
}

impl WalkedKeys {
    /// Collects the keys of the releases and rejects of a page.
    pub(super) fn collect<'r>(
        releases: impl IntoIterator<Item = &'r Release>,
        rejects: impl IntoIterator<Item = &'r Reject>,
    ) -> Self {
        let mut digests = Vec::new();
        let mut is_whole = true;
        let mut add = |ocid: &str, release_id: &str| {
            digests.extend(digest_key(ocid, release_id).to_be_bytes());
        };
        for release in releases {
            add(&release.key.ocid, &release.key.release_id);
        }
        for reject in rejects {
            match (&reject.ocid, &reject.release_id) {
                (Some(ocid), Some(release_id)) => add(ocid, release_id),
                _ => is_whole &= is_no_release(reject.reason),
            }
        }
        Self { digests, is_whole }
    }
}

/// Returns true if what was passed over for this reason stands for no release. A document that an
/// index names and that does not exist may be one that does tomorrow.
fn is_no_release(reason: Reason) -> bool {
    reason.is_passed_over() && reason != Reason::MissingDocument
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn reject(reason: Reason, key: Option<(&str, &str)>) -> Reject {
        Reject {
            reason,
            ocid: key.map(|(ocid, _)| ocid.to_owned()),
            release_id: key.map(|(_, id)| id.to_owned()),
            ..Reject::unreadable_page(Bytes::new(), String::new())
        }
    }

    #[test]
    fn a_reject_with_a_key_counts_as_met_and_one_without_may_be_any_release() {
        let collect = |rejects: &[Reject]| WalkedKeys::collect([], rejects);
        let known = collect(&[reject(Reason::TooDeep, Some(("o", "1")))]);
        assert_eq!(known.digests, digest_key("o", "1").to_be_bytes());
        assert!(known.is_whole);
        for (reason, is_whole) in [
            (Reason::InvalidJson, false),
            (Reason::MissingDocument, false),
            (Reason::UnfetchedDocument, false),
            (Reason::LinkedRelease, false),
            (Reason::SideFile, true),
            (Reason::VersionedRelease, true),
        ] {
            assert_eq!(
                collect(&[reject(reason, None)]).is_whole,
                is_whole,
                "{reason:?}"
            );
        }
    }

    #[test]
    fn keys_that_look_alike_when_joined_differ() {
        assert_ne!(digest_key("o-1", "2"), digest_key("o-12", ""));
        assert_ne!(digest_key("o", "1"), digest_key("o1", ""));
    }
}
