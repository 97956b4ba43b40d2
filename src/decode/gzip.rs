//! Decompresses gzip files, which may have several members and padding behind them.

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::GzDecoder;

/// Reads the joined contents of all members. Some programs fill a file up with zeros or end it
/// with a line feed. Other data behind the members is an error.
pub(crate) struct GzipReader<R> {
    /// `None` behind the last member.
    decoder: Option<GzDecoder<R>>,
}

impl<R: BufRead> GzipReader<R> {
    pub(crate) fn new(packed: R) -> Self {
        Self {
            decoder: Some(GzDecoder::new(packed)),
        }
    }
}

impl<R: BufRead> Read for GzipReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let read = decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            // the next member can begin only where this one ends
            let is_padded = skip_padding(decoder.get_mut())?;
            let is_over = decoder.get_mut().fill_buf()?.is_empty();
            if is_padded && !is_over {
                return Err(ErrorKind::InvalidData.into());
            }
            let packed = self.decoder.take().filter(|_| !is_over);
            self.decoder = packed.map(|ended| GzDecoder::new(ended.into_inner()));
        }
        Ok(0)
    }
}

/// Returns true if there was any padding.
fn skip_padding(packed: &mut impl BufRead) -> io::Result<bool> {
    let mut is_padded = false;
    loop {
        let rest = packed.fill_buf()?;
        let is_padding = |byte: &&u8| matches!(**byte, 0 | b'\r' | b'\n');
        let padding = rest.iter().take_while(is_padding).count();
        if padding == 0 {
            return Ok(is_padded);
        }
        packed.consume(padding);
        is_padded = true;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write as _};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(content: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn only_members_and_then_padding_are_read() {
        let (first, second) = (gzip("a"), gzip("b"));
        let zeros = &[0; 100][..];
        for (parts, expected) in [
            (&[&*first][..], Some("a")),
            (&[&*first, &*second][..], Some("ab")),
            (&[&*first, &*second, zeros][..], Some("ab")),
            (&[&*first, b"\n"][..], Some("a")),
            (&[&*first, b"\r\n"][..], Some("a")),
            (&[&*first, b"\0", &*second][..], None),
            (&[&*first, b"\n ", zeros][..], None),
            (&[&*first, b"more"][..], None),
            (&[&*first, &second[..9]][..], None),
            (&[&first[..first.len() - 1]][..], None),
            (&[zeros][..], None),
        ] {
            let packed = parts.concat();
            for capacity in [1, 7, 1_000] {
                let reader = BufReader::with_capacity(capacity, &*packed);
                let mut content = String::new();
                let read = GzipReader::new(reader).read_to_string(&mut content);
                let content = read.ok().map(|_| content);
                assert_eq!(content.as_deref(), expected, "{parts:?} by {capacity}");
            }
        }
    }
}
