//! Parses a PostgreSQL URL.
//!
//! Both of libpq's forms are accepted, `postgresql://user@host/database?option=value` and `host=…
//! dbname=…`. Options that tokio-postgres would refuse are parsed here, and tokio-postgres parses
//! the others.
//!
//! # Passwords are never shown
//!
//! An error about a URL names its options and never their values. If a password has an `@`, `/`
//! or `?` that is not percent-encoded, a part of the password looks like a host or a database's
//! name, and messages show hosts and names. So a URL in which this may have happened is an error.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::{
    ChannelBinding, Config, Host, SslMode as WireMode, SslNegotiation, TargetSessionAttrs,
};

use super::connect::{Connector, Target, TlsNegotiator};
use super::require_auth::RequireAuth;
use super::tls::{SslMode, TlsOptions};
use crate::config;
use crate::error::{Error, Result};
use crate::userinfo::ENCODING_ADVICE;

/// A parsed URL, and the environment with which psql connects to the same database. The `Debug`
/// output shows neither the user nor the password.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) config: Config,
    tls: TlsOptions,
    targets: Vec<Target>,
    require_auth: Option<RequireAuth>,
    /// The variables of libpq's environment that have the values of the URL's options.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Address").field(&self.describe()).finish()
    }
}

/// The name of the variable of `require_auth` in libpq's environment.
pub(super) const REQUIRE_AUTH: &str = "PGREQUIREAUTH";

/// The options that a URL may have. Each has the name of its variable in libpq's environment, if
/// there is one.
const OPTIONS: [(&str, Option<&str>); 23] = [
    ("host", Some("PGHOST")),
    ("hostaddr", Some("PGHOSTADDR")),
    ("port", Some("PGPORT")),
    ("dbname", Some("PGDATABASE")),
    ("user", Some("PGUSER")),
    ("password", Some("PGPASSWORD")),
    ("options", Some("PGOPTIONS")),
    ("application_name", Some("PGAPPNAME")),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    ("target_session_attrs", Some("PGTARGETSESSIONATTRS")),
    ("load_balance_hosts", Some("PGLOADBALANCEHOSTS")),
    ("channel_binding", Some("PGCHANNELBINDING")),
    ("require_auth", Some(REQUIRE_AUTH)),
    ("sslnegotiation", Some("PGSSLNEGOTIATION")),
    ("sslmode", Some("PGSSLMODE")),
    ("sslrootcert", Some("PGSSLROOTCERT")),
    ("sslcert", Some("PGSSLCERT")),
    ("sslkey", Some("PGSSLKEY")),
    ("keepalives", None),
    ("keepalives_idle", None),
    ("keepalives_interval", None),
    ("keepalives_retries", None),
    ("tcp_user_timeout", None),
];

type Options = BTreeMap<&'static str, String>;

impl Address {
    /// Parses a URL. Options that are missing in the URL are set from `settings`. If the URL has
    /// no `require_auth`, the parameter `require_auth` is used, which is the value of
    /// `PGREQUIREAUTH`. The error shows no part of the URL that could be a password.
    pub(crate) fn parse(
        url: &str,
        require_auth: Option<&str>,
        settings: &config::Database,
    ) -> Result<Self> {
        let mut options = read_options(url.trim())?;
        let mut environment: Vec<(&str, String)> = OPTIONS
            .iter()
            .filter_map(|(name, variable)| Some(((*variable)?, options.get(name)?.clone())))
            .collect();
        let mut remove = |name| options.remove(name);
        let tls = TlsOptions::parse(
            remove("sslmode").as_deref(),
            remove("sslrootcert").map(PathBuf::from),
            remove("sslcert").map(PathBuf::from),
            remove("sslkey").map(PathBuf::from),
        )?;
        let require_auth = match (remove("require_auth"), require_auth) {
            (Some(list), _) => RequireAuth::parse("the database's URL", &list)?,
            (None, Some(list)) => RequireAuth::parse(REQUIRE_AUTH, list)?,
            (None, None) => None,
        };
        // libpq reads milliseconds, and tokio-postgres would read seconds.
        let tcp_user_timeout = remove("tcp_user_timeout").map(|text| text.parse());
        let tcp_user_timeout = tcp_user_timeout
            .transpose()
            .map_err(|_| url_error("option `tcp_user_timeout` is a number of milliseconds"))?;
        let configure = |options: &Options| -> Result<Config> {
            let mut config = build_config(options)?;
            if let Some(timeout) = tcp_user_timeout {
                config.tcp_user_timeout(Duration::from_millis(timeout));
            }
            set_defaults(&mut config, options, settings);
            // On a Unix socket PostgreSQL has no TLS, and libpq ignores `sslmode`.
            config.ssl_mode(match config.get_hosts().iter().all(is_socket) {
                true => WireMode::Disable,
                false => tls.wire_mode(),
            });
            Ok(config)
        };
        let config = configure(&options)?;
        let is_direct = config.get_ssl_negotiation() == SslNegotiation::Direct;
        if is_direct && config.get_ssl_mode() == WireMode::Prefer {
            return Err(url_error(
                "sslnegotiation=direct needs sslmode=require or stricter",
            ));
        }
        let targets = list_targets(&options, &config, require_auth.is_some(), &configure)?;
        let address = Self {
            config,
            tls,
            targets,
            require_auth,
            environment: Vec::new(),
        };
        if let Some(list) = address.psql_require_auth() {
            environment.retain(|(name, _)| *name != REQUIRE_AUTH);
            environment.push((REQUIRE_AUTH, list));
        }
        Ok(Self {
            environment,
            ..address
        })
    }

