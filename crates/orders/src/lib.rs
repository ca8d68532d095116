//! What becomes of an order, its stock, its payment and its shipment, when a command comes: pure functions over state.
//!
//! ```
//! use tidegate_events::{CommandId, Money, PaymentCommand};
//! use tidegate_orders::{Next, Payment, payment};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let id: CommandId = "ord_1/AuthorisePayment".parse()?;
//! let amount = Money { minor_units: 6500, currency: "EUR".parse()? };
//! let command = PaymentCommand::Authorise { amount, payment_method: "pm_made_up".parse()? };
//!
//! // What will be asked for is written down first, then asked for, then decided upon.
//! let Next::Record(recorded) = payment::decide(&Payment::default(), &command, &id, &[])? else { panic!() };
//! let Next::Ask(request) = payment::decide(&recorded, &command, &id, &[])? else { panic!() };
//! assert!(matches!(request, payment::Request::Authorise { .. }));
//! let answers = [payment::Answer::Authorised { payment_id: "pi_made_up".parse()? }];
//! let Next::Done(decision) = payment::decide(&recorded, &command, &id, &answers)? else { panic!() };
//! assert_eq!(decision.events.len(), 1);
//! # Ok(()) }
//! ```
//!
//! # Vocabulary
//!
//! - **Transition** ([`Transition`]): the new state, how the command ends ([`Completion`]), and what has happened, for one
//!   write.
//! - **Next** ([`Next`]): where somebody outside is concerned, a decision takes steps: record, ask, done.
//! - **Tombstone**: the state that a compensation leaves which came before its action ([`PaymentStatus::Undone`],
//!   [`Shipment::Cancelled`], [`Reservation::Released`]); the late action is answered `Compensated`.
//! - **Invalid transition** ([`InvalidTransition`]): a command that the state does not allow; a person has to look.
//!
//! # What holds, whatever comes twice, late or never
//!
//! - On hand, reserved and shipped add up to the same for each SKU, and none is negative.
//! - What was authorised was captured, voided or has expired; what was captured was refunded or is kept.
//! - An order has one end: confirmed, with its money kept and its stock shipped, or cancelled, with all of it undone.
//! - A command that comes again changes nothing and is answered the same, even when the proof that it was handled is
//!   gone. (But for parking: the proof alone tells a late copy from a second time.)
//!
//! # What this crate refuses to do
//!
//! I/O, clocks, randomness; and to know how a command came or how a decision is kept.

mod decision;
pub mod order;
pub mod payment;
pub mod progress;
pub mod shipment;
pub mod stock;

pub use decision::{Completion, InvalidTransition, Next, Transition};
pub use order::{Order, OrderStatus, Parked};
pub use payment::{Payment, PaymentStatus};
pub use shipment::Shipment;
pub use stock::{Reservation, Stock, StockTransition};
