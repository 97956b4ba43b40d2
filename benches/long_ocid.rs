//! Text that no compressor makes much shorter: an `ocid` of it passes
//! extraction and is too long for the key's index, which only the server knows.

/// The length of such an `ocid`, in bytes.
const LENGTH: usize = 9_000;

/// Letters and digits, other ones for each number.
pub(crate) fn make_long_ocid(number: u64) -> String {
    const ALPHABET: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-.";
    // Marsaglia's xorshift; its state is never 0
    let mut state = number.wrapping_mul(2).wrapping_add(1);
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(ALPHABET[usize::try_from(state >> 58).expect("six bits")])
    };
    (0..LENGTH).map(|_| letter()).collect()
}
