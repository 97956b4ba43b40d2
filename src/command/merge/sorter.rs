//! Sorts releases by process, in limited memory.
//!
//! Releases are collected in memory up to a limit, sorted, and written to a temporary file, which
//! is a run. At the end the runs are merged. If there are many runs, some of them are first merged
//! into a longer one. The files have no name, so the system deletes them when the process ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Seek, Write};
use std::ops::Range;

/// The number of runs of one length that are merged into a longer one. Each of them is an open
/// file with a buffer.
const FAN_IN: usize = 64;

const BUFFER_BYTES: usize = 64 << 10;

/// The place of a release in the order: by process, then releases before compiled releases, then
/// by `id`, by date, and by the order of the input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) ocid: String,
    /// True if the publisher has compiled the release.
    pub(super) is_compiled: bool,
    /// The text that tells the releases of a process apart. It is empty for compiled releases.
    pub(super) release_id: String,
    /// The date in microseconds since 1970, or the smallest number if there is none.
    pub(super) date: i64,
    /// The number of the release in the input.
    pub(super) number: u64,
}

/// A release, with its JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) text: String,
}

/// Collects releases, and returns them in order.
#[derive(Debug)]
pub(super) struct Sorter {
    memory_bytes: usize,
    /// The texts of the releases in memory.
    texts: String,
    /// The releases in memory, each with the place of its text.
    entries: Vec<(Key, Range<usize>)>,
    /// An estimate of the memory that the keys need.
    key_bytes: usize,
    /// The runs by the number of times that their releases were merged.
    levels: Vec<Vec<Run>>,
}

impl Sorter {
    /// Creates a sorter that keeps releases with this number of bytes in memory.
    pub(super) fn new(memory_bytes: usize) -> Self {
        Self {
            memory_bytes,
            texts: String::new(),
            entries: Vec::new(),
            key_bytes: 0,
            levels: Vec::new(),
        }
    }

    /// Adds a release. Fails if a temporary file cannot be written.
    pub(super) fn push(&mut self, key: Key, text: &str) -> io::Result<()> {
        let start = self.texts.len();
        self.texts.push_str(text);
        self.key_bytes += size_of::<(Key, Range<usize>)>() + key.ocid.len() + key.release_id.len();
        self.entries.push((key, start..self.texts.len()));
        if self.texts.len() + self.key_bytes >= self.memory_bytes {
            self.spill()?;
        }
        Ok(())
    }

    /// Writes the releases in memory to a run.
    fn spill(&mut self) -> io::Result<()> {
        let mut writer = RunWriter::new()?;
        self.entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        for (key, text) in self.entries.drain(..) {
            writer.write(&key, &self.texts[text])?;
        }
        self.texts.clear();
        self.key_bytes = 0;
        self.add_run(writer.finish()?)
    }

    /// Adds a run to the first level. If a level is full, its runs become one of the next level.
    fn add_run(&mut self, mut run: Run) -> io::Result<()> {
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(run);
            if self.levels[level].len() < FAN_IN {
                break;
            }
            run = merge_runs(std::mem::take(&mut self.levels[level]))?;
        }
        Ok(())
    }

    /// Returns all releases in order.
    pub(super) fn finish(mut self) -> io::Result<Sorted> {
        if self.levels.is_empty() {
            self.entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            let texts = self.texts;
            let entries = self.entries.into_iter();
            return Ok(Sorted(Entries::InMemory(texts, entries)));
        }
        if !self.entries.is_empty() {
            self.spill()?;
        }
        let mut runs: Vec<Run> = self.levels.into_iter().flatten().collect();
        while runs.len() > FAN_IN {
            let rest = runs.split_off(FAN_IN);
            let merged = merge_runs(runs)?;
            runs = rest;
            runs.push(merged);
        }
        Ok(Sorted(Entries::InRuns(RunMerger::new(runs)?)))
    }
}

/// The releases in order.
#[derive(Debug)]
pub(super) struct Sorted(Entries);

#[derive(Debug)]
enum Entries {
    InMemory(String, std::vec::IntoIter<(Key, Range<usize>)>),
    InRuns(RunMerger),
}

impl Iterator for Sorted {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Entries::InMemory(texts, entries) => entries.next().map(|(key, text)| {
                let text = texts[text].to_owned();
                Ok(Entry { key, text })
            }),
            Entries::InRuns(runs) => runs.next().transpose(),
        }
    }
}

fn merge_runs(runs: Vec<Run>) -> io::Result<Run> {
    let mut writer = RunWriter::new()?;
    let mut merger = RunMerger::new(runs)?;
    while let Some(Entry { key, text }) = merger.next()? {
        writer.write(&key, &text)?;
    }
    writer.finish()
}