    /// Builds the connector, which opens connections. It reads the files that TLS needs.
    pub(crate) fn build_connector(&self) -> Result<Connector> {
        Ok(Connector {
            targets: self.targets.clone(),
            negotiator: TlsNegotiator {
                tls: self.tls.build_connector()?,
                mode: self.tls.wire_mode(),
                is_direct: self.config.get_ssl_negotiation() == SslNegotiation::Direct,
                require_auth: self.require_auth.clone(),
                remote_hosts: self.remote_hosts(),
            },
        })
    }

    /// Returns a warning if the password may be sent to another machine whose identity nobody
    /// verifies. With channel binding there is no warning, because only a server that already
    /// knows the password can get it.
    pub(crate) fn password_warning(&self) -> Option<String> {
        let remote_hosts = self.remote_hosts();
        if remote_hosts.is_empty()
            || self.config.get_password().is_none()
            || self.tls.mode >= SslMode::VerifyFull
            || self.config.get_channel_binding() == ChannelBinding::Require
        {
            return None;
        }
        Some(format!(
            "sslmode={} does not verify that {} is the server that the database's password is for, \
             so an attacker on the network may get the password: write sslmode=verify-full in the \
             database's URL, with sslrootcert=FILE if the server's certificate is signed by your \
             own authority, or write channel_binding=require if the server has TLS and \
             SCRAM-SHA-256 passwords",
            self.tls.mode_name(),
            remote_hosts.join(", "),
        ))
    }

    /// Returns the hosts that are not on this machine. Names are not looked up, because a name
    /// other than `localhost` may lead to another machine at any time.
    fn remote_hosts(&self) -> Vec<String> {
        let addresses = self.config.get_hostaddrs();
        let hosts = self.config.get_hosts().iter().enumerate();
        let remote_hosts = hosts.filter_map(|(index, host)| {
            let Host::Tcp(name) = host else { return None };
            let address = addresses.get(index).copied();
            let is_here = match address.or_else(|| name.parse::<IpAddr>().ok()) {
                Some(address) => address.to_canonical().is_loopback(),
                None => name.eq_ignore_ascii_case("localhost"),
            };
            (!is_here).then(|| name.clone())
        });
        remote_hosts.collect()
    }

    /// Returns the value of `require_auth` for psql. libpq cannot allow a method only for
    /// connections with TLS. So if TLS is not required, psql may send neither a password in clear
    /// text nor an MD5 hash.
    fn psql_require_auth(&self) -> Option<String> {
        match &self.require_auth {
            Some(list) => Some(list.text.clone()),
            None if self.tls.mode < SslMode::Require && !self.remote_hosts().is_empty() => {
                Some("!password,!md5".into())
            }
            None => None,
        }
    }

