//! What the functions' requests to DynamoDB cost in units, by the size of the items.
//!
//! The functions do not ask for `ReturnConsumedCapacity`, so units are computed as DynamoDB bills them: a write by the size of the
//! item, twice in a transaction, refused or not; a strongly consistent read by 4 KB, any other at half; an index by what it
//! projects. Every item is written whole through the proxy, so what a read finds is what was last written.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};
use tidegate_testkit::lambda_api::Call;

use crate::size::{item_bytes, read_units, write_units};

/// AWS's task tokens are some 700 characters, up to 1,024 as first documented; the emulator's are short.
pub(crate) const TOKEN_BYTES: usize = 800;

/// Requests of one kind to one table.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Units {
    pub(crate) requests: u64,
    pub(crate) read: f64,
    pub(crate) write: f64,
    /// The largest item among them.
    pub(crate) bytes: usize,
}

/// By table, without the deployment's name, and operation; the index as a table of its own, which nobody asks.
pub(crate) type ByTable = BTreeMap<(String, String), Units>;

/// Goes through all requests since the stack came up, and counts those from the `from`th on.
pub(crate) fn count(calls: &[Call], from: usize, deployment: &str) -> Result<ByTable> {
    let mut items: HashMap<String, usize> = HashMap::new();
    let mut counted = ByTable::new();
    for (position, call) in calls.iter().enumerate() {
        let Some(billed) = bill(call, &mut items)? else { continue };
        if position < from {
            continue;
        }
        for (number, (table, units)) in billed.into_iter().enumerate() {
            let table = table.strip_prefix(deployment).and_then(|it| it.strip_prefix('-')).unwrap_or(&table).to_owned();
            let sum = counted.entry((table, call.operation.clone())).or_default();
            sum.requests += u64::from(number == 0);
            sum.read += units.read;
            sum.write += units.write;
            sum.bytes = sum.bytes.max(units.bytes);
        }
    }
    Ok(counted)
}

/// By table; nothing for a request to another service.
fn bill(call: &Call, items: &mut HashMap<String, usize>) -> Result<Option<Vec<(String, Units)>>> {
    if !is_dynamodb(&call.operation) {
        return Ok(None);
    }
    let body: Value = serde_json::from_slice(&call.body).context("a request to DynamoDB that is not JSON")?;
    let billed = match call.operation.as_str() {
        "GetItem" => {
            let table = table(&body)?;
            let bytes = items.get(&place(&table, object(&body, "Key")?)).copied().unwrap_or_default();
            let share = if body["ConsistentRead"] == true { 1.0 } else { 0.5 };
            vec![(table, Units { read: read_units(bytes) * share, bytes, ..Units::default() })]
        }
        "PutItem" => put(&body, items, 1.0)?,
        "UpdateItem" => {
            // What is set is at most added to what was there.
            let table = table(&body)?;
            let key = place(&table, object(&body, "Key")?);
            let set = body["ExpressionAttributeValues"].as_object().map(item_bytes).unwrap_or_default();
            let bytes = items.get(&key).copied().unwrap_or_default() + set;
            items.insert(key, bytes);
            vec![(table, Units { write: write_units(bytes), bytes, ..Units::default() })]
        }
        "TransactWriteItems" => {
            let mut billed = Vec::new();
            for write in body["TransactItems"].as_array().context("a transaction of nothing")? {
                billed.extend(put(write.get("Put").context("a transaction with more than puts")?, items, 2.0)?);
            }
            billed
        }
        other => bail!("this benchmark does not know how {other} is billed"),
    };
    Ok(Some(billed))
}

pub(crate) fn is_dynamodb(operation: &str) -> bool {
    ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"].contains(&operation)
        || operation.starts_with("Transact")
        || operation.starts_with("BatchGet")
        || operation.starts_with("BatchWrite")
}

fn put(body: &Value, items: &mut HashMap<String, usize>, times: f64) -> Result<Vec<(String, Units)>> {
    let (table, item) = (table(body)?, object(body, "Item")?);
    let bytes = item_bytes(item) + longer_tokens(item);
    items.insert(place(&table, &key_of(item)), bytes);
    let mut billed = vec![(table.clone(), Units { write: times * write_units(bytes), bytes, ..Units::default() })];
    // `by-customer` projects the version, which every write changes.
    if item.contains_key("customer_id") && item.contains_key("placed_at") {
        billed.push((format!("{table}/by-customer"), Units { write: 1.0, ..Units::default() }));
    }
    Ok(billed)
}

