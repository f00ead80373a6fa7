//! An address to listen on, as it is asked for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use crate::error::Error;

/// An address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddress(SocketAddr);

impl FromStr for ListenAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let local = text.strip_prefix("localhost:");
        let address = match local {
            Some(port) => port
                .parse()
                .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
                .map_err(|error| format!("the port: {error}")),
            None => text.parse().map_err(|_| not_an_address(text)),
        };
        let address: SocketAddr = address.map_err(|problem| Error::BadAddress {
            text: text.to_owned(),
            problem,
        })?;
        Ok(Self(address))
    }
}

impl ListenAddress {
    /// Whether no other machine can reach it.
    pub fn is_loopback(self) -> bool {
        self.0.ip().is_loopback()
    }
}

impl From<ListenAddress> for SocketAddr {
    fn from(ListenAddress(address): ListenAddress) -> Self {
        address
    }
}

fn not_an_address(text: &str) -> String {
    if text.parse::<IpAddr>().is_ok() {
        "it has no port".to_owned()
    } else {
        "it is no address of numbers, nor `localhost` with a port".to_owned()
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_numbers_with_a_port() {
        for (text, address) in [
            ("127.0.0.1:7860", "127.0.0.1:7860"),
            ("localhost:80", "127.0.0.1:80"),
            ("[::1]:0", "[::1]:0"),
            ("127.9.9.9:1", "127.9.9.9:1"),
        ] {
            let parsed: ListenAddress = text.parse().unwrap();
            assert_eq!(parsed.to_string(), address);
        }
        let refused = |text: &str| text.parse::<ListenAddress>().unwrap_err().to_string();
        for (text, is_loopback) in [
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("0.0.0.0:7860", false),
            ("[::]:7860", false),
            ("192.168.1.5:80", false),
            ("[::ffff:127.0.0.1]:80", false),
        ] {
            let parsed: ListenAddress = text.parse().unwrap();
            assert_eq!(parsed.is_loopback(), is_loopback, "{text}");
        }
        for (text, problem) in [
            ("127.0.0.1", "no port"),
            ("example.org:80", "no address of numbers"),
            ("localhost:x", "the port"),
            ("localhost:70000", "the port"),
            ("", "no address"),
        ] {
            let error = refused(text);
            assert!(error.contains(problem), "{error}");
        }
    }
}
