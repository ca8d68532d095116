//! How stacks stand on each other: whatever one imports another exports, and no two stand on each other.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::template::Template;

/// Violations over all templates together.
#[must_use]
pub fn violations(templates: &[Template]) -> Vec<String> {
    let mut found = Vec::new();
    for template in templates {
        for import in imports(template.root()) {
            if exporter(templates, import).is_none() {
                found.push(format!("{}: imports {import}, which no stack exports", template.name));
            }
        }
    }
    let stands_on = dependencies(templates);
    for name in stands_on.keys() {
        if reaches(&stands_on, name, name, stands_on.len()) {
            found.push(format!("{name}: stands on itself, so neither can be deployed first"));
        }
    }
    found
}

/// The templates that each template imports from, by name.
#[must_use]
pub fn dependencies(templates: &[Template]) -> BTreeMap<&str, Vec<&str>> {
    let of = |template: &Template| {
        let mut names: Vec<_> = imports(template.root()).into_iter().filter_map(|it| exporter(templates, it)).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    templates.iter().map(|it| (it.name.as_str(), of(it))).collect()
}

fn exporter<'t>(templates: &'t [Template], import: &Value) -> Option<&'t str> {
    let exports = |it: &&Template| {
        let outputs = it.root()["Outputs"].as_object();
        outputs.is_some_and(|outputs| outputs.values().any(|output| output["Export"]["Name"] == *import))
    };
    templates.iter().find(exports).map(|it| it.name.as_str())
}

fn imports(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().flat_map(imports).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| if key == "Fn::ImportValue" { vec![value] } else { imports(value) })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn reaches(stands_on: &BTreeMap<&str, Vec<&str>>, from: &str, to: &str, steps: usize) -> bool {
    steps > 0
        && stands_on.get(from).into_iter().flatten().any(|next| *next == to || reaches(stands_on, next, to, steps - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(name: &str, exports: &str, imports: &str) -> Template {
        let text = format!(
            "Resources:\n  R: {{ Type: T, Properties: {{ P: !ImportValue {{ 'Fn::Sub': '${{D}}-{imports}' }} }} }}\n\
             Outputs:\n  O: {{ Value: x, Export: {{ Name: !Sub '${{D}}-{exports}' }} }}"
        );
        Template::parse(name, &text).unwrap()
    }

    #[test]
    fn a_stack_stands_on_what_exports_its_imports() {
        let bottom = Template::parse("a", "Outputs:\n  O: { Value: x, Export: { Name: !Sub '${D}-A' } }").unwrap();
        let templates = [bottom, template("b", "B", "A")];
        assert_eq!(violations(&templates), Vec::<String>::new());
        assert_eq!(dependencies(&templates)["b"], ["a"]);
    }

    #[test]
    fn an_import_from_nowhere_and_a_circle_are_seen() {
        let found = violations(&[template("a", "A", "Nothing")]);
        assert!(found[0].contains("which no stack exports"), "{found:?}");
        let found = violations(&[template("a", "A", "B"), template("b", "B", "A")]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|it| it.contains("stands on itself")), "{found:?}");
    }
}
