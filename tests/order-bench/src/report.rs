//! The figures, the aims and whether they are met.

use std::fmt;

use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Style};

use crate::claims::Claims;
use crate::cost::{Bill, INSIDE_SECS, OUTSIDE_SECS, figure};
use crate::dynamodb::TOKEN_BYTES;
use crate::prices::Prices;
use crate::run::Seen;

/// All that was measured: orders alone, and at once; and what those at once would cost in full batches.
pub(crate) struct Report {
    pub(crate) prices: Prices,
    pub(crate) seen: [Seen; 2],
    pub(crate) bills: [Bill; 3],
    pub(crate) claims: Claims,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Prices { region, currency, as_of, .. } = &self.prices;
        let alone = &self.bills[0];
        let [seen, crowd] = &self.seen;
        writeln!(
            f,
            "An order of two SKUs that nothing happens to, mean of {} placed one after the other",
            seen.orders
        )?;
        writeln!(f, "{currency} at list prices of {region} as of {as_of} (tests/order-bench/prices.json)\n")?;
        writeln!(f, "{}\n", rows(alone))?;
        writeln!(
            f,
            "Functions' requests: counted between them and the emulator. Units: by the items' sizes, task tokens taken as {TOKEN_BYTES} bytes."
        )?;
        writeln!(
            f,
            "Batches: {} messages in {} and {} stream records in {}; in {} orders placed at once (in {:.1} s) {} in {} and {} in {}.",
            seen.messages.items,
            seen.messages.batches,
            seen.records.items,
            seen.records.batches,
            crowd.orders,
            crowd.took.as_secs_f64(),
            crowd.messages.items,
            crowd.messages.batches,
            crowd.records.items,
            crowd.records.batches,
        )?;
        writeln!(
            f,
            "Lambda's time is assumed: {INSIDE_SECS} s an invocation, and {OUTSIDE_SECS} s for each of the four times that somebody \
             outside is asked, at 256 MB.\nNot in it: polls that find nothing, reading the order (an HTTP request, an \
             invocation, two reads), storage, traffic out.\n"
        )?;
        let mut table = Builder::from_iter([["USD per million orders", "alone", "at once", "in full batches"]]);
        for service in alone.services() {
            let [alone, together, full] = self.bills.each_ref().map(|bill| money(bill.of_service(service)));
            table.push_record([service.to_owned(), alone, together, full]);
        }
        let [alone, together, full] = self.bills.each_ref().map(|bill| money(bill.usd_per_million()));
        table.push_record(["together".to_owned(), alone, together, full]);
        writeln!(f, "{}\n", styled(table, 1))?;

        writeln!(f, "DynamoDB requests of an idempotent handler")?;
        let mut table = Builder::from_iter([["", "requests", "which"]]);
        for (what, calls) in [
            ("first call", &self.claims.first),
            ("first call, completed in the caller's transaction", &self.claims.in_transaction),
            ("repeat", &self.claims.repeat),
        ] {
            table.push_record([what.to_owned(), calls.len().to_string(), calls.join(", ")]);
        }
        writeln!(f, "{}\n", styled(table, 1))?;
        write!(f, "Aims\n{}", self.aims())
    }
}

impl Report {
    fn aims(&self) -> String {
        let [alone, together, full] = &self.bills;
        let own = self.claims.in_transaction.iter().filter(|it| *it != "TransactWriteItems").count();
        let mut table = Builder::from_iter([["", "measured", "at most", ""]]);
        for (what, measured, most) in [
            ("state transitions of an order", alone.transitions, 8.0),
            ("USD per million orders, alone", alone.usd_per_million(), 250.0),
            ("USD per million orders, at once", together.usd_per_million(), 250.0),
            ("USD per million orders, in full batches", full.usd_per_million(), 250.0),
            ("requests of a first call", self.claims.first.len() as f64, 2.0),
            ("of its own in the caller's transaction", own as f64, 1.0),
            ("requests of a repeat", self.claims.repeat.len() as f64, 1.0),
        ] {
            let met = if measured <= most { "met" } else { "not met" };
            table.push_record([what.to_owned(), figure(measured), figure(most), met.to_owned()]);
        }
        styled(table, 1)
    }
}

fn rows(bill: &Bill) -> String {
    let mut table = Builder::from_iter([["service", "what", "requests", "billed", "unit", "USD per million orders"]]);
    for row in &bill.rows {
        let billed = if row.unit == "GB" { format!("{:.1} KB", row.billed * 1e6) } else { figure(row.billed) };
        table.push_record([
            row.service.to_owned(),
            row.what.clone(),
            row.requests.map(figure).unwrap_or_default(),
            if row.billed == 0.0 { String::new() } else { billed },
            row.unit.to_owned(),
            money(row.usd_per_million),
        ]);
    }
    let (requests, usd) = (figure(bill.requests()), money(bill.usd_per_million()));
    table.push_record(["together".to_owned(), String::new(), requests, String::new(), String::new(), usd]);
    styled(table, 2)
}

fn money(usd: f64) -> String {
    format!("{usd:.2}")
}

fn styled(table: Builder, figures_from: usize) -> String {
    let mut table = table.build();
    table.with(Style::sharp()).modify(Columns::new(figures_from..), Alignment::right()).to_string()
}
