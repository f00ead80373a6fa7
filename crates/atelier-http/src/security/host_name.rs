//! Names of this server that its owner gives.

use std::net::IpAddr;
use std::str::FromStr;

use crate::Error;

/// A name, with or without a port, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName {
    name: String,
    port: Option<u16>,
}

impl FromStr for HostName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |problem: &str| Error::BadHost {
            text: text.to_owned(),
            problem: problem.to_owned(),
        };
        let lower = text.to_ascii_lowercase();
        let (name, port) = match lower.rsplit_once(':') {
            // An address of the newer kind without a port.
            Some((name, _)) if name.contains(':') && !name.ends_with(']') => (&*lower, None),
            Some((name, port)) => {
                let port = port
                    .parse()
                    .map_err(|_| bad("what follows `:` is no port"))?;
                (name, Some(port))
            }
            None => (&*lower, None),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_address = name.starts_with('[') && name.ends_with(']');
        if name.is_empty() || !(is_address || name.chars().all(is_plain)) {
            return Err(bad("it is no name of a machine"));
        }
        let name = name.to_owned();
        Ok(Self { name, port })
    }
}

impl HostName {
    /// Whether it means whoever asks themselves, whatever their machine is.
    pub(super) fn is_of_this_machine(&self) -> bool {
        let name = self.name.as_str();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = |address: IpAddr| address.is_loopback();
        name == "localhost"
            || name.ends_with(".localhost")
            || address.parse().is_ok_and(is_loopback)
    }

    /// Whether a `Host` is this name. Without a port of its own it fits that of the server, and none: a proxy listens at one
    /// that browsers leave out.
    pub(super) fn is(&self, host: &str, server_port: u16) -> bool {
        let host = host.to_ascii_lowercase();
        let Some(rest) = host.strip_prefix(&self.name) else {
            return false;
        };
        let port = rest
            .strip_prefix(':')
            .and_then(|port| port.parse::<u16>().ok());
        match (self.port, rest.is_empty(), port) {
            (None, true, _) => true,
            (None, false, Some(port)) => port == server_port,
            (Some(own), false, Some(port)) => own == port,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_itself_with_the_servers_port_or_none() {
        let name: HostName = "Studio.Example".parse().unwrap();
        for host in ["studio.example", "STUDIO.example:7860"] {
            assert!(name.is(host, 7860), "{host}");
        }
        for host in [
            "studio.example:80",
            "studio.example.evil.example",
            "studio.example:7860x",
            "studio.example:",
            "a.studio.example",
            "",
        ] {
            assert!(!name.is(host, 7860), "{host}");
        }
        let name: HostName = "studio.example:8443".parse().unwrap();
        assert!(name.is("studio.example:8443", 7860));
        assert!(!name.is("studio.example", 7860) && !name.is("studio.example:7860", 7860));
        assert!("[::1]:80".parse::<HostName>().unwrap().is("[::1]:80", 7860));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "https://studio.example",
            "a b",
            "a:port",
            "a/b",
            "*",
            "a@b",
            "::1",
        ] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
    }
}
