//! Compares values by what they mean, not by how they are written.

use std::collections::HashMap;

use crate::json::{Kind, RawString, Token, Tokens};

/// The largest depth to which two values are compared. Deeper values are the same only if their
/// texts are.
const MAX_DEPTH: usize = 128;

impl Tokens<'_> {
    /// Returns true if two values mean the same. White space, the order of members, escapes and
    /// the notation of numbers do not count.
    pub(super) fn is_same(&self, a: usize, b: usize) -> bool {
        self.is_same_to_depth(a, b, MAX_DEPTH)
    }

    fn is_same_to_depth(&self, a: usize, b: usize, depth: usize) -> bool {
        let (left, right) = (&self[a], &self[b]);
        if left.text == right.text {
            return true;
        }
        let Some(depth) = depth.checked_sub(1) else {
            return false;
        };
        match (left.kind, right.kind) {
            (Kind::Scalar, Kind::Scalar) => is_same_scalar(left, right),
            (Kind::Object, Kind::Object) => {
                let members = |of| {
                    let members = self.children(of).map(|(at, token)| (token.name, at));
                    members.collect::<HashMap<RawString<'_>, usize>>()
                };
                let (left, right) = (members(a), members(b));
                left.len() == right.len()
                    && left.iter().all(|(name, a)| {
                        let b = right.get(name);
                        b.is_some_and(|b| self.is_same_to_depth(*a, *b, depth))
                    })
            }
            (Kind::Objects | Kind::Mixed, Kind::Objects | Kind::Mixed) => {
                let (mut left, mut right) = (self.children(a), self.children(b));
                loop {
                    match (left.next(), right.next()) {
                        (None, None) => return true,
                        (Some((a, _)), Some((b, _))) if self.is_same_to_depth(a, b, depth) => {}
                        _ => return false,
                    }
                }
            }
            _ => false,
        }
    }
}

fn is_same_scalar(left: &Token<'_>, right: &Token<'_>) -> bool {
    let is_string = |token: &Token<'_>| token.text.starts_with('"');
    match (is_string(left), is_string(right)) {
        (true, true) => left.content() == right.content(),
        (false, false) => {
            let number = |token: &Token<'_>| Number::read(token.text);
            matches!((number(left), number(right)), (Some(a), Some(b)) if a == b)
        }
        _ => false,
    }
}

/// The value of a number: its significant digits, and the power of ten of the last of them.
#[derive(Debug, PartialEq, Eq)]
struct Number {
    is_negative: bool,
    /// The digits without zeros at either end. They are empty for zero.
    digits: Vec<u8>,
    exponent: i64,
}

impl Number {
    /// Reads a JSON number. Returns `None` for any other text, and for an exponent that does not
    /// fit.
    fn read(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
            None => (text, 0_i64),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = whole.bytes().chain(fraction.bytes());
        let mut digits: Vec<u8> = digits.skip_while(|digit| *digit == b'0').collect();
        if !digits.iter().all(u8::is_ascii_digit) || whole.is_empty() {
            return None;
        }
        let mut exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        while digits.pop_if(|digit| *digit == b'0').is_some() {
            exponent = exponent.checked_add(1)?;
        }
        Some(match digits.is_empty() {
            // zero has no sign
            true => Self {
                is_negative: false,
                digits,
                exponent: 0,
            },
            false => Self {
                is_negative,
                digits,
                exponent,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(left: &str, right: &str, expected: bool) {
        let mut tokens = Tokens::default();
        let (a, _) = tokens.read(left).unwrap();
        let (b, _) = tokens.read(right).unwrap();
        tokens.mark_repeated();
        assert_eq!(tokens.is_same(a, b), expected, "{left} {right}");
        assert_eq!(tokens.is_same(b, a), expected, "{right} {left}");
    }

    #[test]
    fn values_are_the_same_however_they_are_written() {
        for (left, right) in [
            (r#"[1, {"a": "b"}]"#, r#"[1,{"a":"b"}]"#),
            (r#"{"a":1,"b":[2]}"#, r#"{"b":[2],"a":1}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a": 2}"#),
            (r#""a\/bé""#, r#""a/b\u00e9""#),
            ("1", "1.0"),
            ("100", "1e2"),
            ("0.5", "5E-1"),
            ("-0", "0.00"),
            ("12.50", "12.5"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890.0",
            ),
        ] {
            check(left, right, true);
        }
    }

    #[test]
    fn values_of_different_meaning_are_different() {
        for (left, right) in [
            ("1", r#""1""#),
            ("1", "true"),
            ("null", "false"),
            ("null", r#""null""#),
            ("1", "-1"),
            ("1", "10"),
            ("true", "false"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567891",
            ),
            ("[]", "{}"),
            ("[1,2]", "[2,1]"),
            ("[1]", "[1,1]"),
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
            (r#"{"a":null}"#, r#"{"b":null}"#),
            ("1e99999999999999999999", "1e99999999999999999998"),
        ] {
            check(left, right, false);
        }
    }

    #[test]
    fn deep_values_do_not_exhaust_the_stack() {
        let deep = |value| format!("{}{value}{}", "[".repeat(200_000), "]".repeat(200_000));
        check(&deep("1"), &deep("2"), false);
        check(&deep("1"), &deep("1"), true);
    }
}
