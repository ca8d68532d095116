//! An event on its way out: as one SNS message, or as a claim check where it is too large for one.

use sha2::{Digest, Sha256};
use tidegate_cloudevents::{Event, messaging};
use tidegate_runtime::PortError;
use tidegate_runtime::s3::Payloads;
use tidegate_runtime::sns::{MAX_MESSAGE_BYTES, Topic, size};

/// Publishes an `event` that came in by `receiver`, under `id` where an earlier owner published or tried to under that one.
pub(crate) async fn publish(
    topic: &dyn Topic,
    payloads: &dyn Payloads,
    receiver: &str,
    event: &Event,
    id: Option<&str>,
) -> Result<(), PortError> {
    let renamed;
    let event = match id {
        Some(id) if id != event.id() => {
            renamed = event.clone().with_id(id).map_err(unwritable)?;
            &renamed
        }
        _ => event,
    };
    let attributes: Vec<_> = messaging::attributes(event).collect();
    let body = messaging::to_body(event);
    if size(&body, &attributes) <= MAX_MESSAGE_BYTES {
        return topic.publish(&body, &attributes).await;
    }
    let bytes = event.data().bytes().unwrap_or_default().to_vec();
    // Derived from the event, so that a second try overwrites the first one's object instead of leaving two; and from
    // whom it came in by, so that no sender overwrites another's by naming an event alike.
    let name = Sha256::digest(format!("{receiver}\n{}\n{}", event.source(), event.id()));
    let dataref = payloads.put(&format!("payloads/{}", hex::encode(name)), bytes).await?;
    let checked = event.clone().with_dataref(dataref).map_err(unwritable)?;
    topic.publish(&messaging::to_body(&checked), &attributes).await
}

fn unwritable(error: tidegate_cloudevents::EventError) -> PortError {
    PortError { operation: "write", what: "the event".to_owned(), transient: false, source: Box::new(error) }
}
