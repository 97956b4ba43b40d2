//! Reads amounts of money without rounding them.

use rust_decimal::Decimal;

/// Parses an amount in plain or scientific notation. Returns `None` if the text is not a number.
/// Also returns `None` if the amount has more digits than a [`Decimal`] can hold (28 or 29),
/// because an amount is never rounded.
pub(super) fn parse(text: &str) -> Option<Decimal> {
    let text = text.trim_ascii();
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
            "1,000.00",
            "221 000",
            "nan",
            "inf",
            "£5",
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
        fn takes_any_text(text in ".{0,40}", digits in "[0-9.eE+-]{0,60}") {
            parse(&text);
            parse(&digits);
        }
    }
}
