//! The saga, played in memory with everything that can go wrong, over the real decisions.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test is about the variants that it names")]
#![expect(clippy::unwrap_used, reason = "clippy takes what the tests share for no test")]

mod saga;
mod world;

use proptest::prelude::*;
use tidegate_events::{CommandName, EventType, ORDER_SAGA, ParkedAnswer};
use tidegate_orders::OrderStatus;
use tidegate_saga::order::services::Temper;

use crate::world::{Act, World};

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0..8_usize).prop_map(Act::Deliver),
        2 => (0..8_usize).prop_map(Act::DeliverTwice),
        12 => (0..8_usize).prop_map(Act::Step),
        1 => (0..8_usize).prop_map(Act::Crash),
        1 => (0..8_usize).prop_map(Act::FailForGood),
        2 => Just(Act::Timeout),
        1 => Just(Act::Customer),
        1 => Just(Act::Person(ParkedAnswer::Retry)),
        1 => Just(Act::Person(ParkedAnswer::Resolved)),
        1 => Just(Act::ProviderReports),
        1 => Just(Act::Lapse),
    ];
    prop::collection::vec(act, 0..160)
}

fn tempers() -> impl Strategy<Value = Temper> {
    prop_oneof![
        6 => Just(Temper::Willing),
        1 => Just(Temper::Declines),
        1 => Just(Temper::RequiresAction),
        1 => Just(Temper::Refuses),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn whatever_happens_an_order_has_one_end_and_the_books_balance(
        acts in acts(), temper in tempers(), on_hand in prop_oneof![8 => Just([5, 5]), 1 => Just([5, 0])],
    ) {
        let mut world = World::new(on_hand, temper);
        acts.into_iter().for_each(|act| world.act(act));
        world.finish();
        world.judge();
        world.repeat_everything();
        world.judge();
    }
}

/// Takes an order as far as the command that is to go wrong, which is delivered to a worker.
fn up_to(command: CommandName, world: &mut World) {
    while world.saga.state != Some(command) {
        world.carry_one_out();
        assert!(world.saga.state.is_some(), "{command} is on the way");
    }
}

fn end(mut world: World) -> OrderStatus {
    world.finish();
    world.judge();
    world.repeat_everything();
    world.order.services.order.state.status
}

#[test]
fn the_straight_path_confirms_and_publishes_what_happened() {
    let mut world = World::new([5, 5], Temper::Willing);
    world.finish();
    assert!(world.judge());
    let types: Vec<_> = world.order.happened.iter().map(|event| event.event_type()).collect();
    let expected = [
        EventType::OrderPlaced,
        EventType::StockReserved,
        EventType::PaymentAuthorised,
        EventType::ShipmentCreated,
        EventType::PaymentCaptured,
        EventType::OrderConfirmed,
    ];
    assert_eq!(types, expected);
}

#[test]
fn every_business_no_cancels_for_its_own_reason() {
    use tidegate_events::CancelReason::{OutOfStock, PaymentDeclined, ShipmentRejected};
    for (on_hand, temper, reason) in [
        ([5, 0], Temper::Willing, OutOfStock),
        ([5, 5], Temper::Declines, PaymentDeclined),
        ([5, 5], Temper::RequiresAction, PaymentDeclined),
        ([5, 5], Temper::Refuses, ShipmentRejected),
    ] {
        assert_eq!(end(World::new(on_hand, temper)), OrderStatus::Cancelled { reason });
    }
}

#[test]
fn a_step_that_times_out_is_undone_whether_or_not_it_happened() {
    for command in ORDER_SAGA.steps() {
        for steps_before in 0..8 {
            let mut world = World::new([5, 5], Temper::Willing);
            up_to(command, &mut world);
            world.act(Act::Deliver(0));
            (0..steps_before).for_each(|_| world.act(Act::Step(0)));
            // Where the steps were enough the saga has gone on, and the next command times out. A confirmation that is
            // then quicker than its withdrawal stands.
            let may_be_confirmed = world.saga.state.is_none_or(|state| state == CommandName::ConfirmOrder);
            world.act(Act::Timeout);
            let status = end(world);
            assert!(matches!(status, OrderStatus::Cancelled { .. }) || may_be_confirmed, "{command} {steps_before}");
        }
    }
}

#[test]
fn a_worker_that_dies_at_any_step_changes_nothing() {
    for command in ORDER_SAGA.steps() {
        for steps_before in 0..8 {
            let mut world = World::new([5, 5], Temper::Willing);
            up_to(command, &mut world);
            world.act(Act::DeliverTwice(0));
            (0..steps_before).for_each(|_| world.act(Act::Step(0)));
            world.act(Act::Crash(0));
            assert_eq!(end(world), OrderStatus::Confirmed, "{command} {steps_before}");
        }
    }
}

#[test]
fn what_fails_for_good_is_undone() {
    for command in ORDER_SAGA.steps() {
        let mut world = World::new([5, 5], Temper::Willing);
        up_to(command, &mut world);
        world.act(Act::Deliver(0));
        world.act(Act::FailForGood(0));
        assert!(matches!(end(world), OrderStatus::Cancelled { .. }), "{command}");
    }
}

#[test]
fn a_late_command_after_its_compensation_is_refused() {
    for command in ORDER_SAGA.steps() {
        let mut world = World::new([5, 5], Temper::Willing);
        up_to(command, &mut world);
        world.set_aside();
        world.act(Act::Timeout);
        world.finish();
        assert!(!world.judge());
        world.bring_back();
        assert!(matches!(end(world), OrderStatus::Cancelled { .. }), "{command}");
    }
}

#[test]
fn a_customer_may_cancel_until_the_capture() {
    use tidegate_events::CancelReason::CancelledByCustomer;
    for command in ORDER_SAGA.steps() {
        let mut world = World::new([5, 5], Temper::Willing);
        up_to(command, &mut world);
        world.act(Act::Customer);
        // The request reaches the payment before the saga goes on.
        world.act(Act::Deliver(1));
        while world.is_working() {
            world.act(Act::Step(0));
        }
        let expected = if command == CommandName::ConfirmOrder {
            OrderStatus::Confirmed
        } else {
            OrderStatus::Cancelled { reason: CancelledByCustomer }
        };
        assert_eq!(end(world), expected, "{command}");
    }
}

#[test]
fn what_a_person_resolves_is_undone_all_the_same_and_a_late_action_finds_it_so() {
    for command in ORDER_SAGA.steps() {
        // Parked at the first compensation after that step, and at each one behind it.
        for parked_at in 0..4 {
            let mut world = World::new([5, 5], Temper::Willing);
            up_to(command, &mut world);
            world.act(Act::Timeout);
            for _ in 0..=parked_at {
                while !matches!(world.saga.state, None | Some(CommandName::ParkCompensation)) {
                    world.act(Act::Timeout);
                }
                // What waits for a person is written down; everything before it is still under way.
                world.carry_the_newest_out();
                world.lose(world.saga.parked);
                world.act(Act::Person(ParkedAnswer::Resolved));
            }
            end(world);
        }
    }
}

#[test]
fn a_compensation_that_keeps_failing_is_parked_until_a_person_answers() {
    let mut world = World::new([5, 5], Temper::Willing);
    up_to(CommandName::CreateShipment, &mut world);
    world.act(Act::Timeout);
    for _ in 0..2 {
        while world.saga.state != Some(CommandName::ParkCompensation) {
            world.act(Act::Timeout);
        }
        world.carry_out();
        let parked = world.order.services.order.state.parked.as_ref().unwrap();
        assert_eq!((parked.step, &parked.token), (CommandName::CancelShipment, &Some(world.saga.token())));
        world.act(Act::Person(ParkedAnswer::Retry));
        assert_eq!(world.saga.state, Some(CommandName::CancelShipment));
    }
    let parked =
        world.order.happened.iter().filter(|event| event.event_type() == EventType::CompensationParked).count();
    assert_eq!(parked, 2);
    assert!(matches!(end(world), OrderStatus::Cancelled { .. }));
}

/// What may go wrong with one command.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It is delivered only after the end.
    Late,
    /// Its worker falls asleep after so many steps, is given up, and wakes after the end.
    Sleep(usize),
    /// Its worker dies after so many steps, and the message comes again.
    Crash(usize),
    /// Two workers take turns with it.
    Twice,
    /// It cannot be carried out.
    ForGood,
}

