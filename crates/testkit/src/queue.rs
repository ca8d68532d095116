//! A queue as consumers see it: batches in, delays and dead letters out.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use serde_json::{Value, json};
use tidegate_batch::sqs::{Message, Queue};
use tidegate_batch::{DeadLetter, DeadLetters, QueueError, Reason};

/// A batch as Lambda hands it over, whose messages are `m0`, `m1` and so on, each received that often.
///
/// # Panics
/// Never: what is written here reads.
#[must_use]
pub fn batch(bodies: impl IntoIterator<Item = String>, receive_count: u32) -> SqsEvent {
    let message = |(index, body)| {
        json!({
            "messageId": format!("m{index}"),
            "receiptHandle": "made-up",
            "body": body,
            "attributes": {"ApproximateReceiveCount": receive_count.to_string()},
            "messageAttributes": {},
        })
    };
    let messages: Vec<Value> = bodies.into_iter().enumerate().map(message).collect();
    // Invariant: the members are those of an SQS event.
    #[expect(clippy::expect_used, reason = "see the invariant")]
    serde_json::from_value(json!({"Records": messages})).expect("an SQS event")
}

/// Notes what a queue is told to do.
#[derive(Debug, Default)]
pub struct RecordingQueue {
    delays: Mutex<Vec<(String, Duration)>>,
    letters: Mutex<Vec<(String, DeadLetter)>>,
}

impl RecordingQueue {
    /// The delays since the last look: message and how long.
    pub fn delays(&self) -> Vec<(String, Duration)> {
        std::mem::take(&mut *self.delays.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The dead letters since the last look: message, reason, text.
    pub fn letters(&self) -> Vec<(String, Reason, String)> {
        let letters = std::mem::take(&mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner));
        letters.into_iter().map(|(id, letter)| (id, letter.reason, letter.error)).collect()
    }
}

impl Queue for RecordingQueue {
    async fn delay(&self, message: &Message, by: Duration) -> Result<(), QueueError> {
        self.delays.lock().unwrap_or_else(PoisonError::into_inner).push((message.id().to_owned(), by));
        Ok(())
    }
}

impl DeadLetters<Message> for RecordingQueue {
    async fn dead_letter(&self, message: &Message, letter: &DeadLetter) -> Result<(), QueueError> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).push((message.id().to_owned(), letter.clone()));
        Ok(())
    }
}
