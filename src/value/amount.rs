//! Reads amounts of money without rounding them.
//!
//! A number of JSON, and its text, are read as they are. A text that is written for people is read
//! if it has one meaning:
//!
//! | form | amount | why it has one meaning |
//! |---|---|---|
//! | `221,000,000.00`, `1.234.567,89` | 221000000.00, 1234567.89 | the last mark differs from the others, so it is the decimal mark |
//! | `1,234,567`, `1.234.567` | 1234567 | a number has only one decimal mark |
//! | `1 234 567,5`, also with a no-break space | 1234567.5 | a space is never a decimal mark |
//! | `1234,5` | 1234.5 | a group has three digits |
//! | `N230000000`, `₦5`, `$ 5`, `€5`, `£5` | 230000000, 5 | a sign of a currency does not change the number |
//!
//! `1,234` is not read, because it may be 1234 or 1.234. Words are not read, not even a currency's
//! code: some of three letters mean a thousand or a million. The marks are those of the languages
//! in CLDR. A publisher of Nigeria writes the first form, and `N` for its currency
//! (<https://github.com/open-contracting/kingfisher-collect/issues/957>).
//!
//! The function `ocds.amount` of the database follows the same rules, and a test compares the two.

use rust_decimal::Decimal;

/// The maximum length of a text that is read as an amount written for people.
const LONGEST_FORMATTED_BYTES: usize = 100;

/// Parses an amount. Returns `None` if the text is not a number. Also returns `None` if the amount
/// has more digits than a [`Decimal`] can hold (28 or 29), because an amount is never rounded.
pub(super) fn parse(text: &str) -> Option<Decimal> {
    let text = text.trim_ascii();
    parse_plain(text).or_else(|| parse_plain(&remove_format(text)?))
}

/// Parses an amount in plain or scientific notation.
fn parse_plain(text: &str) -> Option<Decimal> {
    let (sign, unsigned) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let (digits, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // Zeros at the end are removed, because a long fraction may have more digits than a `Decimal`
    // can hold.
    let fraction = match fraction.len() {
        0..=28 => fraction,
        _ => fraction.trim_end_matches('0'),
    };
    let mut value: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value
            .checked_mul(10)?
            .checked_add(i128::from(digit - b'0'))?;
    }
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    divide_by_power_of_ten(sign * value, scale)
}

/// The signs of currencies that may precede a number.
const CURRENCY_SIGNS: [char; 5] = ['N', '\u{20a6}', '$', '\u{20ac}', '\u{a3}'];

/// The spaces that may separate groups of digits: the space, the no-break space, and the narrow
/// no-break space.
const SPACES: [char; 3] = [' ', '\u{a0}', '\u{202f}'];

/// Rewrites an amount in plain notation that is written for people. Returns `None` if the text is
/// no such amount, or if it is ambiguous.
fn remove_format(text: &str) -> Option<String> {
    let unsigned = text.trim_start_matches(['+', '-']);
    let sign = &text[..text.len() - unsigned.len()];
    let number = match unsigned.strip_prefix(CURRENCY_SIGNS) {
        Some(number) => number.trim_start_matches(SPACES),
        None => unsigned,
    };
    if sign.len() > 1 || number.len() > LONGEST_FORMATTED_BYTES {
        return None;
    }
    let is_mark = |c: char| !c.is_ascii_digit();
    let marks: Vec<char> = number.chars().filter(|c| is_mark(*c)).collect();
    let mut groups: Vec<&str> = number.split(is_mark).collect();
    let fraction = match has_decimal_mark(&marks, groups.last()?)? {
        true => groups.pop()?,
        false => "",
    };
    let is_grouped = groups.len() > 1;
    let (first, others) = groups.split_first()?;
    let is_whole = match is_grouped {
        true => (1..=3).contains(&first.len()) && others.iter().all(|group| group.len() == 3),
        false => !first.is_empty(),
    };
    is_whole.then(|| format!("{sign}{}.{fraction}", groups.concat()))
}

/// Returns true if the last mark of a number is its decimal mark, and false if all marks separate
/// groups. Returns `None` if that is not certain.
fn has_decimal_mark(marks: &[char], last_digits: &str) -> Option<bool> {
    let Some((last, others)) = marks.split_last() else {
        return Some(false);
    };
    let is_decimal_mark = matches!(last, '.' | ',');
    if !is_decimal_mark && !SPACES.contains(last) {
        return None;
    }
    match others.first() {
        // A number with one mark.
        None if !is_decimal_mark => Some(false),
        None => {
            (!last_digits.is_empty() && (*last == '.' || last_digits.len() != 3)).then_some(true)
        }
        Some(first) if others.iter().any(|mark| mark != first) => None,
        Some(first) if first == last => Some(false),
        Some(first) => {
            let is_group_mark = matches!(first, '.' | ',') || SPACES.contains(first);
            (is_group_mark && is_decimal_mark && !last_digits.is_empty()).then_some(true)
        }
    }
}

