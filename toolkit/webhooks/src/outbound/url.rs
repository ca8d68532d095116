//! Which URLs may be registered as an endpoint.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;
use thiserror::Error;

use super::is_public;

/// What is allowed beyond `https` on its own port at a public address. All off by default; for local stacks
/// and for deliveries within one's own network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// `http` as well, on port 80.
    pub http: bool,
    /// Ports other than the scheme's own.
    pub any_port: bool,
    /// Addresses that are not public.
    pub any_address: bool,
}

/// Why an endpoint's URL is refused. Quotes nothing of the URL, which may hold a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Neither `https` nor, where that is allowed, `http`.
    #[error("an endpoint's URL begins with https://")]
    Scheme,
    /// There is no host, or it cannot be one.
    #[error("an endpoint's URL names a host")]
    Host,
    /// Credentials before the host would be sent along, and hide where the URL leads from who reads it.
    #[error("an endpoint's URL has no user name and no password")]
    Userinfo,
    /// A port at which services other than web servers listen.
    #[error("an endpoint listens on the standard port")]
    Port,
    /// The host is an address that is not public.
    #[error("an endpoint's address is a public one")]
    NotPublic,
}

/// Judges an endpoint's URL by what stands in it. A name may resolve to anything, at any time anew, so this cannot
/// replace the check of the address that is connected to.
///
/// # Errors
/// The first of [`UrlError`] that is wrong with it.
pub fn check_url(url: &Uri, allow: Allow) -> Result<(), UrlError> {
    let standard = match url.scheme_str() {
        Some("https") => 443,
        Some("http") if allow.http => 80,
        _ => return Err(UrlError::Scheme),
    };
    let authority = url.authority().ok_or(UrlError::Host)?;
    if authority.as_str().contains('@') {
        return Err(UrlError::Userinfo);
    }
    let port = authority.as_str().strip_prefix(authority.host()).ok_or(UrlError::Host)?;
    let port = port.strip_prefix(':').map_or(Some(standard), |digits| digits.parse().ok()).ok_or(UrlError::Port)?;
    if port == 0 || (port != standard && !allow.any_port) {
        return Err(UrlError::Port);
    }
    match literal(authority.host())? {
        Some(address) if !allow.any_address && !is_public(address) => Err(UrlError::NotPublic),
        _ => Ok(()),
    }
}

/// The address that a host is, if it is none that has to be resolved.
pub(super) fn literal(host: &str) -> Result<Option<IpAddr>, UrlError> {
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
        return address.map(|address| Some(address.into())).ok_or(UrlError::Host);
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_of_a_name);
    if name.len() > 253 || !name.split('.').all(label) {
        return Err(UrlError::Host);
    }
    // A name whose last label is a number is an IPv4 address to most resolvers, also as `127.1`, `0x7f000001` or
    // `2130706433`. Only the form that every parser reads alike is taken.
    let last = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let numeric = last.bytes().all(|c| c.is_ascii_digit()) || last.starts_with("0x");
    match (name.parse::<Ipv4Addr>(), numeric) {
        (Ok(address), _) if host == name => Ok(Some(address.into())),
        (_, true) => Err(UrlError::Host),
        (_, false) => Ok(None),
    }
}

fn is_of_a_name(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, allow: Allow) -> Result<(), UrlError> {
        check_url(&url.parse().unwrap(), allow)
    }

    #[test]
    fn https_at_a_name_or_a_public_address_is_taken() {
        for url in [
            "https://hooks.example",
            "https://hooks.example.:443/a?b=c@d",
            "https://1.1.1.1/",
            "https://[2606:4700:4700::1111]/",
            "HTTPS://Hooks.Example/",
        ] {
            assert_eq!(check(url, Allow::default()), Ok(()), "{url}");
        }
    }

    #[test]
    fn every_other_url_is_refused_for_its_reason() {
        for (url, error) in [
            ("http://hooks.example/", UrlError::Scheme),
            ("ftp://hooks.example/", UrlError::Scheme),
            ("hooks.example", UrlError::Scheme),
            ("/path", UrlError::Scheme),
            ("https://mona@hooks.example/", UrlError::Userinfo),
            ("https://mona:hush@hooks.example/", UrlError::Userinfo),
            ("https://@hooks.example/", UrlError::Userinfo),
            ("https://hooks.example:6379/", UrlError::Port),
            ("https://hooks.example:80/", UrlError::Port),
            ("https://hooks.example:0/", UrlError::Port),
            ("https://hooks.example:99999/", UrlError::Port),
            ("https://hooks.example:/", UrlError::Port),
            ("https://10.0.0.1/", UrlError::NotPublic),
            ("https://169.254.169.254/latest", UrlError::NotPublic),
            ("https://[::1]/", UrlError::NotPublic),
            ("https://[::ffff:127.0.0.1]/", UrlError::NotPublic),
            ("https://127.1/", UrlError::Host),
            ("https://2130706433/", UrlError::Host),
            ("https://0x7f000001/", UrlError::Host),
            ("https://0x7f.0.0.0x1/", UrlError::Host),
            ("https://0177.0.0.1/", UrlError::Host),
            ("https://127.0.0.1./", UrlError::Host),
            ("https://hooks..example/", UrlError::Host),
            ("https://ho%6fks.example/", UrlError::Host),
        ] {
            match url.parse() {
                Ok(uri) => assert_eq!(check_url(&uri, Allow::default()), Err(error), "{url}"),
                Err(_) => assert!(matches!(error, UrlError::Userinfo | UrlError::Port | UrlError::Host), "{url}"),
            }
        }
    }

    #[test]
    fn what_is_allowed_by_name_is_taken_and_no_more() {
        let local = Allow { http: true, any_port: true, any_address: true };
        assert_eq!(check("http://127.0.0.1:8080/", local), Ok(()));
        assert_eq!(check("http://127.0.0.1:8080/", Allow { any_port: false, ..local }), Err(UrlError::Port));
        assert_eq!(check("http://127.0.0.1:8080/", Allow { any_address: false, ..local }), Err(UrlError::NotPublic));
        assert_eq!(check("http://127.0.0.1:8080/", Allow { http: false, ..local }), Err(UrlError::Scheme));
        assert_eq!(check("http://mona@127.0.0.1/", local), Err(UrlError::Userinfo));
        assert_eq!(check("http://127.1/", local), Err(UrlError::Host));
    }
}
