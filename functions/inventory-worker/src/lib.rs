//! Keeps stock: what is set aside for an order, and how much there is of each SKU.
//!
//! The reservation of an order is the command's home. The SKUs change along with it, in one transaction: all of them or
//! none, and none below zero, because each is written on the condition that it is as it was when it was decided upon.

use std::time::SystemTime;

use tidegate_batch::Failure;
use tidegate_events::{Command, Envelope};
use tidegate_orders::stock::{self, concerned};
use tidegate_orders::{Reservation, Stock, StockTransition};
use tidegate_outbox::{AggregateId, AggregateStore, Handled, Image, Loaded, Write};
use tidegate_runtime::priming::Sample;
use tidegate_worker::{Service, changed, commit, decision, state};

/// The service, over its table.
#[derive(Debug)]
pub struct Inventory<C> {
    /// Reservations and stocks.
    pub store: C,
}

impl<C: AggregateStore> Service for Inventory<C> {
    const SAMPLE: Sample = Sample {
        event: include_str!("../../../crates/events/tests/fixtures/commands/ReserveStock.json"),
        answers: &[],
    };

    fn takes(&self, command: &Command) -> bool {
        matches!(command, Command::Stock(_))
    }

    async fn carry_out(&self, envelope: &Envelope, clock: &impl Fn() -> SystemTime) -> Result<Handled, Failure> {
        let Command::Stock(wanted) = &envelope.command else {
            return Err(Failure::permanent("the command is another service's"));
        };
        let now = clock();
        // That a reservation cannot be read, `decide` finds.
        let concerns = |home: &Image| {
            let reservation: Reservation = state(home).unwrap_or_default();
            concerned(&reservation, wanted).iter().filter_map(|line| stock_id(line.sku.as_str())).collect()
        };
        let decide = |Loaded { home, others, .. }: Loaded<'_>| {
            let stocks = others.iter().map(state::<Stock>).collect::<Result<Vec<_>, _>>()?;
            let transition = stock::decide(&state(home)?, wanted, &stocks).map_err(Failure::permanent)?;
            let StockTransition { reservation, stocks } = transition;
            let mut decision = decision(envelope, reservation, now)?;
            for (image, stock) in others.iter().zip(&stocks) {
                decision.changes.push(changed(image.aggregate().clone(), stock)?);
            }
            Ok(decision)
        };
        commit(&self.store, &Write::from(envelope), now, concerns, decide).await
    }
}

/// The item of a SKU's stock. A SKU always makes a name.
fn stock_id(sku: &str) -> Option<AggregateId> {
    AggregateId::new(format!("stock/{sku}")).ok()
}
