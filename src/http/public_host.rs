//! Makes sure that hosts which only a publisher has named are requested at public addresses.
//!
//! `*` in `http.allow_hosts` allows any host of the public internet. But a name can lead
//! anywhere: to this machine, to its network, or to the service that hands a virtual machine its
//! credentials. So such names are resolved here, and only addresses are accepted that IANA's
//! registries call globally reachable. The connection goes to the addresses that were checked, so
//! the name cannot lead elsewhere in between. A host that the source itself names may have any
//! address, because some publishers are on an intranet.
//!
//! `*` does not allow hosts that are addresses; [`host`](crate::http::host) refuses them. Where
//! the environment names a proxy, the proxy resolves names and connects, and nothing is checked
//! here. Only for a proxy of the scheme `socks5`, names are resolved and checked here.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

#[derive(Default)]
pub(super) struct PublicHosts {
    /// Hashes of the names that must have public addresses. They are hashes to save memory,
    /// because a hostile feed may lead to another host with each page. The name of a proxy is
    /// resolved here too, but is never in this set.
    hosts: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

/// A host must have a public address, and has none.
#[derive(Debug)]
pub(super) struct NotPublicError {
    host: String,
    address: IpAddr,
}

impl std::fmt::Display for NotPublicError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, address } = self;
        write!(
            f,
            "host `{host}` is at {address}, which is not public, and no host that `*` stands \
             for; `http.allow_hosts` has to name it"
        )
    }
}

impl std::error::Error for NotPublicError {}

impl PublicHosts {
    /// From now on, accepts only public addresses for this host.
    pub(super) fn require_public(&self, host: &str) {
        let hash = self.hash(host);
        self.lock_hosts().insert(hash);
    }

    fn must_be_public(&self, host: &str) -> bool {
        self.lock_hosts().contains(&self.hash(host))
    }

    fn lock_hosts(&self) -> std::sync::MutexGuard<'_, HashSet<u64>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hash(&self, host: &str) -> u64 {
        self.hasher.hash_one(host.to_ascii_lowercase())
    }
}

#[derive(Clone)]
pub(super) struct Resolver(pub(super) Arc<PublicHosts>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let must_be_public = self.0.must_be_public(name.as_str());
        Box::pin(async move {
            // the port is 0 because reqwest sets it
            let found: Vec<SocketAddr> = lookup_host((name.as_str(), 0)).await?.collect();
            let found = match must_be_public {
                true => keep_public(name.as_str(), found)?,
                false => found,
            };
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn keep_public(host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, NotPublicError> {
    let first = found.first().map(SocketAddr::ip);
    let public = found.into_iter().filter(|it| is_public(it.ip()));
    let public: Vec<SocketAddr> = public.collect();
    match first {
        Some(address) if public.is_empty() => Err(NotPublicError {
            host: host.to_owned(),
            address,
        }),
        _ => Ok(public),
    }
}

/// Returns true if the address is globally reachable, according to IANA's registries of
/// special-purpose addresses.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = match (a, b, c) {
        // this machine, private networks, loopback, multicast, reserved and broadcast
        (0 | 10 | 127 | 224.., _, _) => true,
        // shared by the customers of a provider
        (100, 64..=127, _) => true,
        (169, 254, _) => true,
        (172, 16..=31, _) => true,
        // protocols, documentation, 6to4 relays
        (192, 0, 0 | 2) | (192, 88, 99) => true,
        (192, 168, _) => true,
        // benchmarks, documentation
        (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => true,
        _ => false,
    };
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let inner = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // NAT64: a network with IPv6 alone writes an IPv4 address like this
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        // 6to4
        [0x2002, high, low, ..] => inner(high, low),
        // protocols, documentation
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // IANA has allocated no other range
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn an_address_is_public_if_it_is_reachable_from_everywhere() {
        for (address, expected) in [
            ("8.8.8.8", true),
            ("1.1.1.1", true),
            ("100.63.255.255", true),
            ("100.128.0.0", true),
            ("172.15.255.255", true),
            ("172.32.0.0", true),
            ("192.167.255.255", true),
            ("198.20.0.0", true),
            ("223.255.255.255", true),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.255.0.1", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("127.255.255.255", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.0.0.1", false),
            ("192.0.2.1", false),
            ("192.88.99.1", false),
            ("192.168.1.1", false),
            ("198.19.255.255", false),
            ("198.51.100.7", false),
            ("203.0.113.7", false),
            ("224.0.0.1", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700::1111", true),
            ("2a00:1450::1", true),
            ("2001:200::1", true),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::8.8.8.8", true),
            ("2002:808:808::1", true),
            ("::", false),
            ("::1", false),
            ("::7f00:1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:169.254.169.254", false),
            ("64:ff9b::10.0.0.1", false),
            ("64:ff9b:1::1", false),
            ("2002:a00:1::1", false),
            ("100::1", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("3fff::1", false),
            ("5f00::1", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn only_public_addresses_of_a_host_count() {
        let of = |addresses: &[&str]| {
            let found = addresses
                .iter()
                .map(|it| SocketAddr::new(it.parse().unwrap(), 0));
            keep_public("evil.example", found.collect())
        };
        let both = of(&["10.0.0.1", "8.8.8.8", "::1"]).unwrap();
        assert_eq!(both, [SocketAddr::new("8.8.8.8".parse().unwrap(), 0)]);
        assert_eq!(of(&[]).unwrap(), []);
        assert_eq!(
            of(&["fd00::7", "127.0.0.1"]).unwrap_err().to_string(),
            "host `evil.example` is at fd00::7, which is not public, and no host that `*` \
             stands for; `http.allow_hosts` has to name it"
        );
    }

    #[tokio::test]
    async fn no_connection_is_made_to_a_host_that_is_not_public() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let public_hosts = Arc::new(PublicHosts::default());
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .dns_resolver(Resolver(Arc::clone(&public_hosts)))
            .build()
            .unwrap();
        let ask = async || {
            let asked = client.get(format!("http://LocalHost:{port}/")).send();
            tokio::select! {
                answer = asked => Some(answer.unwrap_err()),
                arrived = listener.accept() => arrived.map(|_| None).unwrap(),
            }
        };
        // a name that its source names
        assert!(ask().await.is_none());
        public_hosts.require_public("localhost");
        let error = ask().await.unwrap();
        let mut causes =
            std::iter::successors(Some(&error as &dyn std::error::Error), |it| it.source());
        assert!(
            causes.any(|cause| cause.is::<NotPublicError>()),
            "{error:?}"
        );
    }
}
