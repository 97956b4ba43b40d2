//! Scans JSON text. It moves over members and entries, and skips values. It reads the text once,
//! builds no tree and does not recurse.
//!
//! Commas, colons, braces and brackets must always be correct. Two sets of [`Rules`] exist for
//! strings, numbers and words. [`Strict`] follows RFC 8259. [`Loose`] only finds the ends of
//! strings, numbers and words, so that a wrong byte inside a string does not hide the structure
//! around it.

use std::ops::Range;

/// The position of the first byte that is not JSON, and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScanError {
    pub(crate) at: usize,
    pub(crate) kind: ScanErrorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanErrorKind {
    /// The text ends inside a value. If more text followed, it could be JSON.
    UnexpectedEnd,
    /// The text cannot become JSON, whatever follows it. The clause says why.
    Invalid(&'static str),
}

impl ScanError {
    pub(crate) fn unexpected_end(at: usize) -> Self {
        Self {
            at,
            kind: ScanErrorKind::UnexpectedEnd,
        }
    }

    pub(crate) fn invalid(at: usize, what: &'static str) -> Self {
        let kind = ScanErrorKind::Invalid(what);
        Self { at, kind }
    }

    pub(crate) fn is_unexpected_end(&self) -> bool {
        self.kind == ScanErrorKind::UnexpectedEnd
    }

    /// Returns the reason as a clause for a message.
    pub(crate) fn reason(&self) -> &'static str {
        match self.kind {
            ScanErrorKind::UnexpectedEnd => "ends in the middle of a value",
            ScanErrorKind::Invalid(what) => what,
        }
    }
}

/// Finds the ends of strings, numbers and words.
pub(crate) trait Rules {
    /// Returns the position of the quote that closes a string. The content of the string starts
    /// at `at`.
    fn find_string_end(&mut self, bytes: &[u8], at: usize) -> Result<usize, ScanError>;

    /// Returns the position after the number or word that starts at `at`.
    fn find_scalar_end(&mut self, bytes: &[u8], at: usize) -> Result<usize, ScanError>;
}

/// A position in JSON text. It only moves forward.
#[derive(Clone)]
pub(crate) struct Scanner<'b, R> {
    bytes: &'b [u8],
    at: usize,
    has_passed_white_space: bool,
    rules: R,
}

impl<'b, R: Rules> Scanner<'b, R> {
    pub(crate) fn new(bytes: &'b [u8], at: usize, rules: R) -> Self {
        Self {
            bytes,
            at,
            has_passed_white_space: false,
            rules,
        }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn has_passed_white_space(&self) -> bool {
        self.has_passed_white_space
    }

    pub(crate) fn rules(&self) -> &R {
        &self.rules
    }

    /// Skips white space. Returns the next byte, or `None` at the end of the text. The position
    /// stays before that byte.
    #[inline]
    pub(crate) fn next_byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        if !is_white_space(byte) {
            return Some(byte);
        }
        self.has_passed_white_space = true;
        self.at = skip_white_space(self.bytes, self.at);
        self.bytes.get(self.at).copied()
    }