    /// Describes the hosts and the database. If the URL has no database name, the server uses the
    /// user's name, which is not shown.
    pub(crate) fn describe(&self) -> String {
        let ports = self.config.get_ports();
        let hosts = self.config.get_hosts().iter().enumerate();
        let hosts = hosts.map(|(index, host)| {
            let name = match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(path) => path.display().to_string(),
            };
            match ports.get(index).or(ports.first()) {
                None | Some(5432) => name,
                Some(port) => format!("{name}:{port}"),
            }
        });
        let hosts = hosts.collect::<Vec<_>>().join(",");
        match self.config.get_dbname() {
            Some(database) => format!("{hosts}/{database}"),
            None => hosts,
        }
    }
}

fn is_socket(host: &Host) -> bool {
    matches!(host, Host::Unix(_))
}

/// Returns for each host of the list a copy of the options with only this host, and the host's
/// port.
fn split_hosts<'a>(
    options: &'a Options,
    config: &'a Config,
) -> impl Iterator<Item = (Options, u16)> + 'a {
    let ports = config.get_ports();
    let hosts = options.get("host").map_or("", String::as_str).split(',');
    hosts.enumerate().map(move |(index, host)| {
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let mut options = options.clone();
        options.insert("host", host.to_owned());
        options.insert("port", port.to_string());
        (options, port)
    })
}

fn url_error(rule: &str) -> Error {
    Error::config(format!("the database's URL: {rule}"))
}

/// Lets tokio-postgres parse the options that it knows. All values are quoted, so that only a
/// wrong value can be an error.
fn build_config(options: &Options) -> Result<Config> {
    let quoted: Vec<String> = options
        .iter()
        .map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            format!("{name}='{value}'")
        })
        .collect();
    let mut config: Config = quoted
        .join(" ")
        .parse()
        .map_err(|e| url_error("an option has a wrong value").with_source(e))?;
    if config.get_hosts().is_empty() {
        // TLS needs a host name, so the address is used as the name.
        for address in config.get_hostaddrs().to_vec() {
            config.host(address.to_string());
        }
    }
    if config.get_hosts().is_empty() {
        return Err(url_error("it names no host"));
    }
    let has_at_sign = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
    if config.get_hosts().iter().any(has_at_sign) {
        return Err(url_error("a host's name has an `@`"));
    }
    // tokio-postgres would connect to the address as if it were a socket, and would not use TLS.
    if config.get_hosts().iter().any(is_socket) && !config.get_hostaddrs().is_empty() {
        return Err(url_error(
            "hostaddr needs the name of a host, and cannot be used with a socket",
        ));
    }
    Ok(config)
}

/// Sets the options that the URL does not contain.
fn set_defaults(config: &mut Config, options: &Options, settings: &config::Database) {
    let is_unset = |name| !options.contains_key(name);
    if is_unset("application_name") {
        config.application_name("ocds-ingest");
    }
    if is_unset("target_session_attrs") {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if is_unset("connect_timeout") {
        config.connect_timeout(settings.connect_timeout);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(settings.tcp_user_timeout);
    }
    if is_unset("keepalives_idle") {
        config.keepalives_idle(settings.tcp_user_timeout);
    }
    if is_unset("keepalives_interval") {
        config.keepalives_interval((settings.tcp_user_timeout / 3).max(Duration::from_secs(1)));
    }
    if is_unset("keepalives_retries") {
        config.keepalives_retries(3);
    }
}

fn read_options(url: &str) -> Result<Options> {
    let rest = url
        .strip_prefix("postgresql://")
        .or_else(|| url.strip_prefix("postgres://"));
    match rest {
        Some(rest) => read_uri(rest),
        None if url.contains("://") || !url.contains('=') => Err(url_error(
            "it is `local`, starts with `postgresql://`, or lists `host=… dbname=…`",
        )),
        None => read_key_values(url),
    }
}

fn insert_option(options: &mut Options, name: &str, value: String) -> Result<()> {
    let Some((known, _)) = OPTIONS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = OPTIONS.iter().map(|(known, _)| *known).collect();
        return Err(url_error(&format!(
            "it has an option that is not one of {}",
            known.join(", ")
        )));
    };
    options.insert(known, value);
    Ok(())
}

