//! Slack's limits hold and markup stays whole, whatever the payload says.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy sees tests in #[test] functions only, not in what they call"
)]

use notify_slack::message::{Message, render};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Texts as people write them, as attackers do, and as nobody does.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<String>(),
        2 => "(<!channel>|<!here\\||<@U1>|@here|&amp;|<https://evil\\.example\\|x>|```|`|\\*|_|~|>|\\||\\n| |a|潮|🌊|\u{202e}|\u{0}){0,40}",
        1 => "[&<>`*_~|潮🌊 a]{0,1500}",
        1 => Just("x".repeat(10_000)),
    ]
}

fn url() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::from),
        text().prop_map(|path| format!("https://github.com/{path}").into()),
        Just(Value::Null),
    ]
}

prop_compose! {
    fn commit()(id in text(), message in text(), url in url(), name in text()) -> Value {
        json!({"id": id, "message": message, "url": url, "author": {"name": name}})
    }
}

prop_compose! {
    fn push()(
        commits in prop::collection::vec(commit(), 0..14),
        copies in prop_oneof![4 => Just(1_usize), 1 => 1_usize..20],
        reference in prop_oneof![text().prop_map(|b| format!("refs/heads/{b}")), text().prop_map(|t| format!("refs/tags/{t}"))],
        (created, deleted, forced) in any::<(bool, bool, bool)>(),
        (login, full_name) in (text(), text()),
        (repository_url, compare, user_url) in (url(), url(), url()),
    ) -> Value {
        let head = commits.last().cloned();
        json!({
            "ref": reference, "before": login, "after": full_name, "compare": compare,
            "created": created, "deleted": deleted, "forced": forced,
            "commits": vec![commits; copies].concat(), "head_commit": head,
            "repository": {"full_name": full_name, "html_url": repository_url},
            "sender": {"login": login, "html_url": user_url},
        })
    }
}

prop_compose! {
    fn others()(
        (title, name, branch) in (text(), text(), text()),
        labels in prop::collection::vec(text(), 0..30),
        (url, commit) in (url(), commit()),
        numbers in any::<[u32; 4]>(),
        flags in any::<(bool, bool)>(),
    ) -> Vec<(&'static str, Value)> {
        let repository = json!({"full_name": name, "html_url": url});
        let user = json!({"login": name, "html_url": url});
        let side = json!({"ref": branch, "label": title, "repo": repository});
        vec![
            ("com.github.pull_request", json!({
                "action": "opened", "repository": repository, "sender": user,
                "pull_request": {
                    "number": numbers[0], "title": title, "html_url": url, "user": user, "draft": flags.0,
                    "merged": flags.1, "base": side, "head": side,
                    "additions": numbers[1], "deletions": numbers[2], "changed_files": numbers[3]
                }
            })),
            ("com.github.issues", json!({
                "action": "closed", "repository": repository, "sender": user,
                "issue": {
                    "number": numbers[0], "title": title, "html_url": url, "state_reason": branch,
                    "labels": labels.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()
                }
            })),
            ("com.github.release", json!({
                "action": "published", "repository": repository, "sender": user,
                "release": {
                    "tag_name": branch, "name": title, "html_url": url, "prerelease": flags.0, "draft": flags.1
                }
            })),
            ("com.github.workflow_run", json!({
                "action": "completed", "repository": repository,
                "workflow_run": {
                    "name": title, "html_url": url, "run_number": numbers[0], "run_attempt": numbers[1],
                    "event": name, "conclusion": "failure", "head_branch": branch, "head_commit": commit, "actor": user,
                    "head_repository": repository
                }
            })),
        ]
    }
}

