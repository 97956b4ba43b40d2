use super::*;
use crate::http::host::MAX_URL_BYTES;
use crate::http::secret::{Audience, Declaration};

fn policy(table: &str) -> TargetPolicy {
    policy_by(table, "s3cr&t")
}

fn policy_by(table: &str, key: &str) -> TargetPolicy {
    source_and_policy(table, key).1
}

/// Returns a source and the policy of its targets. `{env.KEY}` has the value `key`, and only the
/// token server gets `{env.CLIENT}`.
pub(crate) fn source_and_policy(table: &str, key: &str) -> (Source, TargetPolicy) {
    let mut source: Source = toml::from_str(table).unwrap();
    source.name = "zambia".into();
    source.validate().unwrap();
    let declaration = |text, audience| Declaration {
        key: "x".into(),
        text,
        audience,
        is_secret: true,
    };
    let declared = [
        declaration("{env.KEY}", Audience::Home),
        declaration("{env.CLIENT}", Audience::TokenServer),
    ];
    let value = |name: &str| match name {
        "CLIENT" => "cli&nt".to_owned(),
        _ => key.to_owned(),
    };
    let secrets = Secrets::look_up(declared, |name| Some(value(name))).unwrap();
    let policy = TargetPolicy::new(&source, secrets).unwrap();
    (source, policy)
}

/// A feed of numbered pages with a secret in its query.
pub(crate) const FEED: &str = r#"
    url = "https://feed.example/api?limit=100"
    query = { key = "{env.KEY}", order = "asc" }
    page = { mode = "number", param = "page" }
    http = { allow_hosts = ["files.example", "other.example:8443"] }
"#;

#[test]
fn credentials_go_with_links_of_the_home_host_and_filters_do_not() {
    let policy = policy(FEED);
    for (stored, expected) in [
        (
            "https://feed.example/api?after=9",
            "https://feed.example/api?after=9&key=s3cr%26t",
        ),
        (
            "https://feed.example/api?key={env.KEY}&after=9",
            "https://feed.example/api?key=s3cr%26t&after=9",
        ),
        (
            "http://feed.example/api?after=9",
            "https://feed.example/api?after=9&key=s3cr%26t",
        ),
        ("https://files.example/9", "https://files.example/9"),
        (
            "https://other.example:8443/9",
            "https://other.example:8443/9",
        ),
    ] {
        let ask = policy.permit_link(stored).unwrap();
        assert_eq!(ask.as_str(), expected);
    }
}

#[test]
fn a_link_elsewhere_is_refused_by_name() {
    let policy = policy(FEED);
    for (stored, expected) in [
        (
            "https://evil.example/9",
            "the link to it leads to host `evil.example`, which `http.allow_hosts` does not name",
        ),
        (
            "https://feed.example:444/9",
            "the link to it leads to host `feed.example:444`, which `http.allow_hosts` does not name",
        ),
        (
            "https://other.example/9",
            "the link to it leads to host `other.example`, which `http.allow_hosts` does not name",
        ),
        (
            "https://files.example/?k={env.KEY}",
            "the link to it takes a secret to another host",
        ),
        (
            "https://{env.KEY}.evil.example/",
            "the link to it takes a secret to another host",
        ),
        (
            "ftp://feed.example/9",
            "the link to it is not http or https",
        ),
        ("next", "the link to it is not a URL"),
    ] {
        let error = policy.permit_link(stored).err().unwrap();
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.kind(), Kind::LinkRefused);
    }
}

#[test]
fn redirects_stay_on_the_host_and_never_give_up_encryption() {
    let policy = policy(FEED);
    let check = |from: &str, to: &str| {
        policy
            .permit_redirect(&Url::parse(from).unwrap(), Url::parse(to).unwrap())
            .is_ok()
    };
    assert!(check("https://feed.example/a", "https://feed.example/b"));
    assert!(check("https://feed.example/a", "https://files.example/b"));
    assert!(check("http://files.example/a", "https://files.example/b"));
    assert!(!check("https://feed.example/a", "https://evil.example/b"));
    assert!(!check("https://feed.example/a", "http://feed.example/b"));
    assert!(!check("https://files.example/a", "http://files.example/b"));
    assert!(!check("https://feed.example/a", "file:///etc/passwd"));
}

