//! Keeps stock: what is set aside for an order, and how much there is of each SKU.
//!
//! The reservation of an order is the command's home. The SKUs change along with it, in one transaction: all of them or
//! none, and none below zero, because each is written on the condition that it is as it was when it was decided upon.
//!
//! ```text
//! two orders want the last one
//!   A  load A's reservation, SKU at 7, decide, write both ok
//!   B  load B's reservation, SKU at 7, decide, .............. write: refused . load SKU at 8: none left -> no
//! ```

use std::time::SystemTime;

use tidegate_batch::Failure;
use tidegate_events::{Command, Envelope};
use tidegate_orders::stock::{self, concerned};
use tidegate_orders::{Reservation, Stock, StockDecision};
use tidegate_outbox::{AggregateId, AggregateStore, Decision, Handled, Image};
use tidegate_worker::{Service, Undecided, changed, command, commit, decided, state};

/// The service, over its table.
#[derive(Debug)]
pub struct Inventory<C> {
    /// Reservations and stocks.
    pub store: C,
}

impl<C: AggregateStore> Service for Inventory<C> {
    fn takes(&self, command: &Command) -> bool {
        matches!(command, Command::Stock(_))
    }

    async fn carry_out(&self, envelope: &Envelope, clock: &impl Fn() -> SystemTime) -> Result<Handled, Failure> {
        let Command::Stock(wanted) = &envelope.command else {
            return Err(Failure::permanent("the command is another service's"));
        };
        let now = clock();
        // A reservation that cannot be read is told by `decide`, which reads it again.
        let others = |home: &Image| {
            let reservation: Reservation = state(home).unwrap_or_default();
            concerned(&reservation, wanted).iter().filter_map(|line| stock_id(line.sku.as_str())).collect()
        };
        let decide = |loaded: &[Image]| -> Result<Decision, Undecided> {
            let [home, skus @ ..] = loaded else { return Err("nothing was loaded".into()) };
            let reservation: Reservation = state(home)?;
            let stocks = skus.iter().map(state::<Stock>).collect::<Result<Vec<_>, _>>()?;
            let StockDecision { reservation, stocks } = stock::decide(&reservation, wanted, &stocks)?;
            let mut decision = decided(envelope, reservation, now)?;
            for (image, stock) in skus.iter().zip(&stocks) {
                decision.changes.push(changed(image.aggregate().clone(), stock)?);
            }
            Ok(decision)
        };
        commit(&self.store, &command(envelope)?, now, others, decide).await
    }
}

/// The item of a SKU's stock. A SKU always makes a name.
fn stock_id(sku: &str) -> Option<AggregateId> {
    AggregateId::new(format!("stock/{sku}")).ok()
}
