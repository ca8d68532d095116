//! Machines and services that are broken on purpose: a matrix that does not notice them shows nothing.

use serde_json::Value;
use tidegate_events::{Command, OrderCommand, PaymentCommand, ShipmentCommand, StockCommand};
use tidegate_orders::{Completion, OrderStatus, PaymentStatus, Reservation, Shipment};

use super::OrderWorld;
use super::services::Temper;
use crate::Broken;

pub(super) const MACHINES: &[Broken<fn(&mut Value)>] = &[
    ("a reservation without an answer counts as none", |states| leads(states, "ReserveStock", "CancelOrder")),
    ("an authorisation without an answer counts as none", |states| leads(states, "AuthorisePayment", "ReleaseStock")),
    ("a shipment without an answer counts as none", |states| leads(states, "CreateShipment", "UndoPayment")),
    ("a capture that fails leaves the shipment", |states| leads(states, "CapturePayment", "UndoPayment")),
    ("a confirmation without an answer counts as none", |states| leads(states, "ConfirmOrder", "CancelShipment")),
    ("a compensation gives up and goes on", |states| leads(states, "UndoPayment", "ReleaseStock")),
    ("a person's word outweighs the order's", |states| {
        states["ParkWithdrawConfirmation"]["Next"] = "CancelShipment".into()
    }),
    ("a person's word skips a compensation", |states| states["ParkCancelShipment"]["Next"] = "ReleaseStock".into()),
    ("an error replaces what the saga knows", |states| keeps_nothing(catch_all(states, "CreateShipment"))),
    ("an answer replaces what the saga knows", |states| keeps_nothing(&mut states["ReserveStock"])),
    ("a compensation takes the command id of its step", |states| {
        let id = &mut states["UndoPayment"]["Parameters"]["MessageBody"]["command_id.$"];
        *id = id.as_str().unwrap().replace("UndoPayment", "CapturePayment").into();
    }),
];

fn leads(states: &mut Value, from: &str, to: &str) {
    catch_all(states, from)["Next"] = to.into();
}

fn catch_all<'s>(states: &'s mut Value, state: &str) -> &'s mut Value {
    let mut catchers = states[state]["Catch"].as_array_mut().unwrap().iter_mut();
    catchers.find(|catcher| catcher["ErrorEquals"] == serde_json::json!(["States.ALL"])).unwrap()
}

fn keeps_nothing(of: &mut Value) {
    of.as_object_mut().unwrap().remove("ResultPath").unwrap();
}

/// A compensation that answers well and does nothing in some state, such as the one where it comes before its step.
const IDLE: Option<Completion> = Some(Completion::Done("idle"));

pub(super) const WORLDS: &[Broken<fn() -> OrderWorld>] = &[
    ("stock has no tombstone", || {
        OrderWorld::broken(|services, command| match (command, &services.stock.state.0) {
            (Command::Stock(StockCommand::Release {}), Reservation::None) => IDLE,
            _ => None,
        })
    }),
    ("payments have no tombstone", || {
        OrderWorld::broken(|services, command| match (command, &services.payment.state.status) {
            (Command::Payment(PaymentCommand::Undo {}), PaymentStatus::None) => IDLE,
            _ => None,
        })
    }),
    ("shipments have no tombstone", || {
        OrderWorld::broken(|services, command| match (command, &services.shipment.state) {
            (Command::Shipment(ShipmentCommand::Cancel {}), Shipment::None) => IDLE,
            _ => None,
        })
    }),
    ("withdrawing leaves no tombstone", || {
        OrderWorld::broken(|services, command| match (command, services.order.state.status) {
            (Command::Order(OrderCommand::WithdrawConfirmation {}), OrderStatus::Placed) => IDLE,
            _ => None,
        })
    }),
    ("a captured payment is not refunded", || {
        OrderWorld::broken(|services, command| match (command, &services.payment.state.status) {
            (Command::Payment(PaymentCommand::Undo {}), PaymentStatus::Captured(_)) => IDLE,
            _ => None,
        })
    }),
    ("what was decided is forgotten with its proof", || {
        OrderWorld::broken(|services, command| {
            let reservation = &mut services.stock.state.0;
            if matches!(command, Command::Stock(StockCommand::Reserve { .. })) && *reservation != Reservation::Released
            {
                *reservation = Reservation::None;
            }
            None
        })
    }),
    ("what was refused is forgotten with its proof", || {
        OrderWorld::broken(|services, command| {
            let status = &mut services.payment.state.status;
            if matches!(command, Command::Payment(PaymentCommand::Authorise { .. }))
                && *status == PaymentStatus::Declined
            {
                *status = PaymentStatus::None;
                services.provider.temper = Temper::Willing;
                services.provider.answers.clear();
            }
            None
        })
    }),
    ("the capture does not look at the customer's request", || {
        OrderWorld::broken(|services, command| {
            if matches!(command, Command::Payment(PaymentCommand::Capture {})) {
                services.payment.state.stopped = false;
            }
            None
        })
    }),
];
