//! Who may depend on whom. A new edge between crates is an architectural change: it is added here, and its commit says why.

/// The toolkit: crates that stand alone, for people who never heard of Tidegate.
pub const TOOLKIT: &[&str] =
    &["tidegate-batch", "tidegate-cloudevents", "tidegate-idempotency", "tidegate-outbox", "tidegate-webhooks"];

/// What each crate under `toolkit/`, `crates/` and `local/` may know of the others, beside `testkit` in its tests.
pub const MAY_KNOW: &[(&str, &[&str])] = &[
    ("tidegate-batch", &[]),
    ("tidegate-cloudevents", &[]),
    ("tidegate-idempotency", &[]),
    ("tidegate-webhooks", &[]),
    ("tidegate-outbox", &["tidegate-cloudevents"]),
    ("tidegate-events", &["tidegate-cloudevents", "tidegate-outbox"]),
    ("tidegate-orders", &["tidegate-events"]),
    ("tidegate-fraud", &["tidegate-events"]),
    ("tidegate-runtime", TOOLKIT),
    ("tidegate-standins", &["tidegate-webhooks"]),
    ("tidegate-local", &["tidegate-standins"]),
    (
        "tidegate-operations",
        &[
            "tidegate-callbacks",
            "tidegate-events",
            "tidegate-orders",
            "tidegate-outbox",
            "tidegate-slack-routes",
            "tidegate-webhooks",
        ],
    ),
    (
        "tidegate-callbacks",
        &["tidegate-batch", "tidegate-events", "tidegate-outbox", "tidegate-runtime", "tidegate-webhooks"],
    ),
    (
        "tidegate-cli",
        &[
            "tidegate-callbacks",
            "tidegate-events",
            "tidegate-local",
            "tidegate-operations",
            "tidegate-orders",
            "tidegate-standins",
            "tidegate-webhooks",
        ],
    ),
    ("tidegate-slack-routes", &["tidegate-runtime"]),
    (
        "tidegate-worker",
        &[
            "tidegate-batch",
            "tidegate-cloudevents",
            "tidegate-events",
            "tidegate-orders",
            "tidegate-outbox",
            "tidegate-runtime",
        ],
    ),
];

/// May know every crate of these, and nothing that runs may know it.
const TESTKIT: &str = "tidegate-testkit";
/// Arguments and printing; nothing may know it.
const CLI: &str = "tidegate-cli";
/// What an operator sees and does; the command and a console print it, and nothing that is deployed may know it.
const OPERATIONS: &str = "tidegate-operations";
/// What the command may depend on to read arguments and to print, and operations may not.
const OF_THE_TERMINAL: [&str; 3] = ["clap", "indicatif", "tabled"];

/// Where in the tree a package stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `toolkit/`
    Toolkit,
    /// `crates/`
    Crate,
    /// `local/`
    Local,
    /// `functions/`
    Function,
    /// `tests/`
    Test,
}

/// One package of the workspace depends on another.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Who depends.
    pub from: (String, Place),
    /// On whom.
    pub to: (String, Place),
    /// For its tests only.
    pub for_tests: bool,
}

/// What is wrong with an edge, if anything.
#[must_use]
pub fn violation(edge: &Edge) -> Option<String> {
    let ((from, place), (to, target)) = (&edge.from, &edge.to);
    let problem = match (place, target) {
        (Place::Toolkit, Place::Crate | Place::Local) if to != TESTKIT => "the toolkit stands alone",
        (Place::Crate | Place::Function, Place::Local) if from != CLI => {
            "the local stack is for the command and for tests"
        }
        (_, Place::Test) => "nothing depends on a test",
        (Place::Test, _) => return None,
        (_, Place::Function) => "a function is deployed, not depended on; what two need is a crate",
        _ if to == CLI => "nothing depends on the command line",
        (Place::Function, _) if to == OPERATIONS => "what is deployed knows nothing of its operators",
        _ if to == TESTKIT && !edge.for_tests => "the test kit is for tests",
        _ if to == TESTKIT || from == TESTKIT || *place == Place::Function => return None,
        _ if MAY_KNOW.iter().any(|(name, known)| name == from && known.contains(&to.as_str())) => return None,
        _ => "not in the table of src/crates.rs",
    };
    Some(format!("{from} -> {to}: {problem}"))
}

