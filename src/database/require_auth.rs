//! libpq's `require_auth`: the ways in which a server may ask who we are.

use crate::error::{Error, Result};

/// A way in which a server asks who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Password,
    Md5,
    Gss,
    Sspi,
    Scram,
    /// It does not ask.
    None,
}

impl Method {
    const ALL: [(&str, Method); 6] = [
        ("password", Method::Password),
        ("md5", Method::Md5),
        ("gss", Method::Gss),
        ("sspi", Method::Sspi),
        ("scram-sha-256", Method::Scram),
        ("none", Method::None),
    ];

    /// What the server asks for, for people.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Method::Password => "the password in clear text",
            Method::Md5 => "an MD5 hash of the password",
            Method::Gss => "GSSAPI",
            Method::Sspi => "SSPI",
            Method::Scram => "SCRAM-SHA-256",
            Method::None => "no authentication",
        }
    }
}

/// The methods that are allowed, or those that are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequireAuth {
    text: String,
    listed: Vec<Method>,
    is_negative: bool,
}

impl RequireAuth {
    /// Reads a list such as `scram-sha-256,none` or `!password,!md5` by libpq's rules: each
    /// method once, and all of them negated or none. `None` if the list is empty.
    ///
    /// # Errors
    /// [`Config`](crate::error::Kind::Config), which names `origin` and repeats no value.
    pub(super) fn parse(origin: &str, text: &str) -> Result<Option<Self>> {
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = || {
            let names: Vec<&str> = Method::ALL.iter().map(|(name, _)| *name).collect();
            Error::config(format!(
                "{origin}: require_auth lists some of {}, separated by commas, each once, and \
                 either all with a `!` before them or none",
                names.join(", ")
            ))
        };
        let is_negative = text.starts_with('!');
        let mut listed = Vec::new();
        for part in text.split(',') {
            let name = match part.strip_prefix('!') {
                Some(name) if is_negative => name,
                None if !is_negative => part,
                _ => return Err(wrong()),
            };
            let known = Method::ALL.iter().find(|(known, _)| *known == name);
            let (_, method) = *known.ok_or_else(wrong)?;
            if listed.contains(&method) {
                return Err(wrong());
            }
            listed.push(method);
        }
        Ok(Some(Self {
            text: text.to_owned(),
            listed,
            is_negative,
        }))
    }

    pub(super) fn allows(&self, method: Method) -> bool {
        self.listed.contains(&method) != self.is_negative
    }

    /// Whether a method is allowed by its name, and not because others are excluded.
    pub(super) fn names(&self, method: Method) -> bool {
        !self.is_negative && self.listed.contains(&method)
    }

    /// The list as it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn lists_are_read_as_libpq_reads_them() {
        use Method::{Gss, Md5, None, Password, Scram, Sspi};
        for (text, allowed) in [
            ("password", &[Password][..]),
            ("scram-sha-256,none", &[Scram, None]),
            ("!password,!md5", &[Gss, Sspi, Scram, None]),
            ("!none", &[Password, Md5, Gss, Sspi, Scram]),
            ("!none,!md5", &[Password, Gss, Sspi, Scram]),
            (
                "password,md5,gss,sspi,scram-sha-256,none",
                &[Password, Md5, Gss, Sspi, Scram, None],
            ),
        ] {
            let list = RequireAuth::parse("URL", text).expect(text).expect(text);
            for (name, method) in Method::ALL {
                assert_eq!(
                    list.allows(method),
                    allowed.contains(&method),
                    "{text}: {name}"
                );
                let is_named = !text.contains('!') && allowed.contains(&method);
                assert_eq!(list.names(method), is_named, "{text}: {name}");
            }
        }
        assert_eq!(RequireAuth::parse("URL", "").expect("a list"), Option::None);
    }

    #[test]
    fn lists_that_libpq_refuses_are_refused() {
        for text in [
            "hunter2",
            "password,hunter2",
            "password,,md5",
            "password,",
            " password",
            "Password",
            "password,!md5",
            "!md5,password",
            "md5,md5",
            "!md5,!md5",
            "none,none",
            "!none,!none",
            "!",
            "!!md5",
        ] {
            let error = RequireAuth::parse("URL", text).expect_err(text);
            assert_eq!(error.kind(), Kind::Config, "{text}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
