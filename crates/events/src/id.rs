//! What things are called.

use tidegate_outbox::AggregateId;

use crate::text::{is_graphic, is_line, plain, redacted, text};

text! {
    /// An order, and the saga that carries it out: Step Functions takes it as the name of an execution, which has at
    /// most 80 characters and few signs.
    OrderId, "`ord_` and 1 to 60 letters and digits", |it| {
        it.strip_prefix("ord_").is_some_and(|rest| {
            (1..=60).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    }, plain
}
text! {
    /// Who orders: the subject of the token by which they signed in.
    CustomerId, "1 to 128 visible ASCII characters", |it| is_graphic(it, 128), plain
}
text! {
    /// A stock keeping unit: what is counted as one kind of thing.
    Sku, "1 to 64 letters, digits, `.`, `_` and `-`", |it| {
        (1..=64).contains(&it.len())
            && it.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    }, plain
}
text! {
    /// A payment as its provider calls it (Stripe: the payment intent).
    PaymentId, "1 to 255 visible ASCII characters", |it| is_graphic(it, 255), plain
}
text! {
    /// What the customer pays with, as the provider calls it (Stripe: the payment method). Never a card's number.
    PaymentMethod, "1 to 255 visible ASCII characters", |it| is_graphic(it, 255), redacted
}
text! {
    /// A shipment as its carrier calls it.
    ShipmentId, "1 to 255 visible ASCII characters", |it| is_graphic(it, 255), plain
}
text! {
    /// The piece of work that something belongs to.
    CorrelationId, "1 to 256 characters, none a control character", |it| is_line(it, 256), plain
}
text! {
    /// Why somebody outside said no, as a word of theirs: `insufficient_funds`.
    Reason, "1 to 64 lower case letters, digits and `_`", |it| {
        (1..=64).contains(&it.len())
            && it.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    }, plain
}
text! {
    /// Where to send the outcome. HTTPS, because it is signed but not encrypted otherwise; HTTP to this machine alone,
    /// which is what local stacks and tests have, and what a deployment in AWS refuses to connect to.
    CallbackUrl, "an https URL of at most 2048 characters, without user and password", is_callback_url, plain
}

impl From<&OrderId> for AggregateId {
    /// Of the items that services keep of an order: they have its id.
    fn from(id: &OrderId) -> Self {
        // Invariant: at most 64 letters, digits and `_`, which is a name.
        #[expect(clippy::expect_used, reason = "see the invariant")]
        Self::new(id.as_str()).expect("an order's id names an aggregate")
    }
}

fn is_callback_url(text: &str) -> bool {
    if text.len() > 2048 || text.contains('#') {
        return false;
    }
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    let is_here = matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]");
    !authority.as_str().contains('@')
        && !authority.host().is_empty()
        && (uri.scheme_str() == Some("https") || uri.scheme_str() == Some("http") && is_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_id_is_a_name_that_an_execution_may_have() {
        assert!("ord_01JD5Z".parse::<OrderId>().is_ok());
        assert!(format!("ord_{}", "a".repeat(60)).parse::<OrderId>().is_ok());
        for bad in ["", "ord_", "ORD_1", "01JD", "ord_a/b", "ord_é", &format!("ord_{}", "a".repeat(61))] {
            assert!(bad.parse::<OrderId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_longest_order_id_names_an_aggregate() {
        let longest: OrderId = format!("ord_{}", "a".repeat(60)).parse().unwrap();
        assert_eq!(AggregateId::from(&longest).as_str(), longest.as_str());
    }

    #[test]
    fn a_callback_goes_over_https_or_stays_on_this_machine() {
        for good in [
            "https://shop.example/hooks",
            "https://shop.example:8443/h?a=b",
            "HTTPS://shop.example",
            "http://localhost:9/x",
            "http://127.0.0.1:8080",
            "http://[::1]:1/",
        ] {
            assert!(good.parse::<CallbackUrl>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "/hooks",
            "shop.example/hooks",
            "http://shop.example/hooks",
            "http://127.0.0.1.shop.example/",
            "https://user:word@shop.example/",
            "https://@shop.example/",
            "https:///hooks",
            "https://shop.example/#part",
            "ftp://shop.example/",
            "https://shop example/",
        ] {
            assert!(bad.parse::<CallbackUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn tokens_and_payment_methods_do_not_show_in_debug() {
        let token: tidegate_outbox::TaskToken = "made-up-token".parse().unwrap();
        let method: PaymentMethod = "pm_made_up".parse().unwrap();
        assert_eq!(format!("{token:?} {method:?}"), "TaskToken(redacted) redacted");
    }

    #[test]
    fn what_is_wrong_with_a_text_does_not_quote_it() {
        let error = serde_json::from_str::<Sku>(r#""made up""#).unwrap_err().to_string();
        assert!(!error.contains("made up"), "{error}");
    }
}
