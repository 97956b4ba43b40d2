//! Repairs the text of one item, if the source's configuration requests it.
//!
//! A repair changes only the defect that it is named after. A number that PostgreSQL cannot hold,
//! and a token that is not JSON, become strings of the same characters, so that people and SQL
//! can still see the value. The served bytes are kept too.
//!
//! Only items that would otherwise be refused are repaired. A repaired item that still has a
//! defect is refused.

use std::collections::BTreeSet;
use std::ops::Range;

use encoding_rs::WINDOWS_1252;
use serde_json::Value;

use crate::json::{Container, Nesting, Rules, Strict, is_large_number, is_white_space};
use crate::source::Repair;

/// The maximum length in bytes of a token that is repaired as a damaged number.
const LONGEST_NUMBER: usize = 100;

/// The maximum length in bytes of a character in UTF-8.
const LONGEST_CHARACTER: usize = 4;

/// A repaired text, and the repairs that have changed it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Repaired {
    pub(super) text: Vec<u8>,
    pub(super) repairs: Vec<Repair>,
}

/// Repairs a text. Returns `None` if none of the requested repairs changes the text.
pub(super) fn repair(text: &[u8], requested: &[Repair]) -> Option<Repaired> {
    let mut repairer = Repairer {
        text,
        at: 0,
        out: Vec::with_capacity(text.len() + 16),
        requested,
        done: BTreeSet::new(),
        nesting: Nesting::default(),
        expects_value: true,
    };
    while let Some(byte) = text.get(repairer.at) {
        repairer.pass_token(*byte);
    }
    if repairer.done.is_empty() {
        return None;
    }
    Some(Repaired {
        text: repairer.out,
        repairs: repairer.done.into_iter().collect(),
    })
}

struct Repairer<'t> {
    text: &'t [u8],
    at: usize,
    out: Vec<u8>,
    requested: &'t [Repair],
    done: BTreeSet<Repair>,
    nesting: Nesting,
    /// True if a value is expected next. False if a name, a comma or an end is expected.
    expects_value: bool,
}

