//! Reads libpq's option `require_auth`, which lists the methods by which the client may
//! authenticate.

use crate::error::{Error, Result};

/// A method of authentication, as `require_auth` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthMethod {
    Password,
    Md5,
    Gss,
    Sspi,
    Scram,
    /// The server requests no authentication.
    None,
}

impl AuthMethod {
    const ALL: [(&str, AuthMethod); 6] = [
        ("password", AuthMethod::Password),
        ("md5", AuthMethod::Md5),
        ("gss", AuthMethod::Gss),
        ("sspi", AuthMethod::Sspi),
        ("scram-sha-256", AuthMethod::Scram),
        ("none", AuthMethod::None),
    ];

    /// Describes what the server requests, for a message.
    pub(super) fn describe(self) -> &'static str {
        match self {
            AuthMethod::Password => "the password in clear text",
            AuthMethod::Md5 => "an MD5 hash of the password",
            AuthMethod::Gss => "GSSAPI",
            AuthMethod::Sspi => "SSPI",
            AuthMethod::Scram => "SCRAM-SHA-256",
            AuthMethod::None => "no authentication",
        }
    }
}

/// A list of methods that are allowed, or a list of methods that are not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequireAuth {
    pub(super) text: String,
    listed: Vec<AuthMethod>,
    is_negated: bool,
}

impl RequireAuth {
    /// Parses a list such as `scram-sha-256,none` or `!password,!md5` by libpq's rules. Each
    /// method may occur once. Either all methods are negated, or none. Returns `None` for an
    /// empty list. The error names `origin` and repeats no value.
    pub(super) fn parse(origin: &str, text: &str) -> Result<Option<Self>> {
        if text.is_empty() {
            return Ok(None);
        }
        let list_error = || {
            let names: Vec<&str> = AuthMethod::ALL.iter().map(|(name, _)| *name).collect();
            Error::config(format!(
                "{origin}: require_auth lists some of {}, separated by commas, each once, and \
                 either all with a `!` before them or none",
                names.join(", ")
            ))
        };
        let is_negated = text.starts_with('!');
        let mut listed = Vec::new();
        for entry in text.split(',') {
            let name = match entry.strip_prefix('!') {
                Some(name) if is_negated => name,
                None if !is_negated => entry,
                _ => return Err(list_error()),
            };
            let known = AuthMethod::ALL.iter().find(|(known, _)| *known == name);
            let (_, method) = *known.ok_or_else(list_error)?;
            if listed.contains(&method) {
                return Err(list_error());
            }
            listed.push(method);
        }
        Ok(Some(Self {
            text: text.to_owned(),
            listed,
            is_negated,
        }))
    }

    pub(super) fn allows(&self, method: AuthMethod) -> bool {
        self.listed.contains(&method) != self.is_negated
    }

    /// Returns true if the list names the method as allowed. Returns false if the list only
    /// excludes other methods.
    pub(super) fn allows_by_name(&self, method: AuthMethod) -> bool {
        !self.is_negated && self.listed.contains(&method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn lists_are_read_as_libpq_reads_them() {
        use AuthMethod::{Gss, Md5, None, Password, Scram, Sspi};
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
            for (name, method) in AuthMethod::ALL {
                assert_eq!(
                    list.allows(method),
                    allowed.contains(&method),
                    "{text}: {name}"
                );
                let is_named = !text.contains('!') && allowed.contains(&method);
                assert_eq!(list.allows_by_name(method), is_named, "{text}: {name}");
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
