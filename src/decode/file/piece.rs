//! A piece of a file. It has as many documents and items as one page of the run.

use bytes::Bytes;
use serde_json::Value;

use crate::decode::Decoded;
use crate::json::PortionLimits;
use crate::page::{BrokenDocument, Document};

/// Every document up to this size, in bytes, is kept whole in memory.
pub(super) const WHOLE_BYTES: usize = 4 << 20;

pub(super) const PIECE: PortionLimits = PortionLimits {
    items: 1_000,
    bytes: 1 << 20,
};

/// Documents and items of a file, in their order.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    pub(crate) documents: Vec<Document>,
    pub(crate) broken: Vec<BrokenDocument>,
    /// The envelope of the first document that begins in the piece.
    pub(crate) envelope: Option<Value>,
    items: usize,
    bytes: usize,
}

impl Piece {
    pub(super) fn is_empty(&self) -> bool {
        self.documents.is_empty() && self.broken.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.items >= PIECE.items || self.bytes >= PIECE.bytes
    }

    pub(super) fn add(&mut self, decoded: Decoded) {
        let items = decoded.documents.iter().map(Document::item_count);
        self.items += items.sum::<usize>() + decoded.broken.len();
        let bodies = decoded.documents.iter().map(|document| document.body.len());
        let broken = decoded.broken.iter().map(|broken| broken.body.len());
        self.bytes += bodies.chain(broken).sum::<usize>();
        if self.envelope.is_none() && !decoded.documents.is_empty() {
            self.envelope = Some(decoded.envelope);
        }
        self.documents.extend(decoded.documents);
        self.broken.extend(decoded.broken);
    }

    pub(super) fn add_broken(&mut self, pointer: String, body: Bytes, message: String) {
        self.items += 1;
        self.bytes += body.len();
        self.broken
            .push(BrokenDocument::unreadable(pointer, body, message));
    }
}
