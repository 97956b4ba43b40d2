//! Repairs of one item's text, each only where the source asks for it.
//!
//! A repair changes no more than the defect it is named after, and what it cannot
//! keep it writes as text: a number that PostgreSQL could not hold and a token that
//! is none are strings of the same characters afterwards. The value is there still,
//! for people and for SQL, and what it was is in the bytes as served.
//!
//! Only an item that would otherwise be refused comes here, and it is refused
//! still if it is not whole afterwards.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::json::{Container, Nesting, Rules, Strict, is_large, is_white};
use crate::source::Repair;

/// The longest token that is taken for a number that went wrong, in bytes.
const LONGEST_NUMBER: usize = 100;

/// A text after its repairs, and which of them changed it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Repaired {
    pub(super) text: Vec<u8>,
    pub(super) repairs: Vec<Repair>,
}

/// Repairs a text by the repairs that were asked for; `None` if none of them has
/// anything to do.
pub(super) fn repair(text: &[u8], asked: &[Repair]) -> Option<Repaired> {
    let mut work = Work {
        text,
        at: 0,
        out: Vec::with_capacity(text.len() + 16),
        asked,
        done: BTreeSet::new(),
        nesting: Nesting::default(),
        expects_value: true,
    };
    while let Some(byte) = text.get(work.at) {
        work.token(*byte);
    }
    if work.done.is_empty() {
        return None;
    }
    Some(Repaired {
        text: work.out,
        repairs: work.done.into_iter().collect(),
    })
}

/// A pass over a text.
struct Work<'t> {
    text: &'t [u8],
    at: usize,
    out: Vec<u8>,
    asked: &'t [Repair],
    done: BTreeSet<Repair>,
    nesting: Nesting,
    /// Whether a value comes next, and not a name, a comma or an end.
    expects_value: bool,
}

impl Work<'_> {
    fn asks(&self, repair: Repair) -> bool {
        self.asked.contains(&repair)
    }

    /// Whether a repair was asked for; if so it is noted down as done.
    fn does(&mut self, repair: Repair) -> bool {
        let asks = self.asks(repair);
        if asks {
            self.done.insert(repair);
        }
        asks
    }

    /// Copies so many bytes as they are.
    fn copy(&mut self, length: usize) {
        let end = (self.at + length).min(self.text.len());
        self.out.extend_from_slice(&self.text[self.at..end]);
        self.at = end;
    }

    /// Passes a token, white space, or a byte that is out of place.
    fn token(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.copy(1);
                self.string();
                self.expects_value = false;
            }
            b'{' | b'[' => {
                let is_object = byte == b'{';
                self.nesting.open(if is_object {
                    Container::Object
                } else {
                    Container::Array
                });
                self.expects_value = !is_object;
                self.copy(1);
            }
            b'}' | b']' => {
                if self.nesting.innermost().is_some() {
                    self.nesting.close();
                }
                self.expects_value = false;
                self.copy(1);
            }
            b':' => {
                self.copy(1);
                self.expects_value = true;
                self.nothing();
            }
            b',' => {
                self.expects_value = self.nesting.innermost() == Some(Container::Array);
                self.copy(1);
            }
            0 if self.does(Repair::Nul) => self.at += 1,
            _ if self.expects_value && is_of_number(byte) => self.scalar(),
            _ => self.copy(1),
        }
    }

    /// Passes a string whose opening quote is passed, with its closing one.
    fn string(&mut self) {
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'"' => return self.copy(1),
                b'\\' => self.escape(),
                0 if self.does(Repair::Nul) => self.at += 1,
                1..0x20 if self.does(Repair::ControlCharacters) => {
                    self.out.extend_from_slice(escaped(*byte).as_bytes());
                    self.at += 1;
                }
                _ => self.copy(1),
            }
        }
    }

    /// Passes an escape, and both halves of a surrogate pair.
    fn escape(&mut self) {
        match (self.unit(self.at), self.unit(self.at + 6)) {
            (Some(0), _) if self.does(Repair::Nul) => self.at += 6,
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => self.copy(12),
            (Some(0xD800..=0xDFFF), _) if self.does(Repair::LoneSurrogate) => {
                self.out.extend_from_slice("\u{fffd}".as_bytes());
                self.at += 6;
            }
            // a backslash and what it escapes, be that a quote
            _ => self.copy(2),
        }
    }

    /// The UTF-16 unit that is written as an escape at a place.
    fn unit(&self, at: usize) -> Option<u16> {
        let digits = self.text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let is_hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
        let digits = std::str::from_utf8(digits).ok()?;
        is_hexadecimal.then(|| u16::from_str_radix(digits, 16).ok())?
    }

    /// Writes `null` for a member's value that is not there.
    fn nothing(&mut self) {
        let rest = &self.text[self.at..];
        let next = rest.iter().find(|byte| !is_white(**byte));
        if matches!(next, Some(b',' | b'}')) && self.does(Repair::BadNumber) {
            self.out.extend_from_slice(b"null");
            self.expects_value = false;
        }
    }

    /// Passes a number or a word, or what stands in its place.
    fn scalar(&mut self) {
        self.expects_value = false;
        let token = self.scalar_at(self.at);
        let bytes = &self.text[token.clone()];
        let is_json = Strict::default().scalar(bytes, 0) == Ok(bytes.len());
        let repair = match is_json {
            true if is_large(bytes) => Repair::Exponent,
            true => return self.copy(token.len()),
            false => Repair::BadNumber,
        };
        if token.len() > LONGEST_NUMBER && repair == Repair::BadNumber {
            return self.copy(token.len());
        }
        if self.does(repair) {
            self.out.push(b'"');
            self.copy(token.len());
            self.out.push(b'"');
        } else {
            self.copy(token.len());
        }
    }

    /// What stands for a number, from `start`. A member's may have commas between
    /// its digits: what ends it is a brace, or a comma before the next name.
    fn scalar_at(&self, start: usize) -> Range<usize> {
        let may_have_commas = self.nesting.innermost() == Some(Container::Object);
        let is_part = |byte: u8| is_of_number(byte) || (may_have_commas && byte == b',');
        let bytes = self.text[start..].iter();
        let length = bytes.take_while(|byte| is_part(**byte)).count();
        let commas = self.text[start..start + length].iter().rev();
        start..start + length - commas.take_while(|byte| **byte == b',').count()
    }
}

