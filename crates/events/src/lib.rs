//! Tidegate's own events and commands: what they are called, what they carry, how they are written and read.
//!
//! ```
//! use tidegate_events::{Command, Envelope, StockCommand};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let body = br#"{
//!     "command": "ReserveStock", "version": 1, "command_id": "ord_1/ReserveStock", "order_id": "ord_1",
//!     "task_token": "made-up-token", "data": {"lines": [{"sku": "tide-table", "quantity": 2}]}
//! }"#;
//! let envelope = Envelope::from_json(body)?;
//! assert!(matches!(&envelope.command, Command::Stock(StockCommand::Reserve { lines }) if lines.len() == 1));
//! # Ok(()) }
//! ```
//!
//! # Vocabulary
//!
//! - **Event** ([`OrderEvent`]): something that has happened, in the past tense; travels as a CloudEvent to whoever
//!   wants to know. Its `type` ends in a version, its `subject` is the order.
//! - **Command** ([`Envelope`], [`Command`]): something that is asked of one service, imperative; travels through that
//!   service's queue, mostly with the token by which a waiting saga is answered. The names of commands and the tokens are
//!   `tidegate_outbox`'s, whose [`Write`](tidegate_outbox::Write) an envelope becomes.
//! - **Error name** ([`ErrorName`]): the word of a refusal, which the saga's catchers match.
//! - **Saga** ([`Saga`]): the steps of a state machine and what undoes them ([`Role`]), as the table of commands has them.
//! - **Timeline** ([`TimelineEntry`]): what happened to an order, an entry for each event, without what is nobody's
//!   business.
//! - **Fault** ([`Fault`]): what is wrong with a client's body, and where.
//!
//! # What is strict and what is not
//!
//! A client's body ([`PlaceOrder::parse`]) is read strictly, and all its faults are collected. Events and commands are
//! read tolerantly: a member that is not known is passed over, so that senders may be newer than readers. Their shapes
//! are committed as fixtures and may only grow.
//!
//! # What this crate refuses to do
//!
//! I/O, clocks, random ids; and to quote in an error what it was given, because errors end up in logs.

mod address;
mod command;
mod envelope;
mod error_name;
mod event;
mod id;
mod json;
mod line;
mod money;
mod place_order;
mod saga;
mod text;
mod timeline;

pub use address::{Address, AddressLine, Country};
pub use command::{
    Command, CommandName, OrderCommand, ParkedAnswer, PaymentCommand, PaymentFact, Role, Service, ShipmentCommand,
    StepError, StockCommand,
};
pub use envelope::{CommandError, Envelope};
pub use error_name::{CancelReason, ErrorName};
pub use event::{
    About, CompensationAnswered, CompensationParked, EventType, Nothing, OrderCancelled, OrderEvent, OrderPlaced,
    PaymentDeclined, PaymentOf, Progress, ReadError, ShipmentCreated, ShipmentOf, ShipmentRejected, Shortage, StockOf,
    StockRejected,
};
pub use id::{CallbackUrl, CorrelationId, CustomerId, OrderId, PaymentId, PaymentMethod, Reason, ShipmentId, Sku};
pub use json::Fault;
pub use line::{Line, Lines, MAX_LINES, MAX_QUANTITY, MAX_TOTAL, PricedLine, Quantity};
pub use money::{Currency, Money};
pub use place_order::PlaceOrder;
pub use saga::{ORDER_SAGA, Saga, SagaInput};
pub use text::Invalid;
pub use tidegate_outbox::{CommandId, TaskToken};
pub use timeline::{NoEntry, TimelineEntry, Unreadable};
