//! The cookies of one source, if it declares `http.cookies`.
//!
//! Some servers send a cookie with a redirect to the same page and redirect again until they get
//! it back. Only the source's own host may set cookies, and only it gets them. They live as long
//! as the client, which is one run.

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::HeaderValue;
use url::Url;

use crate::http::host::is_home;

pub(super) struct HomeCookies {
    own_url: Url,
    jar: Jar,
}

impl HomeCookies {
    pub(super) fn new(own_url: Url) -> Self {
        Self {
            own_url,
            jar: Jar::default(),
        }
    }
}

impl CookieStore for HomeCookies {
    fn set_cookies(&self, headers: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        if is_home(&self.own_url, url) {
            self.jar.set_cookies(headers, url);
        }
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        let is_home = is_home(&self.own_url, url);
        is_home.then(|| self.jar.cookies(url)).flatten()
    }
}
