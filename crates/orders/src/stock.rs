//! Stock: how much of each SKU there is, and what is set aside for each order.
//!
//! The reservation is the aggregate that a command is addressed to; the SKUs change along with it, in one write, all of
//! them or none.

use serde::{Deserialize, Serialize};
use tidegate_events::{ErrorName, Line, Lines, OrderEvent, Shortage, StockCommand, StockOf, StockRejected};

use crate::decision::{Completion, InvalidTransition, Transition};

/// How much there is of a SKU. The sum of the three changes only when goods come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// Free to be reserved.
    pub on_hand: u64,
    /// Set aside for orders.
    pub reserved: u64,
    /// Gone out with confirmed orders.
    pub shipped: u64,
}

/// What is set aside for an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Reservation {
    /// No command has come yet.
    #[default]
    None,
    /// All of this.
    Reserved { lines: Lines },
    /// Nothing: there was not enough.
    Rejected,
    /// Nothing any more; or nothing ever, because the release came first.
    Released,
    /// All of this has gone out.
    Shipped { lines: Lines },
}

/// What is to become of a reservation and of the stock it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockTransition {
    /// Of the reservation.
    pub reservation: Transition<Reservation>,
    /// Of each SKU that [`concerned`] names, in that order; nothing where no SKU changes.
    pub stocks: Vec<Stock>,
}

/// The SKUs whose stock the decision needs to see, none where it does not matter.
#[must_use]
pub fn concerned<'a>(reservation: &'a Reservation, command: &'a StockCommand) -> &'a [Line] {
    match (command, reservation) {
        (StockCommand::Reserve { lines }, Reservation::None) => lines,
        (StockCommand::Release {} | StockCommand::Ship {}, Reservation::Reserved { lines }) => lines,
        (StockCommand::Reserve { .. }, Reservation::Reserved { .. })
        | (StockCommand::Release {} | StockCommand::Ship {}, Reservation::None)
        | (_, Reservation::Rejected | Reservation::Released | Reservation::Shipped { .. }) => &[],
    }
}

/// What becomes of a command. `stocks` are those of the SKUs that [`concerned`] names, in that order; a SKU that was
/// never received is an empty stock.
///
/// # Errors
/// [`InvalidTransition`], also when `stocks` are not those that are concerned.
pub fn decide(
    reservation: &Reservation,
    command: &StockCommand,
    stocks: &[Stock],
) -> Result<StockTransition, InvalidTransition> {
    use Reservation::{None, Rejected, Released, Reserved, Shipped};
    let lines = concerned(reservation, command);
    if stocks.len() != lines.len() {
        return Err(InvalidTransition { command: command.name(), state: "the stock that was loaded" });
    }
    let invalid = |state| Err(InvalidTransition { command: command.name(), state });
    let same = reservation.clone();
    let decision = match (command, reservation) {
        (StockCommand::Reserve { lines }, None) => return Ok(reserve(lines, stocks)),
        (StockCommand::Reserve { .. }, Reserved { .. } | Shipped { .. }) => Transition::done(same, "reserved"),
        (StockCommand::Reserve { .. }, Rejected) => not_enough(Vec::new()),
        (StockCommand::Reserve { .. }, Released) => Transition::compensated(same),

        (StockCommand::Release {}, Reserved { lines }) => {
            let back = |it: &Stock, count| Some(it.moved(count, it.reserved.checked_sub(count)?, it.shipped));
            let Some(stocks) = moved(lines, stocks, back) else { return invalid("less stock than was reserved") };
            let event = OrderEvent::StockReleased(StockOf { lines: lines.clone() });
            return Ok(StockTransition { reservation: Transition::done_with(Released, "released", event), stocks });
        }
        (StockCommand::Release {}, None | Released) => Transition::done(Released, "released"),
        (StockCommand::Release {}, Rejected) => Transition::done(same, "released"),
        (StockCommand::Release {}, Shipped { .. }) => return invalid("shipped stock"),

        (StockCommand::Ship {}, Reserved { lines }) => {
            let out = |it: &Stock, count| Some(it.moved(0, it.reserved.checked_sub(count)?, it.shipped + count));
            let Some(stocks) = moved(lines, stocks, out) else { return invalid("less stock than was reserved") };
            return Ok(StockTransition {
                reservation: Transition::done(Shipped { lines: lines.clone() }, "shipped"),
                stocks,
            });
        }
        (StockCommand::Ship {}, Shipped { .. }) => Transition::done(same, "shipped"),
        (StockCommand::Ship {}, None | Rejected | Released) => return invalid("stock that is not reserved"),
    };
    Ok(StockTransition { reservation: decision, stocks: Vec::new() })
}

impl Stock {
    fn moved(&self, freed: u64, reserved: u64, shipped: u64) -> Self {
        Self { on_hand: self.on_hand + freed, reserved, shipped }
    }
}

fn reserve(lines: &Lines, stocks: &[Stock]) -> StockTransition {
    let aside = |it: &Stock, count| {
        Some(Stock { on_hand: it.on_hand.checked_sub(count)?, reserved: it.reserved + count, ..*it })
    };
    if let Some(stocks) = moved(lines, stocks, aside) {
        let event = OrderEvent::StockReserved(StockOf { lines: lines.clone() });
        let reserved = Reservation::Reserved { lines: lines.clone() };
        return StockTransition { reservation: Transition::done_with(reserved, "reserved", event), stocks };
    }
    let short = lines.iter().zip(stocks).filter(|(line, stock)| line.quantity.count() > stock.on_hand);
    let short = short.map(|(line, stock)| Shortage {
        sku: line.sku.clone(),
        requested: line.quantity.count(),
        available: stock.on_hand,
    });
    let event = OrderEvent::StockRejected(StockRejected { short: short.collect() });
    StockTransition { reservation: not_enough(vec![event]), stocks: Vec::new() }
}

fn not_enough(events: Vec<OrderEvent>) -> Transition<Reservation> {
    let completion = Completion::Refused { error: ErrorName::StockRejected, cause: "there is not enough of every SKU" };
    Transition { state: Reservation::Rejected, completion, events }
}

/// Every stock changed by its line's quantity, or nothing where one cannot be.
fn moved(lines: &[Line], stocks: &[Stock], change: impl Fn(&Stock, u64) -> Option<Stock>) -> Option<Vec<Stock>> {
    lines.iter().zip(stocks).map(|(line, stock)| change(stock, line.quantity.count())).collect()
}

#[cfg(test)]
#[path = "stock_tests.rs"]
mod tests;