/// Returns `value / 10^scale`, or `None` if the result does not fit a [`Decimal`].
fn divide_by_power_of_ten(mut value: i128, mut scale: i32) -> Option<Decimal> {
    if value == 0 {
        return Some(Decimal::ZERO);
    }
    while scale > 28 && value % 10 == 0 {
        value /= 10;
        scale -= 1;
    }
    while scale < 0 {
        value = value.checked_mul(10)?;
        scale += 1;
    }
    Decimal::try_from_i128_with_scale(value, u32::try_from(scale).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_numbers_exactly() {
        for (text, number) in [
            ("0", "0"),
            ("-0", "0"),
            ("1000.50", "1000.50"),
            (" 1000.50 ", "1000.50"),
            ("-12", "-12"),
            ("+12", "12"),
            ("007", "7"),
            ("1e6", "1000000"),
            ("1.5E+3", "1500"),
            ("25e-2", "0.25"),
            ("0.1", "0.1"),
            ("0e999999999", "0"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1.234", "1.234"),
            ("1.0000000000000000000000000000000000000", "1"),
            (
                "79228162514264337593543950335",
                "79228162514264337593543950335",
            ),
            (
                "0.0000000000000000000000000001",
                "0.0000000000000000000000000001",
            ),
        ] {
            assert_eq!(
                parse(text).map(|n| n.to_string()).as_deref(),
                Some(number),
                "{text}"
            );
        }
    }

    #[test]
    fn reads_amounts_that_are_written_for_people() {
        for (text, number) in [
            ("98,765,432.10", "98765432.10"),
            ("1,234.5", "1234.5"),
            ("1,234.567", "1234.567"),
            ("12,345,678", "12345678"),
            ("98.765.432,10", "98765432.10"),
            ("1.234,567", "1234.567"),
            ("12.345.678", "12345678"),
            ("12 345", "12345"),
            ("12\u{a0}345\u{a0}678,90", "12345678.90"),
            ("12\u{202f}345.5", "12345.5"),
            ("1234,5", "1234.5"),
            ("0,75", "0.75"),
            ("0,1234", "0.1234"),
            ("N98000000", "98000000"),
            ("\u{20a6}98,000,000.00", "98000000.00"),
            ("-$ 1 234.50", "-1234.50"),
            ("\u{20ac}\u{a0}5,5", "5.5"),
            (" \u{a3}5 ", "5"),
            ("+$5", "5"),
        ] {
            assert_eq!(
                parse(text).map(|n| n.to_string()).as_deref(),
                Some(number),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_number_or_does_not_fit_is_none() {
        for text in [
            "",
            " ",
            "-",
            ".",
            "e5",
            "1e",
            "1e+",
            "1ee5",
            "1.2.3",
            "1,000",
            "12,345",
            "1234,567",
            "1,00,000",
            "1,0000,000",
            "12,34,567.00",
            "1,234.567,89",
            "1.234,567.89",
            "1 234.567,89",
            "1 234\u{a0}567",
            "1234 567",
            "1  234",
            "1,234,567.",
            "1,",
            ",5",
            "$",
            "N",
            "N-5",
            "--$5",
            "- 5",
            "N1,000",
            "No5",
            "5 N",
            "USD 5",
            "MIO 5",
            "$1e5",
            "1'000'000",
            "1,000,000e2",
            "nan",
            "inf",
            "0x10",
            "1_000",
            "--1",
            "1-",
            "1e9999",
            "1e-9999",
            "1e99999999999",
            "79228162514264337593543950336",
            "0.00000000000000000000000000001",
            "1.00000000000000000000000000001",
            "１２",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_back_whatever_number_is_written(mantissa in -(1_i128 << 96) + 1..1_i128 << 96, scale in 0_u32..=28) {
            let number = Decimal::from_i128_with_scale(mantissa, scale);
            prop_assert_eq!(parse(&number.to_string()), Some(number));
        }

        #[test]
        fn takes_any_text(text in ".{0,40}", digits in "[N$]?[0-9., eE+-]{0,60}") {
            parse(&text);
            parse(&digits);
        }
    }
}
