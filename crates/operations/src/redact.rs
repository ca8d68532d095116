//! Documents of secrets, without what they keep secret.

use anyhow::Result;
use serde_json::Value;

use crate::failure::Hint;

/// Members known to be harmless; the values of all others are replaced.
const SHOWN: [&str; 5] = ["scheme", "tolerance_secs", "options", "api_url", "routes"];

/// The document without what it keeps secret.
pub fn redacted(text: &str) -> Result<Value> {
    let mut document: Value = serde_json::from_str(text).map_err(|_| {
        Hint::new("the document is not JSON, so it cannot be shown without its secrets", "write it anew with `set`")
    })?;
    if let Some(members) = document.as_object_mut() {
        members.iter_mut().filter(|(name, _)| !SHOWN.contains(&name.as_str())).for_each(|(_, value)| redact(value));
    }
    Ok(document)
}

fn redact(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Object(members) => members.values_mut().for_each(redact),
        Value::String(text) => *value = Value::String(format!("redacted, {} characters", text.chars().count())),
        Value::Null | Value::Bool(_) | Value::Number(_) => *value = Value::String("redacted".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown_not_even_in_members_that_are_not_known() {
        let text = r#"{"scheme":"github","secrets":["sesame-open","old-sesame"],"Secrets":{"x":["sesame"]},"pin":1234,"options":{"header":"X-S"}}"#;
        let shown = redacted(text).unwrap().to_string();
        assert!(!shown.contains("sesame") && !shown.contains("1234"), "{shown}");
        assert!(
            shown.contains("github") && shown.contains("X-S") && shown.contains("redacted, 11 characters"),
            "{shown}"
        );
    }
}
