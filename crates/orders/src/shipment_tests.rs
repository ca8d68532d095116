use tidegate_events::{Line, Quantity};

use super::*;
use crate::decision::Completion;

fn order() -> OrderId {
    "ord_1".parse().unwrap()
}

fn lines() -> Lines {
    let quantity = Quantity::try_from(2).unwrap();
    vec![Line { sku: "tide-table".parse().unwrap(), quantity }].try_into().unwrap()
}

fn address() -> Address {
    let line = |text: &str| text.parse().unwrap();
    Address {
        name: line("Mona Example"),
        line1: line("1 Harbour Street"),
        line2: None,
        city: line("Octo Harbour"),
        region: None,
        postal_code: None,
        country: "NL".parse().unwrap(),
    }
}

fn booking() -> Shipment {
    Shipment::Booking { lines: lines(), address: address() }
}

fn made() -> Shipment {
    Shipment::Created { shipment_id: "shp_1".parse().unwrap() }
}

fn booked() -> Answer {
    Answer::Booked { shipment_id: "shp_1".parse().unwrap() }
}

fn refused() -> Answer {
    Answer::Refused { reason: "address_not_served".parse().unwrap() }
}

fn decided(shipment: &Shipment, command: &ShipmentCommand, answers: &[Answer]) -> String {
    let word = |it: &dyn std::fmt::Debug| {
        format!("{it:?}").split(|it: char| !it.is_alphanumeric()).next().unwrap_or_default().to_owned()
    };
    match decide(shipment, command, &order(), answers) {
        Err(invalid) => invalid.to_string(),
        Ok(Next::Record(state)) => format!("record {}", word(&state)),
        Ok(Next::Ask(request)) => format!("ask {}", word(&request)),
        Ok(Next::Done(Transition { state, completion, events })) => {
            let reply = match completion {
                Completion::Done(it) => it.to_owned(),
                Completion::Refused { error, .. } => {
                    assert!(command.name().refusals().contains(&error), "{command:?}: {error}");
                    error.to_string()
                }
                Completion::Deferred => "later".to_owned(),
            };
            let events: Vec<_> = events.iter().map(|it| word(it)).collect();
            format!("{}: {reply} [{}]", word(&state), events.join(" "))
        }
    }
}

#[test]
fn the_creation() {
    use Shipment::*;
    let create = ShipmentCommand::Create { lines: lines(), address: address() };
    let table: &[(Shipment, &[Answer], &str)] = &[
        (None, &[], "record Booking"),
        (booking(), &[], "ask Book"),
        (booking(), &[booked()], "Created: created [ShipmentCreated]"),
        (booking(), &[refused()], "Rejected: ShipmentRejected [ShipmentRejected]"),
        (booking(), &[Answer::Cancelled], "invalid transition: CreateShipment does not fit the carrier's answer"),
        (made(), &[], "Created: created []"),
        (Rejected, &[], "Rejected: ShipmentRejected []"),
        (Cancelled, &[], "Cancelled: Compensated []"),
    ];
    for (shipment, answers, expected) in table {
        assert_eq!(decided(shipment, &create, answers), *expected, "{shipment:?} {answers:?}");
    }
}

#[test]
fn the_cancellation() {
    use Shipment::*;
    let table: &[(Shipment, &[Answer], &str)] = &[
        (None, &[], "Cancelled: cancelled []"),
        (booking(), &[], "ask Book"),
        (booking(), &[booked()], "ask Cancel"),
        (booking(), &[booked(), Answer::Cancelled], "Cancelled: cancelled [ShipmentCreated ShipmentCancelled]"),
        (booking(), &[refused()], "Cancelled: cancelled []"),
        (made(), &[], "ask Cancel"),
        (made(), &[Answer::Cancelled], "Cancelled: cancelled [ShipmentCancelled]"),
        (made(), &[Answer::HandedOver], "invalid transition: CancelShipment does not fit a shipment on its way"),
        (Rejected, &[], "Rejected: cancelled []"),
        (Cancelled, &[], "Cancelled: cancelled []"),
    ];
    for (shipment, answers, expected) in table {
        assert_eq!(decided(shipment, &ShipmentCommand::Cancel {}, answers), *expected, "{shipment:?} {answers:?}");
    }
}
