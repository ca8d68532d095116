//! The binary itself: exit codes, and where results and errors go.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn tidegate(state: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(arguments)
        .env_remove("AWS_ENDPOINT_URL")
        .env_remove("TIDEGATE_DEPLOYMENT")
        .env("TIDEGATE_STATE_DIR", state)
        .output()
        .unwrap()
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_two_and_prints_nothing_on_stdout() {
    let dir = tempfile::tempdir().unwrap();
    let output = tidegate(dir.path(), &["surf"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
}

#[test]
fn no_command_touches_aws_when_the_local_stack_is_down() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [
        &["status"][..],
        &["send", "github", "push"],
        &["logs"],
        &["dlq", "redrive", "--all"],
        &["source", "list"],
        &["slack", "messages"],
        &["login", "demo"],
        &["orders", "place"],
        &["orders", "watch", "ord_1"],
        &["sagas", "retry", "ord_1"],
        &["stock", "receive", "gauge", "1"],
        &["callbacks", "secret", "rotate", "demo"],
    ] {
        let output = tidegate(dir.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.starts_with("tidegate: no local stack is up\n"), "{arguments:?}: {errors}");
        assert!(errors.contains("`tidegate up`"), "{errors}");
    }
}

#[test]
fn errors_are_a_json_document_too() {
    let dir = tempfile::tempdir().unwrap();
    let output = tidegate(dir.path(), &["status", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["error"], "no local stack is up");
    assert!(document["hint"].is_string());
}

#[test]
fn down_of_nothing_is_fine_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let output = tidegate(dir.path(), &["down", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["was_up"], false);
}
