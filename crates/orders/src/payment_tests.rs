use super::*;
use crate::decision::Completion;

fn id() -> CommandId {
    "ord_1/AuthorisePayment".parse().unwrap()
}

fn it() -> PaymentOf {
    let amount = Money { minor_units: 6500, currency: "EUR".parse().unwrap() };
    PaymentOf { payment_id: "pi_1".parse().unwrap(), amount }
}

fn method() -> PaymentMethod {
    "pm_made_up".parse().unwrap()
}

fn authorising() -> PaymentStatus {
    PaymentStatus::Authorising { key: id(), amount: it().amount, payment_method: method() }
}

fn authorise() -> PaymentCommand {
    PaymentCommand::Authorise { amount: it().amount, payment_method: method() }
}

fn told(status: PaymentFact) -> PaymentCommand {
    PaymentCommand::Reconcile { status }
}

/// A decision in a line: the new status, the answer, what happened.
fn decided(status: PaymentStatus, stopped: bool, command: &PaymentCommand, answers: &[Answer]) -> String {
    let word = |it: &dyn std::fmt::Debug| {
        format!("{it:?}").split(|it: char| !it.is_alphanumeric()).next().unwrap_or_default().to_owned()
    };
    match decide(&Payment { status, stopped }, command, &id(), answers) {
        Err(invalid) => invalid.to_string(),
        Ok(Next::Record(payment)) => format!("record {}", word(&payment.status)),
        Ok(Next::Ask(request)) => format!("ask {}", word(&request)),
        Ok(Next::Done(Transition { state, completion, events })) => {
            let reply = match completion {
                Completion::Done(it) => it.to_owned(),
                Completion::Refused { error, .. } => error.to_string(),
                Completion::Deferred => "later".to_owned(),
            };
            let events: Vec<_> = events.iter().map(|it| word(it)).collect();
            format!("{}: {reply} [{}]", word(&state.status), events.join(" "))
        }
    }
}

#[track_caller]
fn assert_table(stopped: bool, table: &[(PaymentStatus, PaymentCommand, &[Answer], &str)]) {
    for (status, command, answers, expected) in table {
        let found = decided(status.clone(), stopped, command, answers);
        assert_eq!(found, *expected, "{status:?} {command:?} {answers:?}");
    }
}

fn yes() -> Answer {
    Answer::Authorised { payment_id: it().payment_id }
}

fn action() -> Answer {
    Answer::RequiresAction { payment_id: it().payment_id, reason: "requires_action".parse().unwrap() }
}

fn no() -> Answer {
    Answer::Declined { reason: "insufficient_funds".parse().unwrap() }
}

#[test]
fn the_authorisation() {
    use PaymentStatus::*;
    assert_table(
        false,
        &[
            (None, authorise(), &[], "record Authorising"),
            (authorising(), authorise(), &[], "ask Authorise"),
            (authorising(), authorise(), &[yes()], "Authorised: authorised [PaymentAuthorised]"),
            (authorising(), authorise(), &[no()], "Declined: PaymentDeclined [PaymentDeclined]"),
            (authorising(), authorise(), &[action()], "ask Cancel"),
            (authorising(), authorise(), &[action(), Answer::Cancelled], "Declined: PaymentDeclined [PaymentDeclined]"),
            (
                authorising(),
                authorise(),
                &[Answer::Refunded],
                "invalid transition: AuthorisePayment does not fit the provider's answer",
            ),
            (Authorised(it()), authorise(), &[], "Authorised: authorised []"),
            (Captured(it()), authorise(), &[], "Captured: authorised []"),
            (Declined, authorise(), &[], "Declined: PaymentDeclined []"),
            (Voided(it()), authorise(), &[], "Voided: Compensated []"),
            (Refunded(it()), authorise(), &[], "Refunded: Compensated []"),
            (Expired(it()), authorise(), &[], "Expired: Compensated []"),
            (Undone, authorise(), &[], "Undone: Compensated []"),
        ],
    );
}

