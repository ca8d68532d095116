//! `hmac`: an HMAC in a header of the sender's choice, for senders that follow no named scheme.

use http::{HeaderMap, HeaderName};

use crate::{
    document::{Members, SourceError},
    headers,
    mac::{Algorithm, Encoding, Keys},
    scheme::Scheme,
    secret::Secrets,
    signed_content::SignedContent,
    time::{Freshness, UnixTime},
    verification::{Rejection, SignError, Verified},
};

pub(crate) struct GenericHmac {
    keys: Keys,
    encoding: Encoding,
    header: HeaderName,
    prefix: String,
    timestamp_header: Option<HeaderName>,
    id_header: Option<HeaderName>,
    event_type_header: Option<HeaderName>,
    content: SignedContent,
}

impl GenericHmac {
    /// | option | what it is | if absent |
    /// |---|---|---|
    /// | `header` | the header with the signature | required |
    /// | `prefix` | what stands before the signature, for instance `sha256=` | nothing |
    /// | `encoding` | `hex` or `base64` | `hex` |
    /// | `algorithm` | `sha256` or `sha512` | `sha256` |
    /// | `timestamp_header` | the header with the signed time in Unix seconds | no time is signed |
    /// | `id_header` | the header with the delivery's id | the delivery has none |
    /// | `event_type_header` | the header that names the kind of event | none does |
    /// | `signed_content` | see [`SignedContent`] | `{body}`, or `{timestamp}.{body}` |
    pub(crate) fn new(secrets: &Secrets, options: &mut Members<'_>) -> Result<GenericHmac, SourceError> {
        const HEADER: &str = "must be the name of a header, and not that of another option";
        const PREFIX: &str = "must be at most 32 visible ASCII characters without commas";
        const ENCODING: &str = "must be `hex` or `base64`";
        const ALGORITHM: &str = "must be `sha256` or `sha512`; SHA-1 is refused";

        let mut names: Vec<HeaderName> = Vec::new();
        let mut header = |options: &mut Members<'_>, option: &str| -> Result<Option<HeaderName>, SourceError> {
            let Some(name) = options.optional::<String>(option, HEADER)? else { return Ok(None) };
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| options.invalid(option, HEADER))?;
            if names.contains(&name) {
                return Err(options.invalid(option, HEADER));
            }
            names.push(name.clone());
            Ok(Some(name))
        };
        let signature =
            header(options, "header")?.ok_or_else(|| SourceError::Missing { member: "options.header".to_owned() })?;
        let timestamp_header = header(options, "timestamp_header")?;
        let id_header = header(options, "id_header")?;
        let event_type_header = header(options, "event_type_header")?;

        let prefix: String = options.optional("prefix", PREFIX)?.unwrap_or_default();
        if prefix.len() > 32 || !prefix.bytes().all(|c| c.is_ascii_graphic() && c != b',') {
            return Err(options.invalid("prefix", PREFIX));
        }
        let encoding = match options.optional::<String>("encoding", ENCODING)?.as_deref() {
            None | Some("hex") => Encoding::Hex,
            Some("base64") => Encoding::Base64,
            Some(_) => return Err(options.invalid("encoding", ENCODING)),
        };
        let algorithm = match options.optional::<String>("algorithm", ALGORITHM)?.as_deref() {
            None | Some("sha256") => Algorithm::Sha256,
            Some("sha512") => Algorithm::Sha512,
            Some(_) => return Err(options.invalid("algorithm", ALGORITHM)),
        };
        let template: Option<String> = options.optional("signed_content", "must be a string")?;
        let default = if timestamp_header.is_some() { "{timestamp}.{body}" } else { "{body}" };
        let content = SignedContent::parse(template.as_deref().unwrap_or(default))
            .and_then(|content| content.fitting(timestamp_header.is_some(), id_header.is_some()))
            .map_err(|problem| options.invalid("signed_content", problem))?;

        let keys = Keys::of(algorithm, secrets);
        Ok(GenericHmac {
            keys,
            encoding,
            header: signature,
            prefix,
            timestamp_header,
            id_header,
            event_type_header,
            content,
        })
    }

    pub(crate) fn event_type_header(&self) -> Option<&HeaderName> {
        self.event_type_header.as_ref()
    }

    pub(crate) fn verify(&self, headers: &HeaderMap, body: &[u8], fresh: Freshness) -> Result<Verified, Rejection> {
        let claimed = headers::single_token(headers, &self.header)?
            .strip_prefix(self.prefix.as_bytes())
            .and_then(|text| self.encoding.decode(text, self.keys.algorithm()))
            .ok_or_else(|| Rejection::Malformed(self.header.clone()))?;
        let timestamp = self.timestamp_header.as_ref().map(|name| headers::timestamp(headers, name)).transpose()?;
        let signed_id = match &self.id_header {
            Some(name) if self.content.has_id() => {
                Some(headers::signed_id(headers, name, self.content.id_separator())?)
            }
            _ => None,
        };

        let digits = timestamp.map_or(&b""[..], |(digits, _)| digits);
        let pieces = self.content.pieces(signed_id.unwrap_or_default().as_bytes(), digits, body);
        let tag = self.keys.find(&pieces, &[claimed]).ok_or(Rejection::BadSignature)?;
        if let Some((_, time)) = timestamp {
            fresh.check(time)?;
        }
        let verified = Verified::signed(Scheme::Hmac, tag.as_bytes(), timestamp.is_some());
        match (&self.id_header, signed_id) {
            (_, Some(id)) => Ok(verified.with_id(id.to_owned())),
            (Some(name), None) => Ok(verified.with_id(headers::unsigned_id(headers, name)?)),
            (None, None) => Ok(verified),
        }
    }

    pub(crate) fn sign(&self, id: &str, at: UnixTime, body: &[u8]) -> Result<HeaderMap, SignError> {
        let mut signed = HeaderMap::new();
        if let Some(name) = &self.id_header {
            signed.insert(name.clone(), headers::id_value(id, self.content.id_separator())?);
        }
        let mut digits = None;
        if let Some(name) = &self.timestamp_header {
            let time = headers::timestamp_value(at)?;
            signed.insert(name.clone(), time.clone());
            digits = Some(time);
        }
        let digits = digits.as_ref().map_or(&b""[..], |time| time.as_bytes());
        let tag = self.keys.sign(&self.content.pieces(id.as_bytes(), digits, body));
        let signature = format!("{}{}", self.prefix, self.encoding.encode(tag.as_bytes()));
        signed.insert(self.header.clone(), headers::credential_value(signature));
        Ok(signed)
    }
}
