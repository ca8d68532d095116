//! A Slack message as text for the terminal.

use serde_json::Value;
use tidegate_standins::Message;

/// A message with its channel and time above it.
pub fn message(message: &Message) -> String {
    let time = message.received_at.get(11..19).unwrap_or(&message.received_at);
    let mut lines = vec![format!("{}  {time}", message.channel)];
    lines.extend(body(message).into_iter().map(|line| if line.is_empty() { line } else { format!("  {line}") }));
    lines.join("\n")
}

/// What a reader sees: the blocks, or the text when there are none.
fn body(message: &Message) -> Vec<String> {
    if message.blocks.is_empty() {
        return lines(&plain(&message.text));
    }
    message.blocks.iter().flat_map(block).collect()
}

fn block(block: &Value) -> Vec<String> {
    match block["type"].as_str() {
        Some("divider") => vec!["-".repeat(40)],
        Some("context") => vec![elements(block).map(element).collect::<Vec<_>>().join("  |  ")],
        Some("actions") => vec![elements(block).map(element).collect::<Vec<_>>().join("  ")],
        Some("image") => vec![element(block)],
        _ => {
            let fields = block["fields"].as_array().into_iter().flatten().map(text);
            let text = Some(text(&block["text"])).filter(|text| !text.is_empty());
            let rows = text.into_iter().chain(fields).flat_map(|text| lines(&text));
            let button = Some(&block["accessory"]).filter(|accessory| accessory.is_object()).map(element);
            rows.chain(button).collect()
        }
    }
}

fn elements(block: &Value) -> impl Iterator<Item = &Value> {
    block["elements"].as_array().into_iter().flatten()
}

fn element(element: &Value) -> String {
    match element["type"].as_str() {
        Some("button") => match element["url"].as_str() {
            Some(url) => format!("[{}] {url}", text(&element["text"])),
            None => format!("[{}]", text(&element["text"])),
        },
        Some("image") => format!("(image: {})", element["alt_text"].as_str().unwrap_or_default()),
        _ => text(element),
    }
}

fn text(object: &Value) -> String {
    let text = object["text"].as_str().unwrap_or_default();
    if object["type"] == "mrkdwn" { plain(text) } else { printable(text) }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Slack's mrkdwn without its marks: <https://docs.slack.dev/messaging/formatting-message-text>.
///
/// A link within a line is its label alone, as a reader sees it; one that is the whole line also shows where it leads.
fn plain(mrkdwn: &str) -> String {
    mrkdwn.split('\n').map(plain_line).collect::<Vec<_>>().join("\n")
}

fn plain_line(mrkdwn: &str) -> String {
    let alone = mrkdwn.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).filter(|inside| !inside.contains('<'));
    if let Some((target, label)) = alone.and_then(|inside| inside.split_once('|'))
        && !target.starts_with(['@', '#', '!'])
    {
        return printable(&unescaped(&format!("{} {target}", without_bold(label))));
    }
    let mut out = String::with_capacity(mrkdwn.len());
    let mut rest = mrkdwn;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(&without_bold(before));
        match after.split_once('>') {
            Some((inside, following)) => {
                out.push_str(&link(inside));
                rest = following;
            }
            None => {
                out.push('<');
                rest = after;
            }
        }
    }
    out.push_str(&without_bold(rest));
    printable(&unescaped(&out))
}

/// `url|label`, a bare URL, or a mention (`@U1`, `#C1|name`, `!here`).
fn link(inside: &str) -> String {
    let (target, label) = inside.split_once('|').map_or((inside, None), |(target, label)| (target, Some(label)));
    match (target.chars().next(), label) {
        (Some('@' | '#' | '!'), Some(label)) => format!("{}{label}", &target[..1]),
        (Some('!'), None) => format!("@{}", &target[1..]),
        (Some('@' | '#'), None) => target.to_owned(),
        (_, Some(label)) => without_bold(label),
        (_, None) => target.to_owned(),
    }
}

/// Takes away the asterisks of `*bold*`, and leaves those that stand alone: `2 * 3`.
fn without_bold(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let marks = |index: usize| {
        let before = index.checked_sub(1).and_then(|index| chars.get(index));
        let after = chars.get(index + 1);
        let outside = |c: Option<&char>| c.is_none_or(|c| !c.is_alphanumeric());
        let inside = |c: Option<&char>| c.is_none_or(|c| !c.is_whitespace());
        chars[index] == '*' && ((outside(before) && inside(after)) || (inside(before) && outside(after)))
    };
    chars.iter().enumerate().filter(|(index, _)| !marks(*index)).map(|(_, c)| c).collect()
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Without control characters: a commit message must not steer the reader's terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(blocks: Value) -> Message {
        Message {
            ts: "1700000000.000001".to_owned(),
            received_at: "2023-11-14T22:13:20.5Z".to_owned(),
            channel: "#deploys".to_owned(),
            text: "fallback".to_owned(),
            blocks: blocks.as_array().cloned().unwrap_or_default(),
            request: Value::Null,
        }
    }

    #[test]
    fn blocks_become_lines_under_channel_and_time() {
        let rendered = message(&with(json!([
            {"type": "header", "text": {"type": "plain_text", "text": "Pushed"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "*mona* pushed to <https://example.com/t|main>\n`76055c4` Turn"}},
            {"type": "divider"},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "a &amp; b"}, {"type": "image", "alt_text": "face"}]},
            {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Compare"}, "url": "https://example.com/c"}]},
        ])));
        let divider = format!("  {}", "-".repeat(40));
        assert_eq!(
            rendered.lines().collect::<Vec<_>>(),
            [
                "#deploys  22:13:20",
                "  Pushed",
                "  mona pushed to main",
                "  `76055c4` Turn",
                &divider,
                "  a & b  |  (image: face)",
                "  [Compare] https://example.com/c",
            ]
        );
    }

    #[test]
    fn a_message_without_blocks_shows_its_text() {
        assert_eq!(message(&with(json!([]))), "#deploys  22:13:20\n  fallback");
    }

    #[test]
    fn marks_and_mentions_become_plain_text() {
        for (mrkdwn, expected) in [
            ("*bold* and 2 * 3", "bold and 2 * 3"),
            ("<!here> <@U1> <#C1|ops> <https://a.example>", "@here @U1 #ops https://a.example"),
            ("&lt;!here&gt; &amp;amp;", "<!here> &amp;"),
            ("a < b", "a < b"),
            ("see <https://a.example|*this*>, please", "see this, please"),
            ("one\n<https://a.example|Compare>", "one\nCompare https://a.example"),
            ("", ""),
        ] {
            assert_eq!(plain(mrkdwn), expected);
        }
    }

    #[test]
    fn user_text_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\u{7}\nc"), "a[31mb\nc");
    }
}
