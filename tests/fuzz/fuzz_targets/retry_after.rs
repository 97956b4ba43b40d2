//! Fuzzes how the value of a `Retry-After` header is read.
//!
//! The input is the value of the header.

#![no_main]

use std::time::{Duration, SystemTime};

use libfuzzer_sys::fuzz_target;
use ocds_ingest::fuzz::retry_after;

/// Fri, 13 Nov 2026 08:00:00 GMT.
const NOW: Duration = Duration::from_secs(1_794_556_800);

fuzz_target!(|value: &str| {
    let now = SystemTime::UNIX_EPOCH + NOW;
    let wait = retry_after(value, now);
    let value = value.trim();
    let (whole, part) = value.split_once('.').unwrap_or((value, "0"));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !whole.is_empty() && is_number(whole) && is_number(part) {
        let more = u64::from(part.trim_matches('0') != "");
        let seconds = whole.parse().unwrap_or(u64::MAX).saturating_add(more);
        assert_eq!(wait, Some(Duration::from_secs(seconds)));
        return;
    }
    let Some(wait) = wait else { return };
    // The value is a date: this far in the future, or in the past.
    let until = httpdate::parse_http_date(value).expect("a wait is seconds or until a date");
    if until <= now {
        assert_eq!(wait, Duration::ZERO);
    } else {
        assert_eq!(now + wait, until);
    }
    // The same date in the preferred format gives the same wait.
    let written = httpdate::fmt_http_date(until);
    assert_eq!(retry_after(&written, now), Some(wait), "{written}");
});
