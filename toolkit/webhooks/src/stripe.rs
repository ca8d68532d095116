//! `stripe`: `Stripe-Signature` over timestamp and body.
//!
//! <https://docs.stripe.com/webhooks#verify-manually>

use http::{HeaderMap, HeaderName};

use crate::{
    headers,
    mac::{Algorithm, Encoding, Keys, MAX_SIGNATURES, Tag},
    scheme::Scheme,
    secret::Secrets,
    time::{Freshness, UnixTime},
    verification::{Rejection, SignError, Verified},
};

static SIGNATURE: HeaderName = HeaderName::from_static("stripe-signature");

pub(crate) struct Stripe {
    keys: Keys,
}

impl Stripe {
    pub(crate) fn new(secrets: &Secrets) -> Stripe {
        Stripe { keys: Keys::of(Algorithm::Sha256, secrets) }
    }

    pub(crate) fn verify(&self, headers: &HeaderMap, body: &[u8], fresh: Freshness) -> Result<Verified, Rejection> {
        let header = SignatureHeader::parse(headers::single(headers, &SIGNATURE)?)?;
        let tag = self.keys.find(&[header.digits, b".", body], &header.tags).ok_or(Rejection::BadSignature)?;
        fresh.check(header.time)?;
        Ok(Verified::signed(Scheme::Stripe, tag.as_bytes(), true))
    }

    pub(crate) fn sign(&self, at: UnixTime, body: &[u8]) -> Result<HeaderMap, SignError> {
        let time = headers::timestamp_value(at)?;
        let tag = self.keys.sign(&[time.as_bytes(), b".", body]);
        let signature = format!("t={},v1={}", at.0, Encoding::Hex.encode(tag.as_bytes()));
        let mut signed = HeaderMap::new();
        signed.insert(SIGNATURE.clone(), headers::credential_value(signature));
        Ok(signed)
    }
}

struct SignatureHeader<'h> {
    digits: &'h [u8],
    time: UnixTime,
    tags: Vec<Tag>,
}

impl<'h> SignatureHeader<'h> {
    /// `t=1492774577,v1=…[,v1=…]`. Items of other schemes (`v0` in test mode) and signatures that cannot be read are
    /// passed over, as Stripe's own libraries do; a second `t` means that two headers were joined.
    fn parse(value: &'h [u8]) -> Result<SignatureHeader<'h>, Rejection> {
        let malformed = || Rejection::Malformed(SIGNATURE.clone());
        // Stripe writes none. A gateway that joins headers with ", " would hide the second `t` behind one.
        if value.contains(&b' ') {
            return Err(malformed());
        }
        let mut digits = None;
        let mut tags = Vec::with_capacity(1);
        for item in value.split(|&c| c == b',') {
            if let Some(time) = item.strip_prefix(b"t=") {
                if digits.replace(time).is_some() {
                    return Err(Rejection::Repeated(SIGNATURE.clone()));
                }
            } else if let Some(hex) = item.strip_prefix(b"v1=") {
                tags.extend(Encoding::Hex.decode(hex, Algorithm::Sha256));
            }
        }
        let digits = digits.ok_or_else(malformed)?;
        let time = UnixTime::from_digits(digits).ok_or_else(malformed)?;
        if tags.is_empty() || tags.len() > MAX_SIGNATURES {
            return Err(malformed());
        }
        Ok(SignatureHeader { digits, time, tags })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn parse(value: &str) -> Result<(i64, usize), Rejection> {
        SignatureHeader::parse(value.as_bytes()).map(|header| (header.time.0, header.tags.len()))
    }

    #[test]
    fn several_signatures_in_any_order_are_read() {
        assert_eq!(parse(&format!("t=1492774577,v1={HEX}")), Ok((1_492_774_577, 1)));
        assert_eq!(parse(&format!("v1={HEX},v0={HEX},t=7,v1={HEX},v2=later")), Ok((7, 2)));
        assert_eq!(parse(&format!("t=7,v1=unreadable,v1={HEX}")), Ok((7, 1)));
    }

    #[test]
    fn what_is_not_one_time_and_some_signature_is_refused() {
        let malformed = Err(Rejection::Malformed(SIGNATURE.clone()));
        for value in [
            "".to_owned(),
            "t=".to_owned(),
            "v1,t=1".to_owned(),
            format!("v1={HEX}"),
            "t=7".to_owned(),
            format!("t=7,v0={HEX}"),
            format!("t=7, v1={HEX}"),
            format!("t=7,v1={}", &HEX[1..]),
            format!("t=-7,v1={HEX}"),
            format!("t=7{}", format!(",v1={HEX}").repeat(MAX_SIGNATURES + 1)),
        ] {
            assert_eq!(parse(&value), malformed, "{value}");
        }
        let joined = format!("t=7,v1={HEX},t=8,v1={HEX}");
        assert_eq!(parse(&joined), Err(Rejection::Repeated(SIGNATURE.clone())));
    }
}
