//! `Retry-After`: what a server may write there, and the wait that is read of it.
//!
//! The input is the header's value.

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
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = value.parse().unwrap_or(u64::MAX);
        assert_eq!(wait, Some(Duration::from_secs(seconds)));
        return;
    }
    let Some(wait) = wait else { return };
    // it is a date: the one that is so far off, or one that has passed
    let until = httpdate::parse_http_date(value).expect("a wait is seconds or until a date");
    if until <= now {
        assert_eq!(wait, Duration::ZERO);
    } else {
        assert_eq!(now + wait, until);
    }
    // what is read is the moment that it names, in whichever of the three formats
    let written = httpdate::fmt_http_date(until);
    assert_eq!(retry_after(&written, now), Some(wait), "{written}");
});
