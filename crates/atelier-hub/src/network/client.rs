//! Requests to the hub: where the token goes, which redirects are followed, what an answer's status means.

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;
use atelier_core::{ErrorCode, ProgressSink, RunContext};
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};

use crate::Notes;
use crate::network::refusal::{self, Wanted};
use crate::network::roots::roots;
use crate::network::settings::HubSettings;
use crate::network::transfer::{Call, Head, Transfer};
use crate::network::trouble::{Patience, Trouble};

/// Redirects that are followed for one request.
const MAX_REDIRECTS: usize = 8;
/// Time for a connection, and for an answer to begin.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// Silence inside of a body after which a connection counts as lost.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);
/// The status of a range that the file does not have.
pub(crate) const RANGE_NOT_SATISFIABLE: u16 = 416;

/// The hub, and what work on it gets from its surroundings.
pub(crate) struct Client<'a> {
    /// Made when something is asked.
    agent: OnceLock<Agent>,
    pub(crate) settings: &'a HubSettings,
    pub(crate) run: RunContext<'a>,
    pub(crate) notes: Notes<'a>,
}

impl<'a> Client<'a> {
    /// A client that has sent nothing yet.
    pub(crate) fn new(settings: &'a HubSettings, run: RunContext<'a>, notes: Notes<'a>) -> Self {
        Self {
            agent: OnceLock::new(),
            settings,
            run,
            notes,
        }
    }

    /// Whoever asks.
    ///
    /// # Errors
    /// When the file with the authorities that are believed cannot be used.
    fn agent(&self) -> Result<&Agent> {
        if let Some(agent) = self.agent.get() {
            return Ok(agent);
        }
        let roots = roots(self.settings.authorities.as_deref())?;
        Ok(self.agent.get_or_init(|| agent_with(roots)))
    }

    /// Where to say how far the work is.
    pub(crate) fn progress(&self) -> &dyn ProgressSink {
        self.run.progress
    }

    /// Does something until it succeeds or patience ends.
    pub(crate) fn persist<T>(
        &self,
        mut attempt: impl FnMut(&mut Patience) -> Result<T, Trouble>,
    ) -> Result<T> {
        let mut patience = Patience::new(self.settings.first_wait);
        loop {
            match attempt(&mut patience) {
                Ok(value) => return Ok(value),
                Err(trouble) => patience.after(trouble, self.run.cancel, self.notes)?,
            }
        }
    }

    /// Asks for a path below the endpoint, from a byte on. The answer has the status 200, 206 or 416.
    pub(crate) fn open(
        &self,
        path: &str,
        from: u64,
        wanted: &Wanted<'_>,
    ) -> Result<(Head, Transfer), Trouble> {
        let (agent, endpoint) = (self.agent()?, uri(&self.settings.endpoint)?);
        let mut next = uri(&format!("{}{path}", self.settings.endpoint))?;
        for _ in 0..=MAX_REDIRECTS {
            let is_home = same_origin(&endpoint, &next);
            // Files lie on other hosts, whose addresses carry a permission of their own.
            let token = self.settings.token.clone().filter(|_| is_home);
            let via = self.settings.proxies.way_to(&next)?;
            let call = Call {
                url: next.to_string(),
                token,
                proxy: via.as_ref().map(|via| via.proxy.clone()),
                from,
            };
            let (head, transfer) = Transfer::start(agent, call, self.run.cancel)
                .map_err(|trouble| refusal::unreachable(trouble, (&next, via.as_ref()), wanted))?;
            match head.status {
                200 | 206 | RANGE_NOT_SATISFIABLE => return Ok((head, transfer)),
                301 | 302 | 303 | 307 | 308 => next = redirected(&next, &head)?,
                status if is_home => {
                    return Err(refusal::by_hub(status, &head, wanted, self.settings));
                }
                status => return Err(refusal::by_storage(status, &head, &next, wanted)),
            }
        }
        let host = &self.settings.endpoint;
        Err(Trouble::lasting(
            ErrorCode::Network,
            format!("{host} redirects in a circle when asked for {wanted}"),
        ))
    }
}

