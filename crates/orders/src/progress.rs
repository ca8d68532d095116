//! Which step of the saga is under way, as far as an order's events tell.
//!
//! Nobody asks Step Functions: an execution is found by its name, but its history costs requests that are few a second.
//! What has happened says which step comes next. It is told late, in any order and not of everything (a step that timed
//! out tells nothing, nor a compensation that found nothing to undo), so of all that is known the furthest counts, and
//! the order's own state, which is never late, before that.

use tidegate_events::{CommandName, EventType};

use crate::OrderStatus;

/// The way there, backwards: whoever finds the event knows that the command after it is next.
const FORWARD: [(EventType, CommandName); 4] = [
    (EventType::PaymentCaptured, CommandName::ConfirmOrder),
    (EventType::ShipmentCreated, CommandName::CapturePayment),
    (EventType::PaymentAuthorised, CommandName::CreateShipment),
    (EventType::StockReserved, CommandName::AuthorisePayment),
];

/// The way back, backwards.
const BACK: [(EventType, CommandName); 6] = [
    (EventType::StockReleased, CommandName::CancelOrder),
    (EventType::StockRejected, CommandName::CancelOrder), // nothing was set aside
    (EventType::PaymentVoided, CommandName::ReleaseStock),
    (EventType::PaymentRefunded, CommandName::ReleaseStock),
    (EventType::ShipmentCancelled, CommandName::UndoPayment),
    (EventType::ShipmentRejected, CommandName::UndoPayment), // nothing was booked
];

/// The step that is under way, or that waits for a person because it is `parked`. None where the order has ended.
#[must_use]
pub fn current_step(status: OrderStatus, parked: Option<CommandName>, events: &[EventType]) -> Option<CommandName> {
    if matches!(status, OrderStatus::Confirmed | OrderStatus::Cancelled { .. }) {
        return None;
    }
    let has = |event: EventType| events.contains(&event);
    let furthest = |way: &[(EventType, CommandName)]| way.iter().find(|(it, _)| has(*it)).map(|(_, next)| *next);
    let under_way = || match furthest(&BACK) {
        Some(step) => step,
        // Declined before anything was booked, or at the capture.
        None if has(EventType::PaymentDeclined) && !has(EventType::PaymentAuthorised) => CommandName::ReleaseStock,
        None if has(EventType::PaymentDeclined) || has(EventType::PaymentExpired) => CommandName::CancelShipment,
        None if status == OrderStatus::Withdrawn => CommandName::CancelShipment,
        // A person was needed, so it is going back; behind the capture the first thing to undo is the confirmation.
        None if !has(EventType::CompensationParked) => furthest(&FORWARD).unwrap_or(CommandName::ReserveStock),
        None if has(EventType::PaymentCaptured) => CommandName::WithdrawConfirmation,
        None => CommandName::CancelShipment,
    };
    Some(parked.unwrap_or_else(under_way))
}

#[cfg(test)]
mod tests {
    use CommandName::{
        AuthorisePayment, CancelOrder, CancelShipment, CapturePayment, ConfirmOrder, CreateShipment, ReleaseStock,
        ReserveStock, UndoPayment, WithdrawConfirmation,
    };
    use EventType::{
        CompensationAnswered, CompensationParked, OrderCancellationRequested, OrderPlaced, PaymentAuthorised,
        PaymentCaptured, PaymentDeclined, PaymentExpired, PaymentRefunded, PaymentVoided, ShipmentCancelled,
        ShipmentCreated, ShipmentRejected, StockRejected, StockReleased, StockReserved,
    };
    use OrderStatus::{Placed, Withdrawn};
    use proptest::prelude::*;
    use tidegate_events::CancelReason;

    use super::*;

    /// All that happens to an order that is confirmed, until it is.
    const STRAIGHT: [EventType; 5] = [OrderPlaced, StockReserved, PaymentAuthorised, ShipmentCreated, PaymentCaptured];

    #[test]
    fn each_event_of_the_straight_path_leads_to_the_next_step() {
        let steps = [ReserveStock, AuthorisePayment, CreateShipment, CapturePayment, ConfirmOrder];
        assert_eq!(current_step(Placed, None, &[]), Some(ReserveStock), "the first event is not there yet");
        for (at, step) in steps.into_iter().enumerate() {
            assert_eq!(current_step(Placed, None, &STRAIGHT[..=at]), Some(step));
            assert_eq!(current_step(Placed, None, &STRAIGHT[at..=at]), Some(step), "without those before it");
        }
    }

    #[test]
    fn the_way_back_goes_on_from_what_failed_and_from_what_was_undone() {
        let until = |count: usize, more: &[EventType]| [&STRAIGHT[..count], more].concat();
        for (events, step) in [
            (until(1, &[StockRejected]), CancelOrder),
            (until(2, &[StockReleased]), CancelOrder),
            (until(2, &[PaymentDeclined]), ReleaseStock),
            (until(2, &[PaymentDeclined, StockReleased]), CancelOrder),
            (until(3, &[ShipmentRejected]), UndoPayment),
            (until(3, &[ShipmentRejected, PaymentVoided]), ReleaseStock),
            (until(4, &[PaymentDeclined]), CancelShipment),
            (until(4, &[PaymentExpired]), CancelShipment),
            (until(4, &[PaymentExpired, ShipmentCancelled]), UndoPayment),
            (until(4, &[ShipmentCancelled]), UndoPayment),
            (until(4, &[ShipmentCancelled, PaymentVoided, StockReleased]), CancelOrder),
            (until(5, &[ShipmentCancelled, PaymentRefunded]), ReleaseStock),
        ] {
            assert_eq!(current_step(Placed, None, &events), Some(step), "{events:?}");
            let backwards: Vec<_> = events.iter().rev().copied().collect();
            assert_eq!(current_step(Placed, None, &backwards), Some(step), "{backwards:?}");
        }
    }

    #[test]
    fn the_orders_own_state_is_known_before_any_event() {
        assert_eq!(current_step(Withdrawn, None, &STRAIGHT), Some(CancelShipment));
        for ended in [OrderStatus::Confirmed, OrderStatus::Cancelled { reason: CancelReason::OutOfStock }] {
            assert_eq!(current_step(ended, None, &STRAIGHT), None);
        }
    }

    #[test]
    fn what_waits_for_a_person_is_the_step_and_afterwards_it_goes_on_backwards() {
        assert_eq!(current_step(Placed, Some(UndoPayment), &STRAIGHT), Some(UndoPayment));
        let answered = [CompensationParked, CompensationAnswered];
        for (before, step) in [(4, CancelShipment), (5, WithdrawConfirmation)] {
            let events = [&STRAIGHT[..before], &answered[..]].concat();
            assert_eq!(current_step(Placed, None, &events), Some(step));
        }
    }

    #[test]
    fn the_customers_wish_changes_nothing_until_it_is_heard() {
        let wished = [OrderPlaced, StockReserved, OrderCancellationRequested];
        assert_eq!(current_step(Placed, None, &wished), Some(AuthorisePayment));
    }

    proptest! {
        #[test]
        fn an_order_under_way_always_has_a_step_whatever_is_missing_or_late(
            events in proptest::collection::vec(proptest::sample::select(EventType::ALL), 0..20),
        ) {
            let step = current_step(Placed, None, &events);
            prop_assert!(step.is_some());
            let mut sorted = events.clone();
            sorted.sort_by_key(|it| it.as_str());
            sorted.dedup();
            prop_assert_eq!(current_step(Placed, None, &sorted), step, "neither order nor repetition matter");
        }
    }
}
