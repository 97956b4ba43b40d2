//! A scanner over the structure of JSON text: it walks members and entries and
//! skips values, in one pass, without a tree and without recursion.
//!
//! What it takes for a string or for a number is its [`Rules`]: [`Strict`] is
//! RFC 8259; [`Loose`] asks only where a string or word ends, so that a stray
//! byte inside one does not hide the structure around it. Commas, colons,
//! braces and brackets are held to the grammar under both.

use std::ops::Range;

/// Why a scanner could not go on, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    /// The position of the byte that did not fit.
    pub(crate) at: usize,
    /// What did not fit.
    pub(crate) why: Why,
}

/// What did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The text ends in the middle of a value; more of it could make it whole.
    End,
    /// Nothing that follows could make it JSON: a clause that says why.
    Broken(&'static str),
}

impl Stop {
    pub(crate) fn end(at: usize) -> Self {
        Self { at, why: Why::End }
    }

    pub(crate) fn broken(at: usize, what: &'static str) -> Self {
        let why = Why::Broken(what);
        Self { at, why }
    }

    /// What did not fit, as a clause.
    pub(crate) fn clause(&self) -> &'static str {
        match self.why {
            Why::End => "ends in the middle of a value",
            Why::Broken(what) => what,
        }
    }
}

/// What a scanner takes for a string, and for a number or word.
pub(crate) trait Rules {
    /// The position of the quote that closes the string whose text starts at `at`.
    fn string(&mut self, bytes: &[u8], at: usize) -> Result<usize, Stop>;

    /// The position after the number or word that starts at `at`.
    fn scalar(&mut self, bytes: &[u8], at: usize) -> Result<usize, Stop>;
}

/// A position in JSON text, moved forward by value, member or entry.
#[derive(Clone)]
pub(crate) struct Scanner<'b, R> {
    bytes: &'b [u8],
    at: usize,
    passed_white_space: bool,
    rules: R,
}

impl<'b, R: Rules> Scanner<'b, R> {
    pub(crate) fn new(bytes: &'b [u8], at: usize, rules: R) -> Self {
        Self {
            bytes,
            at,
            passed_white_space: false,
            rules,
        }
    }

    /// The position of the next byte.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Whether there was white space before one of the tokens passed.
    pub(crate) fn passed_white_space(&self) -> bool {
        self.passed_white_space
    }

    pub(crate) fn rules(&self) -> &R {
        &self.rules
    }