const FAULTS: [Fault; 10] = [
    Fault::Late,
    Fault::Sleep(1),
    Fault::Sleep(2),
    Fault::Sleep(3),
    Fault::Sleep(4),
    Fault::Crash(2),
    Fault::Crash(3),
    Fault::Crash(4),
    Fault::Twice,
    Fault::ForGood,
];

/// Plays an order with these faults, each the first time that its command is due.
fn play(temper: Temper, faults: &[(CommandName, Fault)]) {
    let mut world = World::new([5, 5], temper);
    let mut faults = faults.to_vec();
    while let Some(state) = world.saga.state {
        let due = faults.iter().position(|(command, _)| *command == state).map(|at| faults.swap_remove(at).1);
        match due {
            Some(Fault::Late) => {
                world.set_aside();
                world.act(Act::Timeout);
            }
            Some(Fault::Sleep(steps)) => {
                world.act(Act::Deliver(0));
                (0..steps).for_each(|_| world.act(Act::Step(0)));
                world.set_aside();
                world.act(Act::Timeout);
            }
            Some(Fault::Crash(steps)) => {
                world.act(Act::Deliver(0));
                (0..steps).for_each(|_| world.act(Act::Step(0)));
                world.act(Act::Crash(0));
            }
            Some(Fault::Twice) => {
                world.act(Act::DeliverTwice(0));
                world.act(Act::Deliver(0));
                (0..8).for_each(|turn| world.act(Act::Step(turn)));
            }
            Some(Fault::ForGood) => {
                world.act(Act::Deliver(0));
                world.act(Act::FailForGood(0));
            }
            None => {
                world.carry_one_out();
                if world.saga.state == Some(state) && !world.is_working() {
                    world.act(if state == CommandName::ParkCompensation {
                        Act::Person(ParkedAnswer::Retry)
                    } else {
                        Act::Timeout
                    });
                }
            }
        }
    }
    world.bring_back();
    end(world);
}

#[test]
fn every_fault_and_every_two_faults_end_well() {
    let faults_of = |commands: &[CommandName]| -> Vec<_> {
        commands.iter().flat_map(|command| FAULTS.map(|fault| (*command, fault))).collect()
    };
    let (steps, compensations): (Vec<_>, _) = (ORDER_SAGA.steps().collect(), ORDER_SAGA.compensations());
    let all = faults_of(&[steps.clone(), compensations.clone()].concat());
    // A carrier that refuses starts the way back without a fault.
    for (temper, first) in [(Temper::Willing, faults_of(&steps)), (Temper::Refuses, faults_of(&compensations))] {
        for (first, second) in first.iter().flat_map(|first| all.iter().map(move |second| (first, second))) {
            let faults = [*first, *second];
            let played = std::panic::catch_unwind(|| play(temper, &faults));
            assert!(played.is_ok(), "{temper:?} {faults:?}");
        }
    }
}
