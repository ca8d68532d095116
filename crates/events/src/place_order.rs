//! The body of `POST /orders`. Everything that is wrong with it is said at once.

use std::collections::HashMap;

use crate::address::Address;
use crate::event::OrderPlaced;
use crate::id::{CallbackUrl, CustomerId, PaymentMethod, Sku};
use crate::json::{Fault, Faults, Json, Node};
use crate::line::{Line, MAX_LINES, MAX_TOTAL, PricedLine, Quantity};
use crate::money::{Currency, Money};
use crate::text::Invalid;

/// An order as its customer writes it, found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceOrder {
    lines: Vec<PricedLine>,
    total: Money,
    payment_method: PaymentMethod,
    address: Address,
    callback_url: Option<CallbackUrl>,
}

impl PlaceOrder {
    /// Reads a body strictly: no member that is not known, none twice, each what it should be.
    ///
    /// # Errors
    /// All faults, or the first 100. A body that is not JSON has one, with an empty pointer.
    pub fn parse(body: &[u8]) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let json: Json<'_> = match serde_json::from_slice(body) {
            Ok(json) => json,
            Err(error) => {
                faults.note("", format!("must be JSON; it is not at line {}, column {}", error.line(), error.column()));
                return faults.or(None);
            }
        };
        let order = order(&Node::root(&json), &mut faults);
        faults.or(order)
    }

    /// What happens when this customer's order is taken.
    #[must_use]
    pub fn placed_by(self, customer_id: CustomerId) -> OrderPlaced {
        let Self { lines, total, payment_method, address, callback_url } = self;
        OrderPlaced { customer_id, lines, total, payment_method, address, callback_url }
    }
}

// Every member is read before any of them is asked for with `?`, so that no fault hides another.

fn order(node: &Node<'_>, faults: &mut Faults) -> Option<PlaceOrder> {
    let order = node.object(&["lines", "payment_method", "address", "callback_url"], faults)?;
    let lines = order.required("lines", faults).and_then(|it| lines(&it, faults));
    let payment_method = order.required("payment_method", faults).and_then(|it| it.text(faults));
    let address = order.required("address", faults).and_then(|it| address(&it, faults));
    let callback_url = order.optional("callback_url").and_then(|it| it.text(faults));
    let (lines, total) = lines?;
    Some(PlaceOrder { lines, total, payment_method: payment_method?, address: address?, callback_url })
}

fn lines(node: &Node<'_>, faults: &mut Faults) -> Option<(Vec<PricedLine>, Money)> {
    let nodes = node.list(1..=MAX_LINES, faults)?;
    let mut first_of = HashMap::<Sku, usize>::new();
    let mut currency = None;
    let mut lines = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        let Some(line) = node.object(&["sku", "quantity", "unit_price"], faults) else { continue };
        let sku = line.required("sku", faults).and_then(|it| it.text::<Sku>(faults));
        let quantity = line.required("quantity", faults).and_then(|it| it.whole::<Quantity>(faults));
        let unit_price = line.required("unit_price", faults).and_then(|it| money(&it, faults));
        if let Some(sku) = &sku
            && let Some(first) = first_of.insert(sku.clone(), index)
        {
            first_of.insert(sku.clone(), first);
            faults.note(format!("{}/sku", node.pointer), format!("must be another than that of line {first}"));
        }
        if let Some(price) = unit_price
            && *currency.get_or_insert(price.currency) != price.currency
        {
            let pointer = format!("{}/unit_price/currency", node.pointer);
            faults.note(pointer, "must be the same in all lines");
        }
        if let (Some(sku), Some(quantity), Some(unit_price)) = (sku, quantity, unit_price) {
            lines.push(PricedLine { line: Line { sku, quantity }, unit_price });
        }
    }
    // No overflow: 50 lines of at most 10,000 at less than 100,000,000 each.
    let minor_units = lines.iter().map(|it| it.line.quantity.count() * it.unit_price.minor_units).sum();
    let is_whole = lines.len() == nodes.len();
    if minor_units > MAX_TOTAL || is_whole && minor_units == 0 && !lines.is_empty() {
        faults.note(&*node.pointer, "must cost from 1 to 99999999 minor units together");
    }
    Some((lines, Money { minor_units, currency: currency? }))
}

fn money(node: &Node<'_>, faults: &mut Faults) -> Option<Money> {
    let money = node.object(&["minor_units", "currency"], faults)?;
    let price = money.required("minor_units", faults).and_then(|it| it.whole::<Price>(faults));
    let currency = money.required("currency", faults).and_then(|it| it.text::<Currency>(faults));
    Some(Money { minor_units: price?.0, currency: currency? })
}

/// What one of something may cost.
struct Price(u64);

impl TryFrom<u64> for Price {
    type Error = Invalid;

    fn try_from(minor_units: u64) -> Result<Self, Invalid> {
        if minor_units <= MAX_TOTAL { Ok(Self(minor_units)) } else { Err(Invalid("a whole number up to 99999999")) }
    }
}

fn address(node: &Node<'_>, faults: &mut Faults) -> Option<Address> {
    let known = ["name", "line1", "line2", "city", "region", "postal_code", "country"];
    let address = node.object(&known, faults)?;
    let name = address.required("name", faults).and_then(|it| it.text(faults));
    let line1 = address.required("line1", faults).and_then(|it| it.text(faults));
    let line2 = address.optional("line2").and_then(|it| it.text(faults));
    let city = address.required("city", faults).and_then(|it| it.text(faults));
    let region = address.optional("region").and_then(|it| it.text(faults));
    let postal_code = address.optional("postal_code").and_then(|it| it.text(faults));
    let country = address.required("country", faults).and_then(|it| it.text(faults));
    Some(Address { name: name?, line1: line1?, line2, city: city?, region, postal_code, country: country? })
}