#[test]
fn the_source_s_own_name_at_another_port_is_not_any_host() {
    // the name may later lead to this machine, where other services listen
    let policy = policy(
        r#"
        url = "https://feed.example/api"
        http = { allow_hosts = ["*"] }
    "#,
    );
    let asked = |url: &str| policy.permit_link(url).is_ok();
    assert!(asked("https://feed.example/b") && asked("https://other.example:9200/"));
    assert!(!asked("https://feed.example:9200/") && !asked("http://feed.example:6379/"));
}

#[test]
fn any_host_is_one_that_may_be_public() {
    let policy = policy(
        r#"
        url = "http://10.1.1.1:8080/api"
        http = { allow_hosts = ["*", "intranet", "[fd00::7]:81"] }
    "#,
    );
    for (host, is_asked, is_by_wildcard) in [
        ("feed.example", true, true),
        ("feed.example:8443", true, true),
        // hosts that the source names
        ("10.1.1.1:8080", true, false),
        ("intranet", true, false),
        ("intranet:99", true, false),
        ("[fd00::7]:81", true, false),
        // addresses in any notation are requested only if the source names them
        ("10.1.1.1:8081", false, true),
        ("[fd00::7]", false, true),
        ("8.8.8.8", false, true),
        ("127.0.0.1", false, true),
        ("127.1", false, true),
        ("2130706433", false, true),
        ("0x7f.1", false, true),
        ("0177.0.0.1", false, true),
        ("0", false, true),
        ("169.254.169.254", false, true),
        ("[::]", false, true),
        ("[::1]", false, true),
        ("[::ffff:169.254.169.254]", false, true),
        ("[fd00:ec2::254]", false, true),
        ("[fe80::1]", false, true),
        // names that exist only in a local network
        ("localhost", false, true),
        ("LOCALHOST.", false, true),
        ("feed.localhost", false, true),
        ("metadata.google.internal", false, true),
        ("printer.local", false, true),
        ("router.lan.", false, true),
        ("kubernetes", false, true),
    ] {
        let url = format!("http://{host}/");
        let asked = policy.permit_link(&url);
        assert_eq!(asked.is_ok(), is_asked, "{host}");
        if let Some(error) = asked.err() {
            let why = "which is not public: `http.allow_hosts` has to name it";
            assert!(error.to_string().contains(why), "{error}");
        }
        let url = Url::parse(&url).unwrap();
        assert_eq!(policy.hosts.is_unnamed(&url), is_by_wildcard, "{host}");
        let own_url = Url::parse("http://10.1.1.1:8080/").unwrap();
        assert_eq!(
            policy.permit_redirect(&own_url, url).is_ok(),
            is_asked,
            "{host}"
        );
    }
    for scheme in ["file", "data", "ftp", "ws", "gopher", "javascript"] {
        let stored = format!("{scheme}://feed.example/");
        assert!(policy.permit_link(&stored).is_err());
    }
}

#[test]
fn hosts_that_the_source_writes_out_are_allowed_and_sent_no_secret() {
    let policy = policy(
        r#"
        url = "https://feed.example/{axis.folder}?key={env.KEY}"
        http = { headers = { X-Key = "{env.KEY}" } }

        [axis.folder]
        url = "https://www.example/folders"
        each = "/*"

        [detail]
        url = "https://files.example:8443/{item}"
        each = "/*"
    "#,
    );
    let own_url = Url::parse("https://feed.example/").unwrap();
    for (url, asked) in [
        ("https://www.example/2", Some("https://www.example/2")),
        (
            "https://them:x@www.example/2",
            Some("https://www.example/2"),
        ),
        ("http://www.example/2", Some("https://www.example/2")),
        (
            "https://files.example:8443/2",
            Some("https://files.example:8443/2"),
        ),
        ("https://files.example/2", None),
        ("https://www.example:8443/2", None),
        ("https://sub.www.example/2", None),
        // the first link held a secret when it was served, and this is its stored form
        ("https://www.example/2?key={env.KEY}", None),
    ] {
        let linked = policy.permit_link(url).ok();
        assert_eq!(linked.as_ref().map(Url::as_str), asked, "{url}");
        let is_special = |url: &Url| policy.hosts.is_home(url) || policy.hosts.is_unnamed(url);
        assert!(!linked.as_ref().is_some_and(is_special), "{url}");
        let served = url.replace("{env.KEY}", "s3cr%26t");
        let redirected = policy.permit_redirect(&own_url, Url::parse(&served).unwrap());
        let is_downgrade = url.starts_with("http:");
        assert_eq!(
            redirected.is_ok(),
            asked.is_some() && !is_downgrade,
            "{url}"
        );
    }
}