#[test]
fn the_capture() {
    use PaymentStatus::*;
    let capture = || PaymentCommand::Capture {};
    let unfit = "invalid transition: CapturePayment does not fit a payment that is not authorised";
    assert_table(
        false,
        &[
            (Authorised(it()), capture(), &[], "ask Capture"),
            (Authorised(it()), capture(), &[Answer::Captured], "Captured: captured [PaymentCaptured]"),
            (Authorised(it()), capture(), &[Answer::Cancelled], "Expired: PaymentDeclined [PaymentExpired]"),
            (Authorised(it()), capture(), &[no()], "Authorised: PaymentDeclined []"),
            (Captured(it()), capture(), &[], "Captured: captured []"),
            (Expired(it()), capture(), &[], "Expired: PaymentDeclined []"),
            (Voided(it()), capture(), &[], "Voided: Compensated []"),
            (Refunded(it()), capture(), &[], "Refunded: Compensated []"),
            (Undone, capture(), &[], "Undone: Compensated []"),
            (None, capture(), &[], unfit),
            (authorising(), capture(), &[], unfit),
            (Declined, capture(), &[], unfit),
        ],
    );
}

#[test]
fn the_undoing_is_by_what_the_payment_is() {
    use PaymentStatus::*;
    let undo = || PaymentCommand::Undo {};
    assert_table(
        false,
        &[
            (None, undo(), &[], "Undone: undone []"),
            (authorising(), undo(), &[], "ask Authorise"),
            (authorising(), undo(), &[no()], "Undone: undone []"),
            (authorising(), undo(), &[action()], "ask Cancel"),
            (authorising(), undo(), &[action(), Answer::Cancelled], "Undone: undone []"),
            (authorising(), undo(), &[yes()], "ask Cancel"),
            (authorising(), undo(), &[yes(), Answer::Cancelled], "Voided: voided [PaymentAuthorised PaymentVoided]"),
            (Authorised(it()), undo(), &[], "ask Cancel"),
            (Authorised(it()), undo(), &[Answer::Cancelled], "Voided: voided [PaymentVoided]"),
            (Authorised(it()), undo(), &[Answer::Captured], "ask Refund"),
            (
                Authorised(it()),
                undo(),
                &[Answer::Captured, Answer::Refunded],
                "Refunded: refunded [PaymentCaptured PaymentRefunded]",
            ),
            (Captured(it()), undo(), &[], "ask Refund"),
            (Captured(it()), undo(), &[Answer::Refunded], "Refunded: refunded [PaymentRefunded]"),
            (Captured(it()), undo(), &[no()], "invalid transition: UndoPayment does not fit the provider's answer"),
            (Declined, undo(), &[], "Declined: undone []"),
            (Voided(it()), undo(), &[], "Voided: undone []"),
            (Refunded(it()), undo(), &[], "Refunded: undone []"),
            (Expired(it()), undo(), &[], "Expired: undone []"),
            (Undone, undo(), &[], "Undone: undone []"),
        ],
    );
}

#[test]
fn a_stopped_payment_is_neither_authorised_nor_captured() {
    use PaymentStatus::*;
    assert_table(
        true,
        &[
            (None, authorise(), &[], "None: OrderCancelledByCustomer []"),
            (authorising(), authorise(), &[yes()], "Authorised: authorised [PaymentAuthorised]"),
            (Authorised(it()), PaymentCommand::Capture {}, &[], "Authorised: OrderCancelledByCustomer []"),
            (Authorised(it()), PaymentCommand::Undo {}, &[], "ask Cancel"),
        ],
    );
    for (status, in_time) in [(None, true), (authorising(), true), (Authorised(it()), true), (Captured(it()), false)] {
        let payment = Payment { status, stopped: false };
        let next = decide(&payment, &PaymentCommand::Stop {}, &id(), &[]).unwrap();
        let Next::Done(Transition { state, .. }) = next else { panic!("{next:?}") };
        assert_eq!(state, Payment { stopped: in_time, ..payment });
    }
}