    /// Skips white space. Returns the next byte, and fails at the end of the text. The position
    /// stays before that byte.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<u8, ScanError> {
        self.next_byte()
            .ok_or_else(|| ScanError::unexpected_end(self.at))
    }

    /// Returns the first byte of the next value. The position stays before that byte.
    pub(crate) fn peek_kind(&mut self) -> Result<u8, ScanError> {
        match self.peek()? {
            kind @ (b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => Ok(kind),
            _ => Err(ScanError::invalid(self.at, "a value was expected")),
        }
    }

    #[inline]
    pub(crate) fn advance(&mut self) {
        self.at += 1;
    }

    /// Moves past a string. Returns the range between the string's quotes.
    #[inline(always)]
    pub(crate) fn read_string(&mut self) -> Result<Range<usize>, ScanError> {
        if self.peek()? != b'"' {
            return Err(ScanError::invalid(self.at, "a string was expected"));
        }
        let start = self.at + 1;
        let end = self.rules.find_string_end(self.bytes, start)?;
        self.at = end + 1;
        Ok(start..end)
    }

    /// Moves past a string, number or word. Returns its range. The range of a string includes its
    /// quotes.
    #[inline]
    pub(crate) fn read_scalar(&mut self) -> Result<Range<usize>, ScanError> {
        if self.peek()? == b'"' {
            let text = self.read_string()?;
            return Ok(text.start - 1..text.end + 1);
        }
        let start = self.at;
        self.at = self.rules.find_scalar_end(self.bytes, start)?;
        Ok(start..self.at)
    }

    /// Moves past the name of a member and the colon. Returns the range between the name's
    /// quotes.
    #[inline]
    pub(crate) fn read_key(&mut self) -> Result<Range<usize>, ScanError> {
        if self.peek()? != b'"' {
            return Err(ScanError::invalid(self.at, "a member's name was expected"));
        }
        let key = self.read_string()?;
        if self.peek()? != b':' {
            return Err(ScanError::invalid(self.at, "a colon was expected"));
        }
        self.at += 1;
        Ok(key)
    }

    /// Moves past a value of any kind. Returns the depth of the value, which is 0 for a scalar.
    pub(crate) fn skip_value(&mut self) -> Result<usize, ScanError> {
        let mut nesting = Nesting::default();
        let mut deepest = 0;
        loop {
            match self.peek()? {
                b'{' => {
                    self.at += 1;
                    deepest = deepest.max(nesting.open(Container::Object));
                    if self.peek()? != b'}' {
                        self.read_key()?;
                        continue;
                    }
                }
                b'[' => {
                    self.at += 1;
                    deepest = deepest.max(nesting.open(Container::Array));
                    if self.peek()? != b']' {
                        continue;
                    }
                }
                _ => {
                    self.read_scalar()?;
                }
            }
            if !self.skip_to_next_value(&mut nesting)? {
                return Ok(deepest);
            }
        }
    }

    /// Moves past closing brackets, a comma and a name, up to the next value.
    #[inline]
    fn skip_to_next_value(&mut self, nesting: &mut Nesting) -> Result<bool, ScanError> {
        while let Some(container) = nesting.innermost() {
            if self.pass_separator(container)? {
                if container == Container::Object {
                    self.read_key()?;
                }
                return Ok(true);
            }
            nesting.close();
        }
        Ok(false)
    }

    /// Passes the comma or the closing bracket behind a value. Returns true for the comma.
    #[inline]
    pub(crate) fn pass_separator(&mut self, container: Container) -> Result<bool, ScanError> {
        let is_comma = match (self.peek()?, container) {
            (b',', _) => true,
            (b'}', Container::Object) | (b']', Container::Array) => false,
            _ => return Err(ScanError::invalid(self.at, container.missing_end())),
        };
        self.at += 1;
        Ok(is_comma)
    }

    /// Passes a value of any kind. Returns its range and its depth.
    pub(crate) fn read_value(&mut self) -> Result<(Range<usize>, usize), ScanError> {
        self.peek()?;
        let start = self.at;
        let depth = self.skip_value()?;
        Ok((start..self.at, depth))
    }

    /// Checks that only white space follows.
    pub(crate) fn expect_end(&mut self) -> Result<(), ScanError> {
        match self.next_byte() {
            None => Ok(()),
            Some(_) => Err(ScanError::invalid(self.at, "more follows the end")),
        }
    }

    /// Moves past an object. It calls `each` with the range of each member's name, and `each`
    /// must move past the member's value.
    pub(crate) fn walk_members(
        &mut self,
        each: impl FnMut(&mut Self, Range<usize>) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        if self.peek()? != b'{' {
            return Err(ScanError::invalid(self.at, "an object was expected"));
        }
        self.at += 1;
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        self.walk_members_to_brace(each)
    }

    /// Moves past the rest of an object. The opening brace is before that rest, or is missing.
    pub(crate) fn walk_members_to_brace(
        &mut self,
        mut each: impl FnMut(&mut Self, Range<usize>) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        loop {
            let key = self.read_key()?;
            each(self, key)?;
            if !self.pass_separator(Container::Object)? {
                return Ok(());
            }
        }
    }

    /// Moves past an array. It calls `each` before each entry, and `each` must move past the
    /// entry.
    pub(crate) fn walk_entries(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        if self.peek()? != b'[' {
            return Err(ScanError::invalid(self.at, "an array was expected"));
        }
        self.at += 1;
        if self.peek()? == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            each(self)?;
            if !self.pass_separator(Container::Array)? {
                return Ok(());
            }
        }
    }
}