/// What is wrong with a dependency of a package on a crate of others, if anything.
#[must_use]
pub fn foreign_violation(from: &str, place: Place, dependency: &str) -> Option<String> {
    let is_aws = dependency.starts_with("aws-");
    // What runs locally is reached over HTTP, so that building and testing it takes no client of AWS.
    let problem = if place == Place::Local && is_aws {
        "the local stack knows no client of AWS"
    } else if from == CLI && is_aws {
        "the command calls AWS through tidegate-operations"
    } else if from == OPERATIONS && OF_THE_TERMINAL.contains(&dependency) {
        "operations read no arguments and print nothing"
    } else {
        return None;
    };
    Some(format!("{from} -> {dependency}: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(from: &str, place: Place, to: &str, target: Place, for_tests: bool) -> Option<String> {
        violation(&Edge { from: (from.to_owned(), place), to: (to.to_owned(), target), for_tests })
    }

    #[test]
    fn dependencies_point_inwards() {
        use Place::{Crate, Function, Local, Test, Toolkit};
        for (from, place, to, target, for_tests) in [
            ("tidegate-runtime", Crate, "tidegate-batch", Toolkit, false),
            ("tidegate-outbox", Toolkit, "tidegate-cloudevents", Toolkit, false),
            ("tidegate-testkit", Crate, "tidegate-runtime", Crate, false),
            ("tidegate-cli", Crate, "tidegate-webhooks", Toolkit, false),
            ("tidegate-cli", Crate, "tidegate-local", Local, false),
            ("tidegate-cli", Crate, "tidegate-operations", Crate, false),
            ("tidegate-operations", Crate, "tidegate-slack-routes", Crate, false),
            ("tidegate-operations", Crate, "tidegate-testkit", Crate, true),
            ("tidegate-local", Local, "tidegate-standins", Local, false),
            ("tidegate-standins", Local, "tidegate-webhooks", Toolkit, false),
            ("tidegate-e2e", Test, "tidegate-local", Local, false),
            ("receive-webhook", Function, "tidegate-runtime", Crate, false),
            ("receive-webhook", Function, "tidegate-testkit", Crate, true),
            ("tidegate-idempotency", Toolkit, "tidegate-testkit", Crate, true),
            ("tidegate-e2e", Test, "receive-webhook", Function, false),
        ] {
            assert_eq!(judged(from, place, to, target, for_tests), None);
        }
        for (from, place, to, target, for_tests) in [
            ("tidegate-batch", Toolkit, "tidegate-idempotency", Toolkit, false),
            ("tidegate-outbox", Toolkit, "tidegate-idempotency", Toolkit, false),
            ("tidegate-batch", Toolkit, "tidegate-idempotency", Toolkit, true),
            ("tidegate-cloudevents", Toolkit, "tidegate-events", Crate, false),
            ("tidegate-webhooks", Toolkit, "tidegate-runtime", Crate, false),
            ("tidegate-runtime", Crate, "tidegate-testkit", Crate, false),
            ("receive-webhook", Function, "tidegate-testkit", Crate, false),
            ("receive-webhook", Function, "notify-slack", Function, false),
            ("receive-webhook", Function, "tidegate-cli", Crate, false),
            ("tidegate-testkit", Crate, "receive-webhook", Function, false),
            ("tidegate-unheard-of", Crate, "tidegate-batch", Toolkit, false),
            ("tidegate-cli", Crate, "notify-slack", Function, false),
            ("tidegate-cli", Crate, "deliver-callback", Function, false),
            ("tidegate-cli", Crate, "tidegate-outbox", Toolkit, false),
            ("tidegate-operations", Crate, "notify-slack", Function, false),
            ("tidegate-operations", Crate, "tidegate-local", Local, false),
            ("tidegate-operations", Crate, "tidegate-testkit", Crate, false),
            ("receive-webhook", Function, "tidegate-operations", Crate, false),
            ("tidegate-local", Local, "tidegate-operations", Crate, false),
            ("tidegate-local", Local, "tidegate-cli", Crate, false),
            ("tidegate-local", Local, "tidegate-runtime", Crate, false),
            ("tidegate-standins", Local, "notify-slack", Function, false),
            ("tidegate-standins", Local, "tidegate-local", Local, false),
            ("tidegate-testkit", Crate, "tidegate-standins", Local, false),
            ("receive-webhook", Function, "tidegate-standins", Local, true),
            ("tidegate-webhooks", Toolkit, "tidegate-standins", Local, true),
            ("tidegate-runtime", Crate, "tidegate-e2e", Test, true),
        ] {
            assert!(judged(from, place, to, target, for_tests).is_some(), "{from} -> {to}");
        }
    }

    #[test]
    fn the_local_stack_knows_no_client_of_aws() {
        assert!(foreign_violation("tidegate-local", Place::Local, "aws-sdk-s3").is_some());
        assert_eq!(foreign_violation("tidegate-local", Place::Local, "serde_json"), None);
        assert_eq!(foreign_violation("tidegate-runtime", Place::Crate, "aws-sdk-s3"), None);
    }

    #[test]
    fn the_command_prints_and_operations_call_aws() {
        assert!(foreign_violation("tidegate-cli", Place::Crate, "aws-sdk-sqs").is_some());
        assert!(foreign_violation("tidegate-operations", Place::Crate, "clap").is_some());
        assert_eq!(foreign_violation("tidegate-cli", Place::Crate, "clap"), None);
        assert_eq!(foreign_violation("tidegate-operations", Place::Crate, "aws-sdk-sqs"), None);
    }
}
