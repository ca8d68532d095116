//! What an outbox holds: events to publish, replies to workflows that wait.

use serde::{Deserialize, Serialize};
use tidegate_cloudevents::{Event, JsonText, messaging};

use crate::ids::{CommandId, TaskToken};

/// SNS's limit for a message, and for all messages of one `PublishBatch` together, attributes included
/// (<https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>).
pub(crate) const MAX_PUBLISH_BYTES: usize = 256 * 1024;
/// Step Functions' limits for an output, an error's name and its cause
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html>).
const MAX_OUTPUT_BYTES: usize = 256 * 1024;
const MAX_ERROR_CHARS: usize = 256;
const MAX_CAUSE_CHARS: usize = 32_768;

/// The reply to a command. It is kept in the command's proof, so that a repeated command gets the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The command was carried out, or refused in a way that the workflow goes on with as data.
    Success {
        /// What the waiting state gets as its output.
        #[serde(with = "json_text")]
        output: JsonText,
    },
    /// A "no" that the workflow catches by its name.
    Failure {
        /// The stable word that a state machine's `ErrorEquals` matches.
        error: String,
        /// A sentence for people. No payload and no secret: it stands in the execution's history.
        cause: String,
    },
}

impl Reply {
    /// A success with the JSON of a value as its output.
    ///
    /// # Errors
    /// Where the value has no JSON.
    pub fn success(output: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self::Success { output: JsonText::of(output)? })
    }

    /// A failure by its name.
    pub fn failure(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self::Failure { error: error.into(), cause: cause.into() }
    }

    /// Whether Step Functions takes it. What it does not take would stop the relay for good.
    pub(crate) fn fits(&self) -> bool {
        match self {
            Self::Success { output } => output.get().len() <= MAX_OUTPUT_BYTES,
            Self::Failure { error, cause } => {
                error.chars().count() <= MAX_ERROR_CHARS && cause.chars().count() <= MAX_CAUSE_CHARS
            }
        }
    }
}

/// One entry of an outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// An event to publish.
    Event(#[serde(with = "event")] Event),
    /// A reply to a workflow that waits.
    Reply {
        /// The command that it replies to.
        command: CommandId,
        /// By which the workflow is answered.
        token: TaskToken,
        /// The reply.
        reply: Reply,
    },
}

/// What an event counts against SNS's limit.
pub(crate) fn published_bytes(event: &Event, body: &str) -> usize {
    let attribute = |(name, value): (&str, &str)| name.len() + "String".len() + value.len();
    body.len() + messaging::attributes(event).map(attribute).sum::<usize>()
}

/// JSON inside JSON, as itself and not as a string.
pub(crate) mod json_text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
    use serde_json::value::RawValue;
    use tidegate_cloudevents::JsonText;

    pub(crate) fn serialize<S: Serializer>(text: &JsonText, to: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(text.get()).map_err(ser::Error::custom)?.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<JsonText, D::Error> {
        let raw = Box::<RawValue>::deserialize(from)?;
        JsonText::parse(raw.get().as_bytes()).map_err(D::Error::custom)
    }
}

/// An event in CloudEvents' JSON format.
mod event {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
    use serde_json::value::RawValue;
    use tidegate_cloudevents::Event;

    pub(super) fn serialize<S: Serializer>(event: &Event, to: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(event.to_json()).map_err(ser::Error::custom)?.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Event, D::Error> {
        let raw = Box::<RawValue>::deserialize(from)?;
        Event::from_json(raw.get().as_bytes()).map_err(D::Error::custom)
    }
}
