//! What has happened to an order, as lines for people.

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_events::{EventType, TimelineEntry};

use crate::sfn::{Step, StepKind};

/// Milliseconds since the epoch.
pub fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// A length of time since the order was placed, to the millisecond and always as wide: `+  1.234 s`.
pub fn offset(since: i64, at: i64) -> String {
    let late = (at - since).max(0);
    format!("+{:>3}.{:03} s", late / 1_000, late % 1_000)
}

/// `+  0.321 s  payment declined  insufficient_funds  (AuthorisePayment)`
pub fn entry(entry: &TimelineEntry, since: i64) -> String {
    let detail = detail(&entry.data);
    let cause = entry.cause.as_deref().map(cause).map(|cause| format!("({cause})"));
    let parts = [Some(detail).filter(|it| !it.is_empty()), cause];
    let rest = parts.into_iter().flatten().collect::<Vec<_>>().join("  ");
    let line = format!("{}  {:<30}{rest}", offset(since, millis(entry.time)), word(&entry.event_type));
    printable(line.trim_end())
}

/// What the saga does, shifted to the right, so that it reads as the cause of what happens. Nothing for what nobody needs to know.
pub fn step(step: &Step, since: i64) -> Option<String> {
    let what = match &step.what {
        StepKind::Entered { state } => format!("saga: {state}"),
        StepKind::Failed { state, error } => format!("saga: {state} was answered {error}"),
        StepKind::Succeeded => "saga: has ended".to_owned(),
        StepKind::Ended { error } => format!("saga: has failed, {error}"),
        StepKind::Redriven => "saga: goes on where it failed".to_owned(),
        StepKind::Started | StepKind::Left { .. } => return None,
    };
    Some(printable(&format!("{}    {what}", offset(since, step.at_millis))))
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
    let known = EventType::ALL.iter().find(|it| it.as_str() == event_type).map(|it| it.as_str()).unwrap_or(event_type);
    let middle = known.strip_prefix("com.tidegate.orders.").unwrap_or(known);
    middle.rsplit_once(".v").map_or(middle, |(word, _)| word).replace('-', " ")
}

/// The command that led to it, by its state: the order's id, which stands in front, everybody knows here.
fn cause(command_id: &str) -> &str {
    command_id.rsplit('/').find(|part| part.starts_with(|c: char| c.is_ascii_uppercase())).unwrap_or(command_id)
}

/// What a reader wants to know of an event's data.
fn detail(data: &Value) -> String {
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

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(event_type: &str, cause: Option<&str>, data: Value) -> TimelineEntry {
        TimelineEntry {
            order_id: "ord_1".parse().unwrap(),
            time: "2027-01-02T03:04:05.321Z".parse().unwrap(),
            event_type: event_type.to_owned(),
            source: "/payments".to_owned(),
            id: "ord_1/2/0".to_owned(),
            cause: cause.map(str::to_owned),
            data,
        }
    }

    fn since() -> i64 {
        millis("2027-01-02T03:04:04Z".parse().unwrap())
    }

    #[test]
    fn an_entry_tells_when_what_and_why() {
        let amount = json!({"minor_units": 3_980, "currency": "EUR"});
        let declined = sample(
            "com.tidegate.orders.payment-declined.v1",
            Some("ord_1/AuthorisePayment"),
            json!({"amount": amount, "reason": "insufficient_funds"}),
        );
        let expected = "+  1.321 s  payment declined              39.80 EUR, insufficient_funds  (AuthorisePayment)";
        assert_eq!(entry(&declined, since()), expected);
        let short = json!({"short": [{"sku": "gauge", "requested": 3, "available": 1}]});
        let rejected = sample("com.tidegate.orders.stock-rejected.v1", None, short);
        assert!(entry(&rejected, since()).ends_with("3 x gauge wanted, 1 there"));
    }

    #[test]
    fn what_a_newer_program_says_is_shown_and_cannot_steer_the_terminal() {
        let newer = sample("com.tidegate.orders.order-gift-wrapped.v2", None, json!({"reason": "\u{1b}[2J"}));
        assert_eq!(entry(&newer, since()), "+  1.321 s  order gift wrapped            [2J");
    }

    #[test]
    fn money_has_the_digits_of_its_currency() {
        for (units, code, expected) in [(5, "EUR", "0.05 EUR"), (500, "JPY", "500 JPY"), (1_234, "KWD", "1.234 KWD")] {
            assert_eq!(money(&json!({"minor_units": units, "currency": code})).as_deref(), Some(expected));
        }
    }

    #[test]
    fn of_the_saga_its_states_and_their_failures_are_told() {
        let at = |what| Step { id: 1, at_millis: since() + 50, what };
        let failed = StepKind::Failed { state: "AuthorisePayment".to_owned(), error: "PaymentDeclined".to_owned() };
        let line = step(&at(failed), since()).unwrap();
        assert_eq!(line, "+  0.050 s    saga: AuthorisePayment was answered PaymentDeclined");
        assert_eq!(step(&at(StepKind::Left { state: "ReserveStock".to_owned() }), since()), None);
    }
}
