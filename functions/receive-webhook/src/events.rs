//! From a verified delivery to CloudEvents: one room per scheme.
//!
//! | scheme | `type` | `id` | `subject` |
//! |---|---|---|---|
//! | `github` | `com.github.{event}[.{action}]` | `X-GitHub-Delivery` | repository |
//! | `stripe` | `com.stripe.{type}` | `id` in the body | `data.object.id` |
//! | `slack` | `com.slack.{event.type}` | `event_id` in the body | `team_id` |
//! | `shopify` | `com.shopify.{topic}`, `/` as `.` | `X-Shopify-Webhook-Id` | shop domain |
//! | `standard-webhooks` | `webhook.{source}.{type}` | `webhook-id` | |
//! | `hmac` | `webhook.{source}[.{event type header}]` | id header, else from the signature | |
//! | `pubsub` | `google.cloud.pubsub.topic.v1.messagePublished`; unwrapped `webhook.{source}` | `messageId` | |
//! | `event-grid` | `eventType` in the body | `id` in the body | `subject` in the body |
//! | `cloudevents` | the sender's own | the sender's own | the sender's own |
//!
//! `source` is `/webhooks/{source}`, but for CloudEvents, whose sender names itself. Event Grid sends CloudEvents, too, if
//! the subscription says so; they are then as any other sender's.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use jiff::Timestamp;
use serde_json::value::RawValue;
use tidegate_cloudevents::extensions::{CORRELATIONID, TRACEPARENT};
use tidegate_cloudevents::{Event, EventError, JsonText, http as binding};
use tidegate_idempotency::Key;
use tidegate_runtime::problem::Problem;
use tidegate_runtime::trace::TraceContext;
use tidegate_webhooks::{Scheme, Source, Verified};

use crate::json::inspect;
use crate::request::{Request, is_source_name};
use crate::{RECOGNISED_FOR, SIGNATURE_RECOGNISED_FOR};

/// More events than this in one batch could not be published within one invocation.
const MAX_BATCH: usize = 100;
/// What an event may have beside its data, which alone can go into a claim check. Every character of it may need an
/// escape, and some of it stands in SNS's message attributes too: three times this has to fit into a message.
const MAX_ENVELOPE_BYTES: usize = 32 * 1024;

/// What stands before the types of this deployment's own services. Consumers act on these (a saga is started, stock is
/// shipped) and know them by type and source alone, which a sender of CloudEvents could both write.
const OWN_TYPES: &str = "com.tidegate.";

/// An event to publish, and the keys that have to be claimed for it, in this order, each with how long it is kept.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub event: Event,
    /// What makes it the same as another.
    pub keys: Vec<(Key, Duration)>,
}

impl Incoming {
    /// What the sender calls the piece of work this belongs to.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.event.extension(CORRELATIONID)?.as_str()
    }
}

/// The events of a verified delivery.
///
/// # Errors
/// A problem where the body or a header is not what the scheme says.
pub fn events(
    source: &Source,
    verified: &Verified,
    request: &Request,
    now: SystemTime,
    trace: TraceContext,
) -> Result<Vec<Incoming>, Problem> {
    let described = match source.scheme() {
        Scheme::GitHub => github(request, verified)?,
        Scheme::Stripe => stripe(request)?,
        Scheme::Slack => slack(request)?,
        Scheme::Shopify => shopify(request, verified)?,
        Scheme::StandardWebhooks => standard_webhooks(request, verified)?,
        Scheme::Hmac => hmac(source, request, verified)?,
        Scheme::PubSub => pubsub(request)?,
        Scheme::EventGrid if is_cloudevent(request) => return cloudevents(request, trace),
        Scheme::EventGrid => {
            let described = event_grid(request)?.into_iter();
            return described.map(|described| event(described, verified, request, now, trace)).collect();
        }
        Scheme::CloudEvents => return cloudevents(request, trace),
    };
    Ok(vec![event(described, verified, request, now, trace)?])
}

/// The event of a described delivery, under this receiver's own source.
fn event(
    described: Described<'_>,
    verified: &Verified,
    request: &Request,
    now: SystemTime,
    trace: TraceContext,
) -> Result<Incoming, Problem> {
    let id = described.id.ok_or_else(|| malformed("the delivery has no id"))?;
    let mut builder = Event::builder(&id, format!("/webhooks/{}", request.source), described.ty)
        .extension(TRACEPARENT, trace.to_string())
        .extension(CORRELATIONID, correlation(request).unwrap_or(&id));
    // Invariant: the clock stands within the years that a timestamp has room for.
    if let Ok(time) = Timestamp::try_from(now) {
        builder = builder.time(time);
    }
    if let Some(subject) = described.subject.filter(|subject| !subject.is_empty()) {
        builder = builder.subject(subject);
    }
    let builder = match described.data {
        Data::Json(text) => builder.data_json_text(text),
        Data::Other(content_type, body) => match std::str::from_utf8(body) {
            Ok(text) => builder.data_text(content_type, text),
            Err(_) => builder.data_binary(content_type, body),
        },
    };
    let event = builder.build().map_err(|error| unwritable(&error))?;
    let mut keys = Vec::with_capacity(2);
    if let (false, Some(signature)) = (verified.timestamped, &verified.replay_key) {
        keys.push((key(&[&request.source, "signature", signature]), SIGNATURE_RECOGNISED_FOR));
    }
    keys.push((key(&[&request.source, "delivery", &id]), RECOGNISED_FOR));
    incoming(event, keys)
}

