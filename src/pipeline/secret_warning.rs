//! Warns if a source's releases show a secret that was sent to the source.
//!
//! A release is stored as it was served, so everybody who may read the table can read the secret.
//! Only the operator can change that.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::warn;

use crate::page::Page;
use crate::redact::Redactor;
use crate::release::Release;

/// Searches the releases of a run for secrets until it has found one.
#[derive(Debug)]
pub(super) struct SecretWarning {
    source: String,
    redactor: Redactor,
    has_warned: AtomicBool,
}

impl SecretWarning {
    pub(super) fn new(source: &str, redactor: Redactor) -> Self {
        Self {
            source: source.to_owned(),
            redactor,
            has_warned: AtomicBool::new(false),
        }
    }

    /// Warns about the first page of the run that has a release with a secret.
    pub(super) fn check_page(&self, page: &Page, releases: &[Release]) {
        if self.has_warned.load(Ordering::Relaxed) {
            return;
        }
        // the whole page is searched first, because nearly all pages show no secret
        let mut bodies = page.documents.iter().map(|document| &document.body);
        if bodies.all(|body| self.redactor.find(body).is_none()) {
            return;
        }
        let shown = |release: &Release| self.redactor.find(release.served_text());
        let mut shown = releases.iter().filter_map(shown);
        let Some(placeholder) = shown.next() else {
            return;
        };
        let (count, all) = (shown.count() + 1, releases.len());
        // another thread may have warned about another page meanwhile
        if self.has_warned.swap(true, Ordering::Relaxed) {
            return;
        }
        let (source, number) = (&self.source, page.position.number);
        warn!(
            source.name = %source, page = number, releases = count,
            "page {number} of {source} shows {placeholder} in {count} of its {all} releases, which are \
             stored as they were served: whoever may read ocds.release can read the secret. Ask the \
             publisher for another one, and to send none back"
        );
    }
}
