use tidegate_events::{PlaceOrder, StepError};

use super::*;

fn placed() -> Order {
    let body = include_bytes!("../../events/tests/fixtures/place-order.json");
    let placed = PlaceOrder::parse(body).unwrap().placed_by("customer-mona".parse().unwrap());
    place(placed, None, Timestamp::UNIX_EPOCH).state
}

fn decided(order: &Order, command: &OrderCommand) -> Result<Transition<Order>, InvalidTransition> {
    decide(order, command, Some(&"made-up-token".parse().unwrap()), Timestamp::UNIX_EPOCH)
}

const CANCELLED: OrderStatus = OrderStatus::Cancelled { reason: CancelReason::PaymentDeclined };

fn word(completion: Completion) -> String {
    match completion {
        Completion::Done(it) => it.to_owned(),
        Completion::Refused { error, .. } => error.to_string(),
        Completion::Deferred => "later".to_owned(),
    }
}

#[test]
fn an_order_is_confirmed_or_cancelled_and_never_both() {
    use OrderStatus::{Confirmed, Placed, Withdrawn};
    let confirm = || OrderCommand::Confirm {};
    let withdraw = || OrderCommand::WithdrawConfirmation {};
    let cancel = || OrderCommand::Cancel { reason: "PaymentDeclined".to_owned() };
    for (status, command, expected, reply, events) in [
        (Placed, confirm(), Confirmed, "confirmed", 1),
        (Confirmed, confirm(), Confirmed, "confirmed", 0),
        (Withdrawn, confirm(), Withdrawn, "Compensated", 0),
        (CANCELLED, confirm(), CANCELLED, "Compensated", 0),
        (Placed, withdraw(), Withdrawn, "withdrawn", 0),
        (Withdrawn, withdraw(), Withdrawn, "withdrawn", 0),
        (CANCELLED, withdraw(), CANCELLED, "withdrawn", 0),
        (Confirmed, withdraw(), Confirmed, "AlreadyConfirmed", 0),
        (Placed, cancel(), CANCELLED, "cancelled", 1),
        (Withdrawn, cancel(), CANCELLED, "cancelled", 1),
        (CANCELLED, cancel(), CANCELLED, "cancelled", 0),
    ] {
        let decision = decided(&Order { status, ..placed() }, &command).unwrap();
        let found = (decision.state.status, word(decision.completion), decision.events.len());
        assert_eq!(found, (expected, reply.to_owned(), events), "{status:?} {command:?}");
        if let Completion::Refused { error, .. } = decision.completion {
            assert!(command.name().refusals().contains(&error));
        }
    }
    let error = decided(&Order { status: Confirmed, ..placed() }, &cancel()).unwrap_err();
    assert_eq!(error.to_string(), "invalid transition: CancelOrder does not fit a confirmed order");
}

#[test]
fn the_customers_wish_is_told_once_and_refused_when_it_is_too_late() {
    use OrderStatus::{Confirmed, Placed, Withdrawn};
    let wished = request_cancellation(&placed());
    assert_eq!((word(wished.completion), wished.events.len()), ("cancelling".to_owned(), 1));
    assert!(wished.state.cancellation_requested);
    let again = request_cancellation(&wished.state);
    assert_eq!((again.completion, again.events.len()), (wished.completion, 0));
    for (status, reply) in
        [(Placed, "cancelling"), (Withdrawn, "cancelling"), (CANCELLED, "cancelled"), (Confirmed, "AlreadyConfirmed")]
    {
        let decision = request_cancellation(&Order { status, ..placed() });
        assert_eq!((word(decision.completion), decision.state.status), (reply.to_owned(), status));
    }
}

fn parked_undo() -> Parked {
    let (error, token) = ("States.Timeout".to_owned(), Some("made-up-token".parse().unwrap()));
    Parked { step: CommandName::UndoPayment, error, at: Timestamp::UNIX_EPOCH, token }
}

#[test]
fn what_is_parked_is_answered_by_a_person_once() {
    let step = CommandName::UndoPayment;
    let park = OrderCommand::Park { step, error: StepError { name: "States.Timeout".to_owned() } };
    let parked = decided(&placed(), &park).unwrap();
    assert_eq!((parked.completion, parked.events.len()), (Completion::Deferred, 1));
    assert_eq!(parked.state.parked, Some(parked_undo()));

    for (answer, reply) in [(ParkedAnswer::Retry, "RetryCompensation"), (ParkedAnswer::Resolved, "resolved")] {
        let answer_it = |order, step| decided(order, &OrderCommand::Answer { step, answer });
        let answered = answer_it(&parked.state, step).unwrap();
        assert_eq!((word(answered.completion), answered.state.parked.clone()), (reply.to_owned(), None));
        let event = OrderEvent::CompensationAnswered(CompensationAnswered { step, answer });
        assert_eq!(answered.events, [event]);
        assert!(answer_it(&answered.state, step).is_err());
        assert!(answer_it(&parked.state, CommandName::ReleaseStock).is_err());
    }
}

#[test]
fn a_cancellation_that_a_person_resolves_is_the_orders_end() {
    let step = CommandName::CancelOrder;
    let parked = Order { status: OrderStatus::Withdrawn, parked: Some(Parked { step, ..parked_undo() }), ..placed() };
    let answer = OrderCommand::Answer { step, answer: ParkedAnswer::Resolved };
    let resolved = decided(&parked, &answer).unwrap();
    assert_eq!(resolved.state.status, OrderStatus::Cancelled { reason: CancelReason::TechnicalFailure });
    assert_eq!((word(resolved.completion), resolved.events.len()), ("resolved".to_owned(), 2));
}

#[test]
fn parking_again_is_not_told_again_and_takes_the_newest_token() {
    let step = CommandName::UndoPayment;
    let park = OrderCommand::Park { step, error: StepError { name: "States.Timeout".to_owned() } };
    let parked = decided(&placed(), &park).unwrap();
    let token = "another-made-up-token".parse().unwrap();
    let later = "2026-01-02T00:00:00Z".parse().unwrap();
    let again = decide(&parked.state, &park, Some(&token), later).unwrap();
    assert_eq!((again.completion, again.events.len()), (Completion::Deferred, 0));
    assert_eq!(again.state.parked, Some(Parked { token: Some(token), ..parked_undo() }));
}

#[test]
fn an_order_is_found_by_its_customer_and_while_it_waits_for_a_person() {
    let index = |order: &Order| order.index().into_iter().map(|it| format!("{}={}", it.0, it.1)).collect::<Vec<_>>();
    let found = ["customer_id=customer-mona", "placed_at=1970-01-01T00:00:00.000000000Z"];
    assert_eq!(index(&placed()), found);
    let waits = ["parked=yes", "parked_at=1970-01-01T00:00:00.000000000Z"];
    assert_eq!(index(&Order { parked: Some(parked_undo()), ..placed() }), [found, waits].concat());
}

#[test]
fn the_state_reads_back_also_when_it_was_written_before_members_were_added() {
    for status in [OrderStatus::Placed, OrderStatus::Withdrawn, OrderStatus::Confirmed, CANCELLED] {
        let order = Order { status, parked: Some(parked_undo()), ..placed() };
        let json = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&json).unwrap(), order);
    }
    let mut json = serde_json::to_value(placed()).unwrap();
    json.as_object_mut().unwrap().retain(|name, _| !["cancellation_requested", "parked"].contains(&name.as_str()));
    assert_eq!(serde_json::from_value::<Order>(json).unwrap(), placed());
}
