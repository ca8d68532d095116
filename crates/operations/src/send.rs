//! Deliveries as the real senders make them: their headers, their body, their signature.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tidegate_webhooks::{Scheme, SignError, Source, UnixTime};
use uuid::Uuid;

use crate::deployment::Deployment;
use crate::failure::Hint;
use crate::http_client::{Answer, HttpClient};
use crate::resources::Api;
use crate::sources;

/// Longer than the HTTP API lets a function work.
const ANSWER_LIMIT: Duration = Duration::from_secs(35);

/// What to deliver.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The source's name, which is the last part of the address.
    pub source: String,
    /// The kind of event in the sender's words: `push`, `charge.succeeded`, `orders/create`.
    pub event: String,
    /// The delivery's id; drawn when missing.
    pub id: Option<String>,
    /// The body; a sample when missing.
    pub body: Option<Bytes>,
}

/// A signed delivery. Sending it again is what a sender's retry does.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub source: String,
    pub id: String,
    pub body: Bytes,
    /// The header fields, signature included.
    pub headers: HeaderMap,
}

impl Delivery {
    /// Completes and signs a draft.
    pub fn sign(draft: &Draft, source: &Source, at: UnixTime) -> Result<Self> {
        let scheme = source.scheme();
        let drawn = draft.id.is_none();
        let mut id = draft.id.clone().unwrap_or_else(|| draw_id(scheme));
        let body = match &draft.body {
            None => Bytes::from(sample(scheme, &draft.event, &id, at)?),
            Some(body) => {
                // Some senders name a delivery in its body, and a body from a file is sent as it is.
                if let Some(field) = id_field(scheme) {
                    let own = serde_json::from_slice::<Value>(body)
                        .ok()
                        .and_then(|body| Some(body.pointer(field)?.as_str()?.to_owned()));
                    match own {
                        Some(own) if drawn => id = own,
                        Some(own) if own == id => {}
                        _ if drawn => {}
                        _ => bail!(Hint::new(
                            format!("a {scheme} delivery has its id in the body, at {field}"),
                            format!("change {field} in the file, or leave --id out"),
                        )),
                    }
                }
                body.clone()
            }
        };
        let mut headers = sender_headers(source, &draft.event, &id, at)?;
        let signature = source.sign(&id, at, &body).map_err(|error| explain(error, &draft.source))?;
        headers.extend(signature);
        Ok(Self { source: draft.source.clone(), id, body, headers })
    }

    /// The request to a deployment's API.
    pub fn request(&self, api: &Api) -> Result<Request<Bytes>> {
        let address = api.address(&format!("/webhooks/{}", self.source));
        let mut request = Request::post(&address)
            .body(self.body.clone())
            .with_context(|| format!("{address} is not a URL; is the source's name right?"))?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    /// Sends it once.
    pub async fn send(&self, client: &HttpClient, api: &Api) -> Result<Answer> {
        client.send(self.request(api)?, ANSWER_LIMIT).await
    }
}

/// Reads and checks a source's document in the deployment.
pub async fn source(deployment: &Deployment, name: &str) -> Result<Source> {
    match sources::load(&deployment.secrets, &deployment.source_secret(name), name).await? {
        Some(source) => Ok(source),
        None => bail!(Hint::new(
            format!("deployment {} has no source {name}", deployment.name),
            "see `tidegate source list`, or add it with `tidegate source set`",
        )),
    }
}

fn explain(error: SignError, source: &str) -> anyhow::Error {
    match error {
        SignError::PublicKey => Hint::new(
            format!("source {source} holds a public key, which can verify deliveries but not sign them"),
            "put the private key (whsk_...) or a symmetric secret (whsec_...) first in its document, or let the real sender send",
        )
        .into(),
        SignError::NoKey => Hint::new(
            format!("source {source} has no key: only the issuer of its tokens can sign deliveries"),
            "let the real sender send, or try a source whose document has a private key of its own in `secrets`",
        )
        .into(),
        SignError::Id | SignError::Time | _ => anyhow!(error).context(format!("a delivery of {source} cannot be signed")),
    }
}

fn draw_id(scheme: Scheme) -> String {
    let random = Uuid::new_v4();
    match scheme {
        Scheme::Stripe => format!("evt_{}", &random.simple().to_string()[..24]),
        Scheme::Slack => format!("Ev{}", &random.simple().to_string()[..10].to_uppercase()),
        Scheme::StandardWebhooks => format!("msg_{}", random.simple()),
        Scheme::PubSub => (random.as_u128() % 10_u128.pow(16)).to_string(),
        Scheme::GitHub | Scheme::Shopify | Scheme::CloudEvents | Scheme::EventGrid | Scheme::Hmac => random.to_string(),
    }
}

/// Where the body has the delivery's id (a JSON pointer).
fn id_field(scheme: Scheme) -> Option<&'static str> {
    match scheme {
        Scheme::Stripe => Some("/id"),
        Scheme::Slack => Some("/event_id"),
        Scheme::PubSub => Some("/message/messageId"),
        Scheme::EventGrid => Some("/0/id"),
        Scheme::GitHub | Scheme::Shopify | Scheme::StandardWebhooks | Scheme::CloudEvents | Scheme::Hmac => None,
    }
}

