//! Makes an `ocid` for the releases that the benchmarks need refused. It passes extraction, but
//! the server refuses it: it is too long for the index of the key, because it can hardly be
//! compressed.

/// The length of the `ocid` in bytes.
const LENGTH: usize = 9_000;

/// Returns a text of letters and digits, which is different for each number.
pub(crate) fn make_long_ocid(number: u64) -> String {
    const ALPHABET: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-.";
    // The generator is Marsaglia's xorshift. Its state is never 0.
    let mut state = number.wrapping_mul(2).wrapping_add(1);
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(ALPHABET[usize::try_from(state >> 58).expect("six bits")])
    };
    (0..LENGTH).map(|_| letter()).collect()
}
