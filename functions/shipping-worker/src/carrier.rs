//! The port to a carrier, and the carrier that is built in: a table of the countries that it serves.

use std::collections::BTreeSet;

use tidegate_batch::Failure;
use tidegate_events::{Country, OrderId, Reason, ShipmentId};
use tidegate_orders::shipment::{Answer, Request};

/// A carrier.
///
/// Asked twice to book under one reference, it books once and answers the same twice; to cancel what is cancelled is the
/// same as to have done it.
pub trait Carrier: Send + Sync {
    /// Asks for a booking or a cancellation.
    ///
    /// # Errors
    /// [`Failure`] where the carrier cannot be reached or does not understand; its "no" is an answer.
    fn ask(&self, request: &Request) -> impl Future<Output = Result<Answer, Failure>> + Send;
}

/// Ships to the countries of a table. A booking is named after its reference, so that there is nothing to keep: the same
/// reference is the same booking, and a cancelled one stays cancelled because the shipment's own item says so.
#[derive(Clone, Debug)]
pub struct TableCarrier {
    served: BTreeSet<Country>,
}

/// The table cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the countries served must be ISO 3166-1 alpha-2 codes with commas between them")]
pub struct MalformedTable;

impl TableCarrier {
    /// Serves the countries of a list like `AT,DE,FR`.
    ///
    /// # Errors
    /// [`MalformedTable`].
    pub fn serving(countries: &str) -> Result<Self, MalformedTable> {
        let country = |it: &str| it.trim().parse().map_err(|_| MalformedTable);
        let served = countries.split(',').map(country).collect::<Result<_, _>>()?;
        Ok(Self { served })
    }

    fn answer(&self, request: &Request) -> Result<Answer, Failure> {
        match request {
            Request::Book { address, .. } if !self.served.contains(&address.country) => {
                Ok(Answer::Refused { reason: word("country_not_served")? })
            }
            Request::Book { reference, .. } => Ok(Answer::Booked { shipment_id: booking(reference)? }),
            Request::Cancel { .. } => Ok(Answer::Cancelled),
        }
    }
}

impl Carrier for TableCarrier {
    async fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        self.answer(request)
    }
}

fn booking(reference: &OrderId) -> Result<ShipmentId, Failure> {
    let name = reference.as_str().replacen("ord_", "shp_", 1);
    name.parse().map_err(Failure::permanent)
}

fn word(reason: &str) -> Result<Reason, Failure> {
    reason.parse().map_err(Failure::permanent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(country: &str) -> Request {
        let text = |it: &str| it.parse().unwrap();
        let address = tidegate_events::Address {
            name: text("Mona Example"),
            line1: text("1 Harbour Street"),
            line2: None,
            city: text("Exampleton"),
            region: None,
            postal_code: None,
            country: country.parse().unwrap(),
        };
        let line = serde_json::from_str(r#"[{"sku": "tide-table", "quantity": 1}]"#).unwrap();
        Request::Book { reference: "ord_1".parse().unwrap(), lines: line, address }
    }

    #[test]
    fn a_served_country_is_booked_once_for_a_reference_and_another_is_refused() {
        let carrier = TableCarrier::serving("AT, DE").unwrap();
        let booked = Answer::Booked { shipment_id: "shp_1".parse().unwrap() };
        assert_eq!(carrier.answer(&book("DE")).unwrap(), booked);
        assert_eq!(carrier.answer(&book("DE")).unwrap(), booked);
        let refused = Answer::Refused { reason: "country_not_served".parse().unwrap() };
        assert_eq!(carrier.answer(&book("BR")).unwrap(), refused);
        let cancel = Request::Cancel { shipment_id: "shp_1".parse().unwrap() };
        assert_eq!(carrier.answer(&cancel).unwrap(), Answer::Cancelled);
    }

    #[test]
    fn a_table_of_anything_but_countries_is_refused() {
        for bad in ["", "DE,", "Germany", "de"] {
            assert!(TableCarrier::serving(bad).is_err(), "{bad}");
        }
    }
}