/// The header fields that a sender adds besides its signature, as documented by each.
fn sender_headers(source: &Source, event: &str, id: &str, at: UnixTime) -> Result<HeaderMap> {
    let time = jiff::Timestamp::from_second(at.0).unwrap_or_default().to_string();
    let event_header = source.event_type_header().map(HeaderName::as_str);
    let fields: Vec<(&str, &str)> = match source.scheme() {
        Scheme::GitHub => vec![
            ("user-agent", "GitHub-Hookshot/0a1b2c3"),
            ("accept", "*/*"),
            ("x-github-event", event),
            ("x-github-hook-id", "100200300"),
            ("x-github-hook-installation-target-id", "900100200"),
            ("x-github-hook-installation-target-type", "repository"),
        ],
        Scheme::Stripe => vec![
            ("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)"),
            ("accept", "*/*; q=0.5, application/xml"),
            ("content-type", "application/json; charset=utf-8"),
        ],
        Scheme::Slack => vec![("user-agent", "Slackbot 1.0 (+https://api.slack.com/robots)")],
        Scheme::Shopify => vec![
            ("user-agent", "Shopify-Captain-Hook"),
            ("x-shopify-topic", event),
            ("x-shopify-shop-domain", "harbour-goods.myshopify.com"),
            ("x-shopify-api-version", "2026-01"),
            ("x-shopify-triggered-at", &time),
        ],
        Scheme::CloudEvents => vec![
            ("ce-specversion", "1.0"),
            ("ce-id", id),
            ("ce-type", event),
            ("ce-source", "https://harbour.example/sensors"),
            ("ce-time", &time),
        ],
        Scheme::StandardWebhooks => vec![("user-agent", "Standard-Webhooks/1.0")],
        Scheme::PubSub => vec![("user-agent", "CloudPubSub-Google"), ("from", "noreply@google.com")],
        Scheme::EventGrid => vec![
            ("content-type", "application/json; charset=utf-8"),
            ("aeg-event-type", "Notification"),
            ("aeg-subscription-name", "HARBOUR"),
            ("aeg-delivery-count", "0"),
            ("aeg-data-version", "1.0"),
            ("aeg-metadata-version", "1"),
        ],
        Scheme::Hmac => event_header.map(|name| (name, event)).into_iter().collect(),
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("tidegate/", env!("CARGO_PKG_VERSION"))));
    for (name, value) in fields {
        let value = HeaderValue::from_str(value).map_err(|_| {
            Hint::new(format!("{value:?} cannot be sent in the header {name}"), "use visible characters only")
        })?;
        headers.insert(HeaderName::from_bytes(name.as_bytes())?, value);
    }
    Ok(headers)
}

