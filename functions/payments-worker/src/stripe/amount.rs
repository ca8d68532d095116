//! Amounts as Stripe counts them, which for three currencies is not as ISO 4217 does.

use tidegate_events::Money;

/// The amount in the unit that Stripe has for the currency, or nothing where Stripe has no unit that small. Stripe's
/// "smallest unit" is that of ISO 4217 with few exceptions (<https://docs.stripe.com/currencies#special-cases>); taking
/// one for the other would take a hundred times too much or too little.
pub(super) fn in_stripes_units(money: Money) -> Option<u64> {
    let units = money.minor_units;
    match money.currency.code() {
        // No decimals any more, but "you must pass in amounts with two": 5 krónur are 500.
        "ISK" | "UGX" => units.checked_mul(100),
        // Stripe takes whole ariary only; ISO has hundredths.
        "MGA" => units.is_multiple_of(100).then_some(units / 100),
        _ => Some(units),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_currencies_are_counted_otherwise_than_in_iso_4217() {
        let units =
            |minor_units, currency: &str| in_stripes_units(Money { minor_units, currency: currency.parse().unwrap() });
        assert_eq!(units(6500, "EUR"), Some(6500));
        assert_eq!(units(6500, "JPY"), Some(6500));
        assert_eq!(units(6500, "KWD"), Some(6500));
        assert_eq!(units(65, "ISK"), Some(6500));
        assert_eq!(units(65, "UGX"), Some(6500));
        assert_eq!(units(6500, "MGA"), Some(65));
        assert_eq!(units(6501, "MGA"), None);
        assert_eq!(units(u64::MAX, "ISK"), None);
    }
}