#[inline]
pub(crate) fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// Returns the position of the first byte at or after `at` that is not white space. Indentation
/// is skipped eight spaces at a time.
#[inline]
pub(crate) fn skip_white_space(bytes: &[u8], mut at: usize) -> usize {
    loop {
        while bytes
            .get(at..)
            .is_some_and(|rest| rest.starts_with(&[b' '; 8]))
        {
            at += 8;
        }
        match bytes.get(at) {
            Some(byte) if is_white_space(*byte) => at += 1,
            _ => return at,
        }
    }
}

/// Counts the values in a JSON text. The text itself counts as one value. The result is at most
/// half the number of bytes, so a caller whose limit is higher need not call this.
pub(crate) fn count_values(bytes: &[u8]) -> usize {
    // Every value except the first follows a comma, or is the first value in a container.
    let mut count = 1;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => match Loose.find_string_end(bytes, at + 1) {
                Ok(end) => at = end,
                Err(_) => return count,
            },
            b',' => count += 1,
            b'{' | b'[' => {
                let inside = bytes.get(skip_white_space(bytes, at + 1));
                count += usize::from(!matches!(inside, Some(b'}' | b']')));
            }
            _ => {}
        }
        at += 1;
    }
    count
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Object,
    Array,
}

impl Container {
    fn missing_end(self) -> &'static str {
        match self {
            Container::Object => "a comma or a closing brace was expected",
            Container::Array => "a comma or a closing bracket was expected",
        }
    }
}

/// A stack of the open containers, with one bit for each. So even a body that consists only of
/// brackets needs only an eighth of its length.
#[derive(Default)]
pub(crate) struct Nesting {
    /// The innermost containers, at most 64. The lowest bit is the innermost container. A bit is
    /// set if the container is an array.
    inner: u64,
    /// The other containers, 64 in each word.
    outer: Vec<u64>,
    depth: usize,
}

impl Nesting {
    /// Opens a container. Returns the number of containers that are now open.
    #[inline]
    pub(crate) fn open(&mut self, container: Container) -> usize {
        if self.depth != 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.inner);
        }
        self.inner = self.inner << 1 | u64::from(container == Container::Array);
        self.depth += 1;
        self.depth
    }

    #[inline]
    pub(crate) fn close(&mut self) {
        self.inner >>= 1;
        self.depth -= 1;
        if self.depth != 0 && self.depth.is_multiple_of(64) {
            self.inner = self.outer.pop().unwrap_or_default();
        }
    }

    #[inline]
    pub(crate) fn innermost(&self) -> Option<Container> {
        match (self.depth, self.inner & 1) {
            (0, _) => None,
            (_, 0) => Some(Container::Object),
            _ => Some(Container::Array),
        }
    }
}

/// Rules that check only where values end. A string ends at a quote that has no backslash before
/// it. A number or word is a sequence of letters, digits, `+`, `-` and `.`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Loose;

impl Rules for Loose {
    #[inline(always)]
    fn find_string_end(&mut self, bytes: &[u8], mut at: usize) -> Result<usize, ScanError> {
        loop {
            at = find_special_byte(bytes, at, |_| 0);
            match bytes.get(at) {
                Some(b'"') => return Ok(at),
                // This byte is a backslash, which is skipped together with the byte that it
                // escapes.
                Some(_) if at + 2 <= bytes.len() => at += 2,
                _ => return Err(ScanError::unexpected_end(bytes.len())),
            }
        }
    }

    #[inline]
    fn find_scalar_end(&mut self, bytes: &[u8], start: usize) -> Result<usize, ScanError> {
        let mut at = start;
        while bytes
            .get(at)
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        {
            at += 1;
        }
        if at == start {
            return Err(ScanError::invalid(at, "a value was expected"));
        }
        Ok(at)
    }
}

/// The rules of RFC 8259. They also find values that are JSON but cannot be stored by PostgreSQL.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Strict {
    /// The first value that PostgreSQL cannot store, and its position.
    pub(crate) unstorable: Option<(Unstorable, usize)>,
    /// The number of escapes in the strings so far. A pair of surrogates counts as one.
    pub(crate) escapes: usize,
}

/// The maximum number of digits that a number with an exponent may have when it is written
/// without the exponent. PostgreSQL stores all these digits. So a page that repeats `1e131071`,
/// which has eight bytes, would need gigabytes.
pub(crate) const MAX_DIGITS: usize = 1_000;

/// A kind of value that is JSON, but that PostgreSQL cannot store, or can store only with very
/// much memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unstorable {
    /// The escape `\u0000`.
    Nul,
    /// A `\u` escape that is only one half of a UTF-16 surrogate pair.
    LoneSurrogate,
    /// A number whose exponent gives it more than [`MAX_DIGITS`] digits.
    LargeNumber,
}