/// A sample body. Two samples differ when their ids do: under GitHub and Shopify, whose signature covers the body alone, the same
/// body again is a repeated delivery, whatever its id header is.
fn sample(scheme: Scheme, event: &str, id: &str, at: UnixTime) -> Result<String> {
    let digest = Sha256::digest(id);
    let number = digest.iter().take(6).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let time = jiff::Timestamp::from_second(at.0).unwrap_or_default().to_string();
    let (text, fields): (&str, Vec<(&str, Value)>) = match scheme {
        Scheme::GitHub if event == "push" => {
            return Ok(with_head(github_sample(event)?, &hex::encode(&digest[..20])));
        }
        Scheme::GitHub => {
            let id_of = ["/hook_id", "/pull_request/id", "/issue/id", "/release/id", "/workflow_run/id"];
            (github_sample(event)?, id_of.map(|pointer| (pointer, json!(number))).into())
        }
        Scheme::Stripe => (
            include_str!("samples/stripe.json"),
            vec![("/id", json!(id)), ("/type", json!(event)), ("/created", json!(at.0))],
        ),
        Scheme::Slack => (
            include_str!("samples/slack.json"),
            vec![("/event_id", json!(id)), ("/event/type", json!(event)), ("/event_time", json!(at.0))],
        ),
        Scheme::Shopify => (include_str!("samples/shopify.json"), vec![("/id", json!(number))]),
        Scheme::StandardWebhooks => {
            (include_str!("samples/standard-webhooks.json"), vec![("/type", json!(event)), ("/timestamp", json!(time))])
        }
        Scheme::PubSub => (
            include_str!("samples/pubsub.json"),
            vec![
                ("/message/messageId", json!(id)),
                ("/message/message_id", json!(id)),
                ("/message/publishTime", json!(time)),
                ("/message/publish_time", json!(time)),
                ("/message/attributes/kind", json!(event)),
            ],
        ),
        Scheme::EventGrid => (
            include_str!("samples/event-grid.json"),
            vec![("/0/id", json!(id)), ("/0/eventType", json!(event)), ("/0/eventTime", json!(time))],
        ),
        Scheme::CloudEvents | Scheme::Hmac => (include_str!("samples/reading.json"), vec![("/reading", json!(number))]),
    };
    let mut body: Value = serde_json::from_str(text).context("a built-in sample is not JSON")?;
    for (pointer, value) in fields {
        if let Some(place) = body.pointer_mut(pointer) {
            *place = value;
        }
    }
    Ok(body.to_string())
}

/// A push of another commit: its hash stands in the payload whole and, in the link to compare, by its first twelve digits.
fn with_head(push: &str, hash: &str) -> String {
    const HEAD: &str = "76055c4a6c16dd4aaab02db8c6275ad4ed4f98bc";
    push.replace(HEAD, hash).replace(&HEAD[..12], &hash[..12])
}

