//! The names under which a browser finds the server. A page of another site can have its name point to the server's address,
//! but its requests still carry that name.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{Access, HostName};

/// The values of `Host` that are meant for this server.
#[derive(Debug, Clone)]
pub struct Addresses(Arc<Own>);

#[derive(Debug)]
struct Own {
    port: u16,
    /// Those of the address that it listens on, with their port.
    hosts: Vec<String>,
    /// Whether it listens on every address of the machine. Then an address in numbers is as good as another: no name that
    /// somebody else made point here is one.
    is_everywhere: bool,
    /// Those that its owner gave.
    named: Vec<HostName>,
    /// Whether pages come through a proxy that may speak HTTPS.
    is_behind_proxy: bool,
}

impl Addresses {
    /// Those of a server that listens there.
    pub fn of(address: SocketAddr, access: &Access) -> Self {
        let own = match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let (ip, port) = (address.ip().to_canonical(), address.port());
        let local = ["127.0.0.1", "localhost", "[::1]"];
        let is_local = ip.is_loopback() || ip.is_unspecified();
        let local = local.into_iter().filter(|_| is_local);
        let names: Vec<&str> = local.chain([&*own]).collect();
        let with_port = names.iter().map(|name| format!("{name}:{port}"));
        // Browsers leave out the port that is HTTP's own.
        let bare = names.iter().filter(|_| port == 80);
        let bare = bare.map(|&name| name.to_owned());
        Self(Arc::new(Own {
            port,
            hosts: with_port.chain(bare).collect(),
            is_everywhere: ip.is_unspecified(),
            named: access.hosts.clone(),
            is_behind_proxy: access.is_behind_proxy,
        }))
    }

    /// Whether a `Host` means this server.
    pub(super) fn has_host(&self, host: &str) -> bool {
        let Self(own) = self;
        let is_own = own.hosts.iter().any(|own| own.eq_ignore_ascii_case(host));
        is_own || self.is_named(host) || (own.is_everywhere && own.is_numeric(host))
    }

    fn is_named(&self, host: &str) -> bool {
        let Self(own) = self;
        own.named.iter().any(|name| name.is(host, own.port))
    }

    /// Whether an `Origin` is a page of this server. HTTPS is spoken by a proxy before it.
    pub(super) fn has_origin(&self, origin: &str) -> bool {
        if let Some(host) = origin.strip_prefix("https://") {
            return self.is_named(host) || (self.0.is_behind_proxy && self.has_host(host));
        }
        let host = origin.strip_prefix("http://");
        host.is_some_and(|host| self.has_host(host))
    }
}

impl Own {
    /// Whether it is an address in numbers, with the right port.
    fn is_numeric(&self, host: &str) -> bool {
        let has_port = |address: SocketAddr| address.port() == self.port;
        let is_bare = || self.port == 80 && host.parse::<IpAddr>().is_ok();
        let address = host.parse::<SocketAddr>();
        let is_it =
            address.is_ok_and(|address| has_port(address) && !address.ip().is_unspecified());
        is_it || is_bare()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_with_the_right_port_are_meant() {
        let own = Addresses::of(([127, 0, 0, 1], 7860).into(), &Access::default());
        for host in [
            "127.0.0.1:7860",
            "localhost:7860",
            "LocalHost:7860",
            "[::1]:7860",
        ] {
            assert!(own.has_host(host), "{host}");
            assert!(own.has_origin(&format!("http://{host}")), "{host}");
            assert!(!own.has_origin(&format!("https://{host}")), "{host}");
        }
        for host in [
            "",
            "localhost",
            "localhost:80",
            "localhost:78600",
            "localhost.evil.example:7860",
            "evil.example:7860",
            "evil.example@localhost:7860",
            "127.0.0.1.evil.example:7860",
            "0.0.0.0:7860",
            "127.0.0.2:7860",
        ] {
            assert!(!own.has_host(host), "{host}");
        }
        assert!(!own.has_origin("null") && !own.has_origin("localhost:7860"));
        let plain = Addresses::of(([127, 0, 0, 3], 80).into(), &Access::default());
        assert!(plain.has_host("127.0.0.3") && plain.has_host("localhost:80"));
    }

    #[test]
    fn a_server_that_others_reach_has_its_address_and_the_names_that_it_was_given() {
        let access = Access {
            hosts: vec!["studio.example".parse().unwrap()],
            ..Access::default()
        };
        let own = Addresses::of(([192, 168, 1, 5], 7860).into(), &access);
        for host in ["192.168.1.5:7860", "studio.example", "studio.example:7860"] {
            assert!(
                own.has_host(host) && own.has_origin(&format!("http://{host}")),
                "{host}"
            );
        }
        assert!(own.has_origin("https://studio.example"));
        for host in [
            "localhost:7860",
            "192.168.1.6:7860",
            "evil.example:7860",
            "192.168.1.5",
        ] {
            assert!(!own.has_host(host), "{host}");
        }
        assert!(!own.has_origin("https://192.168.1.5:7860"));
        assert!(!own.has_origin("https://evil.example"));
    }

    #[test]
    fn a_server_on_every_address_takes_any_in_numbers_and_no_name_that_it_was_not_given() {
        let access = Access {
            is_behind_proxy: true,
            ..Access::default()
        };
        let own = Addresses::of(([0, 0, 0, 0], 7860).into(), &access);
        for host in ["10.1.2.3:7860", "localhost:7860", "[2001:db8::1]:7860"] {
            assert!(
                own.has_host(host) && own.has_origin(&format!("https://{host}")),
                "{host}"
            );
        }
        for host in [
            "10.1.2.3",
            "10.1.2.3:80",
            "evil.example:7860",
            "10.1.2.3.evil.example:7860",
            "[::]:7860",
        ] {
            assert!(!own.has_host(host), "{host}");
        }
    }
}
