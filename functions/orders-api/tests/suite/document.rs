//! The API's description, held against everything that the tests are answered.

use std::sync::LazyLock;

use serde_json::{Value, json};
use tidegate_testkit::openapi::{Description, Exchange};

use crate::fixtures::{Answer, Call};

static DESCRIPTION: LazyLock<Description> =
    LazyLock::new(|| Description::of(include_str!("../../../../docs/openapi/orders.yaml")));

pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| DESCRIPTION.document().clone());

#[track_caller]
pub(crate) fn assert_valid(schema: &Value, value: &Value, what: &str) {
    let errors = DESCRIPTION.errors(schema, value);
    assert!(errors.is_empty(), "{what}: {errors:?}\n{value:#}");
}

/// The answer is one that is described, and all of it is as described.
#[track_caller]
pub(crate) fn check(call: &Call, answer: &Answer) {
    let exchange = Exchange {
        method: &call.method,
        path: &call.path,
        status: answer.status,
        headers: &answer.headers,
        body: &answer.body,
    };
    let faults = [DESCRIPTION.faults(&exchange), DESCRIPTION.undescribed_headers(&exchange)].concat();
    assert!(faults.is_empty(), "{} {}: {faults:?}\n{answer:?}", call.method, call.path);
}

/// A body that is taken is one that the description allows. (It cannot say all that is refused.)
pub(crate) fn allows(body: &[u8]) -> bool {
    let schema = json!({ "$ref": "#/components/schemas/PlaceOrder" });
    serde_json::from_slice(body).is_ok_and(|value| DESCRIPTION.errors(&schema, &value).is_empty())
}
