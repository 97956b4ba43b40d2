//! The cookies of one source, if it declares `http.cookies`.
//!
//! Some servers send a cookie with a redirect to the same page and redirect again until they get
//! it back. Only the source's own host may set cookies, and only it gets them. They live as long
//! as the client, which is one run.

use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::HeaderValue;
use url::Url;

use crate::http::host::is_home;

/// All cookies are forgotten when a server has set this many bytes of them, or when a request
/// would send more than the second number. A server that sets another cookie with each response
/// would otherwise fill the memory, or refuse its own cookies because they are too long.
const MAX_SET_BYTES: usize = 1 << 20;
const MAX_SENT_BYTES: usize = 8 << 10;

pub(super) struct HomeCookies {
    own_url: Url,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    jar: Jar,
    set_bytes: usize,
}

impl HomeCookies {
    pub(super) fn new(own_url: Url) -> Self {
        Self {
            own_url,
            kept: Mutex::default(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CookieStore for HomeCookies {
    fn set_cookies(&self, headers: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        if !is_home(&self.own_url, url) {
            return;
        }
        let headers: Vec<&HeaderValue> = headers.collect();
        let bytes: usize = headers.iter().map(|header| header.len()).sum();
        let mut kept = self.kept();
        if kept.set_bytes + bytes > MAX_SET_BYTES {
            *kept = Kept::default();
        }
        kept.set_bytes += bytes;
        kept.jar.set_cookies(&mut headers.into_iter(), url);
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        if !is_home(&self.own_url, url) {
            return None;
        }
        let mut kept = self.kept();
        let cookies = kept.jar.cookies(url)?;
        if cookies.len() > MAX_SENT_BYTES {
            *kept = Kept::default();
            return None;
        }
        Some(cookies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_sets_ever_more_cookies_fills_neither_memory_nor_requests() {
        let url: Url = "https://a.example/".parse().unwrap();
        let cookies = HomeCookies::new(url.clone());
        let mut longest = 0;
        for number in 0..10_000 {
            let value = format!("c{number}={}", "x".repeat(1_000));
            let header = HeaderValue::from_str(&value).unwrap();
            cookies.set_cookies(&mut [&header].into_iter(), &url);
            assert!(cookies.kept().set_bytes <= MAX_SET_BYTES);
            longest = longest.max(cookies.cookies(&url).map_or(0, |sent| sent.len()));
        }
        assert!((1_000..=MAX_SENT_BYTES).contains(&longest), "{longest}");
        let other: Url = "https://b.example/".parse().unwrap();
        assert_eq!(cookies.cookies(&other), None);
    }
}