/// A file of sorted releases.
#[derive(Debug)]
struct Run {
    file: BufReader<File>,
    /// The length in bytes of the text that follows the last key.
    text_bytes: u64,
}

impl Run {
    /// Reads the next key. The text that follows it must be read before the next key.
    fn read_key(&mut self) -> io::Result<Option<Key>> {
        if self.file.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let ocid_bytes = u64::from_le_bytes(self.read_array()?);
        let id_bytes = u64::from_le_bytes(self.read_array()?);
        self.text_bytes = u64::from_le_bytes(self.read_array()?);
        let date = i64::from_le_bytes(self.read_array()?);
        let number = u64::from_le_bytes(self.read_array()?);
        let [is_compiled] = self.read_array()?;
        Ok(Some(Key {
            ocid: self.read_string(ocid_bytes)?,
            is_compiled: is_compiled == 1,
            release_id: self.read_string(id_bytes)?,
            date,
            number,
        }))
    }

    fn read_text(&mut self) -> io::Result<String> {
        self.read_string(self.text_bytes)
    }

    fn read_array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn read_string(&mut self, bytes: u64) -> io::Result<String> {
        let mut text = String::new();
        let read = self.file.by_ref().take(bytes).read_to_string(&mut text)?;
        match read as u64 == bytes {
            true => Ok(text),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

struct RunWriter(BufWriter<File>);

impl RunWriter {
    fn new() -> io::Result<Self> {
        let file = tempfile::tempfile()?;
        Ok(Self(BufWriter::with_capacity(BUFFER_BYTES, file)))
    }

    fn write(&mut self, key: &Key, text: &str) -> io::Result<()> {
        let out = &mut self.0;
        for length in [key.ocid.len(), key.release_id.len(), text.len()] {
            out.write_all(&(length as u64).to_le_bytes())?;
        }
        out.write_all(&key.date.to_le_bytes())?;
        out.write_all(&key.number.to_le_bytes())?;
        out.write_all(&[u8::from(key.is_compiled)])?;
        for text in [&key.ocid, &key.release_id, text] {
            out.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    fn finish(self) -> io::Result<Run> {
        let mut file = self.0.into_inner()?;
        file.rewind()?;
        Ok(Run {
            file: BufReader::with_capacity(BUFFER_BYTES, file),
            text_bytes: 0,
        })
    }
}

/// Reads several runs in one order. It holds the next key of each run, and no text.
#[derive(Debug)]
struct RunMerger {
    runs: Vec<Run>,
    /// The next key of each run, with the number of the run. A heap returns the greatest first.
    next: BinaryHeap<Reverse<(Key, usize)>>,
}

impl RunMerger {
    fn new(mut runs: Vec<Run>) -> io::Result<Self> {
        let mut next = BinaryHeap::with_capacity(runs.len());
        for (number, run) in runs.iter_mut().enumerate() {
            next.extend(run.read_key()?.map(|key| Reverse((key, number))));
        }
        Ok(Self { runs, next })
    }

    fn next(&mut self) -> io::Result<Option<Entry>> {
        let Some(Reverse((key, number))) = self.next.pop() else {
            return Ok(None);
        };
        let run = &mut self.runs[number];
        let text = run.read_text()?;
        let following = run.read_key()?;
        self.next
            .extend(following.map(|key| Reverse((key, number))));
        Ok(Some(Entry { key, text }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sort(entries: &[Entry], memory_bytes: usize) -> Vec<Entry> {
        let mut sorter = Sorter::new(memory_bytes);
        for Entry { key, text } in entries {
            sorter.push(key.clone(), text).unwrap();
        }
        sorter.finish().unwrap().collect::<io::Result<_>>().unwrap()
    }

    #[test]
    fn releases_come_in_order_however_little_memory_there_is() {
        // a sequence without a pattern that the order could follow
        let entries: Vec<Entry> = (0..10_000_u64)
            .map(|number| {
                let n = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
                let key = Key {
                    ocid: format!("ocds-{}", n % 500),
                    is_compiled: n % 7 == 0,
                    release_id: format!("é{}", n % 3),
                    date: i64::try_from(n % 11).unwrap() - 5,
                    number,
                };
                let text = format!("{{\"é\":{n}}}");
                Entry { key, text }
            })
            .collect();
        let mut expected = entries.clone();
        expected.sort_by(|a, b| a.key.cmp(&b.key));
        // all in memory; some runs; more runs than are merged at once, of one release each
        for memory_bytes in [1 << 30, 100_000, 1] {
            assert!(sort(&entries, memory_bytes) == expected, "{memory_bytes}");
        }
        assert!(sort(&[], 1).is_empty());
    }
}