impl Repairer<'_> {
    /// Returns true if the source requests this repair, and then records that the repair was
    /// done.
    fn begin_repair(&mut self, repair: Repair) -> bool {
        let is_requested = self.requested.contains(&repair);
        if is_requested {
            self.done.insert(repair);
        }
        is_requested
    }

    /// Copies `length` bytes to the repaired text.
    fn copy(&mut self, length: usize) {
        let end = (self.at + length).min(self.text.len());
        self.out.extend_from_slice(&self.text[self.at..end]);
        self.at = end;
    }

    /// Copies or repairs a token, white space, or an unexpected byte.
    fn pass_token(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.copy(1);
                self.pass_string();
                self.expects_value = false;
            }
            b'{' | b'[' => {
                let container = match byte {
                    b'{' => Container::Object,
                    _ => Container::Array,
                };
                self.nesting.open(container);
                self.expects_value = container == Container::Array;
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
                self.write_missing_value();
            }
            b',' => {
                self.expects_value = self.nesting.innermost() == Some(Container::Array);
                self.copy(1);
            }
            0 if self.begin_repair(Repair::Nul) => self.at += 1,
            _ if self.expects_value && is_number_byte(byte) => self.pass_scalar(),
            _ => self.copy(1),
        }
    }

    /// Copies or repairs the rest of a string, including its closing quote.
    fn pass_string(&mut self) {
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'"' => return self.copy(1),
                b'\\' => self.pass_escape(),
                0 if self.begin_repair(Repair::Nul) => self.at += 1,
                1..0x20 if self.begin_repair(Repair::ControlCharacters) => {
                    let quoted = Value::from(char::from(*byte).to_string()).to_string();
                    self.out
                        .extend_from_slice(quoted.trim_matches('"').as_bytes());
                    self.at += 1;
                }
                0x80.. => self.pass_character(),
                _ => self.copy(1),
            }
        }
    }

    /// Copies a character that is not ASCII, or repairs a byte that is not UTF-8.
    fn pass_character(&mut self) {
        let end = (self.at + LONGEST_CHARACTER).min(self.text.len());
        let bytes = &self.text[self.at..end];
        let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        match valid.chars().next() {
            Some(character) => self.copy(character.len_utf8()),
            None if self.begin_repair(Repair::InvalidUtf8) => {
                let (text, _) = WINDOWS_1252.decode_without_bom_handling(&bytes[..1]);
                self.out.extend_from_slice(text.as_bytes());
                self.at += 1;
            }
            None => self.copy(1),
        }
    }

    /// Copies or repairs an escape. Both escapes of a surrogate pair are treated together.
    fn pass_escape(&mut self) {
        match (self.utf16_unit(self.at), self.utf16_unit(self.at + 6)) {
            (Some(0), _) if self.begin_repair(Repair::Nul) => self.at += 6,
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => self.copy(12),
            (Some(0xD800..=0xDFFF), _) if self.begin_repair(Repair::LoneSurrogate) => {
                self.out.extend_from_slice("\u{fffd}".as_bytes());
                self.at += 6;
            }
            // These are a backslash and the character that it escapes, which may be a quote.
            _ if self.text.get(self.at + 1).is_some_and(u8::is_ascii) => self.copy(2),
            _ => self.copy(1),
        }
    }

    /// Reads the UTF-16 unit of the `\u` escape at a position. Returns `None` if there is no such
    /// escape.
    fn utf16_unit(&self, at: usize) -> Option<u16> {
        let digits = self.text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let is_hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
        let digits = std::str::from_utf8(digits).ok()?;
        is_hexadecimal.then(|| u16::from_str_radix(digits, 16).ok())?
    }

    /// Writes `null` if the value of a member is missing and the repair is requested.
    fn write_missing_value(&mut self) {
        let rest = &self.text[self.at..];
        let next = rest.iter().find(|byte| !is_white_space(**byte));
        if matches!(next, Some(b',' | b'}')) && self.begin_repair(Repair::BadNumber) {
            self.out.extend_from_slice(b"null");
            self.expects_value = false;
        }
    }

    /// Copies or repairs a number, a word, or a sequence of characters in the place of a number.
    fn pass_scalar(&mut self) {
        self.expects_value = false;
        let token = self.find_number(self.at);
        let bytes = &self.text[token.clone()];
        let is_json = Strict::default().find_scalar_end(bytes, 0) == Ok(bytes.len());
        let repair = match is_json {
            true if is_large_number(bytes) => Some(Repair::Exponent),
            false if bytes.len() <= LONGEST_NUMBER => Some(Repair::BadNumber),
            _ => None,
        };
        let quote: &[u8] = match repair {
            Some(repair) if self.begin_repair(repair) => b"\"",
            _ => b"",
        };
        self.out.extend_from_slice(quote);
        self.copy(token.len());
        self.out.extend_from_slice(quote);
    }

    /// Returns the range of a text that may be a number. In an object, the number may have commas
    /// between its digits, so it ends before a byte that cannot be part of a number or before a
    /// final comma.
    fn find_number(&self, start: usize) -> Range<usize> {
        let may_have_commas = self.nesting.innermost() == Some(Container::Object);
        let is_part = |byte: u8| is_number_byte(byte) || (may_have_commas && byte == b',');
        let bytes = self.text[start..].iter();
        let length = bytes.take_while(|byte| is_part(**byte)).count();
        let commas = self.text[start..start + length].iter().rev();
        start..start + length - commas.take_while(|byte| **byte == b',').count()
    }
}

/// Returns true if the byte may be part of a number or of a damaged number.
fn is_number_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the text after one repair. If the repair changes nothing, returns the text itself.
    #[track_caller]
    fn check(requested: Repair, text: &str, expected: &str) {
        let repaired = repair(text.as_bytes(), &[requested]);
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
    fn a_byte_that_is_not_utf8_is_read_as_windows_1252() {
        for (served, expected) in [
            (&b"{\"a\":\"caf\xe9 \x80\"}"[..], "{\"a\":\"café €\"}"),
            (b"{\"caf\xe9\":\"\xa3\x81\"}", "{\"café\":\"£\u{81}\"}"),
            // a character that is cut, before a whole one and at the end
            (b"[\"\xe2\x82\xc3\xa9\",\"\xc3\"]", "[\"â‚é\",\"Ã\"]"),
            (b"[\"\xff\xfe\\\\\xe9\\n\"]", "[\"ÿþ\\\\é\\n\"]"),
        ] {
            let repaired = repair(served, &[Repair::InvalidUtf8]).unwrap();
            assert_eq!(std::str::from_utf8(&repaired.text), Ok(expected));
            assert_eq!(repaired.repairs, [Repair::InvalidUtf8]);
            assert_eq!(repair(served, &[Repair::Nul]), None);
        }
        for whole in ["[\"é€😀\"]", "é", "[\"\u{10ffff}", "[\"\\é\"]"] {
            assert_eq!(repair(whole.as_bytes(), &[Repair::InvalidUtf8]), None);
        }
        // a byte outside of texts is no text
        assert_eq!(repair(b"[\xe9]", &[Repair::InvalidUtf8]), None);
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
            if serde_json::from_str::<Value>(&text).is_ok() {
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
                // The removal of a NUL can create another defect, so a second repair may be
                // necessary.
                let twice = repair(&once.text, &[Repair::ControlCharacters, Repair::Exponent, Repair::BadNumber]);
                prop_assert_eq!(twice, None);
            }
        }
    }
}