impl Rules for Strict {
    #[inline(always)]
    fn find_string_end(&mut self, bytes: &[u8], mut at: usize) -> Result<usize, ScanError> {
        loop {
            at = find_special_byte(bytes, at, mark_control);
            match bytes.get(at) {
                Some(b'"') => return Ok(at),
                Some(b'\\') => at = self.skip_escape(bytes, at)?,
                Some(_) => {
                    return Err(ScanError::invalid(at, "a control character is in a string"));
                }
                None => return Err(ScanError::unexpected_end(at)),
            }
        }
    }

    #[inline]
    fn find_scalar_end(&mut self, bytes: &[u8], start: usize) -> Result<usize, ScanError> {
        match bytes.get(start) {
            Some(b't') => match_word(bytes, start, b"true"),
            Some(b'f') => match_word(bytes, start, b"false"),
            Some(b'n') => match_word(bytes, start, b"null"),
            Some(b'-' | b'0'..=b'9') => self.skip_number(bytes, start),
            _ => Err(ScanError::invalid(start, "a value was expected")),
        }
    }
}

impl Strict {
    fn skip_number(&mut self, bytes: &[u8], start: usize) -> Result<usize, ScanError> {
        let mut at = start + usize::from(bytes[start] == b'-');
        at = match bytes.get(at) {
            Some(b'0') => at + 1,
            _ => skip_digits(bytes, at)?,
        };
        if bytes.get(at) == Some(&b'.') {
            at = skip_digits(bytes, at + 1)?;
        }
        match bytes.get(at) {
            Some(b'e' | b'E') => self.skip_exponent(bytes, start, at + 1),
            _ => Ok(at),
        }
    }

    /// Skips the exponent at `at`. Its number starts at `start`. Few numbers have an exponent.
    #[cold]
    fn skip_exponent(&mut self, bytes: &[u8], start: usize, at: usize) -> Result<usize, ScanError> {
        let is_signed = matches!(bytes.get(at), Some(b'+' | b'-'));
        let end = skip_digits(bytes, at + usize::from(is_signed))?;
        if is_large_number(&bytes[start..end]) {
            self.unstorable
                .get_or_insert((Unstorable::LargeNumber, start));
        }
        Ok(end)
    }

    /// Skips the escape at `at`. If it begins a surrogate pair, both escapes are skipped.
    fn skip_escape(&mut self, bytes: &[u8], at: usize) -> Result<usize, ScanError> {
        self.escapes += 1;
        match bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => match read_hex(bytes, at + 2)? {
                0 => {
                    self.unstorable.get_or_insert((Unstorable::Nul, at));
                    Ok(at + 6)
                }
                0xD800..=0xDBFF
                    if bytes[at + 6..].starts_with(b"\\u")
                        && matches!(read_hex(bytes, at + 8), Ok(0xDC00..=0xDFFF)) =>
                {
                    Ok(at + 12)
                }
                0xD800..=0xDFFF => {
                    self.unstorable
                        .get_or_insert((Unstorable::LoneSurrogate, at));
                    Ok(at + 6)
                }
                _ => Ok(at + 6),
            },
            Some(_) => Err(ScanError::invalid(at, "a backslash escapes nothing")),
            None => Err(ScanError::unexpected_end(bytes.len())),
        }
    }
}

fn read_hex(bytes: &[u8], at: usize) -> Result<u16, ScanError> {
    let digits = bytes
        .get(at..at + 4)
        .ok_or_else(|| ScanError::unexpected_end(bytes.len()))?;
    digits.iter().try_fold(0, |value: u16, digit| {
        let digit = char::from(*digit).to_digit(16);
        let digit = digit.ok_or_else(|| ScanError::invalid(at, "an escape has no four digits"))?;
        Ok(value << 4 | digit as u16)
    })
}

fn match_word(bytes: &[u8], start: usize, word: &[u8]) -> Result<usize, ScanError> {
    let rest = &bytes[start..];
    if rest.starts_with(word) {
        Ok(start + word.len())
    } else if word.starts_with(rest) {
        Err(ScanError::unexpected_end(bytes.len()))
    } else {
        Err(ScanError::invalid(start, "a value was expected"))
    }
}

