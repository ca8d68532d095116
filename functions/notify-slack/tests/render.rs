//! GitHub's payloads and the messages they become. The messages are snapshots under `snapshots/`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy sees tests in #[test] functions only, not in what they call"
)]

use notify_slack::message::{Place, RenderError, Rendered, render};
use serde_json::{Value, json};

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/github/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The fixture with some members replaced, given as JSON pointers.
fn changed(name: &str, changes: &[(&str, Value)]) -> Vec<u8> {
    let mut payload: Value = serde_json::from_slice(&fixture(name)).unwrap();
    for (pointer, value) in changes {
        *payload.pointer_mut(pointer).unwrap_or_else(|| panic!("{name} has no {pointer}")) = value.clone();
    }
    serde_json::to_vec(&payload).unwrap()
}

fn rendered(event_type: &str, data: &[u8]) -> Rendered {
    render(event_type, data).unwrap().expect("worth a message")
}

fn fallback(event_type: &str, name: &str, changes: &[(&str, Value)]) -> String {
    rendered(event_type, &changed(name, changes)).message.text
}

fn place(repository: &str, branch: Option<&str>) -> Place {
    Place { repository: Some(repository.to_owned()), branch: branch.map(str::to_owned) }
}

macro_rules! snapshots {
    ($($test:ident: $event_type:literal, $fixture:literal, $branch:expr;)*) => {$(
        #[test]
        fn $test() {
            let rendered = rendered($event_type, &fixture($fixture));
            insta::assert_json_snapshot!($fixture, rendered.message);
            assert_eq!(rendered.place, place("octo-harbour/tide-tables", $branch));
        }
    )*};
}

snapshots! {
    a_push_shows_its_commits_and_the_compare_link: "com.github.push", "push-branch", Some("main");
    a_long_push_shows_ten_commits_and_how_many_more: "com.github.push", "push-many-commits", Some("readings/2026-02");
    a_new_tag_shows_what_it_names_and_has_no_branch: "com.github.push", "push-tag-create", None;
    a_new_branch_shows_its_commits: "com.github.push", "push-branch-create", Some("feature/moon-drawing");
    a_deleted_branch_is_not_linked: "com.github.push", "push-branch-delete", Some("feature/moon-drawing");
    a_forced_push_says_so: "com.github.push", "push-force", Some("feature/moon-drawing");
    a_push_without_commits_shows_where_the_branch_is_now: "com.github.push", "push-no-commits", Some("release");
    user_text_stays_text: "com.github.push", "hostile-text", Some("fix/<!channel>|\"50%\"&#`tides`_é");
    an_opened_pull_request_shows_both_branches: "com.github.pull_request.opened", "pull-request-opened", Some("main");
    a_merged_pull_request_is_merged_not_closed: "com.github.pull_request.closed", "pull-request-merged", Some("main");
    an_opened_issue_shows_its_labels: "com.github.issues.opened", "issue-opened", None;
    a_published_release_shows_its_tag: "com.github.release.published", "release-published", None;
    a_failed_run_shows_workflow_branch_and_commit: "com.github.workflow_run.completed", "workflow-run-failed", Some("main");
}

#[test]
fn the_action_decides_the_words() {
    let pull_request = |changes: &[(&str, Value)]| fallback("com.github.pull_request", "pull-request-opened", changes);
    let action = |action: &str| ("/action", json!(action));
    let draft = ("/pull_request/draft", json!(true));
    let issue = |changes: &[(&str, Value)]| fallback("com.github.issues", "issue-opened", changes);
    let release = |changes: &[(&str, Value)]| fallback("com.github.release", "release-published", changes);
    let run = |changes: &[(&str, Value)]| fallback("com.github.workflow_run", "workflow-run-failed", changes);
    let push = |changes: &[(&str, Value)]| fallback("com.github.push", "push-tag-create", changes);
    let texts = [
        pull_request(&[draft]),
        pull_request(&[action("closed")]),
        pull_request(&[action("reopened")]),
        pull_request(&[action("ready_for_review")]),
        issue(&[action("closed"), ("/issue/state_reason", json!("completed"))]),
        issue(&[action("closed"), ("/issue/state_reason", json!("not_planned"))]),
        issue(&[action("closed"), ("/issue/state_reason", json!("duplicate"))]),
        issue(&[action("reopened")]),
        release(&[("/release/prerelease", json!(true))]),
        release(&[("/release/draft", json!(true)), ("/release/name", json!(""))]),
        run(&[("/workflow_run/conclusion", json!("timed_out"))]),
        run(&[("/workflow_run/conclusion", json!("startup_failure")), ("/workflow_run/head_branch", Value::Null)]),
        push(&[("/created", json!(false)), ("/forced", json!(true))]),
        push(&[("/created", json!(false)), ("/deleted", json!(true))]),
    ];
    insta::assert_snapshot!("words", texts.join("\n"));
}