/// What Slack checks, and what a reader relies on.
fn check(message: &Message) -> Result<(), TestCaseError> {
    let json = serde_json::to_value(message).unwrap();
    prop_assert!(!message.text.is_empty() && message.text.len() <= 4_000, "fallback of {}", message.text.len());
    check_markup(&message.text)?;
    prop_assert!(!message.text.contains('<'), "a fallback has no links: {}", message.text);
    let blocks = json["blocks"].as_array().unwrap();
    prop_assert!((1..=50).contains(&blocks.len()), "{} blocks", blocks.len());
    for block in blocks {
        let texts = match block["type"].as_str() {
            Some("header") => {
                prop_assert_eq!(&block["text"]["type"], "plain_text");
                prop_assert!(block["text"]["text"].as_str().unwrap().len() <= 150);
                vec![]
            }
            Some("section") => vec![&block["text"]],
            Some("context") => {
                let elements = block["elements"].as_array().unwrap();
                prop_assert!((1..=10).contains(&elements.len()));
                elements.iter().collect()
            }
            other => return Err(TestCaseError::fail(format!("unknown block {other:?}"))),
        };
        for object in texts {
            prop_assert_eq!(&object["type"], "mrkdwn");
            prop_assert_eq!(&object["verbatim"], true);
            let text = object["text"].as_str().unwrap();
            prop_assert!((1..=3_000).contains(&text.len()), "text of {}", text.len());
            check_markup(text)?;
        }
    }
    // Slack's answer repeats the message; the client reads no more than 64 KiB of it.
    let escaped: usize = json.to_string().chars().map(|c| if c.is_ascii() { 1 } else { 6 * c.len_utf16() }).sum();
    prop_assert!(escaped < 60 * 1024, "an echo of {escaped} bytes");
    Ok(())
}

/// Every `<` opens a link to the web that its `>` closes; every `&` is one of the three escapes.
fn check_markup(text: &str) -> Result<(), TestCaseError> {
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '&']) {
        rest = &rest[at..];
        if let Some(link) = rest.strip_prefix('<') {
            let end = link.find('>').ok_or_else(|| TestCaseError::fail(format!("open link in {text}")))?;
            let inside = &link[..end];
            prop_assert!(inside.to_ascii_lowercase().starts_with("http"), "{inside}");
            prop_assert!(!inside.contains(['<', '\n', '`']), "{inside}");
            prop_assert_eq!(inside.matches('|').count(), 1, "{}", inside);
            rest = &link[end + 1..];
        } else {
            let escape = ["&amp;", "&lt;", "&gt;"].into_iter().find(|escape| rest.starts_with(escape));
            let escape = escape.ok_or_else(|| TestCaseError::fail(format!("bare {} in {text}", &rest[..1])))?;
            rest = &rest[escape.len()..];
        }
    }
    prop_assert!(text.lines().all(|line| line.matches('`').count() % 2 == 0), "open code in {text}");
    prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "control character in {text:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_push_fits_slack(push in push()) {
        let rendered = render("com.github.push", push.to_string().as_bytes()).unwrap().unwrap();
        check(&rendered.message)?;
    }

    #[test]
    fn any_other_event_fits_slack(events in others()) {
        for (event_type, payload) in events {
            let rendered = render(event_type, payload.to_string().as_bytes()).unwrap().unwrap();
            check(&rendered.message)?;
        }
    }

    #[test]
    fn any_bytes_are_a_message_nothing_or_an_error(data in any::<Vec<u8>>(), action in "[a-z_]{0,8}") {
        for event in ["push", "pull_request", "issues", "release", "workflow_run", "ping"] {
            let event_type = format!("com.github.{event}.{action}");
            prop_assert!(!matches!(render(&event_type, &data), Ok(Some(_))));
        }
    }
}

#[test]
fn three_thousand_long_commits_fit_slack() {
    let url = format!("https://github.com/{}", "潮".repeat(100));
    let commit =
        json!({"id": "&".repeat(40), "message": "&".repeat(5_000), "url": url, "author": {"name": "<".repeat(300)}});
    let push = json!({
        "ref": format!("refs/heads/{}", "&".repeat(255)), "commits": vec![commit; 3_000], "compare": url,
        "repository": {"full_name": "o/r", "html_url": "https://github.com/o/r"}, "sender": {"login": "mona-example"}
    });
    let rendered = render("com.github.push", push.to_string().as_bytes()).unwrap().unwrap();
    check(&rendered.message).unwrap();
    assert!(serde_json::to_string(&rendered.message).unwrap().contains("and 2,990 more"));
}