/// Whole payloads as GitHub documents them, from the tests of the function that reads them.
fn github_sample(event: &str) -> Result<&'static str> {
    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!("../../../functions/notify-slack/tests/fixtures/github/", $name, ".json"))
        };
    }
    Ok(match event {
        "ping" => include_str!("samples/github-ping.json"),
        "push" => fixture!("push-branch"),
        "pull_request" => fixture!("pull-request-opened"),
        "issues" => fixture!("issue-opened"),
        "release" => fixture!("release-published"),
        "workflow_run" => fixture!("workflow-run-failed"),
        other => bail!(Hint::new(
            format!("there is no sample of the GitHub event {other}"),
            "give a body with --file, or send ping, push, pull_request, issues, release or workflow_run",
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: UnixTime = UnixTime(1_700_000_000);

    fn source(document: Value) -> Source {
        Source::from_json(document.to_string().as_bytes()).unwrap()
    }

    fn draft(event: &str) -> Draft {
        Draft { source: "harbour".to_owned(), event: event.to_owned(), id: None, body: None }
    }

    #[test]
    fn every_scheme_has_a_delivery_that_its_own_receiver_accepts() {
        // 32 characters of English in PKCS #8.
        const PRIVATE: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbWFkZSB1cCBrZXkgb2YgMzIgYnl0ZXMsIG5vIG1vcmWhRANCAARGBcbf4MYgIHhFx52O22R3j7IRtTJme/Nqqy8fgttb7BUrtrIXXIC/VvZzlRkbyhfu3KeRUeJPYNSXxVCeMJF4";
        let pubsub = json!({"audience": "https://hooks.harbour.example", "service_account": "push@harbour.example"});
        let hmac = json!({"header": "X-Signature", "timestamp_header": "X-Time", "id_header": "X-Id", "event_type_header": "X-Kind"});
        for (scheme, event, secret, options) in [
            ("github", "push", "its-a-secret-to-everybody", json!({})),
            ("stripe", "charge.succeeded", "its-a-secret-to-everybody", json!({})),
            ("slack", "app_mention", "its-a-secret-to-everybody", json!({})),
            ("shopify", "orders/create", "its-a-secret-to-everybody", json!({})),
            ("standard-webhooks", "tide.turned", "whsec_dGlkZXMgYXJlIG5vdCBzZWNyZXRzIGJ1dCB0aGlzIGlz", json!({})),
            ("cloudevents", "com.example.tide.turned", "its-a-secret-to-everybody", json!({})),
            ("pubsub", "tide.turned", PRIVATE, pubsub.clone()),
            ("event-grid", "Harbour.TideTurned", "its-a-secret-to-everybody", json!({"header": "X-Harbour-Key"})),
            ("hmac", "tide.turned", "its-a-secret-to-everybody", hmac),
        ] {
            let source = source(json!({"scheme": scheme, "secrets": [secret], "options": options}));
            let delivery = Delivery::sign(&draft(event), &source, AT).unwrap();
            let verified = source.verify(&delivery.headers, &delivery.body, AT).unwrap();
            assert!(verified.delivery_id.is_none_or(|id| id == delivery.id), "{scheme}");
        }
    }

    #[test]
    fn a_source_with_a_public_key_says_why_it_cannot_sign() {
        let public = "whpk_GRMttYT3iiCGidbuj1yVyGdy9QdO4mSZ0gtHmxv2SRw=";
        let source = source(json!({"scheme": "standard-webhooks", "secrets": [public]}));
        let error = Delivery::sign(&draft("tide.turned"), &source, AT).unwrap_err();
        assert!(error.to_string().contains("public key"), "{error}");
        assert!(error.downcast_ref::<Hint>().unwrap().advice().contains("private key"));
    }

    #[test]
    fn a_source_whose_sender_alone_has_the_key_says_so() {
        let options = json!({"audience": "https://hooks.harbour.example", "service_account": "push@harbour.example"});
        let source = source(json!({"scheme": "pubsub", "options": options}));
        let error = Delivery::sign(&draft("tide.turned"), &source, AT).unwrap_err();
        assert!(error.downcast_ref::<Hint>().unwrap().advice().contains("real sender"), "{error}");
    }

    #[test]
    fn a_github_delivery_looks_like_githubs() {
        let source = source(json!({"scheme": "github", "secrets": ["It's a Secret to Everybody"]}));
        let delivery = Delivery::sign(&draft("push"), &source, AT).unwrap();
        assert!(delivery.headers["user-agent"].to_str().unwrap().starts_with("GitHub-Hookshot/"));
        assert_eq!(delivery.headers["x-github-event"], "push");
        assert_eq!(delivery.headers["x-github-delivery"], delivery.id.as_str());
    }

    #[test]
    fn an_id_in_the_body_wins_over_a_drawn_one_and_contradicts_a_given_one() {
        let source = source(json!({"scheme": "stripe", "secrets": ["It's a Secret to Everybody"]}));
        let body = Some(Bytes::from_static(br#"{"id":"evt_own","type":"charge.failed"}"#));
        let of_file = Draft { body, ..draft("charge.failed") };
        assert_eq!(Delivery::sign(&of_file, &source, AT).unwrap().id, "evt_own");
        let contradicting = Draft { id: Some("evt_other".to_owned()), ..of_file };
        assert!(Delivery::sign(&contradicting, &source, AT).is_err());
    }

    #[test]
    fn a_given_id_stands_in_the_samples_body() {
        let source = source(json!({"scheme": "stripe", "secrets": ["It's a Secret to Everybody"]}));
        let given = Draft { id: Some("evt_given".to_owned()), ..draft("charge.failed") };
        let delivery = Delivery::sign(&given, &source, AT).unwrap();
        let body: Value = serde_json::from_slice(&delivery.body).unwrap();
        assert_eq!((&body["id"], &body["type"]), (&json!("evt_given"), &json!("charge.failed")));
    }

    #[test]
    fn an_unknown_github_event_asks_for_a_file() {
        let error = github_sample("moon_phase").unwrap_err();
        assert!(error.downcast_ref::<Hint>().unwrap().advice().contains("--file"));
    }

    #[test]
    fn samples_of_one_id_are_the_same_and_of_two_ids_are_not() {
        for (scheme, event) in [
            (Scheme::GitHub, "push"),
            (Scheme::GitHub, "ping"),
            (Scheme::GitHub, "pull_request"),
            (Scheme::GitHub, "issues"),
            (Scheme::GitHub, "release"),
            (Scheme::GitHub, "workflow_run"),
            (Scheme::Shopify, "orders/create"),
            (Scheme::PubSub, "tide.turned"),
            (Scheme::EventGrid, "Harbour.TideTurned"),
            (Scheme::Hmac, "tide.turned"),
        ] {
            let one = sample(scheme, event, "d-1", AT).unwrap();
            assert_eq!(one, sample(scheme, event, "d-1", AT).unwrap(), "{scheme} {event}");
            assert_ne!(one, sample(scheme, event, "d-2", AT).unwrap(), "{scheme} {event}");
        }
    }

    #[test]
    fn a_push_sample_names_its_head_commit_consistently() {
        let body: Value = serde_json::from_str(&sample(Scheme::GitHub, "push", "d-1", AT).unwrap()).unwrap();
        let head = body["after"].as_str().unwrap();
        assert_eq!(body["head_commit"]["id"], head);
        assert!(body["compare"].as_str().unwrap().ends_with(&head[..12]));
    }
}
