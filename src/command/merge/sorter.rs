//! Sorts releases by process, in limited memory.
//!
//! Releases are collected in memory up to a limit, sorted, and written to a temporary file, which is
//! a run. At the end the runs are merged. If there are too many runs, some of them are first merged
//! into a longer one. The files have no name, so the system deletes them when the process ends.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::ops::Range;

/// The number of bytes of the releases in memory above which they are written to a file.
pub(super) const MEMORY_BYTES: usize = 64 << 20;

/// The number of runs that are merged at once. Each of them needs a file handle and a buffer.
const FAN_IN: usize = 64;

const BUFFER_BYTES: usize = 64 << 10;

/// A release of a process. Entries are ordered by process, then by rank.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) ocid: String,
    pub(super) rank: Rank,
    /// The JSON text.
    pub(super) text: String,
}

/// The place of a release within its process. Releases come before compiled releases, and either
/// are in the order of their dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// True if the publisher has compiled the release.
    pub(super) is_compiled: bool,
    /// The date in microseconds since 1970, or the smallest number if there is none.
    pub(super) date: i64,
    /// A hash of the content, without white space. It is the same for copies of one release.
    pub(super) hash: [u8; 32],
}

/// Collects entries, and returns them in order.
#[derive(Debug)]
pub(super) struct Sorter {
    memory_bytes: usize,
    /// The texts of the entries in memory.
    texts: String,
    entries: Vec<InMemory>,
    /// The runs by the number of times that their entries were merged.
    levels: Vec<Vec<Run>>,
}

/// An entry whose texts are in the sorter's memory.
#[derive(Debug)]
struct InMemory {
    ocid: Range<usize>,
    rank: Rank,
    text: Range<usize>,
}

impl Sorter {
    /// Creates a sorter that keeps entries with this number of bytes in memory.
    pub(super) fn new(memory_bytes: usize) -> Self {
        Self {
            memory_bytes,
            texts: String::new(),
            entries: Vec::new(),
            levels: Vec::new(),
        }
    }

    /// Adds an entry. Fails if a temporary file cannot be written.
    pub(super) fn push(&mut self, ocid: &str, rank: Rank, text: &str) -> io::Result<()> {
        let start = self.texts.len();
        self.texts.push_str(ocid);
        let middle = self.texts.len();
        self.texts.push_str(text);
        self.entries.push(InMemory {
            ocid: start..middle,
            rank,
            text: middle..self.texts.len(),
        });
        let bytes = self.texts.len() + self.entries.len() * size_of::<InMemory>();
        if bytes >= self.memory_bytes {
            self.spill()?;
        }
        Ok(())
    }

    /// Writes the entries in memory to a run.
    fn spill(&mut self) -> io::Result<()> {
        let mut writer = RunWriter::new()?;
        self.sort();
        for entry in &self.entries {
            let (ocid, text) = (entry.ocid.clone(), entry.text.clone());
            writer.write(&self.texts[ocid], entry.rank, &self.texts[text])?;
        }
        self.texts.clear();
        self.entries.clear();
        self.add_run(writer.finish()?, 0)
    }

    fn sort(&mut self) {
        let key = |entry: &InMemory| (&self.texts[entry.ocid.clone()], entry.rank);
        self.entries.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    }

    /// Adds a run to a level. If the level is full, its runs become one of the next level.
    fn add_run(&mut self, run: Run, level: usize) -> io::Result<()> {
        let (mut run, mut level) = (run, level);
        loop {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(run);
            if self.levels[level].len() < FAN_IN {
                return Ok(());
            }
            run = merge_runs(std::mem::take(&mut self.levels[level]))?;
            level += 1;
        }
    }

    /// Returns all entries in order.
    pub(super) fn finish(mut self) -> io::Result<Sorted> {
        if self.levels.is_empty() {
            self.sort();
            return Ok(Sorted(Place::Memory {
                texts: self.texts,
                entries: self.entries.into_iter(),
            }));
        }
        if !self.entries.is_empty() {
            self.spill()?;
        }
        self.texts = String::new();
        let mut runs: Vec<Run> = self.levels.into_iter().flatten().collect();
        while runs.len() > FAN_IN {
            let rest = runs.split_off(FAN_IN);
            let merged = merge_runs(runs)?;
            runs = rest;
            runs.push(merged);
        }
        Ok(Sorted(Place::Runs(RunMerger::new(runs)?)))
    }
}

/// The entries in order.
#[derive(Debug)]
pub(super) struct Sorted(Place);

/// The place where the entries are.
#[derive(Debug)]
enum Place {
    Memory {
        texts: String,
        entries: std::vec::IntoIter<InMemory>,
    },
    Runs(RunMerger),
}

impl Iterator for Sorted {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Place::Memory { texts, entries } => entries.next().map(|entry| {
                Ok(Entry {
                    ocid: texts[entry.ocid].to_owned(),
                    rank: entry.rank,
                    text: texts[entry.text].to_owned(),
                })
            }),
            Place::Runs(runs) => runs.next().transpose(),
        }
    }
}

