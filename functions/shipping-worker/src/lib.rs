//! Books carriers for orders, and cancels the bookings.
//!
//! - [`Shipping`]: the service over its table and a carrier.
//! - [`carrier`]: the port to a carrier, and the one that is built in.

use std::time::SystemTime;

use tidegate_batch::Failure;
use tidegate_events::{Command, Envelope};
use tidegate_orders::shipment;
use tidegate_outbox::{AggregateStore, Handled};
use tidegate_runtime::priming::Sample;
use tidegate_worker::{Service, ask_and_commit};

pub mod carrier;

use carrier::Carrier;

/// The service, over its table and its carrier.
#[derive(Debug)]
pub struct Shipping<C, K> {
    pub store: C,
    /// The carrier.
    pub carrier: K,
}

impl<C: AggregateStore, K: Carrier> Service for Shipping<C, K> {
    const SAMPLE: Sample = Sample {
        event: include_str!("../../../crates/events/tests/fixtures/commands/CreateShipment.json"),
        answers: &[],
    };

    fn takes(&self, command: &Command) -> bool {
        matches!(command, Command::Shipment(_))
    }

    async fn carry_out(&self, envelope: &Envelope, clock: &impl Fn() -> SystemTime) -> Result<Handled, Failure> {
        let Command::Shipment(wanted) = &envelope.command else {
            return Err(Failure::permanent("the command is another service's"));
        };
        let decide = |shipment: &_, answers: &[_]| shipment::decide(shipment, wanted, &envelope.order_id, answers);
        let ask = async |request| self.carrier.ask(&request).await;
        ask_and_commit(&self.store, envelope, clock, decide, ask).await
    }
}
