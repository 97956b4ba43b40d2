//! Tells whether a zip file is whole although its server announced more bytes.
//!
//! A zip file ends with the directory of its members, and the record behind the directory says
//! where the directory is. If that is exactly where the bytes that have arrived have it, nothing
//! of the file is missing. The end of a zip file within another one does not pass for the end of
//! the other one, because its directory says another place.

use tracing::info;

use crate::http::wire::Interruption;
use crate::metrics;
use crate::source::Http;

/// The record at the end of a zip file, without its comment.
const END: (&[u8], usize) = (b"PK\x05\x06", 22);

/// The record that says where the end record of a zip file of more than 4 GiB is.
const LOCATOR: (&[u8], usize) = (b"PK\x06\x07", 20);

/// The end record of a zip file of more than 4 GiB.
const LARGE_END: (&[u8], usize) = (b"PK\x06\x06", 56);

/// No end of a zip file has more bytes than this, with its longest comment.
pub(crate) const LONGEST_END: usize = LARGE_END.1 + LOCATOR.1 + END.1 + u16::MAX as usize;

/// Returns true if the source accepts short archives, and if a body that did not arrive as
/// announced is a whole zip file. `end` are the last [`LONGEST_END`] of its `length` bytes, or all.
pub(crate) fn is_accepted(
    http: &Http,
    source: &str,
    why: &Interruption,
    (end, length): (&[u8], u64),
) -> bool {
    let is_short = match why {
        Interruption::Connection(_) | Interruption::Stalled(_) | Interruption::Short { .. } => true,
        Interruption::Long { .. } | Interruption::Unclear | Interruption::Part => false,
    };
    let is_accepted = http.accept_short_archive && is_short && is_whole_zip(end, length);
    if is_accepted {
        metrics::count_short_archive(source);
        info!(
            source.name = %source,
            bytes = length,
            "a zip file of {source} is whole with {length} bytes, although {why}: its directory \
             ends it"
        );
    }
    is_accepted
}

fn is_whole_zip(end: &[u8], length: u64) -> bool {
    let candidates = memchr::memmem::rfind_iter(end, END.0);
    candidates
        .into_iter()
        .any(|at| is_end_of_whole_zip(end, length, at).is_some_and(|it| it))
}

/// Returns true if the end record at `at` is the last thing of the file, and if the directory that
/// it tells ends where the record begins. Returns `None` if the record is not whole.
fn is_end_of_whole_zip(end: &[u8], length: u64, at: usize) -> Option<bool> {
    let before = length.checked_sub(end.len() as u64)?;
    let record = end.get(at..at + END.1)?;
    let comment = usize::from(read::<2>(record, 20).map(u16::from_le_bytes)?);
    let has_end = at + END.1 + comment == end.len();
    let bytes = u64::from(read::<4>(record, 12).map(u32::from_le_bytes)?);
    let offset = u64::from(read::<4>(record, 16).map(u32::from_le_bytes)?);
    let large = at.checked_sub(LOCATOR.1 + LARGE_END.1);
    if let Some(large) = large.filter(|large| end[*large..].starts_with(LARGE_END.0))
        && end[at - LOCATOR.1..].starts_with(LOCATOR.0)
    {
        let bytes = read::<8>(end, large + 40).map(u64::from_le_bytes)?;
        let offset = read::<8>(end, large + 48).map(u64::from_le_bytes)?;
        return Some(has_end && offset.checked_add(bytes)? == before + large as u64);
    }
    Some(has_end && offset + bytes == before + at as u64)
}

fn read<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use zip::CompressionMethod;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zip(members: &[(&str, &[u8])], comment: &str) -> Vec<u8> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        archive.set_comment(comment).unwrap();
        for (name, content) in members {
            archive.start_file(*name, options).unwrap();
            archive.write_all(content).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn is_whole(body: &[u8]) -> bool {
        let end = &body[body.len() - body.len().min(LONGEST_END)..];
        is_whole_zip(end, body.len() as u64)
    }

    #[test]
    fn only_a_whole_zip_file_is_whole() {
        let long = vec![b'x'; 100_000];
        for comment in ["", "of PK\x05\x06 and others"] {
            let body = zip(&[("a.json", b"{}"), ("b.json", &long)], comment);
            assert!(is_whole(&body));
            for cut in [1, 2, 21, 22, 23, 60, 200, 50_000] {
                assert!(!is_whole(&body[..body.len() - cut]), "{cut}");
            }
            assert!(!is_whole(&[&body[..], b"\n"].concat()));
            assert!(!is_whole(&body[1..]));
        }
        assert!(is_whole(&zip(&[], "")));
        assert!(!is_whole(b"") && !is_whole(b"{}") && !is_whole(b"PK\x05\x06"));
    }

    #[test]
    fn a_zip_file_within_a_cut_one_does_not_end_it() {
        let inner = zip(&[("a.json", b"{}")], "");
        let body = zip(&[("1.zip", &inner), ("2.zip", &inner)], "");
        let at = memchr::memmem::find(&body, &inner).unwrap();
        assert!(!is_whole(&body[..at + inner.len()]));
        assert!(is_whole(&body));
    }

    #[test]
    fn a_zip_file_of_more_than_4_gib_is_told_by_its_own_record() {
        let mut end = vec![0; LARGE_END.1 + LOCATOR.1 + END.1];
        let large_at: u64 = 5 << 30;
        end[..4].copy_from_slice(LARGE_END.0);
        end[40..48].copy_from_slice(&100_u64.to_le_bytes());
        end[48..56].copy_from_slice(&(large_at - 100).to_le_bytes());
        end[56..60].copy_from_slice(LOCATOR.0);
        end[76..80].copy_from_slice(END.0);
        end[88..96].fill(0xFF);
        let length = large_at + end.len() as u64;
        assert!(is_whole_zip(&end, length));
        assert!(!is_whole_zip(&end, length - 1));
    }
}
