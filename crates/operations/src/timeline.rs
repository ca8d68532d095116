//! What has happened to an order, in words.

use serde_json::{Value, json};
use tidegate_events::TimelineEntry;

/// An entry as the orders API gives it; `None` where a member is missing.
pub fn read_entry(order: &str, entry: &Value) -> Option<TimelineEntry> {
    let text = |name: &str| entry[name].as_str().map(str::to_owned);
    Some(TimelineEntry {
        order_id: order.parse().ok()?,
        time: text("time")?.parse().ok()?,
        event_type: text("type")?,
        source: text("source")?,
        id: text("id")?,
        cause: text("cause"),
        data: entry["data"].clone(),
    })
}

/// An entry as one JSON value.
pub fn entry_document(entry: &TimelineEntry) -> Value {
    json!({
        "kind": "event",
        "time": entry.time,
        "type": entry.event_type,
        "source": entry.source,
        "id": entry.id,
        "cause": entry.cause,
        "data": entry.data,
    })
}

/// An event's type in words: `com.tidegate.orders.payment-declined.v1` is `payment declined`.
pub fn word(event_type: &str) -> String {
    let middle = event_type.strip_prefix("com.tidegate.orders.").unwrap_or(event_type);
    middle.rsplit_once(".v").map_or(middle, |(word, _)| word).replace('-', " ")
}

/// The state that sent the command: a command's id begins with the order's, which is known here.
pub fn cause(command_id: &str) -> &str {
    command_id.rsplit('/').find(|part| part.starts_with(|c: char| c.is_ascii_uppercase())).unwrap_or(command_id)
}

/// The parts of an event's data that an operator wants to see.
pub fn detail(data: &Value) -> String {
    let lines = data["lines"].as_array().into_iter().flatten().chain(data["short"].as_array().into_iter().flatten());
    let lines = lines.map(|line| {
        let sku = line["sku"].as_str().unwrap_or("?");
        match (line["quantity"].as_u64(), line["requested"].as_u64(), line["available"].as_u64()) {
            (Some(quantity), ..) => format!("{quantity} x {sku}"),
            (None, Some(requested), Some(available)) => format!("{requested} x {sku} wanted, {available} there"),
            _ => sku.to_owned(),
        }
    });
    let mut parts: Vec<String> = lines.collect();
    parts.extend(["total", "amount"].iter().filter_map(|name| money(&data[*name])));
    parts.extend(
        ["reason", "step", "error", "answer"].iter().filter_map(|name| data[*name].as_str().map(str::to_owned)),
    );
    parts.join(", ")
}

/// `39.80 EUR`: with as many digits as its minor units have.
pub fn money(value: &Value) -> Option<String> {
    let (units, code) = (value["minor_units"].as_u64()?, value["currency"].as_str()?);
    let digits = iso_currency::Currency::from_code(code).and_then(iso_currency::Currency::exponent).unwrap_or(0);
    if digits == 0 {
        return Some(format!("{units} {code}"));
    }
    let one = 10_u64.pow(u32::from(digits));
    Some(format!("{}.{:0width$} {code}", units / one, units % one, width = usize::from(digits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_the_api_reads_back_and_one_without_its_time_does_not() {
        let entry = TimelineEntry {
            order_id: "ord_1".parse().unwrap(),
            time: "2027-01-02T03:04:05Z".parse().unwrap(),
            event_type: "com.tidegate.orders.order-confirmed.v1".to_owned(),
            source: "/orders".to_owned(),
            id: "ord_1/2/0".to_owned(),
            cause: None,
            data: json!({}),
        };
        let mut document = entry_document(&entry);
        assert_eq!(read_entry("ord_1", &document), Some(entry));
        document["time"] = Value::Null;
        assert_eq!(read_entry("ord_1", &document), None);
    }

    #[test]
    fn money_has_the_digits_of_its_currency() {
        for (units, code, expected) in [(5, "EUR", "0.05 EUR"), (500, "JPY", "500 JPY"), (1_234, "KWD", "1.234 KWD")] {
            assert_eq!(money(&json!({"minor_units": units, "currency": code})).as_deref(), Some(expected));
        }
    }
}
