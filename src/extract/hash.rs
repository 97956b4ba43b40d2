//! Computes the content hash of a release. If a stored release has the same hash, the release is
//! unchanged.

use crate::json::{Loose, Rules, is_white_space, skip_white_space};

/// Hashes JSON text without the white space between its tokens, so that a publisher may start or
/// stop indenting. If `has_white_space` is false, there is none.
///
/// The names of the repairs are part of the hash. A publisher who corrects the defect serves the
/// text that the repair had made, and the row must no longer be marked as repaired.
pub(super) fn hash_content(text: &[u8], has_white_space: bool, repairs: &[&str]) -> [u8; 32] {
    let of_text = match has_white_space {
        true => blake3::hash(&remove_white_space(text)),
        false => blake3::hash(text),
    };
    if repairs.is_empty() {
        return of_text.into();
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(of_text.as_bytes());
    hasher.update(repairs.join(" ").as_bytes());
    hasher.finalize().into()
}

/// Removes the white space between the tokens of JSON text.
pub(super) fn remove_white_space(text: &[u8]) -> Vec<u8> {
    let mut tokens = Vec::with_capacity(text.len());
    let mut start = 0;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if *byte == b'"' {
            at = Loose
                .find_string_end(text, at + 1)
                .map_or(text.len(), |end| end + 1);
        } else if is_white_space(*byte) {
            tokens.extend_from_slice(&text[start..at]);
            at = skip_white_space(text, at);
            start = at;
        } else {
            at += 1;
        }
    }
    tokens.extend_from_slice(&text[start..]);
    tokens
}