#[test]
fn what_is_nothing_to_tell_becomes_no_message() {
    for (event_type, name, changes) in [
        ("com.github.ping", "push-branch", vec![]),
        ("com.github.star.created", "push-branch", vec![]),
        ("com.stripe.charge.failed", "push-branch", vec![]),
        ("com.github.pull_request.synchronize", "pull-request-opened", vec![]),
        ("com.github.pull_request", "pull-request-opened", vec![("/action", json!("labeled"))]),
        ("com.github.issues", "issue-opened", vec![("/action", json!("assigned"))]),
        ("com.github.release.created", "release-published", vec![]),
        ("com.github.release", "release-published", vec![("/action", json!("released"))]),
        ("com.github.workflow_run.requested", "workflow-run-failed", vec![]),
        ("com.github.workflow_run", "workflow-run-failed", vec![("/action", json!("in_progress"))]),
        ("com.github.workflow_run", "workflow-run-failed", vec![("/workflow_run/conclusion", json!("success"))]),
        ("com.github.workflow_run", "workflow-run-failed", vec![("/workflow_run/conclusion", json!("cancelled"))]),
        ("com.github.workflow_run", "workflow-run-failed", vec![("/workflow_run/conclusion", Value::Null)]),
        ("com.github.push", "push-branch", vec![("/ref", json!("refs/notes/commits"))]),
    ] {
        assert_eq!(render(event_type, &changed(name, &changes)), Ok(None), "{event_type} {changes:?}");
    }
    // What is not read is not judged either.
    assert_eq!(render("com.github.pull_request.labeled", b"not JSON"), Ok(None));
}

#[test]
fn data_that_is_not_what_its_type_says_is_an_error_that_names_the_fault() {
    let error = |data: &[u8]| render("com.github.push", data).unwrap_err().to_string();
    for (data, message) in [
        (&b"{}"[..], "the data is no GitHub push payload: `ref` is missing (line 1, column 2)"),
        (b"", "the data is no GitHub push payload: it ends too early (line 1, column 0)"),
        (b"payload=%7B%7D", "the data is no GitHub push payload: it is not JSON (line 1, column 1)"),
        (b"[1]", "the data is no GitHub push payload: a field is of another kind (line 1, column 2)"),
        (b"{\"ref\": \"\xff\"}", "the data is no GitHub push payload: it is not JSON (line 1, column 10)"),
    ] {
        assert_eq!(error(data), message);
    }
    for (event_type, name) in [
        ("com.github.pull_request.opened", "issue-opened"),
        ("com.github.issues.opened", "pull-request-opened"),
        ("com.github.release.published", "issue-opened"),
        ("com.github.workflow_run.completed", "issue-opened"),
        ("com.github.push", "issue-opened"),
    ] {
        render(event_type, &fixture(name)).expect_err(event_type);
    }
}

#[test]
fn an_error_never_quotes_the_payload() {
    let secret = "It's a Secret to Everybody";
    for (pointer, value) in [
        ("/ref", json!([secret])),
        ("/created", json!(secret)),
        ("/commits", json!(secret)),
        ("/commits/0/message", json!({ secret: secret })),
        ("/repository", json!(secret)),
    ] {
        let error: RenderError = render("com.github.push", &changed("push-branch", &[(pointer, value)])).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("Secret"), "{error:?}");
    }
}

#[test]
fn what_a_payload_may_lack_it_may_lack() {
    let bare = json!({
        "ref": "refs/heads/main", "deleted": true, "head_commit": null, "commits": null, "sender": null,
        "repository": {"full_name": "o/r"}, "pusher": {"name": "deploy-key"}
    });
    let rendered = rendered("com.github.push", &serde_json::to_vec(&bare).unwrap());
    assert_eq!(rendered.message.text, "o/r: deploy-key deleted branch main");
    for (event_type, name, pointers) in [
        (
            "com.github.pull_request",
            "pull-request-opened",
            &["/pull_request/user", "/pull_request/head/repo", "/sender"][..],
        ),
        ("com.github.issues", "issue-opened", &["/issue/labels", "/issue/html_url", "/sender"]),
        ("com.github.release", "release-published", &["/release/name", "/sender"]),
        (
            "com.github.workflow_run",
            "workflow-run-failed",
            &[
                "/workflow_run/name",
                "/workflow_run/head_commit",
                "/workflow_run/head_repository",
                "/workflow_run/actor",
            ],
        ),
    ] {
        let nulls: Vec<_> = pointers.iter().map(|pointer| (*pointer, Value::Null)).collect();
        assert!(render(event_type, &changed(name, &nulls)).unwrap().is_some(), "{event_type}");
    }
}

#[test]
fn as_many_commits_as_github_sends_may_be_more() {
    let commits = |count| json!(vec![json!({"id": "0d1a26e67d8f5eaf", "message": "m"}); count]);
    let text = |count| fallback("com.github.push", "push-branch", &[("/commits", commits(count))]);
    assert_eq!(text(2_047), "octo-harbour/tide-tables: mona-example pushed 2,047 commits to main");
    assert_eq!(text(2_048), "octo-harbour/tide-tables: mona-example pushed 2,048 or more commits to main");
}