#[test]
fn what_the_provider_tells_is_news_when_it_is_not_written_down_yet() {
    use PaymentStatus::*;
    let told_captured = || told(PaymentFact::Captured);
    let told_cancelled = || told(PaymentFact::Cancelled);
    let told_refunded = || told(PaymentFact::Refunded);
    assert_table(
        false,
        &[
            (Authorised(it()), told_captured(), &[], "Captured: captured [PaymentCaptured]"),
            (Authorised(it()), told_cancelled(), &[], "Expired: expired [PaymentExpired]"),
            (Authorised(it()), told_refunded(), &[], "Refunded: refunded [PaymentCaptured PaymentRefunded]"),
            (Captured(it()), told_refunded(), &[], "Refunded: refunded [PaymentRefunded]"),
            (authorising(), told_cancelled(), &[], "Authorising: known []"),
            (Captured(it()), told_captured(), &[], "Captured: known []"),
            (Voided(it()), told_cancelled(), &[], "Voided: known []"),
            (Refunded(it()), told_captured(), &[], "Refunded: known []"),
            (None, told_cancelled(), &[], "None: known []"),
        ],
    );
}

#[test]
fn whoever_undoes_an_authorisation_asks_under_its_own_key() {
    let undo: CommandId = "ord_1/UndoPayment".parse().unwrap();
    let payment = Payment { status: authorising(), stopped: false };
    let next = decide(&payment, &PaymentCommand::Undo {}, &undo, &[]).unwrap();
    assert!(matches!(next, Next::Ask(Request::Authorise { key, .. }) if key == id()));
}

#[test]
fn every_answer_to_a_command_is_one_that_the_saga_knows() {
    use PaymentStatus::*;
    let states = [None, authorising(), Authorised(it()), Captured(it()), Declined, Voided(it()), Refunded(it())];
    for status in states.into_iter().chain([Expired(it()), Undone]) {
        for command in [authorise(), PaymentCommand::Capture {}, PaymentCommand::Undo {}, PaymentCommand::Stop {}] {
            for (stopped, answer) in [false, true].iter().flat_map(|it| [yes(), no()].map(|answer| (*it, answer))) {
                for answers in [&[][..], &[answer]] {
                    let next = decide(&Payment { status: status.clone(), stopped }, &command, &id(), answers);
                    if let Ok(Next::Done(Transition { completion: Completion::Refused { error, .. }, .. })) = next {
                        assert!(command.name().refusals().contains(&error), "{status:?} {command:?}: {error}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_a_person_undid_by_hand_is_given_back_where_that_moves_no_money_and_never_refunded() {
    use PaymentStatus::{Authorised, Captured, Declined, None, Refunded, Undone, Voided};
    let settle = || PaymentCommand::Settle {};
    assert_table(
        false,
        &[
            (None, settle(), &[], "Undone: undone []"),
            (authorising(), settle(), &[], "ask Authorise"),
            (authorising(), settle(), &[yes()], "ask Cancel"),
            (authorising(), settle(), &[yes(), Answer::Cancelled], "Voided: voided [PaymentAuthorised PaymentVoided]"),
            (Authorised(it()), settle(), &[], "ask Cancel"),
            (Authorised(it()), settle(), &[Answer::Cancelled], "Voided: voided [PaymentVoided]"),
            (Authorised(it()), settle(), &[Answer::Captured], "Captured: captured [PaymentCaptured]"),
            (Captured(it()), settle(), &[], "Captured: settled []"),
            (Declined, settle(), &[], "Declined: undone []"),
            (Voided(it()), settle(), &[], "Voided: undone []"),
            (Refunded(it()), settle(), &[], "Refunded: undone []"),
            (Undone, settle(), &[], "Undone: undone []"),
        ],
    );
}