    /// The next byte that is not white space, if there is one.
    #[inline]
    pub(crate) fn next_byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        if !is_white(byte) {
            return Some(byte);
        }
        self.passed_white_space = true;
        self.at = skip_white(self.bytes, self.at);
        self.bytes.get(self.at).copied()
    }

    /// The next byte that is not white space.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<u8, Stop> {
        self.next_byte().ok_or_else(|| Stop::end(self.at))
    }

    /// The first byte of the value that comes next.
    pub(crate) fn kind(&mut self) -> Result<u8, Stop> {
        match self.peek()? {
            kind @ (b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => Ok(kind),
            _ => Err(Stop::broken(self.at, "a value was expected")),
        }
    }

    /// Passes the byte that was peeked at.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.at += 1;
    }

    /// Passes a string; gives the range of its text between the quotes.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Range<usize>, Stop> {
        if self.peek()? != b'"' {
            return Err(Stop::broken(self.at, "a string was expected"));
        }
        let start = self.at + 1;
        let end = self.rules.string(self.bytes, start)?;
        self.at = end + 1;
        Ok(start..end)
    }

    /// Passes a string, number or word; gives its range, a string's with its quotes.
    #[inline]
    pub(crate) fn scalar(&mut self) -> Result<Range<usize>, Stop> {
        if self.peek()? == b'"' {
            let text = self.string()?;
            return Ok(text.start - 1..text.end + 1);
        }
        let start = self.at;
        self.at = self.rules.scalar(self.bytes, start)?;
        Ok(start..self.at)
    }

    /// Passes a member's name and its colon; gives the range of the name's text.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<Range<usize>, Stop> {
        if self.peek()? != b'"' {
            return Err(Stop::broken(self.at, "a member's name was expected"));
        }
        let key = self.string()?;
        if self.peek()? != b':' {
            return Err(Stop::broken(self.at, "a colon was expected"));
        }
        self.at += 1;
        Ok(key)
    }

    /// Passes a value of any kind; gives how deep it nests, 0 for a scalar.
    pub(crate) fn value(&mut self) -> Result<usize, Stop> {
        let mut nesting = Nesting::default();
        let mut deepest = 0;
        loop {
            match self.peek()? {
                b'{' => {
                    self.at += 1;
                    deepest = deepest.max(nesting.open(Container::Object));
                    if self.peek()? != b'}' {
                        self.key()?;
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
                    self.scalar()?;
                }
            }
            if self.after_value(&mut nesting)? == Nested::Outside {
                return Ok(deepest);
            }
        }
    }

    /// Passes what closes containers after a value, up to where the next value
    /// starts.
    #[inline]
    fn after_value(&mut self, nesting: &mut Nesting) -> Result<Nested, Stop> {
        while let Some(container) = nesting.innermost() {
            match (self.peek()?, container) {
                (b',', Container::Object) => {
                    self.at += 1;
                    self.key()?;
                    return Ok(Nested::Inside);
                }
                (b',', Container::Array) => {
                    self.at += 1;
                    return Ok(Nested::Inside);
                }
                (b'}', Container::Object) | (b']', Container::Array) => {
                    self.at += 1;
                    nesting.close();
                }
                (_, container) => return Err(Stop::broken(self.at, container.unfinished())),
            }
        }
        Ok(Nested::Outside)
    }

    /// Walks the object that comes next; `each` is given a member's name, raw,
    /// and must pass its value.
    pub(crate) fn members(
        &mut self,
        each: impl FnMut(&mut Self, Range<usize>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        if self.peek()? != b'{' {
            return Err(Stop::broken(self.at, "an object was expected"));
        }
        self.at += 1;
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        self.members_to_brace(each)
    }

    /// Walks the members of an object whose opening brace is passed or lost.
    pub(crate) fn members_to_brace(
        &mut self,
        mut each: impl FnMut(&mut Self, Range<usize>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        loop {
            let key = self.key()?;
            each(self, key)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Stop::broken(self.at, Container::Object.unfinished())),
            }
        }
    }

    /// Walks the array that comes next; `each` must pass an entry.
    pub(crate) fn entries(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        if self.peek()? != b'[' {
            return Err(Stop::broken(self.at, "an array was expected"));
        }
        self.at += 1;
        if self.peek()? == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            each(self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Stop::broken(self.at, Container::Array.unfinished())),
            }
        }
    }
}

/// Whether a byte is one of JSON's four kinds of white space.
#[inline]
pub(crate) fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// The position of the first byte, at `at` or after it, that is not white space.
/// Indentation is passed eight spaces at a time.
#[inline]
pub(crate) fn skip_white(bytes: &[u8], mut at: usize) -> usize {
    loop {
        while bytes
            .get(at..)
            .is_some_and(|rest| rest.starts_with(&[b' '; 8]))
        {
            at += 8;
        }
        match bytes.get(at) {
            Some(byte) if is_white(*byte) => at += 1,
            _ => return at,
        }
    }
}

/// How many values a JSON text is: itself, and each that is in it.
///
/// One byte of each two may begin a value, so who has a limit of more need not count.
pub(crate) fn count_values(bytes: &[u8]) -> usize {
    // each other than the first is behind a comma, or the first in a container
    let mut count = 1;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => match Loose.string(bytes, at + 1) {
                Ok(end) => at = end,
                Err(_) => return count,
            },
            b',' => count += 1,
            b'{' | b'[' => {
                let inside = bytes.get(skip_white(bytes, at + 1));
                count += usize::from(!matches!(inside, Some(b'}' | b']')));
            }
            _ => {}
        }
        at += 1;
    }
    count
}

/// Whether the scanner is inside a container after a value.
#[derive(PartialEq, Eq)]
enum Nested {
    Inside,
    Outside,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Object,
    Array,
}

impl Container {
    fn unfinished(self) -> &'static str {
        match self {
            Container::Object => "a comma or a closing brace was expected",
            Container::Array => "a comma or a closing bracket was expected",
        }
    }
}

/// The containers that are open, a bit each: a body that is nothing but
/// brackets costs an eighth of its length.
#[derive(Default)]
pub(crate) struct Nesting {
    /// The innermost ones, up to 64; the lowest bit is the innermost, set for an array.
    inner: u64,
    /// The ones around those, 64 to a word.
    outer: Vec<u64>,
    depth: usize,
}

impl Nesting {
    /// Opens a container; gives how many are open now.
    #[inline]
    pub(crate) fn open(&mut self, container: Container) -> usize {
        if self.depth != 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.inner);
        }
        self.inner = self.inner << 1 | u64::from(container == Container::Array);
        self.depth += 1;
        self.depth
    }

    /// Closes the innermost container.
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

