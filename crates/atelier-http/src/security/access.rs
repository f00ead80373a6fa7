//! Who is let in.

use std::net::SocketAddr;

use super::HostName;

/// Who is let in, and under which names. The default is for an address that only this machine reaches, where everybody is its
/// user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Whether everybody has to say who they are. Servers that others can reach always ask.
    pub needs_login: bool,
    /// Names of this server besides its address, such as that of a proxy before it.
    pub hosts: Vec<HostName>,
    /// Whether browsers show their session only over HTTPS.
    pub has_secure_cookies: bool,
    /// Whether every request comes through a proxy, which says where it came from: `X-Forwarded-For`, `X-Forwarded-Proto`.
    pub is_behind_proxy: bool,
}

impl Access {
    /// Whether everybody has to say who they are on a server that listens there: where they shall, where other machines reach
    /// the address, and where a proxy or a tunnel brings others to it, of which a name that is none of this machine tells.
    pub fn needs_login_at(&self, address: SocketAddr) -> bool {
        let is_named = !self.hosts.iter().all(HostName::is_of_this_machine);
        self.needs_login || self.is_behind_proxy || is_named || !address.ip().is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_at_this_machine_need_not_log_in() {
        let here = ([127, 0, 0, 1], 7860).into();
        let named = |names: &[&str]| Access {
            hosts: names.iter().map(|name| name.parse().unwrap()).collect(),
            ..Access::default()
        };
        assert!(!Access::default().needs_login_at(here));
        for local in [
            "localhost",
            "localhost:9000",
            "studio.localhost",
            "127.0.0.9",
            "[::1]:80",
        ] {
            assert!(!named(&[local]).needs_login_at(here), "{local}");
        }
        for foreign in [
            "studio.example",
            "localhost.example",
            "10.0.0.1",
            "[2001:db8::1]",
        ] {
            assert!(
                named(&["localhost", foreign]).needs_login_at(here),
                "{foreign}"
            );
        }
        let behind = Access {
            is_behind_proxy: true,
            ..Access::default()
        };
        assert!(behind.needs_login_at(here));
        let asking = Access {
            needs_login: true,
            ..Access::default()
        };
        assert!(asking.needs_login_at(here));
        for other in [[0, 0, 0, 0], [192, 168, 1, 5]] {
            assert!(Access::default().needs_login_at((other, 7860).into()));
        }
    }
}
