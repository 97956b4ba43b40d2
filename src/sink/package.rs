//! Writes the packages to which rows refer.
//!
//! A package is inserted in the transaction of the first row that refers to it, and nothing
//! updates it. A release that is served again unchanged keeps its package, because no row of it
//! is written: the package tells who published the content when it was first seen. A package to
//! which no row refers any more stays, and only a purge of its source deletes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio_postgres::types::Type;

use crate::bulk::{Exchange, Transaction};
use crate::error::Result;
use crate::package::{Package, PackageId};
use crate::release::{Reject, Release};

pub(super) const INSERT_PACKAGES: &str = include_str!("../../sql/sink/insert_packages.sql");

/// The packages to insert, in the order of their ids.
#[derive(Debug, Default)]
pub(super) struct PackageRows<'a> {
    ids: Vec<PackageId>,
    texts: Vec<&'a str>,
}

impl<'a> PackageRows<'a> {
    /// Collects the packages of some releases and rejects, each package once. Packages that are
    /// stored already are left out.
    pub(super) fn collect(
        releases: impl IntoIterator<Item = &'a Release>,
        rejects: impl IntoIterator<Item = &'a Reject>,
    ) -> Self {
        let releases = releases.into_iter().filter_map(|it| it.package.as_deref());
        let rejects = rejects.into_iter().filter_map(|it| it.package.as_deref());
        let mut texts = BTreeMap::new();
        let mut last = None;
        for Package { id, text } in releases.chain(rejects) {
            // most neighbours have the same package
            if let (Some(text), true) = (text, last != Some(id)) {
                texts.insert(*id, &**text);
            }
            last = Some(id);
        }
        let (ids, texts) = texts.into_iter().unzip();
        Self { ids, texts }
    }

    /// Inserts the packages, and waits for the reply.
    pub(super) async fn write(
        &self,
        transaction: &Transaction,
        source: &String,
        now: Timestamp,
    ) -> Result<()> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let mut exchange = transaction.new_exchange();
        self.insert(&mut exchange, source, &now);
        exchange.await_last_answer().await?;
        Ok(())
    }

    /// Inserts the packages that are not stored yet. Other transactions may insert the same
    /// packages and wait for this one, so this must be one of its last statements.
    pub(super) fn insert<'f>(
        &'f self,
        exchange: &mut Exchange<'f>,
        source: &'f String,
        now: &'f Timestamp,
    ) {
        if self.ids.is_empty() {
            return;
        }
        exchange.push_query(
            INSERT_PACKAGES,
            vec![
                (source, Type::TEXT),
                (&self.ids, Type::UUID_ARRAY),
                (&self.texts, Type::TEXT_ARRAY),
                (now, Type::TIMESTAMPTZ),
            ],
        );
    }
}