/// Strings end at a quote without a backslash before it, whatever they hold;
/// numbers and words are runs of letters, digits and the signs of numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Loose;

impl Rules for Loose {
    #[inline(always)]
    fn string(&mut self, bytes: &[u8], mut at: usize) -> Result<usize, Stop> {
        loop {
            at = find_in_string(bytes, at, |_| 0);
            match bytes.get(at) {
                Some(b'"') => return Ok(at),
                // A backslash and what it escapes, if that is there.
                Some(_) if at + 2 <= bytes.len() => at += 2,
                _ => return Err(Stop::end(bytes.len())),
            }
        }
    }

    #[inline]
    fn scalar(&mut self, bytes: &[u8], start: usize) -> Result<usize, Stop> {
        let mut at = start;
        while bytes
            .get(at)
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        {
            at += 1;
        }
        if at == start {
            return Err(Stop::broken(at, "a value was expected"));
        }
        Ok(at)
    }
}

/// RFC 8259 to the letter. It also remembers whether a string held what
/// PostgreSQL cannot store although JSON can say it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Strict {
    /// The first of what PostgreSQL cannot hold, and where it is.
    pub(crate) unstorable: Option<(Unstorable, usize)>,
}

/// The most digits of a number that is written with an exponent, once it is
/// written out: PostgreSQL does that, and so a page of `1e131071`, eight bytes
/// each, would be read as gigabytes.
pub(crate) const MOST_DIGITS: usize = 1_000;

/// What JSON can write and PostgreSQL cannot hold, or not without harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unstorable {
    /// `\u0000`.
    Nul,
    /// Half of a UTF-16 surrogate pair.
    LoneSurrogate,
    /// A number of more than [`MOST_DIGITS`], by its exponent.
    LargeNumber,
}

impl Rules for Strict {
    #[inline(always)]
    fn string(&mut self, bytes: &[u8], mut at: usize) -> Result<usize, Stop> {
        loop {
            at = find_in_string(bytes, at, below_space);
            match bytes.get(at) {
                Some(b'"') => return Ok(at),
                Some(b'\\') => at = self.escape(bytes, at)?,
                Some(_) => return Err(Stop::broken(at, "a control character is in a string")),
                None => return Err(Stop::end(at)),
            }
        }
    }

    #[inline]
    fn scalar(&mut self, bytes: &[u8], start: usize) -> Result<usize, Stop> {
        match bytes.get(start) {
            Some(b't') => word(bytes, start, b"true"),
            Some(b'f') => word(bytes, start, b"false"),
            Some(b'n') => word(bytes, start, b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(bytes, start),
            _ => Err(Stop::broken(start, "a value was expected")),
        }
    }
}

impl Strict {
    fn number(&mut self, bytes: &[u8], start: usize) -> Result<usize, Stop> {
        let mut at = start + usize::from(bytes[start] == b'-');
        at = match bytes.get(at) {
            Some(b'0') => at + 1,
            _ => digits(bytes, at)?,
        };
        if bytes.get(at) == Some(&b'.') {
            at = digits(bytes, at + 1)?;
        }
        match bytes.get(at) {
            Some(b'e' | b'E') => self.exponent(bytes, start, at + 1),
            _ => Ok(at),
        }
    }

    /// Passes the exponent at `at` of the number that starts at `start`; few have one.
    #[cold]
    fn exponent(&mut self, bytes: &[u8], start: usize, at: usize) -> Result<usize, Stop> {
        let is_signed = matches!(bytes.get(at), Some(b'+' | b'-'));
        let end = digits(bytes, at + usize::from(is_signed))?;
        if is_large(&bytes[start..end]) {
            self.unstorable
                .get_or_insert((Unstorable::LargeNumber, start));
        }
        Ok(end)
    }

