//! What strangers and broken senders may send: each gets a problem (RFC 9457) quickly, and nothing is published.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_operations::send::Delivery;
use tidegate_testkit::hostile;
use tokio::time::Instant;

use crate::gateway;
use crate::sender::{Sender, deliver, delivery_id, push_to_repository};
use crate::stack::{Answer, Stack};
use crate::watch::Watch;

/// A second is what is aimed for. On a machine that runs the whole suite beside it, this is what is asserted.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// One body of which nothing good can come, and what it is answered when it is validly signed.
struct Hostile {
    what: &'static str,
    body: Vec<u8>,
    content_type: &'static str,
    status: u16,
}

fn json(what: &'static str, body: impl Into<Vec<u8>>) -> Hostile {
    Hostile { what, body: body.into(), content_type: "application/json", status: 400 }
}

fn signed_bodies() -> Vec<Hostile> {
    let other_types = ["text/plain", "application/xml", "multipart/form-data; boundary=x", "application/octet-stream"];
    let other_types = other_types.into_iter().map(|content_type| Hostile {
        what: content_type,
        body: push_to_repository("octo-harbour/unrouted").to_string().into(),
        content_type,
        status: 415,
    });
    let forms = ["", "payload", "payload=%7B", "payload=%ff", "payload={}&payload={}", "other={}"];
    let forms = forms.into_iter().map(|form| Hostile {
        what: "a form",
        body: form.into(),
        content_type: "application/x-www-form-urlencoded",
        status: 400,
    });
    let too_large =
        Hostile { what: "10 MB", body: vec![b' '; 10 * 1024 * 1024], content_type: "application/json", status: 413 };
    hostile::bodies()
        .into_iter()
        .map(|(what, body)| json(what, body))
        .chain(other_types)
        .chain(forms)
        .chain([too_large])
        .collect()
}

pub(crate) async fn hostile_requests_get_a_problem_within_a_second_and_nothing_is_published(
    stack: Arc<Stack>,
) -> Result<()> {
    let sender = stack.github("hostile").await?;
    let stranger = sender.with_secrets(&[&crate::sender::secret()])?;
    let watch = Watch::start(&stack, "hostile", &sender.event_source()).await?;
    warm(&stack, &sender).await?;

    let mut slowest = Duration::ZERO;
    for hostile in signed_bodies() {
        for (who, signer) in [("signed", &sender), ("unsigned", &stranger)] {
            let mut delivery = signer.sign(&delivery_id(), hostile.body.clone())?;
            delivery.headers.insert(CONTENT_TYPE, HeaderValue::from_static(hostile.content_type));
            let answer = deliver_unchanged(&stack, &delivery).await?;
            let expected = if who == "signed" || hostile.status == 413 { hostile.status } else { 401 };
            judge(&answer, expected).with_context(|| format!("{}, {who}", hostile.what))?;
            slowest = slowest.max(answer.took);
        }
    }
    eprintln!("The slowest answer to a hostile body took {} ms.", slowest.as_millis());
    assert_eq!(watch.events(&stack).await?.len(), 1, "only the one that warmed the function");
    Ok(())
}

/// Over the API where the body is text. The emulator replaces in text whatever is not UTF-8, where AWS passes it on in base64, so
/// the function is invoked with that.
async fn deliver_unchanged(stack: &Stack, delivery: &Delivery) -> Result<Answer> {
    if std::str::from_utf8(&delivery.body).is_ok() {
        return deliver(stack, delivery).await;
    }
    let began = Instant::now();
    let answer = gateway::invoke(stack, "receive-webhook", &gateway::event_of(delivery)?).await?;
    Ok(Answer {
        status: answer["statusCode"].as_u64().and_then(|status| status.try_into().ok()).unwrap_or_default(),
        content_type: answer["headers"]["content-type"].as_str().unwrap_or_default().to_owned(),
        headers: HeaderMap::new(),
        body: answer["body"].as_str().unwrap_or_default().to_owned().into(),
        took: began.elapsed(),
    })
}

