//! What rendering an event gives.

use super::blocks::Message;
use super::payload::Place;

/// The message of an event, and where the event happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// What routing looks at.
    pub place: Place,
    /// What Slack shows.
    pub message: Message,
}
