//! `event-grid`: Azure Event Grid, with a secret in a delivery property or a token of Microsoft Entra; and the checks by
//! which Event Grid asks whether a subscription is wanted.
//!
//! - <https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema>
//! - <https://learn.microsoft.com/azure/event-grid/delivery-properties>
//! - <https://learn.microsoft.com/azure/event-grid/secure-webhook-delivery>
//!
//! Event Grid also delivers to addresses with a secret in the query. Such an address ends up in access logs; this crate
//! does not look at it.

use http::{HeaderMap, HeaderName};
use serde::Deserialize;

#[cfg(feature = "jwt")]
use crate::jwt::{Jwks, Party, Tokens};
use crate::{
    cloudevents::{Handshake, HandshakeError, handshake},
    document::{Members, SourceError},
    headers,
    secret::Secrets,
    shared_secret::SharedSecret,
    time::{Freshness, UnixTime},
    verification::{Rejection, SignError, Verified},
};

pub(crate) struct EventGrid {
    authentication: Authentication,
    handshake: Option<Handshake>,
}

enum Authentication {
    /// A delivery property that is marked as secret.
    Property { header: HeaderName, secret: SharedSecret },
    /// A token of the tenant.
    #[cfg(feature = "jwt")]
    Token(Box<Tokens>),
}

impl EventGrid {
    /// With the option `tenant` the authentication is a token, else a secret in the delivery property that `header` names.
    pub(crate) fn new(secrets: Option<&Secrets>, options: &mut Members<'_>) -> Result<EventGrid, SourceError> {
        const HEADER: &str = "must be the name of the delivery property that carries the secret";
        let handshake = Handshake::from_options(options)?;
        #[cfg(feature = "jwt")]
        if let Some(tokens) = tokens_of_tenant(secrets, options)? {
            return Ok(EventGrid { authentication: Authentication::Token(Box::new(tokens)), handshake });
        }
        let secrets = secrets.ok_or_else(Secrets::missing)?;
        let header: String = options.required("header", HEADER)?;
        let header = HeaderName::from_bytes(header.as_bytes()).map_err(|_| options.invalid("header", HEADER))?;
        Ok(EventGrid {
            authentication: Authentication::Property { header, secret: SharedSecret::new(secrets)? },
            handshake,
        })
    }

    #[cfg_attr(not(feature = "jwt"), expect(unused_variables, reason = "only tokens have a time"))]
    pub(crate) fn verify(&self, headers: &HeaderMap, fresh: Freshness) -> Result<Verified, Rejection> {
        match &self.authentication {
            Authentication::Property { header, secret } => {
                secret.verify(headers::single_token(headers, header)?)?;
                Ok(Verified::vouched_for(false))
            }
            #[cfg(feature = "jwt")]
            Authentication::Token(tokens) => tokens.verify(headers, fresh),
        }
    }

    #[cfg_attr(not(feature = "jwt"), expect(unused_variables, reason = "only tokens have a time"))]
    pub(crate) fn sign(&self, at: UnixTime) -> Result<HeaderMap, SignError> {
        match &self.authentication {
            Authentication::Property { header, secret } => {
                let value = headers::credential_value(secret.first().to_owned());
                Ok(HeaderMap::from_iter([(header.clone(), value)]))
            }
            #[cfg(feature = "jwt")]
            Authentication::Token(tokens) => tokens.sign(at),
        }
    }

    pub(crate) fn handshake(&self, headers: &HeaderMap) -> Option<Result<HeaderMap, HandshakeError>> {
        self.handshake.as_ref().map(|allowed| handshake(headers, allowed))
    }

    #[cfg(feature = "jwt")]
    pub(crate) fn tokens(&self) -> Option<&Tokens> {
        match &self.authentication {
            Authentication::Token(tokens) => Some(tokens),
            Authentication::Property { .. } => None,
        }
    }

    #[cfg(feature = "jwt")]
    pub(crate) fn set_keys(&mut self, keys: Jwks) {
        if let Authentication::Token(tokens) = &mut self.authentication {
            tokens.set_keys(keys);
        }
    }
}

