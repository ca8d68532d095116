//! Where to ship to. Its parts do not show in `Debug`.

use serde::{Deserialize, Serialize};

use crate::text::{is_line, plain, redacted, text};

text! {
    AddressLine, "1 to 100 characters, none a control character", |it| is_line(it, 100), redacted
}
text! {
    /// A country's [ISO 3166-1](https://www.iso.org/iso-3166-country-codes.html) alpha-2 code by its form. Whether
    /// anybody ships there the carrier says.
    Country, "two upper case letters, a country code of ISO 3166-1",
    |it| it.len() == 2 && it.bytes().all(|byte| byte.is_ascii_uppercase()), plain
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub name: AddressLine,
    /// Street and number, mostly.
    pub line1: AddressLine,
    /// Floor, door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<AddressLine>,
    pub city: AddressLine,
    /// State, province, county.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<AddressLine>,
    /// Where the country has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<AddressLine>,
    pub country: Country,
}
