//! What is refused, why, and where it says so; and that nothing is left behind.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::document::allows;
use crate::fixtures::{Call, MAX_BODY_BYTES, Shop, body};

async fn refused(call: &Call) -> (u16, String, Vec<String>) {
    let shop = Shop::new();
    let answer = shop.ask(call).await;
    assert!(shop.orders.images().is_empty(), "nothing is written for what is refused");
    let pointers = answer.pointers().into_iter().map(str::to_owned).collect();
    (answer.status, answer.problem().to_owned(), pointers)
}

/// The good body with other text in place of something.
fn instead(pointer: &str, text: &str) -> String {
    let mut body = body();
    *body.pointer_mut(pointer).unwrap() = "PLACE".into();
    body.to_string().replace("\"PLACE\"", text)
}

#[tokio::test]
async fn a_body_that_is_no_json_is_malformed() {
    let deep = "[".repeat(MAX_BODY_BYTES);
    let deeper = format!("{}1{}", "{\"lines\":".repeat(1000), "}".repeat(1000));
    for body in [
        &b""[..],
        b" ",
        b"\0",
        b"{",
        b"{}{}",
        b"\xff\xfe",
        "\u{feff}{}".as_bytes(),
        b"lines=1",
        b"<order/>",
        b"{'lines': []}",
        b"NaN",
        deep.as_bytes(),
        deeper.as_bytes(),
        instead("/lines/0/quantity", "1e999").as_bytes(),
        instead("/lines/0/quantity", "01").as_bytes(),
        instead("/lines/0/sku", "\"\\ud800\"").as_bytes(),
        instead("/lines/0/sku", "\"a\0b\"").as_bytes(),
    ] {
        let (status, problem, pointers) = refused(&Call::place("key-1", body)).await;
        assert_eq!((status, problem.as_str()), (400, "malformed-body"), "{}", String::from_utf8_lossy(body));
        assert!(pointers.is_empty());
    }
}

#[tokio::test]
async fn json_that_is_no_order_is_told_all_that_is_wrong() {
    let great = "9".repeat(400);
    for (body, expected) in [
        ("{}".to_owned(), vec!["/lines", "/payment_method", "/address"]),
        ("null".to_owned(), vec![""]),
        ("[]".to_owned(), vec![""]),
        ("1".to_owned(), vec![""]),
        (instead("/lines", "[]"), vec!["/lines"]),
        (instead("/lines", "{}"), vec!["/lines"]),
        (instead("/lines/0", "null"), vec!["/lines/0"]),
        (instead("/lines/0/quantity", "0"), vec!["/lines/0/quantity"]),
        (instead("/lines/0/quantity", "-1"), vec!["/lines/0/quantity"]),
        (instead("/lines/0/quantity", "2.0"), vec!["/lines/0/quantity"]),
        (instead("/lines/0/quantity", "1e300"), vec!["/lines/0/quantity"]),
        (instead("/lines/0/quantity", "18446744073709551616"), vec!["/lines/0/quantity"]),
        (instead("/lines/0/quantity", "\"2\""), vec!["/lines/0/quantity"]),
        (instead("/lines/0/sku", "\"tide\\u0000table\""), vec!["/lines/0/sku"]),
        (instead("/lines/0/sku", "\"täfel\""), vec!["/lines/0/sku"]),
        (instead("/lines/0/sku", "\"sea-chart.7\""), vec!["/lines/1/sku"]),
        (instead("/lines/0/unit_price/currency", "\"USD\""), vec!["/lines/1/unit_price/currency"]),
        (instead("/lines/0/unit_price/minor_units", "99999999"), vec!["/lines"]),
        (instead("/address/name", "\"a\\nb\""), vec!["/address/name"]),
        (instead("/address/country", "\"nl\""), vec!["/address/country"]),
        (instead("/callback_url", "\"http://169.254.169.254/\""), vec!["/callback_url"]),
        (instead("/payment_method", "\"pm\", \"payment_method\": \"pm\""), vec!["/payment_method"]),
        (instead("/payment_method", "\"pm\", \"a/b~c\": 1"), vec!["/a~1b~0c"]),
        (instead("/lines/0/quantity", &great), vec![]), // beyond what a double holds: not JSON that can be read
    ] {
        let (status, problem, pointers) = refused(&Call::place("key-1", body.as_str())).await;
        if expected.is_empty() {
            assert_eq!((status, problem.as_str()), (400, "malformed-body"), "{body}");
        } else {
            assert_eq!((status, problem.as_str()), (422, "invalid-order"), "{body}");
        }
        assert_eq!(pointers, expected, "{body}");
    }
}