/// Reads the text after `postgresql://`. As in libpq, credentials end at the first `@` that comes
/// before any `/`. Another `@` is accepted only in the value of an option. Elsewhere the `@` may
/// be part of a password, and libpq would read the text around it as a host or a database.
fn read_uri(rest: &str) -> Result<Options> {
    let mut options = Options::new();
    let credentials = rest.split_once('@').filter(|(it, _)| !it.contains('/'));
    if let Some((credentials, _)) = credentials {
        let mut parts = credentials.splitn(2, ':');
        if let Some(user) = parts.next().filter(|user| !user.is_empty()) {
            insert_option(&mut options, "user", percent_decode(user)?)?;
        }
        if let Some(password) = parts.next() {
            insert_option(&mut options, "password", percent_decode(password)?)?;
        }
    }
    let rest = credentials.map_or(rest, |(_, after)| after);
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    if before.contains('@') || (query.contains('@') && !has_only_known_options(query)) {
        return Err(url_error(ENCODING_ADVICE));
    }
    let (hosts, database) = before.split_once('/').unwrap_or((before, ""));
    if !hosts.is_empty() {
        read_hosts(&mut options, hosts)?;
    }
    if !database.is_empty() {
        insert_option(&mut options, "dbname", percent_decode(database)?)?;
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(url_error("an option after `?` has no `=`"));
        };
        insert_option(&mut options, &percent_decode(name)?, percent_decode(value)?)?;
    }
    Ok(options)
}

/// Returns true if the text after the `?` contains only known options. Otherwise it may be the
/// rest of a password.
fn has_only_known_options(query: &str) -> bool {
    let mut pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.all(|pair| {
        let name = pair
            .split_once('=')
            .and_then(|(name, _)| percent_decode(name).ok());
        name.is_some_and(|name| OPTIONS.iter().any(|(known, _)| *known == name))
    })
}

/// Reads hosts of the form `host:port,[address]:port,…`.
fn read_hosts(options: &mut Options, hosts: &str) -> Result<()> {
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for host in hosts.split(',') {
        let (name, port) = match host.strip_prefix('[') {
            Some(bracketed) => bracketed
                .split_once(']')
                .ok_or_else(|| url_error("a `[` before an address has no `]`"))?,
            None => host.split_at(host.find(':').unwrap_or(host.len())),
        };
        names.push(percent_decode(name)?);
        ports.push(percent_decode(port.strip_prefix(':').unwrap_or(port))?);
    }
    insert_option(options, "host", names.join(","))?;
    if ports.iter().any(|port| !port.is_empty()) {
        insert_option(options, "port", ports.join(","))?;
    }
    Ok(())
}

fn percent_decode(text: &str) -> Result<String> {
    let encoding_error =
        || url_error("a `%` needs two hexadecimal digits after it, and the result must be UTF-8");
    let mut parts = text.split('%');
    let mut bytes = Vec::from(parts.next().unwrap_or_default());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or_else(encoding_error)?;
        // `from_str_radix` alone would accept a sign
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(encoding_error());
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| encoding_error())?);
        bytes.extend(rest.bytes());
    }
    String::from_utf8(bytes).map_err(|_| encoding_error())
}

/// Returns the targets of a connection. Sockets need a target each if the server must
/// authenticate or if some hosts are not sockets; otherwise tokio-postgres tries all hosts itself.
fn list_targets(
    options: &Options,
    config: &Config,
    requires_auth: bool,
    configure: &impl Fn(&Options) -> Result<Config>,
) -> Result<Vec<Target>> {
    let hosts = config.get_hosts();
    if !hosts.iter().any(is_socket) {
        return Ok(vec![Target::tcp(config.clone())]);
    }
    if !requires_auth && hosts.iter().all(is_socket) {
        return Ok(vec![Target::socket(config.clone())]);
    }
    let targets = split_hosts(options, config).map(|(options, port)| {
        let config = configure(&options)?;
        Ok(match &config.get_hosts()[0] {
            Host::Unix(directory) if requires_auth => {
                let path = directory.join(format!(".s.PGSQL.{port}"));
                Target::guarded_socket(path, config)
            }
            Host::Unix(_) => Target::socket(config),
            Host::Tcp(_) => Target::tcp(config),
        })
    });
    targets.collect()
}

/// Reads options of the form `host=… password='…'`, in which a backslash escapes one character.
fn read_key_values(text: &str) -> Result<Options> {
    let mut options = Options::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((name, after)) = rest.split_once('=') else {
            return Err(url_error("an option has no `=`"));
        };
        let (value, after) = read_value(after.trim_start())?;
        insert_option(&mut options, name.trim_end(), value)?;
        rest = after.trim_start();
    }
    Ok(options)
}

