//! Taking headers out of a request: each exactly once.

use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};

use crate::{
    time::UnixTime,
    verification::{Rejection, SignError},
};

/// Room for a UUID, a ULID, a URN or a KSUID with a prefix, and still short enough for a database key and a log line.
const MAX_ID_LEN: usize = 256;

/// The value of a header that has to be there once. Commas are the caller's to judge.
pub(crate) fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h [u8], Rejection> {
    find(headers, name).map_err(|fault| fault.of_credential(name))
}

/// Like [`single`] for a value that never holds a comma: API gateways join repeated headers with one.
pub(crate) fn single_token<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h [u8], Rejection> {
    find_token(headers, name).map_err(|fault| fault.of_credential(name))
}

/// The token after `Bearer`, whose case does not matter (RFC 9110 section 11.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&[u8], Rejection> {
    let token = single_token(headers, &AUTHORIZATION)?
        .split_at_checked(b"Bearer ".len())
        .filter(|(scheme, token)| scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty());
    token.map(|(_, token)| token).ok_or_else(|| Rejection::Malformed(AUTHORIZATION.clone()))
}

/// The digits of a signed timestamp, as the sender wrote them, and the time they stand for.
pub(crate) fn timestamp<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<(&'h [u8], UnixTime), Rejection> {
    let digits = single_token(headers, name)?;
    let time = UnixTime::from_digits(digits).ok_or_else(|| Rejection::Malformed(name.clone()))?;
    Ok((digits, time))
}

/// A delivery id that is part of what is signed: a fault in it is a fault of the signature. It must not hold the
/// `separator` that follows it in the signed bytes.
pub(crate) fn signed_id<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    separator: Option<u8>,
) -> Result<&'h str, Rejection> {
    let value = find_token(headers, name).map_err(|fault| fault.of_credential(name))?;
    check_id(value, separator).ok_or_else(|| Fault::Malformed.of_credential(name))
}

/// A delivery id that is not signed. Read it after the signature was verified, so that who cannot sign learns
/// nothing.
pub(crate) fn unsigned_id(headers: &HeaderMap, name: &HeaderName) -> Result<String, Rejection> {
    let value = find_token(headers, name).map_err(|fault| fault.of_id(name))?;
    check_id(value, None).map(str::to_owned).ok_or_else(|| Fault::Malformed.of_id(name))
}

/// The header value of an id that is about to be signed.
pub(crate) fn id_value(id: &str, separator: Option<u8>) -> Result<HeaderValue, SignError> {
    let id = check_id(id.as_bytes(), separator).ok_or(SignError::Id)?;
    HeaderValue::from_str(id).map_err(|_| SignError::Id)
}

/// The header value of a timestamp that is about to be signed.
pub(crate) fn timestamp_value(at: UnixTime) -> Result<HeaderValue, SignError> {
    if at.0 < 0 {
        return Err(SignError::Time);
    }
    Ok(HeaderValue::from(at.0))
}

/// A signature or token as a header value that `Debug` does not print.
pub(crate) fn credential_value(text: String) -> HeaderValue {
    // Invariant: every caller passes visible ASCII and spaces only: hex, base64, checked prefixes and checked tokens.
    #[expect(clippy::expect_used, reason = "see the invariant above")]
    let mut value = HeaderValue::try_from(text).expect("a signature is visible ASCII");
    value.set_sensitive(true);
    value
}

/// Whether this can be a delivery's id, wherever it stands.
pub(crate) fn is_id(id: &[u8]) -> bool {
    check_id(id, None).is_some()
}

fn check_id(id: &[u8], separator: Option<u8>) -> Option<&str> {
    let allowed = |&c: &u8| c.is_ascii_graphic() && c != b',' && Some(c) != separator;
    ((1..=MAX_ID_LEN).contains(&id.len()) && id.iter().all(allowed)).then(|| std::str::from_utf8(id).ok())?
}

enum Fault {
    Missing,
    Repeated,
    Malformed,
}

impl Fault {
    fn of_credential(self, name: &HeaderName) -> Rejection {
        match self {
            Fault::Missing => Rejection::Missing(name.clone()),
            Fault::Repeated => Rejection::Repeated(name.clone()),
            Fault::Malformed => Rejection::Malformed(name.clone()),
        }
    }

    fn of_id(self, name: &HeaderName) -> Rejection {
        match self {
            Fault::Missing => Rejection::MissingId(name.clone()),
            Fault::Repeated => Rejection::RepeatedId(name.clone()),
            Fault::Malformed => Rejection::MalformedId(name.clone()),
        }
    }
}

fn find_token<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h [u8], Fault> {
    let value = find(headers, name)?;
    if value.contains(&b',') { Err(Fault::Repeated) } else { Ok(value) }
}

fn find<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h [u8], Fault> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(Fault::Missing),
        (Some(value), None) => Ok(value.as_bytes()),
        (Some(_), Some(_)) => Err(Fault::Repeated),
    }
}