    /// Passes the escape whose backslash is at `at`, and both halves of a pair.
    fn escape(&mut self, bytes: &[u8], at: usize) -> Result<usize, Stop> {
        match bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => match hex(bytes, at + 2)? {
                0 => {
                    self.unstorable.get_or_insert((Unstorable::Nul, at));
                    Ok(at + 6)
                }
                0xD800..=0xDBFF
                    if bytes[at + 6..].starts_with(b"\\u")
                        && matches!(hex(bytes, at + 8), Ok(0xDC00..=0xDFFF)) =>
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
            Some(_) => Err(Stop::broken(at, "a backslash escapes nothing")),
            None => Err(Stop::end(bytes.len())),
        }
    }
}

/// The four hexadecimal digits at `at`.
fn hex(bytes: &[u8], at: usize) -> Result<u16, Stop> {
    let digits = bytes
        .get(at..at + 4)
        .ok_or_else(|| Stop::end(bytes.len()))?;
    digits.iter().try_fold(0, |value: u16, digit| {
        let digit = char::from(*digit).to_digit(16);
        let digit = digit.ok_or_else(|| Stop::broken(at, "an escape has no four digits"))?;
        Ok(value << 4 | digit as u16)
    })
}

fn word(bytes: &[u8], start: usize, word: &[u8]) -> Result<usize, Stop> {
    let rest = &bytes[start..];
    if rest.starts_with(word) {
        Ok(start + word.len())
    } else if word.starts_with(rest) {
        Err(Stop::end(bytes.len()))
    } else {
        Err(Stop::broken(start, "a value was expected"))
    }
}

/// Whether a number that is JSON has more than [`MOST_DIGITS`] once its exponent is
/// written out. Without one it has the digits that were served.
pub(crate) fn is_large(number: &[u8]) -> bool {
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
        .is_none_or(|digits| digits > MOST_DIGITS)
}

/// The position after one or more digits.
fn digits(bytes: &[u8], start: usize) -> Result<usize, Stop> {
    let mut at = start;
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    match bytes.get(at) {
        _ if at > start => Ok(at),
        None => Err(Stop::end(at)),
        Some(_) => Err(Stop::broken(at, "a number lacks digits")),
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The first quote, backslash or byte that `more` marks, at `at` or after it;
/// the length of `bytes` if there is none. Eight bytes are looked at at once:
/// most strings of a release are too short for a vector search to pay.
#[inline]
fn find_in_string(bytes: &[u8], mut at: usize, more: impl Fn(u64) -> u64) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let marks = equals(word, b'"') | equals(word, b'\\') | more(word);
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

/// Marks the bytes of a word that equal `byte`. A mark above the lowest may be
/// false, the lowest is true.
#[inline]
fn equals(word: u64, byte: u8) -> u64 {
    let zero_where_equal = word ^ (ONES * u64::from(byte));
    zero_where_equal.wrapping_sub(ONES) & !zero_where_equal & HIGHS
}

/// Marks the bytes of a word that are control characters, as [`equals`] does.
#[inline]
fn below_space(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x20) & !word & HIGHS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn strict(text: &[u8]) -> Result<usize, Stop> {
        let mut scanner = Scanner::new(text, 0, Strict::default());
        let depth = scanner.value()?;
        match scanner.next_byte() {
            None => Ok(depth),
            Some(_) => Err(Stop::broken(scanner.at(), "more follows")),
        }
    }

    /// Another parser's judgement.
    fn agrees(text: &[u8]) {
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
            agrees(text.as_bytes());
        }
    }

    #[test]
    fn finds_what_postgresql_cannot_store() {
        let found = |text: &str| {
            let mut scanner = Scanner::new(text.as_bytes(), 0, Strict::default());
            scanner.value().unwrap();
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
            scanner.value().unwrap();
            let expected = large.then_some((Unstorable::LargeNumber, 1));
            assert_eq!(scanner.rules().unstorable, expected, "{number}");
        }
        let long = "1".repeat(5_000);
        assert!(!is_large(long.as_bytes()));
    }

    #[test]
    fn whatever_starts_json_is_said_to_end_early() {
        let text = br#"{"a":[1,-2.5e+7,true,null,{"b\u0041":"x\"\\ \ud83d\ude00y"}],"c":{}}"#;
        for end in 0..text.len() {
            let start = &text[..end];
            assert_eq!(
                strict(start),
                Err(Stop::end(end)),
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
            assert!(scanner.value().is_ok(), "{}", text.escape_ascii());
            assert_eq!(scanner.at(), text.len());
        }
    }

    proptest! {
        #[test]
        fn strict_rules_agree_with_serde_json_on_noise(text in r#"[\[\]{}:,"\\u0d89e.+\-tru ab\x01é]{0,24}"#) {
            agrees(text.as_bytes());
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
            agrees(&text);
        }

        #[test]
        fn finds_the_first_byte_that_matters(text in prop::collection::vec(any::<u8>(), 0..40), at in 0_usize..45) {
            let expect = |special: fn(u8) -> bool| {
                (at..text.len()).find(|i| special(text[*i])).unwrap_or(text.len())
            };
            let strict = find_in_string(&text, at, below_space);
            prop_assert_eq!(strict, expect(|b| b < 0x20 || b == b'"' || b == b'\\'));
            let loose = find_in_string(&text, at, |_| 0);
            prop_assert_eq!(loose, expect(|b| b == b'"' || b == b'\\'));
        }
    }
}