/// Returns true if a JSON number has an exponent and would have more than [`MAX_DIGITS`] digits
/// when it is written without the exponent.
pub(crate) fn is_large_number(number: &[u8]) -> bool {
    let Some(e) = memchr::memchr2(b'e', b'E', number) else {
        return false;
    };
    let (digits, exponent) = (&number[..e], &number[e + 1..]);
    let exponent = exponent.strip_prefix(b"-").unwrap_or(exponent);
    let exponent = exponent.strip_prefix(b"+").unwrap_or(exponent);
    let significant = digits.iter().filter(|byte| byte.is_ascii_digit()).count();
    exponent
        .iter()
        .try_fold(0_usize, |value, digit| {
            value
                .checked_mul(10)?
                .checked_add(usize::from(digit - b'0'))
        })
        .and_then(|exponent| exponent.checked_add(significant))
        .is_none_or(|digits| digits > MAX_DIGITS)
}

fn skip_digits(bytes: &[u8], start: usize) -> Result<usize, ScanError> {
    let mut at = start;
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    match bytes.get(at) {
        _ if at > start => Ok(at),
        None => Err(ScanError::unexpected_end(at)),
        Some(_) => Err(ScanError::invalid(at, "a number lacks digits")),
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Returns the position of the first quote, backslash or byte that `more` marks, at or after
/// `at`. Returns the length of `bytes` if there is no such byte. It tests eight bytes at a time,
/// which is faster than a vector search, because most strings of a release are short.
#[inline]
fn find_special_byte(bytes: &[u8], mut at: usize, more: impl Fn(u64) -> u64) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let marks = mark_equal(word, b'"') | mark_equal(word, b'\\') | more(word);
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let found = rest.iter().position(|byte| {
        matches!(byte, b'"' | b'\\') || more(u64::from(*byte) | !0xFF) & 0x80 != 0
    });
    at.min(bytes.len()) + found.unwrap_or(rest.len())
}

/// Marks the bytes of a word that equal `byte`. Only the lowest mark is reliable. Higher marks
/// may be wrong.
#[inline]
fn mark_equal(word: u64, byte: u8) -> u64 {
    let zero_where_equal = word ^ (ONES * u64::from(byte));
    zero_where_equal.wrapping_sub(ONES) & !zero_where_equal & HIGHS
}

/// Marks the bytes of a word that are control characters. Only the lowest mark is reliable.
#[inline]
fn mark_control(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x20) & !word & HIGHS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn strict(text: &[u8]) -> Result<usize, ScanError> {
        let mut scanner = Scanner::new(text, 0, Strict::default());
        let depth = scanner.skip_value()?;
        match scanner.next_byte() {
            None => Ok(depth),
            Some(_) => Err(ScanError::invalid(scanner.position(), "more follows")),
        }
    }

    /// Checks that the strict rules and another parser come to the same result.
    fn check_agreement(text: &[u8]) {
        let theirs = serde_json::from_slice::<IgnoredAny>(text).is_ok();
        assert_eq!(strict(text).is_ok(), theirs, "{}", text.escape_ascii());
    }

    #[test]
    fn strict_rules_agree_with_serde_json() {
        for text in [
            "0",
            "-0",
            "00",
            "-",
            "1.",
            "1.5",
            "1e",
            "1e+",
            "1e+5",
            "1E-05",
            ".5",
            "+1",
            "1a",
            "true",
            "tru",
            "trux",
            "nul",
            "falsee",
            "\"",
            "\"\\",
            "\"\\u",
            "\"\\u00",
            "\"\\u00zz\"",
            "\"\\u0000\"",
            "\"\\ud800\"",
            "\"\\x\"",
            "\"a\tb\"",
            "\"a\u{7f}b\"",
            "{}",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":1",
            "{\"a\"1}",
            "{1:2}",
            "[",
            "[]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1}",
            "{\"a\":1]",
            " [ 1 , { } ] ",
            "",
            " ",
            "[] []",
            "\u{feff}[]",
        ] {
            check_agreement(text.as_bytes());
        }
    }

    #[test]
    fn finds_what_postgresql_cannot_store() {
        let found = |text: &str| {
            let mut scanner = Scanner::new(text.as_bytes(), 0, Strict::default());
            scanner.skip_value().unwrap();
            scanner.rules().unstorable.map(|(what, _)| what)
        };
        assert_eq!(found(r#""\u0000""#), Some(Unstorable::Nul));
        assert_eq!(found(r#"{"a\u0000":1}"#), Some(Unstorable::Nul));
        assert_eq!(found(r#""\\u0000""#), None);
        assert_eq!(found(r#""\\\u0000""#), Some(Unstorable::Nul));
        assert_eq!(found(r#""\ud83d\ude00""#), None);
        assert_eq!(found(r#""\uD83D\uDE00""#), None);
        for lone in [
            r#""\ud83d""#,
            r#""\ude00""#,
            r#""\ude00\ud83d""#,
            r#""\ud83d\ud83d\ude00""#,
            r#""\ud83dx\ude00""#,
            r#""\ud83d\\ude00""#,
        ] {
            assert_eq!(found(lone), Some(Unstorable::LoneSurrogate), "{lone}");
        }
    }

    #[test]
    fn finds_numbers_that_are_small_only_as_they_are_written() {
        for (number, large) in [
            ("1e999", false),
            ("1e1000", true),
            ("1E+1000", true),
            ("-1.5e-998", false),
            ("-1.5e-999", true),
            ("0e99999999999999999999999999", true),
            ("1e000000000000000000000005", false),
        ] {
            let text = format!("[{number}]");
            let mut scanner = Scanner::new(text.as_bytes(), 0, Strict::default());
            scanner.skip_value().unwrap();
            let expected = large.then_some((Unstorable::LargeNumber, 1));
            assert_eq!(scanner.rules().unstorable, expected, "{number}");
        }
        let long = "1".repeat(5_000);
        assert!(!is_large_number(long.as_bytes()));
    }

    #[test]
    fn whatever_starts_json_is_said_to_end_early() {
        let text = br#"{"a":[1,-2.5e+7,true,null,{"b\u0041":"x\"\\ \ud83d\ude00y"}],"c":{}}"#;
        for end in 0..text.len() {
            let start = &text[..end];
            assert_eq!(
                strict(start),
                Err(ScanError::unexpected_end(end)),
                "{}",
                start.escape_ascii()
            );
        }
    }

    #[test]
    fn nests_as_deep_as_the_text_does() {
        for depth in [1, 2, 63, 64, 65, 127, 128, 129, 300_000] {
            let text = format!("{}1{}", "[{\"a\":".repeat(depth), "}]".repeat(depth));
            assert_eq!(strict(text.as_bytes()), Ok(2 * depth));
            let crossed = text.replacen("1}]", "1]}", 1);
            assert!(strict(crossed.as_bytes()).is_err());
        }
    }

    #[test]
    fn loose_rules_look_only_for_where_things_end() {
        for text in [
            &b"{\"a\":\"\x00\xff\n\\x\"}"[..],
            b"{\"a\":N230000000}",
            b"[nan,007,1e]",
            b"\"\\\"\"",
        ] {
            let mut scanner = Scanner::new(text, 0, Loose);
            assert!(scanner.skip_value().is_ok(), "{}", text.escape_ascii());
            assert_eq!(scanner.position(), text.len());
        }
    }

    proptest! {
        #[test]
        fn strict_rules_agree_with_serde_json_on_noise(text in r#"[\[\]{}:,"\\u0d89e.+\-tru ab\x01é]{0,24}"#) {
            check_agreement(text.as_bytes());
        }

        #[test]
        fn strict_rules_agree_with_serde_json_on_damaged_json(
            at in any::<prop::sample::Index>(),
            byte in prop::sample::select(&b"{}[]:,\"\\ 0-e.tn\x01\xff"[..]),
            kind in 0..3,
        ) {
            let mut text = br#"{"a":[1,-2.5e+7,true,null,{"b\u0041":"x\"\\ \ud83d\ude00y"}],"c":{}, "long enough for words":""}"#.to_vec();
            let at = at.index(text.len());
            match kind {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => text.truncate(at),
            }
            check_agreement(&text);
        }

        #[test]
        fn finds_the_first_byte_that_matters(text in prop::collection::vec(any::<u8>(), 0..40), at in 0_usize..45) {
            let expect = |special: fn(u8) -> bool| {
                (at..text.len()).find(|i| special(text[*i])).unwrap_or(text.len())
            };
            let strict = find_special_byte(&text, at, mark_control);
            prop_assert_eq!(strict, expect(|b| b < 0x20 || b == b'"' || b == b'\\'));
            let loose = find_special_byte(&text, at, |_| 0);
            prop_assert_eq!(loose, expect(|b| b == b'"' || b == b'\\'));
        }
    }
}
