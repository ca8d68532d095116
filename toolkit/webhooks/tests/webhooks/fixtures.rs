//! One source of every shape, for the tests that hold for all of them. Every secret is made up or from a specification.

use http::{HeaderMap, HeaderValue};
use tidegate_webhooks::{Source, UnixTime};

pub(crate) const NOW: UnixTime = UnixTime(1_700_000_000);
pub(crate) const ID: &str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";
pub(crate) const BODY: &[u8] = br#"{"ref":"refs/heads/main","repository":{"full_name":"octo-harbour/tide-tables"}}"#;

/// How a kind of source is written, with the headers that matter.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) options: &'static str,
    /// Three secrets of the shape's kind.
    pub(crate) secrets: [&'static str; 3],
    pub(crate) signature: &'static str,
    pub(crate) timestamp: Option<&'static str>,
    pub(crate) id: Option<&'static str>,
    /// Whether what `id` says is signed.
    pub(crate) signs_id: bool,
    pub(crate) signs_body: bool,
}

const TEXT: [&str; 3] = ["It's a Secret to Everybody", "made-up-second-secret", "made-up-third-secret"];
const SYMMETRIC: [&str; 3] = [
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "whsec_bWFkZS11cC1zdGFuZGFyZC13ZWJob29rcy1rZXk=",
];
const ASYMMETRIC: [&str; 3] = [
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
    "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=",
    "whsk_bWFkZSB1cCBlZDI1NTE5IHNlZWQgb2YgMzIgYnl0ZXM=",
];

/// Private keys of stand-ins for Google and Microsoft. The short ones are 32 characters of English in PKCS #8.
#[cfg(feature = "jwt")]
pub(crate) const PRIVATE: [&str; 3] = [
    include_str!("tokens/made-up-rsa-key.txt"),
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbWFkZSB1cCBrZXkgb2YgMzIgYnl0ZXMsIG5vIG1vcmWhRANCAARGBcbf4MYgIHhFx52O\
     22R3j7IRtTJme/Nqqy8fgttb7BUrtrIXXIC/VvZzlRkbyhfu3KeRUeJPYNSXxVCeMJF4",
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbWFkZSB1cCBrZXksIGFuZCBhbm90aGVyIHRoYW4gaXShRANCAATYrLg1odT5jHKGtKa0\
     reh0sa10y+WuDkl7wJfFzwCEzJ+73qDP4/8MXuhwZGTBr/CU/FX3XWiPTk41kITuzxGn",
];

const PLAIN: Shape = Shape {
    name: "",
    scheme: "",
    options: "{}",
    secrets: TEXT,
    signature: "",
    timestamp: None,
    id: None,
    signs_id: false,
    signs_body: true,
};

pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        name: "github",
        scheme: "github",
        signature: "x-hub-signature-256",
        id: Some("x-github-delivery"),
        ..PLAIN
    },
    Shape { name: "stripe", scheme: "stripe", signature: "stripe-signature", ..PLAIN },
    Shape {
        name: "slack",
        scheme: "slack",
        signature: "x-slack-signature",
        timestamp: Some("x-slack-request-timestamp"),
        ..PLAIN
    },
    Shape {
        name: "shopify",
        scheme: "shopify",
        signature: "x-shopify-hmac-sha256",
        id: Some("x-shopify-webhook-id"),
        ..PLAIN
    },
    Shape {
        name: "standard-webhooks v1",
        scheme: "standard-webhooks",
        secrets: SYMMETRIC,
        signature: "webhook-signature",
        timestamp: Some("webhook-timestamp"),
        id: Some("webhook-id"),
        signs_id: true,
        ..PLAIN
    },
    Shape {
        name: "standard-webhooks v1a",
        scheme: "standard-webhooks",
        secrets: ASYMMETRIC,
        signature: "webhook-signature",
        timestamp: Some("webhook-timestamp"),
        id: Some("webhook-id"),
        signs_id: true,
        ..PLAIN
    },
    Shape {
        name: "svix",
        scheme: "standard-webhooks",
        options: r#"{"header_prefix":"svix"}"#,
        secrets: SYMMETRIC,
        signature: "svix-signature",
        timestamp: Some("svix-timestamp"),
        id: Some("svix-id"),
        signs_id: true,
        ..PLAIN
    },
    Shape {
        name: "cloudevents",
        scheme: "cloudevents",
        secrets: ["mF_9.B5f-4.1JqM", "made-up.second-token", "made-up.third-token"],
        signature: "authorization",
        signs_body: false,
        ..PLAIN
    },
    #[cfg(feature = "jwt")]
    Shape {
        name: "pubsub",
        scheme: "pubsub",
        options: r#"{"audience":"https://hooks.harbour.example/webhooks/pubsub",
            "service_account":"push@harbour-example.iam.gserviceaccount.com"}"#,
        secrets: PRIVATE,
        signature: "authorization",
        signs_body: false,
        ..PLAIN
    },
    #[cfg(feature = "jwt")]
    Shape {
        name: "event-grid with Entra",
        scheme: "event-grid",
        options: r#"{"tenant":"00000000-0000-4000-8000-00000000cafe","audience":"api://harbour-example"}"#,
        secrets: [PRIVATE[1], PRIVATE[0], PRIVATE[2]],
        signature: "authorization",
        signs_body: false,
        ..PLAIN
    },
    Shape {
        name: "event-grid with a delivery property",
        scheme: "event-grid",
        options: r#"{"header":"X-Harbour-Key"}"#,
        secrets: ["made-up-first-property", "made-up-second-property", "made-up-third-property"],
        signature: "x-harbour-key",
        signs_body: false,
        ..PLAIN
    },
    Shape {
        name: "hmac over the body",
        scheme: "hmac",
        options: r#"{"header":"x-signature"}"#,
        signature: "x-signature",
        ..PLAIN
    },
    Shape {
        name: "hmac over the body with an id beside it",
        scheme: "hmac",
        options: r#"{"header":"x-signature","encoding":"base64","id_header":"x-delivery"}"#,
        signature: "x-signature",
        id: Some("x-delivery"),
        ..PLAIN
    },
    Shape {
        name: "hmac with a timestamp",
        scheme: "hmac",
        options: r#"{"header":"X-Signature","prefix":"sha256=","timestamp_header":"X-Time"}"#,
        signature: "x-signature",
        timestamp: Some("x-time"),
        ..PLAIN
    },
    Shape {
        name: "hmac over everything",
        scheme: "hmac",
        options: r#"{"header":"x-signature","prefix":"v2:","algorithm":"sha512","encoding":"base64",
            "timestamp_header":"x-time","id_header":"x-delivery","event_type_header":"x-event",
            "signed_content":"v2/{id}/{timestamp}/{body}"}"#,
        signature: "x-signature",
        timestamp: Some("x-time"),
        id: Some("x-delivery"),
        signs_id: true,
        ..PLAIN
    },
];

impl Shape {
    /// A source with these of the shape's three secrets.
    pub(crate) fn source(&self, secrets: &[usize]) -> Source {
        let secrets: Vec<String> = secrets.iter().map(|&index| format!("\"{}\"", self.secrets[index])).collect();
        let document =
            format!(r#"{{"scheme":"{}","secrets":[{}],"options":{}}}"#, self.scheme, secrets.join(","), self.options);
        Source::from_json(document.as_bytes()).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Signed headers of the standard delivery, and the source that accepts them.
    pub(crate) fn signed(&self) -> (Source, HeaderMap) {
        let source = self.source(&[0]);
        let headers = source.sign(ID, NOW, BODY).unwrap();
        (source, headers)
    }

    /// Whether a signed timestamp bounds replays, be it in a header of its own or in the signature's.
    pub(crate) fn timestamped(&self) -> bool {
        self.timestamp.is_some() || self.scheme == "stripe" || self.is_token()
    }

    /// Whether a token that says itself how long it is good stands for the signature.
    pub(crate) fn is_token(&self) -> bool {
        ["pubsub", "event-grid with Entra"].contains(&self.name)
    }
}

/// A copy of `headers` in which `name` has the value `value` alone.
pub(crate) fn with(headers: &HeaderMap, name: &'static str, value: &[u8]) -> HeaderMap {
    let mut changed = headers.clone();
    changed.insert(name, HeaderValue::from_bytes(value).unwrap());
    changed
}
