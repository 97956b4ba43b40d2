//! Warns that a source's releases show the secrets that it was sent.
//!
//! A release is stored as served, so whoever may read the table can read a secret in it. Only
//! the operator can change that.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::warn;

use crate::page::Page;
use crate::redact::Redactor;
use crate::release::Release;

/// Searches the releases of a run for secrets, until it has found one.
#[derive(Debug)]
pub(super) struct EchoWatch {
    source: String,
    redactor: Redactor,
    has_warned: AtomicBool,
}

impl EchoWatch {
    pub(super) fn new(source: &str, redactor: Redactor) -> Self {
        Self {
            source: source.to_owned(),
            redactor,
            has_warned: AtomicBool::new(false),
        }
    }

    /// Warns once a run, about the first page with a release that shows a secret.
    pub(super) fn look_at(&self, page: &Page, releases: &[Release]) {
        if self.has_warned.load(Ordering::Relaxed) {
            return;
        }
        // one pass over the page, because nearly all pages show none
        let mut bodies = page.parts.iter().map(|part| &part.body);
        if bodies.all(|body| self.redactor.find(body).is_none()) {
            return;
        }
        let shown = |release: &Release| self.redactor.find(release.served_text());
        let mut shown = releases.iter().filter_map(shown);
        let Some(placeholder) = shown.next() else {
            return;
        };
        let (count, all) = (shown.count() + 1, releases.len());
        // several pages may be searched at once
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
