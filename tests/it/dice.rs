//! Random numbers that a seed repeats.

use std::hash::{BuildHasher as _, RandomState};

/// Random numbers for one test. A test that fails has printed its seed; with `SEED` in
/// the environment it is played again.
pub(crate) struct Dice(u64);

impl Dice {
    /// By `SEED`, or by chance.
    pub(crate) fn new() -> Self {
        let told = std::env::var("SEED").ok();
        let seed = told.map_or_else(
            || RandomState::new().hash_one(std::process::id()) >> 20,
            |seed| seed.parse().unwrap(),
        );
        println!("SEED={seed}");
        Self(seed)
    }

    /// A number below `sides` (splitmix64).
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    /// The place of one of so many.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.roll(count as u64)).expect("below a usize")
    }
}