fn agent_with(roots: RootCerts) -> Agent {
    Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .http_status_as_error(false)
        // Each request has its own way, and the environment is read in one place.
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("atelier/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(ANSWER_TIMEOUT))
        .timeout_per_read(Some(SILENCE_TIMEOUT))
        .build()
        .new_agent()
}

/// One part of a path, or a revision as one part.
pub(crate) fn encoded(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn uri(text: &str) -> Result<Uri, Trouble> {
    text.parse().map_err(|_| {
        Trouble::lasting(
            ErrorCode::Network,
            "the hub names an address that is none".to_owned(),
        )
    })
}

/// Where a redirect leads.
fn redirected(from: &Uri, head: &Head) -> Result<Uri, Trouble> {
    let refused = |why: &str| {
        let host = from.host().unwrap_or_default();
        let message = format!("`{host}` redirects {why}");
        Trouble::lasting(ErrorCode::Network, message)
    };
    let location = head
        .header("location")
        .ok_or_else(|| refused("without an address"))?;
    let scheme = from.scheme_str().unwrap_or_default();
    let host = from.authority().map_or("", |authority| authority.as_str());
    let whole = if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{host}{location}")
    } else {
        location.to_owned()
    };
    let next = uri(&whole)?;
    match next.scheme_str() {
        Some("https") => Ok(next),
        Some("http") if scheme == "http" => Ok(next),
        Some("http") => Err(refused("to an address without encryption")),
        _ => Err(refused("to an address that is not understood")),
    }
}

fn same_origin(one: &Uri, other: &Uri) -> bool {
    let port = |uri: &Uri| match (uri.port_u16(), uri.scheme_str()) {
        (Some(port), _) => port,
        (None, Some("http")) => 80,
        (None, _) => 443,
    };
    let host = |uri: &Uri| uri.host().unwrap_or_default().to_ascii_lowercase();
    one.scheme_str() == other.scheme_str() && host(one) == host(other) && port(one) == port(other)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::io::{ErrorKind, Read as _};
    use std::net::TcpListener;
    use std::thread;

    use atelier_core::{AlwaysPermitted, CancelFlag, Clock, SilentProgress};
    use atelier_failure::messages;
    use ureq::http::HeaderMap;

    use super::*;
    use crate::source::Repo;

    struct StoppedClock;

    impl Clock for StoppedClock {
        fn unix_secs(&self) -> f64 {
            0.0
        }
    }

    fn run(cancel: &CancelFlag) -> RunContext<'_> {
        RunContext {
            cancel,
            progress: &SilentProgress,
            clock: &StoppedClock,
            permit: &AlwaysPermitted,
        }
    }

    fn settings(variables: &[(&str, &str)]) -> HubSettings {
        let settings = HubSettings::resolve(|name| {
            let mut pairs = variables.iter();
            let pair = pairs.find(|(key, _)| *key == name);
            pair.map(|(_, value)| OsString::from(value))
        });
        settings.unwrap()
    }

    /// What becomes of a request with a token, where the environment says this.
    fn ask(variables: &[(&str, &str)]) -> Trouble {
        let (settings, cancel) = (settings(variables), CancelFlag::default());
        let repo = Repo {
            owner: "a".to_owned(),
            name: "b".to_owned(),
        };
        let wanted = Wanted {
            repo: &repo,
            revision: "main",
            file: None,
        };
        let client = Client::new(&settings, run(&cancel), &|_| ());
        client.open("/x", 0, &wanted).err().expect("nobody answers")
    }

    fn words_of(trouble: Trouble) -> String {
        let (Trouble::Final(error) | Trouble::Passing { error, .. }) = trouble;
        messages(&error).join(": ")
    }

    #[test]
    fn a_socks_proxy_is_spoken_to_and_named_when_it_fails() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("socks5h://{}", listener.local_addr().unwrap());
        let proxy = thread::spawn(move || {
            let mut greeting = [0; 2];
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut greeting).unwrap();
            greeting[0]
        });
        let trouble = ask(&[
            ("HF_HOME", "/h"),
            ("HF_ENDPOINT", "http://hub.invalid"),
            ("HF_TOKEN", "hf_secret"),
            ("ALL_PROXY", &address),
        ]);
        assert_eq!(proxy.join().unwrap(), 5, "the version of the protocol");
        let words = words_of(trouble);
        assert!(
            words.contains("through the proxy of `ALL_PROXY`"),
            "{words}"
        );
    }

    #[test]
    fn a_hub_is_never_asked_past_a_proxy_that_cannot_be_used() {
        let hub = TcpListener::bind("127.0.0.1:0").unwrap();
        hub.set_nonblocking(true).unwrap();
        let endpoint = format!("http://{}", hub.local_addr().unwrap());
        for name in ["ALL_PROXY", "http_proxy"] {
            let trouble = ask(&[
                ("HF_HOME", "/h"),
                ("HF_ENDPOINT", &endpoint),
                ("HF_TOKEN", "hf_secret"),
                (name, "socks6://127.0.0.1:9"),
            ]);
            assert!(matches!(trouble, Trouble::Final(_)));
            let words = words_of(trouble);
            assert!(words.contains(&format!("`{name}`")), "{words}");
            assert_eq!(hub.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        }
    }

    #[test]
    fn a_hub_is_believed_by_the_authorities_of_the_file_that_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.crt");
        let text = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
        fs_err::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        let variables = [("HF_HOME", "/h"), ("SSL_CERT_FILE", file)];
        for (variables, expected) in [(&variables[..1], None), (&variables[..], Some(1))] {
            let settings = settings(variables);
            let cancel = CancelFlag::default();
            let client = Client::new(&settings, run(&cancel), &|_| ());
            let config = client.agent().unwrap().config();
            let believed = match config.tls_config().root_certs() {
                RootCerts::Specific(certificates) => Some(certificates.len()),
                _ => None,
            };
            assert_eq!(believed, expected);
        }
    }

    #[test]
    fn nothing_is_asked_where_the_file_with_the_authorities_cannot_be_used() {
        let hub = TcpListener::bind("127.0.0.1:0").unwrap();
        hub.set_nonblocking(true).unwrap();
        let endpoint = format!("http://{}", hub.local_addr().unwrap());
        let trouble = ask(&[
            ("HF_HOME", "/h"),
            ("HF_ENDPOINT", &endpoint),
            ("SSL_CERT_FILE", "/nowhere/ca.crt"),
        ]);
        assert!(matches!(trouble, Trouble::Final(_)));
        assert!(words_of(trouble).contains("`SSL_CERT_FILE`"));
        assert_eq!(hub.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    fn lead(from: &str, location: &str) -> Result<String, Trouble> {
        let mut headers = HeaderMap::new();
        headers.insert("location", location.parse().unwrap());
        let head = Head {
            status: 302,
            headers,
        };
        redirected(&uri(from)?, &head).map(|uri| uri.to_string())
    }

    #[test]
    fn redirects_are_followed_on_and_off_the_host_but_never_out_of_encryption() {
        let from = "https://hub:1/a/b?c";
        assert_eq!(lead(from, "/x?y").unwrap(), "https://hub:1/x?y");
        assert_eq!(lead(from, "//cdn/x").unwrap(), "https://cdn/x");
        assert_eq!(lead(from, "https://cdn/x").unwrap(), "https://cdn/x");
        assert_eq!(lead("http://hub/", "http://cdn/x").unwrap(), "http://cdn/x");
        for bad in ["http://hub:1/x", "file:///etc/passwd", "x", ""] {
            assert!(matches!(lead(from, bad), Err(Trouble::Final(_))), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |one: &str, other: &str| same_origin(&uri(one).unwrap(), &uri(other).unwrap());
        assert!(same("https://hub", "https://HUB:443/x"));
        assert!(same("http://hub", "http://hub:80"));
        for other in [
            "http://hub",
            "https://hub:444",
            "https://cdn.hub",
            "https://hub.evil",
        ] {
            assert!(!same("https://hub", other), "{other}");
        }
    }

    #[test]
    fn parts_of_paths_are_encoded() {
        assert_eq!(encoded("refs/pr/1 ü"), "refs%2Fpr%2F1%20%C3%BC");
    }
}
