//! Holds a text and the part of it that is in memory.

use std::io::{self, Read};

use bytes::{Buf as _, Bytes, BytesMut};

use crate::decode::charset;
use crate::decode::file::texts::ReadError;
use crate::source::Charset;

const READ_BYTES: usize = 64 << 10;

pub(super) struct Lookahead {
    reader: Box<dyn Read + Send>,
    pub(super) bytes: BytesMut,
    /// True if the text ends with `bytes`.
    pub(super) is_all: bool,
    /// A clause that says what is wrong with the text where it ends, if it is damaged.
    pub(super) damage: Option<String>,
    /// The number of bytes of the text before `bytes`.
    pub(super) offset: u64,
    before: blake3::Hasher,
}

impl Lookahead {
    pub(super) fn new(reader: Box<dyn Read + Send>, seed: [u8; 32]) -> Self {
        let mut before = blake3::Hasher::new();
        before.update(&seed);
        Self {
            reader,
            bytes: BytesMut::new(),
            is_all: false,
            damage: None,
            offset: 0,
            before,
        }
    }

    pub(super) fn into_utf8(self, declared: Option<Charset>, content_type: Option<&str>) -> Self {
        let beginning = self.bytes.freeze();
        let rest: Box<dyn Read + Send> = match self.damage {
            Some(_) => Box::new(io::empty()),
            None => self.reader,
        };
        Self {
            reader: charset::utf8_reader(beginning, rest, declared, content_type),
            bytes: BytesMut::new(),
            is_all: false,
            ..self
        }
    }

    /// Reads until `bytes` bytes are in memory or the text ends. A damaged text ends at the
    /// damage.
    pub(super) fn fill(&mut self, bytes: usize) -> Result<(), ReadError> {
        let mut piece = [0; READ_BYTES];
        while self.bytes.len() < bytes && !self.is_all {
            let most = READ_BYTES.min(bytes - self.bytes.len());
            match self.reader.read(&mut piece[..most]) {
                Ok(0) => self.is_all = true,
                Ok(read) => self.bytes.extend_from_slice(&piece[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => match ReadError::from_io(&error, "damaged, or cut short") {
                    ReadError::Damaged(message) => {
                        self.is_all = true;
                        self.damage = Some(message);
                    }
                    lost @ ReadError::Unavailable(_) => return Err(lost),
                },
            }
        }
        Ok(())
    }

    /// Removes bytes from the start and returns them.
    pub(super) fn split_to(&mut self, bytes: usize) -> Bytes {
        // a copy, so that the memory of each is freed on its own
        let taken = Bytes::copy_from_slice(&self.bytes[..bytes]);
        self.bytes.advance(bytes);
        self.offset += bytes as u64;
        self.before.update(&taken);
        taken
    }

    pub(super) fn digest_before(&self) -> [u8; 32] {
        *self.before.finalize().as_bytes()
    }
}
