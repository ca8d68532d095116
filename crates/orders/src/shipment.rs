//! The shipment of an order: booked with a carrier, or cancelled.
//!
//! As with the payment ([`crate::payment`]), a booking is written down before it is asked for. What is certain about the
//! carrier: asked twice to book under one reference, it books once and answers the same twice; and to cancel what is
//! cancelled is the same as to have done it.

use serde::{Deserialize, Serialize};
use tidegate_events::{
    Address, ErrorName, Lines, OrderEvent, OrderId, Reason, ShipmentCommand, ShipmentCreated, ShipmentId, ShipmentOf,
    ShipmentRejected,
};

use crate::decision::{InvalidTransition, Next, Transition};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Shipment {
    /// No command has come yet.
    #[default]
    None,
    /// The carrier is being asked, or has been, or will be.
    Booking {
        /// For what.
        lines: Lines,
        address: Address,
    },
    Created {
        /// What the carrier calls it.
        shipment_id: ShipmentId,
    },
    /// The carrier said no.
    Rejected,
    /// Not any more; or never, because the cancellation came first.
    Cancelled,
}

/// What the carrier is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// To take this there.
    Book {
        /// The same for the same booking.
        reference: OrderId,
        lines: Lines,
        address: Address,
    },
    /// Not to.
    Cancel { shipment_id: ShipmentId },
}

/// What the carrier answers. That it could not be reached is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Booked {
        /// What the carrier calls it.
        shipment_id: ShipmentId,
    },
    Refused {
        /// In the carrier's word.
        reason: Reason,
    },
    /// Cancelled, now or before.
    Cancelled,
    /// Too late to cancel: it is on its way.
    HandedOver,
}

/// What becomes of a command. `answers` are those to what this decision has asked so far.
///
/// # Errors
/// [`InvalidTransition`], also when a shipment that has to be cancelled is on its way: a person has to get it back.
pub fn decide(
    shipment: &Shipment,
    command: &ShipmentCommand,
    order_id: &OrderId,
    answers: &[Answer],
) -> Result<Next<Shipment, Request>, InvalidTransition> {
    use Shipment::{Booking, Cancelled, Created, None, Rejected};
    let invalid = |state| Err(InvalidTransition { command: command.name(), state });
    let book = |lines: &Lines, address: &Address| {
        let reference = order_id.clone();
        Ok(Next::Ask(Request::Book { reference, lines: lines.clone(), address: address.clone() }))
    };
    let cancel = |shipment_id: &ShipmentId| Ok(Next::Ask(Request::Cancel { shipment_id: shipment_id.clone() }));
    Ok(Next::Done(match (command, shipment, answers) {
        (ShipmentCommand::Create { lines, address }, None, _) => {
            return Ok(Next::Record(Booking { lines: lines.clone(), address: address.clone() }));
        }
        (_, Booking { lines, address }, []) => return book(lines, address),
        (ShipmentCommand::Create { .. }, Booking { lines, .. }, [Answer::Booked { shipment_id }]) => {
            let state = Created { shipment_id: shipment_id.clone() };
            Transition::done_with(state, "created", created(shipment_id, lines))
        }
        (ShipmentCommand::Create { .. }, Booking { .. }, [Answer::Refused { reason }]) => {
            rejected().with(OrderEvent::ShipmentRejected(ShipmentRejected { reason: reason.clone() }))
        }
        (ShipmentCommand::Create { .. }, Created { .. }, _) => Transition::done(shipment.clone(), "created"),
        (ShipmentCommand::Create { .. }, Rejected, _) => rejected(),
        (ShipmentCommand::Create { .. }, Cancelled, _) => Transition::compensated(Cancelled),

        (ShipmentCommand::Cancel {}, Booking { .. }, [Answer::Booked { shipment_id }]) => return cancel(shipment_id),
        (ShipmentCommand::Cancel {}, Booking { lines, .. }, [Answer::Booked { shipment_id }, Answer::Cancelled]) => {
            Transition::done_with(Cancelled, "cancelled", created(shipment_id, lines)).with(cancelled(shipment_id))
        }
        (ShipmentCommand::Cancel {}, Booking { .. }, [Answer::Refused { .. }]) => {
            Transition::done(Cancelled, "cancelled")
        }
        (ShipmentCommand::Cancel {}, Created { shipment_id }, []) => return cancel(shipment_id),
        (ShipmentCommand::Cancel {}, Created { shipment_id }, [Answer::Cancelled]) => {
            Transition::done_with(Cancelled, "cancelled", cancelled(shipment_id))
        }
        (ShipmentCommand::Cancel {}, None | Cancelled, _) => Transition::done(Cancelled, "cancelled"),
        (ShipmentCommand::Cancel {}, Rejected, _) => Transition::done(Rejected, "cancelled"),

        (_, Booking { .. } | Created { .. }, [.., Answer::HandedOver]) => return invalid("a shipment on its way"),
        (_, Booking { .. } | Created { .. }, _) => return invalid("the carrier's answer"),
    }))
}

fn created(shipment_id: &ShipmentId, lines: &Lines) -> OrderEvent {
    OrderEvent::ShipmentCreated(ShipmentCreated { shipment_id: shipment_id.clone(), lines: lines.clone() })
}

fn cancelled(shipment_id: &ShipmentId) -> OrderEvent {
    OrderEvent::ShipmentCancelled(ShipmentOf { shipment_id: shipment_id.clone() })
}

fn rejected() -> Transition<Shipment> {
    Transition::refused(Shipment::Rejected, ErrorName::ShipmentRejected, "the carrier does not ship this there")
}

#[cfg(test)]
#[path = "shipment_tests.rs"]
mod tests;