fn merge_runs(runs: Vec<Run>) -> io::Result<Run> {
    let mut writer = RunWriter::new()?;
    let mut merger = RunMerger::new(runs)?;
    while let Some(entry) = merger.next()? {
        writer.write(&entry.ocid, entry.rank, &entry.text)?;
    }
    writer.finish()
}

/// A file of sorted entries.
#[derive(Debug)]
struct Run(BufReader<File>);

impl Run {
    fn read(&mut self) -> io::Result<Option<Entry>> {
        if io::BufRead::fill_buf(&mut self.0)?.is_empty() {
            return Ok(None);
        }
        let ocid_bytes = u64::from_le_bytes(self.read_array()?);
        let text_bytes = u64::from_le_bytes(self.read_array()?);
        let [is_compiled] = self.read_array()?;
        let rank = Rank {
            is_compiled: is_compiled == 1,
            date: i64::from_le_bytes(self.read_array()?),
            hash: self.read_array()?,
        };
        Ok(Some(Entry {
            ocid: self.read_text(ocid_bytes)?,
            rank,
            text: self.read_text(text_bytes)?,
        }))
    }

    fn read_array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn read_text(&mut self, bytes: u64) -> io::Result<String> {
        let mut text = String::new();
        let read = self.0.by_ref().take(bytes).read_to_string(&mut text)?;
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

    fn write(&mut self, ocid: &str, rank: Rank, text: &str) -> io::Result<()> {
        let out = &mut self.0;
        out.write_all(&(ocid.len() as u64).to_le_bytes())?;
        out.write_all(&(text.len() as u64).to_le_bytes())?;
        out.write_all(&[u8::from(rank.is_compiled)])?;
        out.write_all(&rank.date.to_le_bytes())?;
        out.write_all(&rank.hash)?;
        out.write_all(ocid.as_bytes())?;
        out.write_all(text.as_bytes())
    }

    fn finish(self) -> io::Result<Run> {
        let mut file = self.0.into_inner()?;
        file.rewind()?;
        Ok(Run(BufReader::with_capacity(BUFFER_BYTES, file)))
    }
}

/// Reads several runs in one order.
#[derive(Debug)]
struct RunMerger {
    runs: Vec<Run>,
    heads: BinaryHeap<HeapEntry>,
}

/// The next entry of a run. The heap returns the greatest first, so the order is reversed.
#[derive(Debug, PartialEq, Eq)]
struct HeapEntry {
    entry: Entry,
    run: usize,
}

impl Ord for HeapEntry {
    fn cmp(&self, other: &Self) -> Ordering {
        (&other.entry, other.run).cmp(&(&self.entry, self.run))
    }
}

impl PartialOrd for HeapEntry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl RunMerger {
    fn new(runs: Vec<Run>) -> io::Result<Self> {
        let mut merger = Self {
            heads: BinaryHeap::with_capacity(runs.len()),
            runs,
        };
        for run in 0..merger.runs.len() {
            merger.read_from(run)?;
        }
        Ok(merger)
    }

    fn read_from(&mut self, run: usize) -> io::Result<()> {
        if let Some(entry) = self.runs[run].read()? {
            self.heads.push(HeapEntry { entry, run });
        }
        Ok(())
    }

    fn next(&mut self) -> io::Result<Option<Entry>> {
        let Some(HeapEntry { entry, run }) = self.heads.pop() else {
            return Ok(None);
        };
        self.read_from(run)?;
        Ok(Some(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sort(entries: &[Entry], memory_bytes: usize) -> Vec<Entry> {
        let mut sorter = Sorter::new(memory_bytes);
        for entry in entries {
            sorter.push(&entry.ocid, entry.rank, &entry.text).unwrap();
        }
        sorter.finish().unwrap().collect::<io::Result<_>>().unwrap()
    }

    #[test]
    fn entries_come_in_order_however_little_memory_there_is() {
        // a sequence without a pattern that the order could follow
        let entries: Vec<Entry> = (0..10_000_u64)
            .map(|n| {
                let n = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
                Entry {
                    ocid: format!("ocds-{}", n % 500),
                    rank: Rank {
                        is_compiled: n % 7 == 0,
                        date: (n % 11) as i64 - 5,
                        hash: *blake3::hash(&n.to_le_bytes()).as_bytes(),
                    },
                    text: format!("{{\"é\":{n}}}"),
                }
            })
            .collect();
        let mut expected = entries.clone();
        expected.sort();
        // all in memory; some runs; more runs than are merged at once, of one entry each
        for memory_bytes in [1 << 30, 100_000, 1] {
            assert!(sort(&entries, memory_bytes) == expected, "{memory_bytes}");
        }
        assert!(sort(&[], 1).is_empty());
    }
}
