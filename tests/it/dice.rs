//! Random numbers and texts that a seed reproduces.

use std::hash::{BuildHasher as _, RandomState};

/// Random numbers for one test. The test prints its seed, and `SEED` in the environment repeats
/// it.
pub(crate) struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    /// Uses `SEED`, or a random seed.
    pub(crate) fn new() -> Self {
        let told = std::env::var("SEED").ok();
        let seed = told.map_or_else(
            || RandomState::new().hash_one(std::process::id()) >> 20,
            |seed| seed.parse().unwrap(),
        );
        println!("SEED={seed}");
        Self::from_seed(seed)
    }

    pub(crate) fn from_seed(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// Returns the seed that reproduces all numbers.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns an independent generator that the same seed reproduces.
    pub(crate) fn fork(&mut self) -> Self {
        Self {
            seed: self.seed,
            state: self.roll(u64::MAX),
        }
    }

    /// Returns a number below `sides` (splitmix64).
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    /// Returns an index below `count`.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.roll(count as u64)).expect("below a usize")
    }
}

/// Returns text that hardly compresses.
pub(crate) fn random_text(seed: usize, length: usize) -> String {
    let mut bytes = vec![0; length.div_ceil(2)];
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(&seed.to_be_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
