//! Which step of the saga is under way, as far as an order's events show.
//!
//! Step Functions is not asked: an execution is found by its name, but its history costs requests that are few a second.
//! Events arrive late, in any order, and not for everything (a step that timed out has none, nor has a compensation that
//! found nothing to undo), so of all that is known the furthest counts, and the order's own state, which is never late,
//! with it. Which event belongs to which step, and what comes next, stands in the tables of `tidegate_events`.

use tidegate_events::{CommandName, EventType, ORDER_SAGA, Progress};

use crate::order::OrderStatus;

/// The step that is under way, or that waits for a person because it is `parked`. None where the order has ended.
#[must_use]
pub fn current_step(status: OrderStatus, parked: Option<CommandName>, events: &[EventType]) -> Option<CommandName> {
    if matches!(status, OrderStatus::Confirmed | OrderStatus::Cancelled { .. }) {
        return None;
    }
    if parked.is_some() {
        return parked;
    }
    let steps: Vec<CommandName> = ORDER_SAGA.steps().collect();
    let compensations = ORDER_SAGA.compensations();
    let progress = || events.iter().map(|event| event.progress());
    // What is undone had been done, even where the event of it is not there yet: at least the first step of it.
    let is_of = |step: CommandName, done| step == done || step.undone_by() == Some(done);
    let done = progress().filter_map(|progress| {
        let Progress::Done(done) = progress else { return None };
        steps.iter().position(|step| is_of(*step, done))
    });
    let under_way = done.max().map_or(0, |furthest| furthest + 1);

    let position = |compensation| compensations.iter().position(|name| *name == compensation);
    let next_to_undo = progress().filter_map(|progress| match progress {
        Progress::Done(done) => position(done).map(|at| at + 1),
        Progress::Refused(names) => {
            let at = |name: &CommandName| steps.iter().position(|step| step == name);
            let refused = names.iter().find(|name| at(name) >= Some(under_way)).or(names.last())?;
            position(ORDER_SAGA.due_before(*refused)[0])
        }
        Progress::Parked | Progress::Beside => None,
    });
    let withdrawn = (status == OrderStatus::Withdrawn).then(|| position(CommandName::WithdrawConfirmation)).flatten();
    // Where nothing else shows how far it went back: the step under way has failed and may have been done.
    let parked = || {
        progress().find(|progress| matches!(progress, Progress::Parked))?;
        position(ORDER_SAGA.due_after(*steps.get(under_way)?)[0])
    };
    match next_to_undo.chain(withdrawn.map(|at| at + 1)).max().or_else(parked) {
        Some(next) => compensations.get(next).or(compensations.last()).copied(),
        None => steps.get(under_way).or(steps.last()).copied(),
    }
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
            (until(2, &[CompensationParked]), UndoPayment),
            (vec![ShipmentRejected, CompensationParked], UndoPayment),
            (vec![ShipmentCreated, PaymentDeclined], CancelShipment),
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
        assert_eq!(
            current_step(Withdrawn, None, &[CompensationParked]),
            Some(CancelShipment),
            "before any of its events"
        );
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
    fn a_requested_cancellation_changes_nothing_until_a_step_is_refused_for_it() {
        let requested = [OrderPlaced, StockReserved, OrderCancellationRequested];
        assert_eq!(current_step(Placed, None, &requested), Some(AuthorisePayment));
    }

    proptest! {
        #[test]
        fn an_order_under_way_always_has_a_step_whatever_is_missing_or_late(
            events in proptest::collection::vec(proptest::sample::select(EventType::ALL), 0..20),
        ) {
            let step = current_step(Placed, None, &events);
            prop_assert!(step.is_some());
            let mut sorted = events.clone();
            sorted.sort_by_key(|event| event.as_str());
            sorted.dedup();
            prop_assert_eq!(current_step(Placed, None, &sorted), step, "neither order nor repetition matter");
        }
    }
}