fn read_value(text: &str) -> Result<(String, &str)> {
    let quoted = text.starts_with('\'');
    let text = text.strip_prefix('\'').unwrap_or(text);
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            _ if !quoted && character.is_whitespace() => return Ok((value, &text[at..])),
            '\\' => value.extend(characters.next().map(|(_, next)| next)),
            _ => value.push(character),
        }
    }
    if quoted {
        return Err(url_error("a `'` has no closing `'`"));
    }
    Ok((value, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Kind;

    fn parse(url: &str) -> Result<Address> {
        Address::parse(url, None, &config::Database::default())
    }

    #[test]
    fn both_forms_give_the_same_address() {
        let address = parse("postgres://al%40ice:p%2Fw@db.example:6543/tenders?sslmode=disable")
            .expect("a URL");
        let list = parse(
            r"host=db.example port = 6543 user=al@ice password='p/w' dbname=tenders sslmode=disable",
        )
        .expect("a list");
        for address in [&address, &list] {
            assert_eq!(address.config.get_user(), Some("al@ice"));
            assert_eq!(address.config.get_password(), Some(&b"p/w"[..]));
            assert_eq!(address.config.get_dbname(), Some("tenders"));
            assert_eq!(address.config.get_ssl_mode(), WireMode::Disable);
            assert_eq!(address.describe(), "db.example:6543/tenders");
        }
        assert_eq!(address.environment, list.environment);
    }

    #[test]
    fn passwords_survive_quoting() {
        let address = parse(r"host=h password='a\'b\\c d'").expect("a list");
        assert_eq!(address.config.get_password(), Some(&br"a'b\c d"[..]));
        let address = parse("postgresql://u:it's\\%20%25@h/d").expect("a URL");
        assert_eq!(address.config.get_password(), Some(&br"it's\ %"[..]));
    }

    #[test]
    fn hosts_may_be_lists_sockets_or_addresses() {
        let several = parse("postgresql://u@a:1,b,[::1]:3/d").expect("several hosts");
        assert_eq!(several.config.get_ports(), [1, 5432, 3]);
        assert_eq!(several.describe(), "a:1,b,::1:3/d");
        let socket =
            parse("postgresql:///d?host=/run/postgresql&sslmode=verify-full").expect("a socket");
        assert_eq!(socket.config.get_ssl_mode(), WireMode::Disable);
        assert_eq!(socket.describe(), "/run/postgresql/d");
        let address = parse("hostaddr=127.0.0.1 dbname=d").expect("an address");
        assert_eq!(address.describe(), "127.0.0.1/d");
    }

    #[test]
    fn options_that_the_url_leaves_open_get_defaults() {
        let address = parse("postgresql://u@h/d").expect("a URL");
        let config = &address.config;
        assert_eq!(config.get_application_name(), Some("ocds-ingest"));
        assert_eq!(
            config.get_target_session_attrs(),
            TargetSessionAttrs::ReadWrite
        );
        assert_eq!(
            config.get_tcp_user_timeout(),
            Some(&Duration::from_secs(30))
        );
        assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(10)));
        assert_eq!(config.get_keepalives_idle(), Duration::from_secs(30));
        let address = parse(
            "postgresql://u@h/d?application_name=me&target_session_attrs=any\
             &tcp_user_timeout=1500&connect_timeout=3&keepalives_idle=7",
        )
        .expect("a URL");
        let config = &address.config;
        assert_eq!(config.get_application_name(), Some("me"));
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::Any);
        assert_eq!(
            config.get_tcp_user_timeout(),
            Some(&Duration::from_millis(1500))
        );
        assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(config.get_keepalives_idle(), Duration::from_secs(7));
    }

    #[test]
    fn a_wrong_url_is_refused_without_its_password() {
        for url in [
            "mysql://u:hunter2@h/d",
            "hunter2",
            "postgresql://u:hunter2@/d",
            "postgresql://u:x@hunter2@h/d",
            "postgresql://u:hunter2/x@h/d",
            "postgresql://h/d?hunter2=1",
            "postgresql://h/d?hunter2",
            "postgresql://u:hunter2%zz@h/d",
            "postgresql://u:hunter2@h:port/d",
            "postgresql://u:hunter2@h/d?sslmode=hunter2",
            "postgresql://u:hunter2@h/d?target_session_attrs=hunter2",
            // A password that is not percent-encoded is an error, wherever its parts are.
            "postgresql://u:hun@hunter2/x@h/d",
            "postgresql://u:hun/x@hunter2@h/d",
            "postgresql://u:hun@x/hunter2@h/d",
            "postgresql://u:hun@hunter2#x@h/d",
            "postgresql://u:hun/hunter2?x@h/d",
            "postgresql://u:hun@h?hunter2@h/d",
            "postgresql://u:hunter2/x@a:1,[::1]:2/d",
            "postgresql://u:x@hunter2@[::1]:5/d",
            "postgresql:///u:hunter2@h/d?host=/run",
            "postgresql:///u:hunter2@h/d",
            "postgres:/u:hunter2@h/d",
            "postgresq://u:hunter2@h/d",
            "u:hunter2@h/d",
            "host=u:hunter2@h dbname=d",
            "host=h password=x hunter2 dbname=d",
            "host=h password='x' hunter2' dbname=d",
            "host=h password='hunter2",
            "host=h password=x hunter2=y",
            "host=h password=x hunter2",
        ] {
            let error = parse(url).expect_err(url);
            assert_eq!(error.kind(), Kind::Config, "{url}");
            let message = format!("{} {error:?}", error.chain());
            assert!(!message.contains("hunter2"), "{message}");
        }
        for url in [
            "postgresql://u:hunter2@h/d",
            "postgresql://hunter2@h",
            "postgresql://hunter2@h/d?application_name=me@x",
        ] {
            let address = parse(url).expect("a URL");
            assert!(!address.describe().contains("hunter2"));
            assert!(!format!("{address:?}").contains("hunter2"));
        }
        let address = parse("postgresql://u:hunter2@h/d").expect("a URL");
        assert!(!format!("{:?}", address.config).contains("hunter2"));
    }

    #[test]
    fn a_password_for_another_host_gives_a_warning_unless_the_server_is_verified() {
        for (url, others) in [
            ("postgresql://u:hunter2@db.example/d", "db.example"),
            (
                "postgresql://u:hunter2@db.example/d?sslmode=verify-ca",
                "db.example",
            ),
            (
                "postgresql://u:hunter2@db.example/d?require_auth=scram-sha-256",
                "db.example",
            ),
            (
                "postgresql://u:hunter2@localhost,db.example/d",
                "db.example",
            ),
            (
                "postgresql://u:hunter2@10.0.0.1,[fd00::1]/d",
                "10.0.0.1, fd00::1",
            ),
            (
                "host=localhost hostaddr=10.0.0.1 password=hunter2",
                "localhost",
            ),
            (
                "host=localhost.example password=hunter2",
                "localhost.example",
            ),
            ("host=/run/postgresql,b password=hunter2", "b"),
        ] {
            let warning = parse(url).expect(url).password_warning().expect(url);
            assert!(warning.contains(&format!("that {others} is")), "{warning}");
            assert!(!warning.contains("hunter2"), "{warning}");
        }
        for url in [
            "postgresql://u@db.example/d",
            "postgresql://u:hunter2@db.example/d?sslmode=verify-full",
            "postgresql://u:hunter2@db.example/d?sslrootcert=system",
            "postgresql://u:hunter2@db.example/d?channel_binding=require",
            "postgresql://u:hunter2@LocalHost/d",
            "postgresql://u:hunter2@127.0.0.2,[::1],[::ffff:127.0.0.1]/d",
            "host=db.example hostaddr=127.0.0.1 password=hunter2",
            "host=/run/postgresql password=hunter2",
        ] {
            assert_eq!(parse(url).expect(url).password_warning(), None, "{url}");
        }
    }

    #[test]
    fn psql_sends_a_password_only_where_the_program_does() {
        for (url, required) in [
            ("postgresql://u@db.example/d", Some("!password,!md5")),
            (
                "postgresql://u@db.example/d?sslmode=disable",
                Some("!password,!md5"),
            ),
            ("postgresql://u@db.example/d?sslmode=require", None),
            ("postgresql://u@localhost/d", None),
            ("host=/run/postgresql", None),
            ("host=/run/postgresql require_auth=none", Some("none")),
            ("postgresql://u@db.example/d?require_auth=md5", Some("md5")),
        ] {
            let address = parse(url).expect(url);
            let mut variables = address.environment.iter();
            let found = variables.find(|(name, _)| *name == REQUIRE_AUTH);
            let found = found.map(|(_, value)| value.as_str());
            assert_eq!(found, required, "{url}");
        }
        let settings = config::Database::default();
        let from_environment = |url| {
            let address = Address::parse(url, Some("md5"), &settings).expect(url);
            let require_auth = address.require_auth.expect("a list");
            require_auth.text.clone()
        };
        assert_eq!(from_environment("host=h"), "md5");
        assert_eq!(from_environment("host=h require_auth=none"), "none");
    }

    #[test]
    fn each_host_of_a_list_with_sockets_is_tried_in_its_own_way() {
        let kinds = |url| -> Vec<&str> {
            let targets = parse(url).expect(url).targets;
            let kinds = targets.iter().map(|target| match target {
                Target::Tcp(_) => "tcp",
                Target::Socket(_) => "socket",
                Target::GuardedSocket(..) => "guarded",
            });
            kinds.collect()
        };
        assert_eq!(kinds("host=a,b port=1,2"), ["tcp"]);
        assert_eq!(kinds("host=/a,/b"), ["socket"]);
        assert_eq!(kinds("host=/a,b"), ["socket", "tcp"]);
        let guarded = "host=/a,b,/c port=1,2,3 require_auth=scram-sha-256";
        assert_eq!(kinds(guarded), ["guarded", "tcp", "guarded"]);
        let targets = parse(guarded).expect("a list").targets;
        let [
            Target::GuardedSocket(first, _),
            Target::Tcp(second),
            Target::GuardedSocket(third, _),
        ] = &targets[..]
        else {
            panic!("three targets of two kinds");
        };
        assert_eq!(first, &PathBuf::from("/a/.s.PGSQL.1"));
        assert_eq!(
            (second.get_ports(), second.get_hosts().len()),
            (&[2][..], 1)
        );
        assert_eq!(third, &PathBuf::from("/c/.s.PGSQL.3"));
    }

    #[test]
    fn options_that_would_bypass_tls_are_refused() {
        for (options, message) in [
            ("host=/run/postgresql hostaddr=10.0.0.1", "hostaddr"),
            ("host=h sslnegotiation=direct", "sslnegotiation"),
            ("host=h require_auth=md5,!none", "require_auth"),
        ] {
            let error = parse(options).expect_err(options);
            assert_eq!(error.kind(), Kind::Config);
            assert!(error.to_string().contains(message), "{error}");
        }
    }

    #[test]
    fn unencoded_characters_that_libpq_accepts_are_accepted() {
        let address = parse("postgresql://u:a:b?c#d@h/d?user=me@server").expect("a URL");
        assert_eq!(address.config.get_password(), Some(&b"a:b?c#d"[..]));
        assert_eq!(address.config.get_user(), Some("me@server"));
        assert_eq!(address.describe(), "h/d");
    }

    #[test]
    fn a_password_that_is_not_encoded_is_refused_with_advice() {
        for url in ["postgresql://u:p@ss/w#rd@h:55432/d", "postgres://u:p/w@h/d"] {
            let error = parse(url).expect_err(url);
            assert_eq!(error.kind(), Kind::Config);
            assert!(error.to_string().contains("percent-encoded"), "{error}");
        }
    }

    proptest! {
        /// No text before the last `@` of a URL is shown, even if the URL is an error.
        #[test]
        fn no_part_of_any_password_is_shown(
            password in "\\PC{0,9}[@/#?:%]?\\PC{4,20}",
            scheme in "(postgres|postgresql|postgresq|mysql):(//|/|///|)",
        ) {
            // Lower-case letters are replaced, because they also occur in the messages.
            let password = password.replace(|c: char| c.is_ascii_lowercase() || c == ' ', "ü");
            let url = format!("{scheme}Ü:{password}@h:1/d");
            let message = match parse(&url) {
                Ok(address) => format!("{address:?} {}", address.describe()),
                Err(error) => {
                    prop_assert_eq!(error.kind(), Kind::Config);
                    format!("{} {error:?}", error.chain())
                }
            };
            let characters: Vec<char> = password.chars().collect();
            for run in characters.windows(4) {
                let run: String = run.iter().collect();
                prop_assert!(!message.contains(&run), "{} of {}", run, message);
            }
        }
    }
}
