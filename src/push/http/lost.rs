//! Why a request has no answer, in words that hold no address: reqwest's own name the whole URL.

use std::error::Error;
use std::io::{self, ErrorKind};

/// Why, such as `connection refused`.
pub(super) fn why(error: &(dyn Error + 'static)) -> &'static str {
    let chain = chain(error);
    let http = || chain.iter().filter_map(|it| it.downcast_ref::<reqwest::Error>());
    let kinds = || chain.iter().filter_map(|it| Some(it.downcast_ref::<io::Error>()?.kind()));
    if let Some(tls) = chain.iter().find_map(|it| it.downcast_ref::<rustls::Error>()) {
        return of_tls(tls);
    }
    if http().any(reqwest::Error::is_dns) {
        return "host not found";
    }
    if http().any(reqwest::Error::is_timeout) {
        return "connection timeout";
    }
    if http().any(reqwest::Error::is_builder) {
        return "the request cannot be written";
    }
    kinds().find_map(of_kind).unwrap_or("connection lost")
}

fn of_tls(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(_) => "the certificate is not trusted",
        _ => "TLS handshake failed",
    }
}

fn of_kind(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::ConnectionRefused => Some("connection refused"),
        ErrorKind::TimedOut => Some("connection timeout"),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            Some("connection reset")
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Some("network unreachable"),
        _ => None,
    }
}

/// `error` and what is behind it. An I/O error passes over the error that it wraps, which is often
/// the one that says something.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> Vec<&'e (dyn Error + 'static)> {
    let mut all = vec![error];
    let mut at = error;
    loop {
        let inner = at.downcast_ref::<io::Error>().and_then(|it| it.get_ref());
        let next = match inner {
            Some(inner) => inner as &(dyn Error + 'static),
            None => match at.source() {
                Some(source) => source,
                None => return all,
            },
        };
        all.push(next);
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_wrapped() {
        let tls = io::Error::other(rustls::Error::DecryptError);
        assert_eq!(why(&io::Error::new(ErrorKind::InvalidData, tls)), "TLS handshake failed");
        let refused = io::Error::from(ErrorKind::ConnectionRefused);
        assert_eq!(why(&io::Error::other(refused)), "connection refused");
        assert_eq!(why(&io::Error::other("http://me:secret@host/")), "connection lost");
    }
}