/// What a scheme knows of a delivery.
struct Described<'a> {
    id: Option<String>,
    ty: String,
    subject: Option<String>,
    data: Data<'a>,
}

/// A body as the event carries it.
enum Data<'a> {
    Json(JsonText),
    /// Its content type and its bytes.
    Other(&'a str, &'a [u8]),
}

fn github<'a>(request: &Request, verified: &Verified) -> Result<Described<'a>, Problem> {
    if !is_form(request) {
        expect_json(request)?;
    }
    let event = word(request.header("x-github-event"), "X-GitHub-Event")?;
    let payload = request.github_payload()?;
    let ([action, repository], text) = inspect(&payload, [&["action"], &["repository", "full_name"]])?;
    let ty = match action.filter(|action| is_word(action)) {
        Some(action) => format!("com.github.{event}.{action}"),
        None => format!("com.github.{event}"),
    };
    Ok(Described { id: verified.delivery_id.clone(), ty, subject: repository, data: Data::Json(text) })
}

fn stripe(request: &Request) -> Result<Described<'_>, Problem> {
    expect_json(request)?;
    let ([id, ty, object], text) = inspect(&request.body, [&["id"], &["type"], &["data", "object", "id"]])?;
    let ty = format!("com.stripe.{}", word(ty.as_deref(), "type")?);
    Ok(Described { id, ty, subject: object, data: Data::Json(text) })
}

fn slack(request: &Request) -> Result<Described<'_>, Problem> {
    expect_json(request)?;
    let ([id, outer, inner, team], text) =
        inspect(&request.body, [&["event_id"], &["type"], &["event", "type"], &["team_id"]])?;
    let ty = format!("com.slack.{}", word(inner.or(outer).as_deref(), "type")?);
    Ok(Described { id, ty, subject: team, data: Data::Json(text) })
}

fn shopify<'a>(request: &'a Request, verified: &Verified) -> Result<Described<'a>, Problem> {
    expect_json(request)?;
    let topic = request.header("x-shopify-topic").map(|topic| topic.replace('/', "."));
    let ty = format!("com.shopify.{}", word(topic.as_deref(), "X-Shopify-Topic")?);
    let shop = request.header("x-shopify-shop-domain").map(str::to_owned);
    let ([], text) = inspect(&request.body, [])?;
    Ok(Described { id: verified.delivery_id.clone(), ty, subject: shop, data: Data::Json(text) })
}

fn standard_webhooks<'a>(request: &'a Request, verified: &Verified) -> Result<Described<'a>, Problem> {
    expect_json(request)?;
    let ([ty], text) = inspect(&request.body, [&["type"]])?;
    let ty = typed(request, ty.as_deref().filter(|ty| is_word(ty)));
    Ok(Described { id: verified.delivery_id.clone(), ty, subject: None, data: Data::Json(text) })
}

fn hmac<'a>(source: &Source, request: &'a Request, verified: &Verified) -> Result<Described<'a>, Problem> {
    let ty = match source.event_type_header() {
        Some(header) => Some(word(request.header(header.as_str()), header.as_str())?),
        None => None,
    };
    let id = verified.delivery_id.clone().or_else(|| verified.replay_key.clone());
    let data = match request.header("content-type") {
        Some(other) if !is_json(other) => Data::Other(other, &request.body),
        _ => Data::Json(inspect(&request.body, [])?.1),
    };
    Ok(Described { id, ty: typed(request, ty), subject: None, data })
}

/// Pub/Sub's envelope as it stands, which is what Google's own events of this type have as their data; or the message
/// alone, where the subscription takes it out of the envelope.
fn pubsub(request: &Request) -> Result<Described<'_>, Problem> {
    if let Some(id) = request.header("x-goog-pubsub-message-id") {
        let data = match (request.header("content-type"), inspect(&request.body, [])) {
            (None, Ok(([], text))) => Data::Json(text),
            (Some(sent), inspected) if is_json(sent) => Data::Json(inspected?.1),
            (sent, _) => Data::Other(sent.unwrap_or("application/octet-stream"), &request.body),
        };
        return Ok(Described { id: Some(id.to_owned()), ty: typed(request, None), subject: None, data });
    }
    expect_json(request)?;
    let ([id], text) = inspect(&request.body, [&["message", "messageId"]])?;
    let ty = "google.cloud.pubsub.topic.v1.messagePublished".to_owned();
    Ok(Described { id, ty, subject: None, data: Data::Json(text) })
}

