//! Whose certificates are believed: the authorities that the program has inside, or those of a file in their place. A proxy
//! that opens encrypted connections shows a certificate of its own, which only the machine's owner can know to be right.

use std::path::Path;

use anyhow::Result;
use atelier_core::ErrorCode;
use atelier_failure::failed;
use ureq::tls::{PemItem, RootCerts, parse_pem};

use crate::network::env_vars::SSL_CERT_FILE;

/// How a refused certificate begins in the words of the one who refuses it.
const REFUSED: &str = "invalid peer certificate";

/// The authorities of a file; those inside the program where none is named.
///
/// # Errors
/// When the file cannot be read, or has no certificate.
pub(crate) fn roots(file: Option<&Path>) -> Result<RootCerts> {
    let Some(file) = file else {
        return Ok(RootCerts::WebPki);
    };
    let wrong = |problem: &str| {
        let message = format!(
            "`{SSL_CERT_FILE}` names a file {problem}; give one with certificates in PEM form, or unset it to go by those that \
             the program has inside: `{}`",
            file.display()
        );
        failed(ErrorCode::InvalidInput, message)
    };
    let text = fs_err::read(file).map_err(|_| wrong("that cannot be read"))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&text) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(_) => return Err(wrong("that is damaged")),
        }
    }
    if certificates.is_empty() {
        return Err(wrong("without a certificate"));
    }
    Ok(certificates.into())
}

/// Why a request failed, with what can be done where it is a certificate.
pub(crate) fn with_advice(reason: String) -> String {
    if !reason.contains(REFUSED) {
        return reason;
    }
    format!(
        "{reason}; where a proxy or the network opens encrypted connections, set `{SSL_CERT_FILE}` to a file with the certificates \
         that this machine believes, such as `/etc/ssl/certs/ca-certificates.crt`"
    )
}

#[cfg(test)]
mod tests {
    use ureq::tls::Certificate;

    use super::*;

    /// Some bytes as a certificate in PEM form; nobody looks inside before it is needed.
    const PEM: &str = "text\n-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";

    #[test]
    fn a_file_stands_in_the_place_of_the_authorities_inside() {
        assert!(matches!(roots(None).unwrap(), RootCerts::WebPki));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.crt");
        fs_err::write(&file, PEM.repeat(2)).unwrap();
        let RootCerts::Specific(certificates) = roots(Some(&file)).unwrap() else {
            panic!("the file is passed over");
        };
        let bytes: Vec<_> = certificates.iter().map(Certificate::der).collect();
        assert_eq!(bytes, [[48, 3, 2, 1, 1], [48, 3, 2, 1, 1]]);
    }

    #[test]
    fn a_file_that_cannot_be_used_is_refused_by_its_variable() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.crt");
        for text in [None, Some(""), Some("no certificate"), Some(&PEM[..40])] {
            if let Some(text) = text {
                fs_err::write(&file, text).unwrap();
            }
            let error = roots(Some(&file)).unwrap_err();
            assert_eq!(atelier_failure::code_of(&error), ErrorCode::InvalidInput);
            let error = error.to_string();
            assert!(error.contains("`SSL_CERT_FILE`") && error.contains("ca.crt"));
        }
    }

    #[test]
    fn a_certificate_that_is_refused_comes_with_what_can_be_done() {
        let refused = std::io::Error::other("invalid peer certificate: UnknownIssuer");
        let refused = with_advice(ureq::Error::Io(refused).to_string());
        assert!(refused.contains("UnknownIssuer") && refused.contains("`SSL_CERT_FILE`"));
        let other = with_advice("the connection ended".to_owned());
        assert_eq!(other, "the connection ended");
    }
}
