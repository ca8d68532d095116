//! Indexes of kept tables: each is written, asked for and allowed.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::sources::Source;
use crate::template::Template;

/// Indexes whose keys no code writes, or that no code asks for, and rights to indexes that no table has.
#[must_use]
pub fn violations(templates: &[Template], code: &[Source]) -> Vec<String> {
    let is_quoted = |name: &str| code.iter().any(|it| it.text.contains(&format!("\"{name}\"")));
    let mut found = Vec::new();
    let mut indexes = BTreeSet::new();
    for template in templates {
        for table in template.of_kind("AWS::DynamoDB::Table") {
            for index in table.properties["GlobalSecondaryIndexes"].as_array().into_iter().flatten() {
                let name = index["IndexName"].as_str().unwrap_or_default();
                indexes.insert(name);
                let mut complain =
                    |problem: &str| found.push(format!("{}: {}: {name}: {problem}", template.name, table.id));
                if !is_quoted(name) {
                    complain("no code asks for this index");
                }
                for key in index["KeySchema"].as_array().into_iter().flatten() {
                    let attribute = key["AttributeName"].as_str().unwrap_or_default();
                    if !is_quoted(attribute) {
                        complain(&format!("no code writes {attribute}"));
                    }
                }
            }
        }
    }
    for template in templates {
        let mut texts = Vec::new();
        collect(template.root(), &mut texts);
        let allowed = texts.iter().filter_map(|text| text.split_once("/index/")).map(|(_, name)| name);
        let unknown = allowed.filter(|name| *name != "*" && !indexes.contains(name));
        found.extend(unknown.map(|name| format!("{}: allows {name}, which is no index", template.name)));
    }
    found
}

/// All texts in a value.
fn collect<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.iter().for_each(|it| collect(it, texts)),
        Value::Object(members) => members.values().for_each(|it| collect(it, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "
Resources:
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      GlobalSecondaryIndexes:
        - IndexName: by-customer
          KeySchema:
            - { AttributeName: customer_id, KeyType: HASH }
            - { AttributeName: placed_at, KeyType: RANGE }
  Role:
    Type: AWS::IAM::Role
    Properties:
      Policies: [{ Resource: !Sub '${Orders.Arn}/index/by-customer' }]
";
    const CODE: &str = r#"const BY_CUSTOMER: &str = "by-customer"; [("customer_id", id), ("placed_at", at)]"#;

    fn judged(template: &str, code: &str) -> Vec<String> {
        let code = Source { path: "crates/a/src/lib.rs".into(), text: code.to_owned() };
        violations(&[Template::parse("a.yaml", template).unwrap()], &[code])
    }

    #[test]
    fn an_index_is_written_asked_for_and_allowed() {
        assert_eq!(judged(TEMPLATE, CODE), Vec::<String>::new());
    }

    #[test]
    fn what_is_forgotten_is_seen_and_named() {
        for (template, code, problem) in [
            (TEMPLATE, CODE.replace("\"by-customer\"", "other"), "no code asks for this index"),
            (TEMPLATE, CODE.replace("\"placed_at\"", "other"), "no code writes placed_at"),
            (
                &TEMPLATE.replace("index/by-customer", "index/by-status"),
                CODE.to_owned(),
                "allows by-status, which is no index",
            ),
        ] {
            let found = judged(template, &code);
            assert!(found.len() == 1 && found[0].ends_with(problem), "{found:?}");
        }
    }
}
