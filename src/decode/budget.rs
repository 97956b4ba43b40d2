//! Limits what a body may decompress to: bytes, members and items, over all its archives
//! together.

use std::io::{ErrorKind, Read};

use bytes::Bytes;

use crate::config;
use crate::json::MAX_ENVELOPE_BYTES;

const PIECE_BYTES: usize = 64 << 10;

/// Every archive may decompress to this many bytes, whatever its size is. Small archives often
/// have high ratios, because they repeat much, and they do no harm.
const FREE_BYTES: u64 = 1 << 20;

/// Returns how many bytes `packed` compressed bytes may decompress to, by `fetch.max_ratio`.
pub(crate) fn limit_by_ratio(packed: u64, ratio: u32) -> u64 {
    packed
        .saturating_mul(ratio.into())
        .saturating_add(FREE_BYTES)
}

pub(crate) fn ratio_exceeded_message(ratio: u32) -> String {
    format!("more than {ratio} times as large decompressed, the limit of `fetch.max_ratio`")
}

pub(crate) fn too_many_members_message(most: usize) -> String {
    format!("an archive of more than {most} members, the limit of `fetch.max_members`")
}

/// Counts down what is left of each limit of a body.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: usize,
    members: usize,
    items: usize,
    around: usize,
    max_members: usize,
    max_items: usize,
    too_many_bytes: String,
}

pub(crate) fn too_many_items_message(most: usize) -> String {
    format!("a page of more than {most} items, the limit of `fetch.max_items`")
}

/// The error that a body exceeds a limit. The text is a clause that names the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LimitExceeded(pub(crate) String);

impl Budget {
    pub(crate) fn new(limits: &config::Fetch, body_bytes: usize) -> Self {
        let by_ratio = limit_by_ratio(body_bytes as u64, limits.max_ratio);
        let by_ratio = usize::try_from(by_ratio).unwrap_or(usize::MAX);
        let by_size = limits.max_decoded_bytes;
        let too_many_bytes = if by_ratio < by_size {
            ratio_exceeded_message(limits.max_ratio)
        } else {
            format!("larger than {by_size} bytes, the limit of `fetch.max_decoded_bytes`")
        };
        Self {
            bytes: by_ratio.min(by_size),
            members: limits.max_members,
            items: limits.max_items,
            around: MAX_ENVELOPE_BYTES,
            max_members: limits.max_members,
            max_items: limits.max_items,
            too_many_bytes,
        }
    }

    pub(crate) fn byte_count(&self) -> usize {
        self.bytes
    }

    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), LimitExceeded> {
        spend(&mut self.bytes, bytes, || self.too_many_bytes.clone())
    }

    pub(crate) fn spend_members(&mut self, members: usize) -> Result<(), LimitExceeded> {
        spend(&mut self.members, members, || {
            too_many_members_message(self.max_members)
        })
    }

    /// Counts items or documents. They have a limit, because each needs memory in addition to its
    /// bytes.
    pub(crate) fn spend_items(&mut self, items: usize) -> Result<(), LimitExceeded> {
        spend(&mut self.items, items, || {
            too_many_items_message(self.max_items)
        })
    }

    /// Counts bytes of the envelope, which is the page without its items. They have a limit of
    /// their own, because the envelope is kept as a tree, which needs many times as much memory.
    pub(crate) fn spend_envelope(&mut self, bytes: usize) -> Result<(), LimitExceeded> {
        spend(&mut self.around, bytes, || {
            format!("a page of more than {MAX_ENVELOPE_BYTES} bytes around its items")
        })
    }
}

fn spend(
    left: &mut usize,
    amount: usize,
    message: impl Fn() -> String,
) -> Result<(), LimitExceeded> {
    *left = left
        .checked_sub(amount)
        .ok_or_else(|| LimitExceeded(message()))?;
    Ok(())
}

/// Reads until the end of the content, which a decompressor may produce. Returns the bytes up to
/// the error if the content is damaged.
pub(super) fn read_within_budget(
    mut reader: impl Read,
    claimed: usize,
    budget: &mut Budget,
) -> Result<Result<Bytes, Bytes>, LimitExceeded> {
    // the claimed size may be a lie, so more than this is reserved only as bytes arrive
    let mut content = Vec::with_capacity(claimed.min(16 << 20).min(budget.byte_count()));
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(Ok(content.into())),
            Ok(read) => {
                budget.spend(read)?;
                content.extend_from_slice(&piece[..read]);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Ok(Err(content.into())),
        }
    }
}
