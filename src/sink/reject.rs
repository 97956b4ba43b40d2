//! The rows of `ocds.quarantine`.

use tokio_postgres::error::DbError;
use tokio_postgres::types::{ToSql, Type};

use crate::release::{Reason, Reject, Release};
use crate::sink::release::{Keys, Shared};
use crate::sink::transaction::{Flight, Typed};

/// What the server refused, and what it said of it.
pub(super) fn refused(release: &Release, error: &DbError) -> Reject {
    let sqlstate = error.code().code();
    let message = match error.constraint() {
        Some(constraint) => format!("SQLSTATE {sqlstate}, {constraint}: {}", error.message()),
        None => format!("SQLSTATE {sqlstate}: {}", error.message()),
    };
    Reject {
        reason: Reason::Refused,
        message,
        pointer: release.pointer.clone(),
        document: release.text.clone(),
        ocid: Some(release.key.ocid.clone()),
        release_id: Some(release.key.release_id.clone()),
        sqlstate: Some(sqlstate.to_owned()),
        constraint: error.constraint().map(str::to_owned),
    }
}

/// Rejects as one array for each column.
#[derive(Debug, Default)]
pub(super) struct RejectColumns<'a> {
    hashes: Vec<Vec<u8>>,
    pointers: Vec<String>,
    reasons: Vec<&'static str>,
    messages: Vec<String>,
    sqlstates: Vec<Option<&'a str>>,
    constraints: Vec<Option<&'a str>>,
    ocids: Vec<Option<&'a str>>,
    release_ids: Vec<Option<&'a str>>,
    documents: Vec<&'a [u8]>,
}

impl<'a> RejectColumns<'a> {
    /// The rejects in the order of their unique key, in which rows are locked.
    pub(super) fn new(rejects: impl Iterator<Item = &'a Reject>) -> Self {
        let mut rows: Vec<(Vec<u8>, &Reject)> = rejects
            .map(|reject| (blake3::hash(&reject.document).as_bytes().to_vec(), reject))
            .collect();
        rows.sort_by(|a, b| (&a.0, &a.1.pointer).cmp(&(&b.0, &b.1.pointer)));
        let mut columns = Self::default();
        for (hash, reject) in rows {
            columns.hashes.push(hash);
            columns.pointers.push(storable(&reject.pointer));
            columns.reasons.push(reject.reason.as_str());
            columns.messages.push(storable(&reject.message));
            columns.sqlstates.push(reject.sqlstate.as_deref());
            columns.constraints.push(reject.constraint.as_deref());
            columns.ocids.push(if_storable(reject.ocid.as_deref()));
            columns
                .release_ids
                .push(if_storable(reject.release_id.as_deref()));
            columns.documents.push(&reject.document);
        }
        columns
    }

    pub(super) fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// The last nine parameters of `insert_rejects.sql`.
    pub(super) fn parameters(&self) -> [(&(dyn ToSql + Sync), Type); 9] {
        [
            (&self.hashes, Type::BYTEA_ARRAY),
            (&self.pointers, Type::TEXT_ARRAY),
            (&self.reasons, Type::TEXT_ARRAY),
            (&self.messages, Type::TEXT_ARRAY),
            (&self.sqlstates, Type::TEXT_ARRAY),
            (&self.constraints, Type::TEXT_ARRAY),
            (&self.ocids, Type::TEXT_ARRAY),
            (&self.release_ids, Type::TEXT_ARRAY),
            (&self.documents, Type::BYTEA_ARRAY),
        ]
    }
}

/// Text without the one character that PostgreSQL's text cannot hold.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A key that PostgreSQL's text cannot hold is the key of nothing stored.
fn if_storable(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.contains('\0'))
}

/// Keeps rejects that came with a page of this URL.
pub(super) fn insert_rejects<'f>(
    flight: &mut Flight<'f>,
    shared: &'f Shared<'f>,
    url: &'f String,
    rejects: &'f RejectColumns<'f>,
) {
    let mut parameters: Vec<Typed<'f>> = vec![
        (&shared.source, Type::TEXT),
        (url, Type::TEXT),
        (&shared.run_id, Type::INT8),
        (&shared.page_number, Type::INT8),
        (&shared.now, Type::TIMESTAMPTZ),
    ];
    parameters.extend(rejects.parameters());
    flight.typed(
        include_str!("../../sql/sink/insert_rejects.sql"),
        parameters,
    );
}

/// Resolves the rejects of keys that are stored now, and the page's own if it
/// could not be read before.
pub(super) fn resolve_rejects<'f>(
    flight: &mut Flight<'f>,
    shared: &'f Shared<'f>,
    (ocids, ids): &'f Keys<'f>,
) {
    flight.typed(
        include_str!("../../sql/sink/resolve_rejects.sql"),
        vec![
            (&shared.source, Type::TEXT),
            (ocids, Type::TEXT_ARRAY),
            (ids, Type::TEXT_ARRAY),
            (&shared.now, Type::TIMESTAMPTZ),
        ],
    );
    flight.typed(
        include_str!("../../sql/sink/resolve_unreadable.sql"),
        vec![
            (&shared.source, Type::TEXT),
            (&shared.page_number, Type::INT8),
            (&shared.now, Type::TIMESTAMPTZ),
        ],
    );
}