#[test]
fn a_host_that_a_variable_may_be_part_of_is_not_written_out() {
    for (url, allowed) in [
        ("https://files.example/{axis.a}", true),
        ("https://files.example?a={axis.a}", true),
        ("https://files.example{axis.a|path}", false),
        ("https://files.example{axis.a}/", false),
        ("https://{axis.a}.example/", false),
        ("https://files.example:{axis.a}/", false),
        ("https://{axis.a}@files.example/", false),
        ("{axis.b|raw}/{axis.a}", true),
        ("{axis.b|raw}{axis.a}", false),
        ("{axis.b}/{axis.a}", false),
    ] {
        let table = format!(
            "url = \"https://feed.example/{{axis.a}}/{{axis.b}}\"\n\
             axis.a = [\"x\"]\n\
             axis.b = [\"https://files.example\"]\n\
             detail = {{ url = \"{url}\", each = \"/*\" }}"
        );
        let asked = policy(&table).permit_link("https://files.example/");
        assert_eq!(asked.is_ok(), allowed, "{url}");
    }
}

#[test]
fn who_asks_is_what_the_source_says() {
    let policy = policy(
        r#"
        url = "http://us:ours@feed.example/api"
        http = { allow_hosts = ["files.example"] }
    "#,
    );
    let own_url = Url::parse("http://feed.example/").unwrap();
    for (url, asked) in [
        ("http://feed.example/2", "http://us:ours@feed.example/2"),
        (
            "http://them:x@feed.example/2",
            "http://us:ours@feed.example/2",
        ),
        ("http://them:x@files.example/2", "http://files.example/2"),
    ] {
        let by_link = policy.permit_link(url).unwrap();
        assert_eq!(by_link.as_str(), asked);
        let redirected = policy.permit_redirect(&own_url, Url::parse(url).unwrap());
        assert_eq!(redirected.unwrap().as_str(), asked);
    }
}

#[test]
fn what_is_too_long_to_be_asked_for_is_refused_by_its_length() {
    let long = format!("https://feed.example/?{}", "a".repeat(MAX_URL_BYTES));
    let error = policy(FEED).permit_link(&long).err();
    let error = error.unwrap();
    assert_eq!(
        error.to_string(),
        "the link to it is longer than 65534 bytes"
    );
    let host = format!("https://{}.example/", "a".repeat(9_000));
    let error = policy(FEED).permit_link(&host).err();
    assert!(error.unwrap().to_string().len() < 400);
}