/// What the answers in an outbox would take more if their task tokens were as long as AWS's.
fn longer_tokens(item: &Map<String, Value>) -> usize {
    let outbox = item.get("outbox").and_then(|outbox| outbox["S"].as_str()).unwrap_or("[]");
    let said: Vec<Value> = serde_json::from_str(outbox).unwrap_or_default();
    let tokens = said.iter().filter_map(|it| it["reply"]["token"].as_str());
    tokens.map(|token| TOKEN_BYTES.saturating_sub(token.len())).sum()
}

/// As the templates have it: `id`, or the timeline's two.
fn key_of(item: &Map<String, Value>) -> Map<String, Value> {
    let names: &[&str] =
        if item.contains_key("id") && !item.contains_key("entry") { &["id"] } else { &["entry", "order_id"] };
    item.iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(n, v)| (n.clone(), v.clone())).collect()
}

fn place(table: &str, key: &Map<String, Value>) -> String {
    let sorted: BTreeMap<&String, &Value> = key.iter().collect();
    format!("{table} {}", serde_json::json!(sorted))
}

fn table(body: &Value) -> Result<String> {
    Ok(body["TableName"].as_str().context("a request to no table")?.to_owned())
}

fn object<'a>(body: &'a Value, name: &str) -> Result<&'a Map<String, Value>> {
    body[name].as_object().with_context(|| format!("a request to DynamoDB without {name}"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    fn call(operation: &str, body: Value) -> Call {
        let body = Bytes::from(body.to_string());
        Call { operation: operation.to_owned(), method: "POST".parse().unwrap(), path: "/".to_owned(), body }
    }

    fn counted(calls: &[Call], from: usize, table: &str, operation: &str) -> Units {
        count(calls, from, "tidegate").unwrap()[&(table.to_owned(), operation.to_owned())]
    }

    #[test]
    fn a_read_costs_by_what_was_written_before() {
        let large = "x".repeat(5000);
        let put =
            call("PutItem", json!({"TableName": "tidegate-stock", "Item": {"id": {"S": "a"}, "b": {"S": large}}}));
        let key = json!({"id": {"S": "a"}});
        let get = call("GetItem", json!({"TableName": "tidegate-stock", "Key": key, "ConsistentRead": true}));
        let half = call("GetItem", json!({"TableName": "tidegate-stock", "Key": {"id": {"S": "none"}}}));
        let calls = [put, get, half];
        assert_eq!(counted(&calls, 0, "stock", "PutItem"), Units { requests: 1, read: 0.0, write: 5.0, bytes: 5004 });
        assert_eq!(counted(&calls, 1, "stock", "GetItem"), Units { requests: 2, read: 2.5, write: 0.0, bytes: 5004 });
        assert_eq!(count(&calls, 1, "tidegate").unwrap().len(), 1);
    }

    #[test]
    fn an_answer_is_counted_as_if_its_token_were_of_aws() {
        let outbox = json!([{"reply": {"command": "ord_1/Confirm", "token": "short", "reply": {}}}]).to_string();
        let item = json!({"id": {"S": "a"}, "outbox": {"S": outbox}});
        let bytes = 2 + 1 + 6 + outbox.len() + TOKEN_BYTES - 5;
        let calls = [call("PutItem", json!({"TableName": "tidegate-stock", "Item": item}))];
        assert_eq!(counted(&calls, 0, "stock", "PutItem").bytes, bytes);
    }

    #[test]
    fn a_transaction_is_one_request_at_twice_the_price() {
        let put = |id: &str| json!({"Put": {"TableName": "tidegate-stock", "Item": {"id": {"S": id}}}});
        let calls = [call("TransactWriteItems", json!({"TransactItems": [put("a"), put("b")]}))];
        assert_eq!(
            counted(&calls, 0, "stock", "TransactWriteItems"),
            Units { requests: 1, read: 0.0, write: 4.0, bytes: 3 }
        );
    }

    #[test]
    fn an_order_is_written_to_its_index_too_and_other_services_are_none_of_this() {
        let item = json!({"id": {"S": "ord_1"}, "customer_id": {"S": "c"}, "placed_at": {"S": "t"}});
        let calls =
            [call("PutItem", json!({"TableName": "tidegate-orders", "Item": item})), call("Publish", json!({}))];
        let index = counted(&calls, 0, "orders/by-customer", "PutItem");
        assert_eq!(index, Units { requests: 0, read: 0.0, write: 1.0, bytes: 0 });
        assert!(count(&[call("Query", json!({}))], 0, "tidegate").is_err());
    }
}
