//! What has happened to an order, as lines for the terminal.

use jiff::Timestamp;
use tidegate_events::TimelineEntry;
use tidegate_operations::timeline::{cause, detail, word};
use tidegate_operations::{Step, StepKind};

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
    let parts = [Some(detail).filter(|detail| !detail.is_empty()), cause];
    let rest = parts.into_iter().flatten().collect::<Vec<_>>().join("  ");
    let line = format!("{}  {:<30}{rest}", offset(since, millis(entry.time)), word(&entry.event_type));
    printable(line.trim_end())
}

/// What the saga does, shifted to the right, so that it reads as the cause of what happens. `None` for what does not help a reader.
pub fn step(step: &Step, since: i64) -> Option<String> {
    let what = match &step.what {
        StepKind::Entered { state } => format!("saga: {state}"),
        StepKind::Failed { state, error } => format!("saga: {state} failed with {error}"),
        StepKind::Succeeded => "saga: has ended".to_owned(),
        StepKind::Ended { error } => format!("saga: has failed, {error}"),
        StepKind::Redriven => "saga: continues where it failed".to_owned(),
        StepKind::Started | StepKind::Left { .. } => return None,
    };
    Some(printable(&format!("{}    {what}", offset(since, step.at_millis))))
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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
    fn an_entry_has_when_what_and_why() {
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
    fn what_a_newer_program_writes_is_shown_and_cannot_steer_the_terminal() {
        let newer = sample("com.tidegate.orders.order-gift-wrapped.v2", None, json!({"reason": "\u{1b}[2J"}));
        assert_eq!(entry(&newer, since()), "+  1.321 s  order gift wrapped            [2J");
    }

    #[test]
    fn of_the_saga_its_states_and_their_failures_are_shown() {
        let at = |what| Step { id: 1, at_millis: since() + 50, what };
        let failed = StepKind::Failed { state: "AuthorisePayment".to_owned(), error: "PaymentDeclined".to_owned() };
        let line = step(&at(failed), since()).unwrap();
        assert_eq!(line, "+  0.050 s    saga: AuthorisePayment failed with PaymentDeclined");
        assert_eq!(step(&at(StepKind::Left { state: "ReserveStock".to_owned() }), since()), None);
    }
}