#[test]
fn a_feed_in_clear_text_may_be_upgraded_and_stays_home() {
    let policy = policy(r#"url = "http://feed.example/api""#);
    let secure = Url::parse("https://feed.example/api").unwrap();
    assert!(policy.hosts.is_home(&secure));
    assert!(
        policy
            .permit_redirect(&Url::parse("http://feed.example/").unwrap(), secure)
            .is_ok()
    );
}

#[test]
fn a_link_with_a_scheme_and_no_path_is_refused_and_ends_no_program() {
    let policy = policy(FEED);
    for (served, shown) in [
        ("x:", "x:"),
        ("x://host", "x://host"),
        ("x://a:b@host", "x://host"),
        ("mailto:", "mailto:"),
        ("data:?s3cr&t", "data:?{env.KEY}"),
    ] {
        let stored = policy.redact_link(served);
        assert_eq!(stored, shown);
        let error = policy.permit_link(&stored).expect_err("it is not followed");
        assert_eq!(error.kind(), Kind::LinkRefused, "{served}");
    }
}

#[test]
fn a_secret_that_is_echoed_as_it_is_does_not_stay_in_a_link() {
    for key in ["ab+cd/ef==", "s3cr&t", "a=b"] {
        let policy = policy_by(FEED, key);
        let served = format!("https://feed.example/api?page=2&key={key}&limit=100");
        let stored = policy.redact_link(&served);
        let expected = "https://feed.example/api?page=2&key={env.KEY}&limit=100";
        assert_eq!(stored, expected, "{key}");
        // the secret is sent in its regular encoding
        let asked = policy.permit_link(&stored).unwrap();
        assert!(asked.query_pairs().any(|(_, value)| value == key));
    }
    // a plus that means a space may not be the secret
    let policy = policy_by(FEED, "+");
    let served = "https://feed.example/api?q=a+b";
    assert_eq!(policy.redact_link(served), served);
}

#[test]
fn braces_of_a_publisher_are_data_and_ask_for_no_secret() {
    let policy = policy(FEED);
    policy.redactor().add_token("t0ken".into());
    for served in [
        "https://feed.example/p2?a={env.KEY}&b={env.CLIENT}&c={auth.token}",
        "https://feed.example/{env.KEY}/{auth.token}/p2?{env.KEY}={env.CLIENT}",
        "https://feed.example/p2?a={en&b={{env.KEY}}&c=%7Benv.KEY}&d={env.KEY",
        // text of the publisher and a value must not form a new placeholder
        "https://feed.example/p2?a={env.s3cr%26t}&b={env.CLIENTs3cr%26t",
    ] {
        let stored = policy.redact_link(served);
        let asked = policy.permit_link(&stored).unwrap();
        let expected = Url::parse(served).unwrap();
        let read = |url: &Url| {
            let pairs: Vec<_> = url.query_pairs().into_owned().collect();
            (url.path().to_owned(), pairs)
        };
        let (path, mut pairs) = read(&expected);
        // this parameter goes with each request to the source's own host
        pairs.push(("key".into(), "s3cr&t".into()));
        assert_eq!(read(&asked), (path, pairs), "{stored}");
        assert!(!asked.as_str().contains("t0ken"), "{asked}");
    }
    // a link to another host gets no secret either
    let stored = policy.redact_link("https://files.example/x?a={env.KEY}");
    let asked = policy.permit_link(&stored).unwrap();
    assert_eq!(asked.as_str(), "https://files.example/x?a=%7Benv.KEY%7D");
}

#[test]
fn a_secret_in_the_name_of_a_host_is_neither_shown_nor_looked_up() {
    let table = r#"
        url = "https://feed.example/?key={env.KEY}"
        http = { allow_hosts = ["*", "files.k3y-7a7b7c.example"] }
    "#;
    let policy = policy_by(table, "K3y-7a7b7c");
    let own_url = Url::parse("https://feed.example/").unwrap();
    let other = "https://k3y-7A7B7C.evil.example/x?y";
    let stored = policy.redact_link(other);
    assert_eq!(stored, "https://host-with-a-secret.invalid/");
    let linked = policy.permit_link(&stored).err().unwrap();
    let redirected = policy.permit_redirect(&own_url, Url::parse(other).unwrap());
    let redirected = redirected.unwrap_err();
    assert_eq!(
        redirected.to_string(),
        "a redirect shows a secret in the name of its host"
    );
    for error in [linked, redirected] {
        assert!(!error.chain().contains("k3y"), "{}", error.chain());
    }
    // a host that the source names is no secret
    let named = "https://files.k3y-7a7b7c.example/x";
    assert_eq!(policy.redact_link(named), named);
    assert!(policy.permit_link(named).is_ok());
}

#[test]
fn what_only_the_server_of_tokens_is_sent_is_in_no_link_unless_its_publisher_wrote_it() {
    let policy = policy(FEED);
    let served = "https://feed.example/p2?a=cli%26nt";
    let echoed = policy.redact_link(served);
    assert_eq!(echoed, "https://feed.example/p2?a={auth.env.CLIENT}");
    let asked = policy.permit_link(&echoed).unwrap();
    assert_eq!(asked.as_str(), format!("{served}&key=s3cr%26t"));
    // an older version stored this link because it took the braces for a placeholder of ours
    let stored = "https://feed.example/p2?a={env.CLIENT}";
    let refused = policy.permit_link(stored).err().unwrap();
    assert_eq!(refused.kind(), Kind::LinkRefused);
    assert_eq!(
        refused.to_string(),
        "the link to it asks for `{env.CLIENT}`, which only the server of tokens is sent"
    );
}

#[test]
fn a_source_url_is_http() {
    for url in ["ftp://feed.example/", "feed.example", ""] {
        let source: Source = toml::from_str(&format!("url = {url:?}")).unwrap();
        let error = TargetPolicy::new(&source, Secrets::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
    }
}
