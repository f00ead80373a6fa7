//! The addresses under which a browser on this machine finds the server. A page of another site can have its name point to
//! this machine, but its requests still carry that name.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The values of `Host` that are meant for this server.
#[derive(Debug, Clone)]
pub(crate) struct Addresses(Arc<[String]>);

impl Addresses {
    /// Those of a server that listens there, on this machine.
    pub(crate) fn of(address: SocketAddr) -> Self {
        let own = match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let port = address.port();
        let names = ["127.0.0.1", "localhost", "[::1]", &own];
        let with_port = names.iter().map(|name| format!("{name}:{port}"));
        // Browsers leave out the port that is HTTP's own.
        let bare = names.iter().filter(|_| port == 80);
        let bare = bare.map(|&name| name.to_owned());
        Self(with_port.chain(bare).collect())
    }

    /// Whether a `Host` means this server.
    pub(super) fn has_host(&self, host: &str) -> bool {
        self.0.iter().any(|own| own.eq_ignore_ascii_case(host))
    }

    /// Whether an `Origin` is a page of this server.
    pub(super) fn has_origin(&self, origin: &str) -> bool {
        let host = origin.strip_prefix("http://");
        host.is_some_and(|host| self.has_host(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_with_the_right_port_are_meant() {
        let own = Addresses::of(([127, 0, 0, 1], 7860).into());
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
        let plain = Addresses::of(([127, 0, 0, 3], 80).into());
        assert!(plain.has_host("127.0.0.3") && plain.has_host("localhost:80"));
    }
}