pub(crate) async fn hostile_headers_get_a_problem_and_nothing_is_published(stack: Arc<Stack>) -> Result<()> {
    let sender = stack.github("hostile-headers").await?;
    let watch = Watch::start(&stack, "hostile-headers", &sender.event_source()).await?;
    warm(&stack, &sender).await?;
    let signature = HeaderName::from_static("x-hub-signature-256");
    let id = HeaderName::from_static("x-github-delivery");
    let event = HeaderName::from_static("x-github-event");
    let long = HeaderValue::from_str(&"a".repeat(16 * 1024))?;
    let binary = HeaderValue::from_bytes(b"tid\xc3\xa9\xff")?;
    let zeros = HeaderValue::from_str(&format!("sha256={}", "0".repeat(64)))?;
    let short = HeaderValue::from_static("sha256=00");

    let set = |name: &HeaderName, value: HeaderValue| {
        let name = name.clone();
        move |delivery: &mut Delivery| drop(delivery.headers.insert(name.clone(), value.clone()))
    };
    let add = |name: &HeaderName, value: HeaderValue| {
        let name = name.clone();
        move |delivery: &mut Delivery| assert!(delivery.headers.append(name.clone(), value.clone()))
    };
    let remove = |name: &HeaderName| {
        let name = name.clone();
        move |delivery: &mut Delivery| drop(delivery.headers.remove(&name))
    };
    type Trick = Box<dyn Fn(&mut Delivery)>;
    let empty = || HeaderValue::from_static("");
    let tricks: Vec<(&str, Trick, &[u16])> = vec![
        ("a second signature", Box::new(add(&signature, zeros.clone())), &[400, 401]),
        ("a wrong signature", Box::new(set(&signature, zeros)), &[401]),
        ("no signature", Box::new(remove(&signature)), &[401]),
        ("an empty signature", Box::new(set(&signature, empty())), &[400, 401]),
        ("a short signature", Box::new(set(&signature, short)), &[400, 401]),
        ("a signature of 16 KB", Box::new(set(&signature, long.clone())), &[400, 401]),
        ("a signature that is not ASCII", Box::new(set(&signature, binary.clone())), &[400, 401]),
        ("no id", Box::new(remove(&id)), &[400]),
        ("an empty id", Box::new(set(&id, empty())), &[400]),
        ("an id of 16 KB", Box::new(set(&id, long.clone())), &[400]),
        ("an id that is not ASCII", Box::new(set(&id, binary.clone())), &[400]),
        ("two ids", Box::new(add(&id, HeaderValue::from_static("another"))), &[400]),
        ("no event", Box::new(remove(&event)), &[400]),
        ("an event with a line of its own", Box::new(set(&event, HeaderValue::from_static("push\tpush"))), &[400]),
        ("an event of 16 KB", Box::new(set(&event, long)), &[400]),
        ("an event that is not ASCII", Box::new(set(&event, binary)), &[400]),
    ];
    for (what, trick, expected) in tricks {
        let mut delivery = sender.push(&delivery_id(), &push_to_repository("octo-harbour/unrouted"))?;
        trick(&mut delivery);
        let answer = deliver(&stack, &delivery).await?;
        ensure!(expected.contains(&answer.status), "{what}: {} and not one of {expected:?}", answer.status);
        judge(&answer, answer.status).context(what)?;
    }
    assert_eq!(watch.events(&stack).await?.len(), 1, "only the one that warmed the function");
    Ok(())
}

/// So that what follows does not pay for a process that starts.
async fn warm(stack: &Stack, sender: &Sender) -> Result<()> {
    let delivery = sender.push(&delivery_id(), &push_to_repository("octo-harbour/unrouted"))?;
    assert_eq!(deliver(stack, &delivery).await?.status, 202);
    Ok(())
}

fn judge(answer: &Answer, expected: u16) -> Result<()> {
    let body = String::from_utf8_lossy(&answer.body);
    ensure!(answer.status == expected, "{} and not {expected}: {body}", answer.status);
    ensure!(answer.content_type == "application/problem+json", "not a problem: {} {body}", answer.content_type);
    let problem = answer.json();
    ensure!(problem["title"].is_string() && problem["status"] == expected, "not a problem: {body}");
    ensure!(answer.body.len() < 1024, "an answer that repeats what was sent: {} bytes", answer.body.len());
    ensure!(answer.took < ANSWERED_WITHIN, "answered after {:?}", answer.took);
    Ok(())
}
