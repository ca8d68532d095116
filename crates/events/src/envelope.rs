//! A command on its way through a queue.

use std::borrow::Cow;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use tidegate_cloudevents::Event;
use tidegate_outbox::{AggregateId, CommandId, TaskToken, Write};

use crate::command::{Command, CommandName, ParkedAnswer, PaymentCommand, Role, Service, StockCommand};
use crate::event::{CompensationAnswered, OrderEvent, ReadError};
use crate::id::{CorrelationId, OrderId};

/// A command, with what has to be known beside it. Its JSON is the body of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The same however often the command arrives.
    pub command_id: CommandId,
    pub order_id: OrderId,
    /// By which the saga is answered that waits, if one does.
    pub task_token: Option<TaskToken>,
    /// The piece of work it belongs to.
    pub correlation_id: Option<CorrelationId>,
    pub traceparent: Option<String>,
    pub command: Command,
}

/// A message that is no command which this version knows. Does not quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Not the JSON it should be, or a member is missing or not of its type.
    #[error("the message is not a command: line {line}, column {column}")]
    Malformed {
        /// Where it stops to be one.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// There is no such command.
    #[error("the message is a command of a name that is not known")]
    UnknownCommand,
    /// The sender is newer or older than this program.
    #[error("{command} of version {version} is not known")]
    UnknownVersion { command: CommandName, version: u32 },
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    command: Cow<'a, str>,
    version: u32,
    command_id: CommandId,
    order_id: OrderId,
    task_token: Option<TaskToken>,
    correlation_id: Option<CorrelationId>,
    traceparent: Option<String>,
}

/// What tells an event from a command: the member that every CloudEvent has, and no command.
#[derive(Deserialize)]
struct Kind {
    specversion: Option<IgnoredAny>,
    /// SNS's own, around an event, where a subscription has no raw delivery.
    #[serde(rename = "Type")]
    notification: Option<IgnoredAny>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(flatten)]
    command: &'a Command,
    version: u32,
    command_id: &'a CommandId,
    order_id: &'a OrderId,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_token: Option<&'a TaskToken>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a CorrelationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
}

impl From<&Envelope> for Write {
    /// To the item that the command's service keeps of the order.
    fn from(envelope: &Envelope) -> Self {
        let home = AggregateId::from(&envelope.order_id);
        Self::command(envelope.command_id.clone(), home).answering(envelope.task_token.clone())
    }
}

impl Envelope {
    /// Whether a message's body is an event, raw or in SNS's envelope. Everything else is to be a command.
    #[must_use]
    pub fn is_event(body: &[u8]) -> bool {
        let kind = serde_json::from_slice::<Kind>(body);
        kind.is_ok_and(|kind| kind.specversion.is_some() || kind.notification.is_some())
    }

    /// Reads a message's body. Members that are not known are passed over, so that a sender may be newer.
    ///
    /// # Errors
    /// [`CommandError`]. Trying again does not help.
    pub fn from_json(body: &[u8]) -> Result<Self, CommandError> {
        let head: Head<'_> = read(body)?;
        let name: CommandName = head.command.parse().map_err(|_| CommandError::UnknownCommand)?;
        if head.version != name.version() {
            return Err(CommandError::UnknownVersion { command: name, version: head.version });
        }
        let command = match name.service() {
            Service::Inventory => Command::Stock(read_owned(body)?),
            Service::Payments => Command::Payment(read_owned(body)?),
            Service::Shipping => Command::Shipment(read_owned(body)?),
            Service::Orders => Command::Order(read_owned(body)?),
        };
        let Head { command_id, order_id, task_token, correlation_id, traceparent, .. } = head;
        Ok(Self { command_id, order_id, task_token, correlation_id, traceparent, command })
    }

    /// Writes a message's body.
    #[must_use]
    pub fn to_json(&self) -> String {
        let body = Body {
            command: &self.command,
            version: self.command.name().version(),
            command_id: &self.command_id,
            order_id: &self.order_id,
            task_token: self.task_token.as_ref(),
            correlation_id: self.correlation_id.as_ref(),
            traceparent: self.traceparent.as_deref(),
        };
        // Invariant: every key is a text and every value a text, a number or made of such, so that all of it has JSON.
        #[expect(clippy::expect_used, reason = "see the invariant")]
        serde_json::to_string(&body).expect("commands have JSON")
    }

    /// The command that follows from an event, if one does: a service subscribes to the event, and no saga waits for the
    /// reply. The event's name makes the command's.
    ///
    /// When a person has undone by hand what a compensation could not, its service gets the command all the same: it finds
    /// that it is so and writes it down, or leaves the tombstone that refuses a late copy of its action. Undoing twice is the same as once
    /// but for money, which may have gone back another way: a payment is settled, not undone again.
    ///
    /// # Errors
    /// [`ReadError`] when the event is none that this version knows.
    pub fn following(event: &Event) -> Result<Option<Self>, ReadError> {
        let (order_id, happened) = OrderEvent::read(event)?;
        let command = match happened {
            OrderEvent::OrderCancellationRequested(_) => Command::Payment(PaymentCommand::Stop {}),
            OrderEvent::OrderConfirmed(_) => Command::Stock(StockCommand::Ship {}),
            OrderEvent::CompensationAnswered(CompensationAnswered { step, answer: ParkedAnswer::Resolved }) => {
                let Role::Compensation { resolved: Some(command) } = step.role() else { return Ok(None) };
                command
            }
            OrderEvent::CompensationAnswered(CompensationAnswered { answer: ParkedAnswer::Retry, .. })
            | OrderEvent::OrderPlaced(_)
            | OrderEvent::StockReserved(_)
            | OrderEvent::StockRejected(_)
            | OrderEvent::StockReleased(_)
            | OrderEvent::PaymentAuthorised(_)
            | OrderEvent::PaymentDeclined(_)
            | OrderEvent::PaymentCaptured(_)
            | OrderEvent::PaymentVoided(_)
            | OrderEvent::PaymentRefunded(_)
            | OrderEvent::PaymentExpired(_)
            | OrderEvent::ShipmentCreated(_)
            | OrderEvent::ShipmentRejected(_)
            | OrderEvent::ShipmentCancelled(_)
            | OrderEvent::OrderCancelled(_)
            | OrderEvent::CompensationParked(_) => return Ok(None),
        };
        let command_id = format!("{}/{}", event.source(), event.id()).parse().map_err(|_| ReadError::Unnamed)?;
        Ok(Some(Self {
            command_id,
            order_id,
            task_token: None,
            correlation_id: event.correlationid().and_then(|it| it.parse().ok()),
            traceparent: event.traceparent().map(str::to_owned),
            command,
        }))
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, CommandError> {
    // serde_json's own text may quote the message.
    serde_json::from_slice(body).map_err(|error| CommandError::Malformed { line: error.line(), column: error.column() })
}

fn read_owned<T: DeserializeOwned>(body: &[u8]) -> Result<T, CommandError> {
    read(body)
}