#[tokio::test]
async fn a_body_that_is_wrong_throughout_gets_no_answer_larger_than_it_is_worth() {
    let lines: Vec<_> = (0..2000).map(|_| json!({})).collect();
    let (status, _, pointers) = refused(&Call::place("key-1", json!({ "lines": lines }).to_string())).await;
    assert_eq!((status, pointers.len()), (422, 100));
}

#[tokio::test]
async fn a_key_is_one_header_of_visible_ascii() {
    let call = |key: &str| Call::place(key, body().to_string());
    for call in [
        call("").without("idempotency-key"),
        call(""),
        call("a b"),
        call("a\t"),
        call("ключ"),
        call(&"k".repeat(256)),
        call("a").and("idempotency-key", "a"),
    ] {
        assert_eq!(refused(&call).await, (400, "idempotency-key".to_owned(), vec![]), "{call:?}");
    }
    for key in ["!", &"~".repeat(255), "\"quoted\"", "0/../../etc", "a,b"] {
        assert_eq!(Shop::new().ask(&call(key)).await.status, 202, "{key}");
    }
}

#[tokio::test]
async fn a_body_of_another_type_or_too_large_is_not_looked_at() {
    let call = || Call::place("key-1", body().to_string());
    for call in [
        call().without("content-type"),
        call().with("content-type", "text/plain"),
        call().with("content-type", "application/json-patch+json"),
        call().with("content-type", "application/json").and("content-type", "application/json"),
    ] {
        assert_eq!(refused(&call).await, (415, "unsupported-media-type".to_owned(), vec![]));
    }
    let sized = |bytes: usize| {
        let body = body().to_string();
        Call::place("key-1", format!("{body}{}", " ".repeat(bytes - body.len())))
    };
    for (call, status) in [
        (sized(MAX_BODY_BYTES), 202),
        (sized(MAX_BODY_BYTES).in_base64(), 202),
        (sized(MAX_BODY_BYTES + 1), 413),
        (sized(MAX_BODY_BYTES + 1).in_base64(), 413),
    ] {
        assert_eq!(Shop::new().ask(&call).await.status, status);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_is_answered_as_described(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let answer = ask(&Call::place("key-1", bytes));
        prop_assert!((400..500).contains(&answer));
    }

    /// One thing in a good body replaced by another: what is taken all the same the description allows.
    #[test]
    fn what_is_taken_is_what_is_described(
        at in 0_usize..32,
        other in prop_oneof![
            any::<String>().prop_map(Value::from), any::<i64>().prop_map(Value::from), any::<u16>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from), Just(Value::Null), Just(json!([])), Just(json!({})), "[A-Z]{2,3}".prop_map(Value::from),
        ],
    ) {
        let mut changed = body();
        let mut pointers = Vec::new();
        below(&changed, String::new(), &mut pointers);
        let pointer = &pointers[at % pointers.len()];
        *changed.pointer_mut(pointer).unwrap() = other;
        let call = Call::place("key-1", changed.to_string());
        let status = ask(&call);
        prop_assert!(status == 202 || status == 422, "{status}");
        prop_assert!(status == 422 || allows(call.body()), "{changed}");
    }
}

fn ask(call: &Call) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { Shop::new().ask(call).await.status })
}

fn below(value: &Value, pointer: String, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, it)| below(it, format!("{pointer}/{name}"), into)),
        Value::Array(entries) => {
            entries.iter().enumerate().for_each(|(at, it)| below(it, format!("{pointer}/{at}"), into));
        }
        _ => {}
    }
    into.push(pointer);
}
