//! The body of `POST /orders`: what is taken, and that everything wrong is said at once.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test is about the variants that it names")]
#![expect(clippy::unwrap_used, reason = "clippy takes what the tests share for no test")]

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_events::{MAX_LINES, PlaceOrder};

fn good() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/place-order.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn faults_of(text: &str) -> Vec<(String, String)> {
    let faults = PlaceOrder::parse(text.as_bytes()).unwrap_err();
    faults.into_iter().map(|it| (it.pointer, it.detail.into_owned())).collect()
}

fn pointers(body: &Value) -> Vec<String> {
    faults_of(&body.to_string()).into_iter().map(|(pointer, _)| pointer).collect()
}

fn with(pointer: &str, to: Value) -> Value {
    let mut body = good();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match body.pointer_mut(parent).unwrap() {
        Value::Object(members) => drop(members.insert(name.to_owned(), to)),
        Value::Array(entries) => entries[name.parse::<usize>().unwrap()] = to,
        other => panic!("{other}"),
    }
    body
}

#[test]
fn a_good_order_costs_the_sum_of_its_lines() {
    let order = PlaceOrder::parse(good().to_string().as_bytes()).unwrap();
    let placed = order.placed_by("customer-mona".parse().unwrap());
    assert_eq!((placed.total.minor_units, placed.total.currency.code()), (6500, "EUR"));
    let placed = serde_json::to_value(&placed).unwrap();
    for member in ["lines", "payment_method", "address", "callback_url"] {
        assert_eq!(placed[member], good()[member]);
    }
}

#[test]
fn what_may_be_missing_may_be_null() {
    for member in ["/callback_url", "/address/line2", "/address/region", "/address/postal_code"] {
        assert!(PlaceOrder::parse(with(member, Value::Null).to_string().as_bytes()).is_ok(), "{member}");
    }
    for member in ["/lines", "/payment_method", "/address", "/address/name", "/lines/0/unit_price"] {
        assert_eq!(pointers(&with(member, Value::Null)), [member]);
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let body = json!({
        "lines": [
            {"sku": "a b", "quantity": 0, "unit_price": {"minor_units": -1, "currency": "eur"}},
            {"sku": "chart", "quantity": 1.5, "unit_price": {"minor_units": 100, "currency": "EUR"}, "colour/~": 1},
            {"sku": "chart", "quantity": "1", "unit_price": {"minor_units": 100, "currency": "USD"}},
            {"quantity": 10_001},
            7,
        ],
        "payment_method": "",
        "address": {"name": " ", "line1": "1 Harbour\nStreet", "city": 5, "country": "Netherlands"},
        "callback_url": "http://shop.example/hooks",
        "coupon": "made-up",
    });
    insta::with_settings!({ snapshot_path => "fixtures", prepend_module_to_snapshot => false }, {
        let said: Vec<_> = faults_of(&body.to_string()).into_iter().map(|(at, detail)| format!("{at}: {detail}")).collect();
        insta::assert_snapshot!("place-order-faults", said.join("\n"));
    });
}

#[test]
fn a_body_that_is_no_object_has_one_fault() {
    for text in ["", "{", "nul", "[]", "1", "\"order\"", "null", "{}{}", "\u{0}"] {
        let faults = faults_of(text);
        assert!(faults.len() == 1 && faults[0].0.is_empty(), "{text}: {faults:?}");
    }
    assert_eq!(pointers(&json!({})), ["/lines", "/payment_method", "/address"]);
}

#[test]
fn a_name_that_stands_twice_is_a_fault() {
    let text = good().to_string().replacen(r#""quantity":2"#, r#""quantity":2,"quantity":3"#, 1);
    assert_eq!(faults_of(&text), [("/lines/0/quantity".to_owned(), "stands here more than once".to_owned())]);
}

#[test]
fn an_order_has_lines_that_cost_something_but_not_too_much() {
    let line = |index: usize, price: u64| {
        let unit_price = json!({"minor_units": price, "currency": "EUR"});
        json!({"sku": format!("sku-{index}"), "quantity": 10_000, "unit_price": unit_price})
    };
    let lines = |count: usize, price| with("/lines", (0..count).map(|it| line(it, price)).collect());
    assert!(PlaceOrder::parse(lines(MAX_LINES, 199).to_string().as_bytes()).is_ok());
    for wrong in [lines(0, 1), lines(MAX_LINES + 1, 1), lines(1, 0), lines(1, 10_000), lines(MAX_LINES, 99_999_999)] {
        assert_eq!(pointers(&wrong), ["/lines"]);
    }
    assert_eq!(pointers(&lines(1, 100_000_000)), ["/lines/0/unit_price/minor_units"]);
    assert_eq!(pointers(&lines(1, u64::MAX)), ["/lines/0/unit_price/minor_units"]);
}

#[test]
fn a_body_that_is_wrong_throughout_is_answered_within_bounds() {
    let members: Vec<_> = (0..10_000).map(|it| format!("\"m{it}\":0")).collect();
    assert_eq!(faults_of(&format!("{{{}}}", members.join(","))).len(), 100);
}

proptest! {
    /// Whatever is put in place of one value, what is said is about that place or what holds it or is below it.
    #[test]
    fn a_fault_is_where_it_is_said_to_be(which in 0_usize..8, number: i64, text in "[ -~]{0,5}", kind in 0..4) {
        let places = ["/lines", "/lines/1", "/lines/1/sku", "/lines/0/quantity", "/lines/1/unit_price/currency",
            "/payment_method", "/address/city", "/callback_url"];
        let to = match kind { 0 => json!(number), 1 => json!(text), 2 => json!([text]), _ => json!({ &text: number }) };
        if let Err(faults) = PlaceOrder::parse(with(places[which], to).to_string().as_bytes()) {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                let near = fault.pointer.starts_with(places[which]) || places[which].starts_with(&fault.pointer);
                prop_assert!(near, "{} for {}", fault.pointer, places[which]);
            }
        }
    }
}