/// Whether a byte may be part of a number, or of what stands for one.
fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// A control character as JSON writes it.
fn escaped(byte: u8) -> String {
    match byte {
        b'\n' => r"\n".into(),
        b'\r' => r"\r".into(),
        b'\t' => r"\t".into(),
        0x08 => r"\b".into(),
        0x0c => r"\f".into(),
        _ => format!("\\u{byte:04x}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A text after one repair; the text itself if that has nothing to do.
    #[track_caller]
    fn check(asked: Repair, text: &str, expected: &str) {
        let repaired = repair(text.as_bytes(), &[asked]);
        let found = repaired.as_ref().map_or(text.as_bytes(), |r| &r.text);
        assert_eq!(
            found.escape_ascii().to_string(),
            expected.as_bytes().escape_ascii().to_string()
        );
        assert_eq!(repaired.is_some(), text != expected);
    }

    #[test]
    fn nul_is_dropped() {
        let check = |text: &str, expected: &str| check(Repair::Nul, text, expected);
        check(r#"{"a":"x\u0000y","b\u0000":1}"#, r#"{"a":"xy","b":1}"#);
        check("{\"a\":\0\"x\0\"}", r#"{"a":"x"}"#);
        check(r#"{"a":"x\\u0000y"}"#, r#"{"a":"x\\u0000y"}"#);
        check(r#"{"a":"x\\\u0000y"}"#, r#"{"a":"x\\y"}"#);
        check("{\"a\":\"\t\\ud800\"}", "{\"a\":\"\t\\ud800\"}");
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced() {
        let check = |text: &str, expected: &str| check(Repair::LoneSurrogate, text, expected);
        check(r#"["a\ud83db\uDE00"]"#, "[\"a\u{fffd}b\u{fffd}\"]");
        check(r#"["\ud83d\ud83d\ude00"]"#, "[\"\u{fffd}\\ud83d\\ude00\"]");
        check(
            r#"["\ud83d\ude00 \\ud83d \u0000"]"#,
            r#"["\ud83d\ude00 \\ud83d \u0000"]"#,
        );
    }

    #[test]
    fn raw_control_characters_are_escaped() {
        let check = |text: &str, expected: &str| check(Repair::ControlCharacters, text, expected);
        check(
            "{\n\t\"a\tb\":\"\n\r\u{8}\u{c}\u{1}\u{1f}é\"}",
            "{\n\t\"a\\tb\":\"\\n\\r\\b\\f\\u0001\\u001fé\"}",
        );
        check("[\"\\\"\t\"]", "[\"\\\"\\t\"]");
    }

    #[test]
    fn a_number_that_is_too_large_is_text() {
        let check = |text: &str, expected: &str| check(Repair::Exponent, text, expected);
        check(
            r#"{"a":1e9999,"b":[-1.5E-2000, 2e3],"c":"1e9999"}"#,
            r#"{"a":"1e9999","b":["-1.5E-2000", 2e3],"c":"1e9999"}"#,
        );
        check("[1e999, nan]", "[1e999, nan]");
    }

    #[test]
    fn what_stands_for_a_number_and_is_none_is_text() {
        let check = |text: &str, expected: &str| check(Repair::BadNumber, text, expected);
        for bad in [
            "000",
            "N230000000",
            "nan",
            ".5",
            "+5",
            "NaN",
            "Infinity",
            "-Infinity",
            "5.",
            "1e",
            "-",
        ] {
            check(
                &format!(r#"{{"a": {bad} ,"b":1}}"#),
                &format!(r#"{{"a": "{bad}" ,"b":1}}"#),
            );
            check(&format!("[1,{bad}]"), &format!(r#"[1,"{bad}"]"#));
            check(&format!(r#"{{"a":{bad}}}"#), &format!(r#"{{"a":"{bad}"}}"#));
        }
        check(
            r#"{"a":221,000,000.00,"b":1,000,
                "c":1,"d":{"e":2,500}}"#,
            r#"{"a":"221,000,000.00","b":"1,000",
                "c":1,"d":{"e":"2,500"}}"#,
        );
        check(
            r#"{"a":,"b": ,"c":{"d": }}"#,
            r#"{"a":null,"b":null ,"c":{"d":null }}"#,
        );
        let whole = r#"{"a":[1,-2.5e+7,true,null,false,{"b":"000,"}],"c":1e9999}"#;
        check(whole, whole);
        let long = format!("[{}]", "x".repeat(101));
        check(&long, &long);
    }

    #[test]
    fn repairs_that_did_something_are_named() {
        let text = "{\"a\":\"\t\\u0000\",\"b\":nan,\"c\":1e9999}";
        let repaired = repair(text.as_bytes(), &Repair::ALL).unwrap();
        assert_eq!(
            repaired.text.escape_ascii().to_string(),
            r#"{"a":"\t","b":"nan","c":"1e9999"}"#.as_bytes().escape_ascii().to_string()
        );
        let done = [
            Repair::Nul,
            Repair::ControlCharacters,
            Repair::Exponent,
            Repair::BadNumber,
        ];
        assert_eq!(repaired.repairs, done);
        assert_eq!(repair(text.as_bytes(), &[]), None);
        assert_eq!(repair(text.as_bytes(), &[Repair::LoneSurrogate]), None);
    }

    proptest! {
        #[test]
        fn what_is_whole_is_left_alone(text in r#"[\[\]{}:,"\\u0d89e.+\-tru ab\x01é]{0,24}"#) {
            if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                let repaired = repair(text.as_bytes(), &[Repair::BadNumber, Repair::ControlCharacters]);
                prop_assert_eq!(repaired, None);
            }
        }

        #[test]
        fn any_bytes_can_be_looked_at(text in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = repair(&text, &Repair::ALL);
        }

        #[test]
        fn a_second_repair_finds_nothing(
            text in r#"\{("a":("[a\\u0d8\x00\t]{0,9}"|nan|00|1,000|1e9999|),){0,4}"b":1\}"#,
        ) {
            let once = repair(text.as_bytes(), &Repair::ALL);
            if let Some(once) = once {
                // dropping a NUL can join what makes another defect
                let twice = repair(&once.text, &[Repair::ControlCharacters, Repair::Exponent, Repair::BadNumber]);
                prop_assert_eq!(twice, None);
            }
        }
    }
}
