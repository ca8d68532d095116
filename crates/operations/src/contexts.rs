//! The bounded contexts: a template under `infra/` and a stack of a deployment for each.

/// Each after those that it imports from.
pub const CONTEXTS: [&str; 11] = [
    "backbone",
    "inventory",
    "payments",
    "shipping",
    "webhooks",
    "orders",
    "order-events",
    "orders-api",
    "callbacks",
    "operations",
    "order-operations",
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_template_of_this_repository_is_a_context() {
        let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra");
        let mut found: Vec<_> = fs::read_dir(infra).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let mut expected = CONTEXTS.map(|context| std::ffi::OsString::from(format!("{context}.yaml")));
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }
}