/// The options `tenant`, `audience` and `application`; `None` without a tenant.
#[cfg(feature = "jwt")]
fn tokens_of_tenant(own_keys: Option<&Secrets>, options: &mut Members<'_>) -> Result<Option<Tokens>, SourceError> {
    const TENANT: &str = "must be the id of an Entra tenant, a UUID";
    const AUDIENCE: &str = "must be the audience of the token: the id or the URI of the receiving application";
    const APPLICATION: &str = "must be the id of the application that delivers, a UUID";
    /// Event Grid's own, the same in every tenant.
    const EVENT_GRID: &str = "4962773b-9cdb-44cf-a8bf-237846a00ab7";

    let Some(tenant) = options.optional::<String>("tenant", TENANT)? else { return Ok(None) };
    let audience: String = options.required("audience", AUDIENCE)?;
    let application = options.optional::<String>("application", APPLICATION)?;
    let application = application.unwrap_or_else(|| EVENT_GRID.to_owned());
    for (name, id, problem) in [("tenant", &tenant, TENANT), ("application", &application, APPLICATION)] {
        if !is_uuid(id) {
            return Err(options.invalid(name, problem));
        }
    }
    if audience.is_empty() {
        return Err(options.invalid("audience", AUDIENCE));
    }
    let issuers =
        vec![format!("https://sts.windows.net/{tenant}/"), format!("https://login.microsoftonline.com/{tenant}/v2.0")];
    let keys_url = format!("https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys");
    let party = Party::Application(application);
    Tokens::new(issuers, audience, party, keys_url, own_keys).map(Some)
}

#[cfg(feature = "jwt")]
fn is_uuid(id: &str) -> bool {
    let groups: Vec<&str> = id.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.concat().bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

/// A validation event has some 600 bytes. Longer bodies are events and are not parsed here.
const MAX_VALIDATION_LEN: usize = 8 * 1024;

/// Event Grid's codes are UUIDs; what is echoed to a caller stays short.
const MAX_CODE_LEN: usize = 256;

/// The code to answer with, as `{"validationResponse": code}`, when Event Grid asks in its own schema whether a
/// subscription is wanted; `None` for every other body. In the CloudEvents schema it asks by the `OPTIONS` handshake
/// ([`Source::handshake`](crate::Source::handshake)) instead.
///
/// The question carries the source's secret or token like an event, so verify first.
///
/// ```
/// use tidegate_webhooks::event_grid::validation_code;
///
/// let question = br#"[{"id": "1", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "subject": "",
///     "data": {"validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}}]"#;
/// assert_eq!(validation_code(question).as_deref(), Some("512d38b6-c7b8-40c8-89fe-f46f9e9622b6"));
/// assert_eq!(validation_code(br#"[{"id": "2", "eventType": "Harbour.TideTurned", "data": {}}]"#), None);
/// ```
pub fn validation_code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Question {
        event_type: String,
        data: Data,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data {
        validation_code: String,
    }
    if body.len() > MAX_VALIDATION_LEN {
        return None;
    }
    let [Question { event_type, data: Data { validation_code: code } }] = serde_json::from_slice(body).ok()?;
    let echoed = (1..=MAX_CODE_LEN).contains(&code.len()) && code.bytes().all(|c| c.is_ascii_graphic());
    (event_type == "Microsoft.EventGrid.SubscriptionValidationEvent" && echoed).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(ty: &str, code: &str) -> Vec<u8> {
        format!(r#"[{{"id":"1","eventType":"{ty}","data":{{"validationCode":"{code}"}}}}]"#).into_bytes()
    }

    #[test]
    fn only_a_short_visible_code_of_a_single_validation_event_is_echoed() {
        const TYPE: &str = "Microsoft.EventGrid.SubscriptionValidationEvent";
        assert_eq!(validation_code(&question(TYPE, "512d")).as_deref(), Some("512d"));
        let one = String::from_utf8(question(TYPE, "512d")).unwrap();
        let object = &one[1..one.len() - 1];
        for refused in [
            question("Harbour.TideTurned", "512d"),
            question(TYPE, ""),
            question(TYPE, "a b"),
            question(TYPE, &"x".repeat(MAX_CODE_LEN + 1)),
            question(TYPE, &"x".repeat(MAX_VALIDATION_LEN)),
            object.as_bytes().to_vec(),
            format!("[{object},{object}]").into_bytes(),
            b"[]".to_vec(),
            b"".to_vec(),
        ] {
            assert_eq!(validation_code(&refused), None, "{}", String::from_utf8_lossy(&refused));
        }
    }
}