/// Event Grid's own schema: a list of events, each of which is kept whole as the data of one event here.
fn event_grid(request: &Request) -> Result<Vec<Described<'_>>, Problem> {
    expect_json(request)?;
    let list = serde_json::from_slice::<Vec<&RawValue>>(&request.body);
    let events =
        list.or_else(|_| inspect(&request.body, []).and_then(|([], _)| Err(malformed("it is no list of events"))))?;
    if events.len() > MAX_BATCH {
        return Err(too_many());
    }
    let described = events.into_iter().map(|event| {
        let ([id, ty, subject], text) = inspect(event.get().as_bytes(), [&["id"], &["eventType"], &["subject"]])?;
        let ty = word(ty.as_deref(), "eventType")?.to_owned();
        Ok(Described { id, ty, subject, data: Data::Json(text) })
    });
    described.collect()
}

fn is_cloudevent(request: &Request) -> bool {
    request.header("content-type").is_some_and(|sent| sent.starts_with("application/cloudevents"))
}

fn cloudevents(request: &Request, trace: TraceContext) -> Result<Vec<Incoming>, Problem> {
    if request.header("content-type").is_some_and(is_json) {
        inspect(&request.body, [])?;
    }
    let received = binding::read(&request.headers, &request.body).map_err(|error| malformed(&error.to_string()))?;
    if received.events.len() > MAX_BATCH {
        return Err(too_many());
    }
    received.events.into_iter().map(|event| own_event(request, event, trace)).collect()
}

fn too_many() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-many-events", "The batch has too many events")
        .detail(format!("at most {MAX_BATCH} events are taken at once"))
}

/// An event that its sender wrote: kept as it is, with a trace and a correlation where it has none.
fn own_event(request: &Request, mut event: Event, trace: TraceContext) -> Result<Incoming, Problem> {
    if event.source().starts_with("/webhooks/") || is_source_name(event.source()) {
        // Consumers trust that these were verified by the source they name, and leave out the prefix when they route.
        return Err(malformed("a source that begins with /webhooks/ or is a bare name is this receiver's own"));
    }
    if event.dataref_to_fetch().is_some_and(|dataref| dataref.starts_with("s3://")) {
        // Consumers fetch what lies in this deployment's bucket, which may be another sender's.
        return Err(malformed("a dataref into a bucket is this receiver's own"));
    }
    let parts = [&request.source, "event", event.source(), event.id()];
    let keys = vec![(key(&parts), RECOGNISED_FOR)];
    if event.extension(TRACEPARENT).is_none() {
        event = event.with_extension(TRACEPARENT, trace.to_string()).map_err(|error| unwritable(&error))?;
    }
    if event.extension(CORRELATIONID).is_none() {
        let correlation = correlation(request).unwrap_or(event.id()).to_owned();
        event = event.with_extension(CORRELATIONID, correlation).map_err(|error| unwritable(&error))?;
    }
    incoming(event, keys)
}

/// Rejects what could never be published, so that its sender does not retry for days, and types that only this deployment may publish.
fn incoming(event: Event, keys: Vec<(Key, Duration)>) -> Result<Incoming, Problem> {
    if event.ty().starts_with(OWN_TYPES) {
        return Err(malformed(
            "a type that begins with com.tidegate. is published by this deployment's own services alone",
        ));
    }
    let extensions = event.extensions().filter_map(|(_, value)| value.as_str());
    let optional = [event.subject(), event.datacontenttype(), event.dataschema()].into_iter().flatten();
    let envelope = [event.id(), event.source(), event.ty()].into_iter().chain(optional).chain(extensions);
    if envelope.map(str::len).sum::<usize>() > MAX_ENVELOPE_BYTES {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The event's attributes are too large")
            .detail(format!("at most {MAX_ENVELOPE_BYTES} bytes are taken beside the data")));
    }
    Ok(Incoming { event, keys })
}

fn typed(request: &Request, ty: Option<&str>) -> String {
    let source = &request.source;
    ty.map_or_else(|| format!("webhook.{source}"), |ty| format!("webhook.{source}.{ty}"))
}

fn key(parts: &[&str]) -> Key {
    Key::composite("webhooks", parts)
}

/// A sender's own name for a piece of work, if it can stand in a log line.
fn correlation(request: &Request) -> Option<&str> {
    let plain = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    request.header("x-correlation-id").filter(plain)
}

/// What may become part of an event's type: a subscription filters by it, so it holds nothing unexpected.
fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=128).contains(&text.len()) && text.bytes().all(plain)
}

fn word<'a>(text: Option<&'a str>, name: &str) -> Result<&'a str, Problem> {
    text.filter(|text| is_word(text)).ok_or_else(|| malformed(&format!("{name} is missing or is not an event's name")))
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.starts_with("application/") && essence.ends_with("+json")
}

fn is_form(request: &Request) -> bool {
    let content_type = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
    content_type.starts_with("application/x-www-form-urlencoded")
}

/// A content type other than JSON is taken at its word.
fn expect_json(request: &Request) -> Result<(), Problem> {
    let sent = request.headers.contains_key("content-type");
    if sent && !request.header("content-type").is_some_and(is_json) {
        let title = "The content type is not taken here";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", title)
            .detail("application/json is"));
    }
    Ok(())
}

fn malformed(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed-delivery", "The delivery is malformed").detail(detail)
}

fn unwritable(error: &EventError) -> Problem {
    malformed(&error.to_string())
}
