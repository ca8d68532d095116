//! Slack's limits on Block Kit: <https://docs.slack.dev/reference/block-kit/blocks>.

use serde_json::Value;

/// The most blocks a message may have.
const MAX_BLOCKS: usize = 50;
/// The most characters of a text object.
const MAX_TEXT: usize = 3_000;
/// The most characters of one field of a section.
const MAX_FIELD: usize = 2_000;
/// The most characters of a header.
const MAX_HEADER: usize = 150;
/// The most characters of a button's text.
const MAX_BUTTON: usize = 75;
/// The most characters of a URL.
const MAX_URL: usize = 3_000;
/// The most characters of a block's id.
const MAX_BLOCK_ID: usize = 255;

/// Checks a message's blocks as Slack does; the error says where, in the words of Slack's `response_metadata`.
pub(super) fn check(blocks: &Value) -> Result<(), String> {
    let Some(blocks) = blocks.as_array() else { return Err("blocks must be an array".to_owned()) };
    if blocks.len() > MAX_BLOCKS {
        return Err(format!("no more than {MAX_BLOCKS} items allowed [json-pointer:/blocks]"));
    }
    for (index, block) in blocks.iter().enumerate() {
        check_block(block).map_err(|(problem, at)| format!("{problem} [json-pointer:/blocks/{index}{at}]"))?;
    }
    Ok(())
}

type Problem = (String, String);

fn check_block(block: &Value) -> Result<(), Problem> {
    if block["block_id"].as_str().is_some_and(|id| length(id) > MAX_BLOCK_ID) {
        return problem(format!("must be no more than {MAX_BLOCK_ID} characters"), "/block_id");
    }
    match block["type"].as_str() {
        Some("header") => plain_text(&block["text"], MAX_HEADER, "/text"),
        Some("section") => section(block),
        Some("context") => context(block),
        Some("actions") => actions(block),
        Some("image") => image(block),
        Some("divider" | "rich_text" | "markdown" | "video" | "file" | "input") => Ok(()),
        Some(other) => problem(format!("unsupported type: {other}"), "/type"),
        None => problem("missing required field: type", ""),
    }
}

fn section(block: &Value) -> Result<(), Problem> {
    let fields = block["fields"].as_array();
    if block["text"].is_null() && fields.is_none() {
        return problem("missing required field: text or fields", "");
    }
    if !block["text"].is_null() {
        text(&block["text"], MAX_TEXT, "/text")?;
    }
    let fields = fields.map(Vec::as_slice).unwrap_or_default();
    if fields.len() > 10 {
        return problem("no more than 10 items allowed", "/fields");
    }
    fields.iter().enumerate().try_for_each(|(index, field)| text(field, MAX_FIELD, &format!("/fields/{index}")))
}

fn context(block: &Value) -> Result<(), Problem> {
    let elements = elements(block, 10)?;
    elements.iter().enumerate().try_for_each(|(index, element)| match element["type"].as_str() {
        Some("image") => image(element),
        _ => text(element, MAX_TEXT, &format!("/elements/{index}")),
    })
}

fn actions(block: &Value) -> Result<(), Problem> {
    let elements = elements(block, 25)?;
    elements.iter().enumerate().try_for_each(|(index, element)| {
        if element["url"].as_str().is_some_and(|url| length(url) > MAX_URL) {
            return problem(format!("must be no more than {MAX_URL} characters"), &format!("/elements/{index}/url"));
        }
        match element["type"].as_str() {
            Some("button") => plain_text(&element["text"], MAX_BUTTON, &format!("/elements/{index}/text")),
            Some(_) => Ok(()),
            None => problem("missing required field: type", &format!("/elements/{index}")),
        }
    })
}

fn image(block: &Value) -> Result<(), Problem> {
    match (block["image_url"].as_str(), block["alt_text"].as_str()) {
        (Some(url), Some(_)) if length(url) <= MAX_URL => Ok(()),
        (Some(_), Some(_)) => problem(format!("must be no more than {MAX_URL} characters"), "/image_url"),
        _ => problem("missing required field: image_url or alt_text", ""),
    }
}

fn elements(block: &Value, most: usize) -> Result<&[Value], Problem> {
    match block["elements"].as_array() {
        Some(elements) if (1..=most).contains(&elements.len()) => Ok(elements),
        Some(elements) if elements.is_empty() => problem("no fewer than 1 item allowed", "/elements"),
        Some(_) => problem(format!("no more than {most} items allowed"), "/elements"),
        None => problem("missing required field: elements", ""),
    }
}

fn plain_text(value: &Value, most: usize, at: &str) -> Result<(), Problem> {
    if value["type"] != "plain_text" {
        return problem("must be a plain_text object", at);
    }
    text(value, most, at)
}

fn text(value: &Value, most: usize, at: &str) -> Result<(), Problem> {
    if !matches!(value["type"].as_str(), Some("plain_text" | "mrkdwn")) {
        return problem("must be a text object", at);
    }
    match value["text"].as_str() {
        None => problem("missing required field: text", at),
        Some("") => problem("must be more than 0 characters", &format!("{at}/text")),
        Some(text) if length(text) > most => {
            problem(format!("must be no more than {most} characters"), &format!("{at}/text"))
        }
        Some(_) => Ok(()),
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn problem<T>(what: impl Into<String>, at: &str) -> Result<T, Problem> {
    Err((what.into(), at.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn section(text: &str) -> Value {
        json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
    }

    #[test]
    fn a_text_at_the_limit_passes_and_one_more_character_does_not() {
        assert_eq!(check(&json!([section(&"é".repeat(3_000))])), Ok(()));
        let error = check(&json!([section("x"), section(&"é".repeat(3_001))])).unwrap_err();
        assert_eq!(error, "must be no more than 3000 characters [json-pointer:/blocks/1/text/text]");
    }

    #[test]
    fn fifty_blocks_pass_and_fifty_one_do_not() {
        assert_eq!(check(&json!(vec![section("x"); 50])), Ok(()));
        assert!(check(&json!(vec![section("x"); 51])).is_err());
    }

    #[test]
    fn what_slack_refuses_is_refused() {
        for block in [
            json!({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}),
            json!({"type": "header", "text": {"type": "plain_text", "text": "x".repeat(151)}}),
            json!({"type": "section"}),
            json!({"type": "section", "text": {"type": "mrkdwn", "text": ""}}),
            json!({"type": "section", "text": "x"}),
            json!({"type": "context", "elements": []}),
            json!({"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "x".repeat(76)}}]}),
            json!({"type": "marquee"}),
            json!({"text": "x"}),
            json!("x"),
        ] {
            assert!(check(&json!([block])).is_err(), "{block}");
        }
    }

    #[test]
    fn what_slack_shows_is_accepted() {
        let blocks = json!([
            {"type": "header", "text": {"type": "plain_text", "text": "Deployed"}},
            {"type": "divider"},
            {"type": "section", "fields": [{"type": "mrkdwn", "text": "*a*"}, {"type": "plain_text", "text": "b"}]},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}, {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a"}]},
            {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Compare"}, "url": "https://example.com"}]},
        ]);
        assert_eq!(check(&blocks), Ok(()));
    }
}
