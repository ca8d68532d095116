//! What there is to deploy: the templates under `infra/`, what they take in, and which of them stand on which.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::failure::Hint;

/// The bounded contexts, each after those that it imports from, and what most others wait for before what nobody does.
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

/// A stack that can be deployed: its template is there and so is the code of its functions.
#[derive(Clone, Debug)]
pub struct StackPlan {
    /// `backbone` and so on.
    pub context: String,
    /// Changes when the template, or what it takes in (the code of a function, the definition of a workflow), changes.
    pub digest: String,
    pub(super) template: PathBuf,
    pub(super) parameters: Vec<String>,
    /// What it exports and imports, without the deployment's name.
    exports: Vec<String>,
    imports: Vec<String>,
}

impl StackPlan {
    /// What a template's text says by itself.
    pub(super) fn of(context: &str, template: &str) -> Self {
        Self {
            context: context.to_owned(),
            digest: String::new(),
            template: PathBuf::new(),
            parameters: parameters(template),
            exports: shared_names(template, "Export:"),
            imports: shared_names(template, "ImportValue"),
        }
    }

    /// Whether the other stack has to be there before this one. The first is waited for by all, since SAM makes its bucket with it and
    /// cannot make it twice.
    pub(super) fn waits_for(&self, other: &Self) -> bool {
        self.imports_from(other) || other.context == CONTEXTS[0] && self.context != other.context
    }

    fn imports_from(&self, other: &Self) -> bool {
        self.imports.iter().any(|import| other.exports.contains(import))
    }
}

/// Reads the templates that exist and checks that the functions in them are built.
pub fn plan(checkout: &Path) -> Result<Vec<StackPlan>> {
    let mut plans = Vec::new();
    for context in CONTEXTS {
        let template = checkout.join(format!("infra/{context}.yaml"));
        if !template.is_file() {
            continue;
        }
        let text = fs::read_to_string(&template).with_context(|| format!("{} cannot be read", template.display()))?;
        let mut digest = Sha256::new();
        digest.update(&text);
        for directory in members(&text, "CodeUri:") {
            let bootstrap = template.with_file_name(directory).join("bootstrap");
            let code = fs::read(&bootstrap).map_err(|error| {
                Hint::new(format!("{} cannot be read: {error}", shown(&bootstrap, checkout)), "run `make build`")
            })?;
            digest.update(Sha256::digest(code));
        }
        for definition in members(&text, "DefinitionUri:") {
            let definition = template.with_file_name(definition);
            let shown = shown(&definition, checkout);
            digest.update(fs::read(&definition).with_context(|| format!("{shown} cannot be read"))?);
        }
        let digest = hex::encode(digest.finalize());
        plans.push(StackPlan { digest, template, ..StackPlan::of(context, &text) });
    }
    if plans.is_empty() {
        bail!("there is no template under {}", checkout.join("infra").display());
    }
    Ok(plans)
}

/// Those of these names and all that they stand on; all of them where no name is given.
pub fn chosen<'p>(plans: &'p [StackPlan], names: &[String]) -> Vec<&'p StackPlan> {
    let mut chosen: Vec<&StackPlan> =
        plans.iter().filter(|plan| names.is_empty() || names.contains(&plan.context)).collect();
    // Whatever a stack stands on comes before it, so once from the end to the start finds all.
    for plan in plans.iter().rev() {
        let is_chosen = |it: &StackPlan, chosen: &[&StackPlan]| chosen.iter().any(|other| other.context == it.context);
        if !is_chosen(plan, &chosen) && chosen.iter().any(|it| it.imports_from(plan)) {
            chosen.push(plan);
        }
    }
    chosen
}

/// The names of a template's parameters: the members, two spaces in, of `Parameters`. Our own templates are written so.
fn parameters(template: &str) -> Vec<String> {
    let section = template.lines().skip_while(|line| line.trim_end() != "Parameters:").skip(1);
    section
        .take_while(|line| line.starts_with(' ') || line.trim().is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.trim_end().strip_suffix(':'))
        .filter(|name| !name.starts_with(' '))
        .map(str::to_owned)
        .collect()
}

/// The values of all members of that name. Our own templates have each on a line of its own.
fn members<'t>(template: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    template.lines().filter_map(move |line| Some(line.trim().strip_prefix(name)?.trim()))
}

/// The names in `${Deployment}-{name}` that stand behind `marker` on the same line.
fn shared_names(template: &str, marker: &str) -> Vec<String> {
    let behind = template.lines().filter_map(|line| Some(line.split_once(marker)?.1.split_once("${Deployment}-")?.1));
    behind.filter_map(|name| Some(name.split(['"', '\'']).next()?.to_owned())).collect()
}

fn shown(path: &Path, checkout: &Path) -> String {
    let path = path.components().fold(PathBuf::new(), |mut path, part| {
        match part {
            Component::ParentDir => drop(path.pop()),
            part => path.push(part),
        }
        path
    });
    path.strip_prefix(checkout).unwrap_or(&path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkout(template: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("infra")).unwrap();
        fs::create_dir_all(dir.path().join("build/lambda/health")).unwrap();
        fs::write(dir.path().join("infra/backbone.yaml"), template).unwrap();
        dir
    }

    const TEMPLATE: &str =
        "Parameters:\n  Architecture:\n    Type: String\nX:\n      CodeUri: ../build/lambda/health\n";

    #[test]
    fn a_missing_bootstrap_asks_for_a_build() {
        let dir = checkout(TEMPLATE);
        let error = plan(dir.path()).unwrap_err();
        assert!(error.to_string().starts_with("build/lambda/health/bootstrap cannot be read"), "{error}");
        assert_eq!(crate::failure::advice(&error), Some("run `make build`"));
    }

    #[test]
    fn changed_code_changes_the_digest_and_unchanged_code_does_not() {
        let dir = checkout(TEMPLATE);
        let bootstrap = dir.path().join("build/lambda/health/bootstrap");
        let digest = |code: &str| {
            fs::write(&bootstrap, code).unwrap();
            plan(dir.path()).unwrap().remove(0).digest
        };
        let first = digest("one");
        assert_ne!(first, digest("two"));
        assert_eq!(first, digest("one"));
    }

    #[test]
    fn a_changed_definition_changes_the_digest() {
        let dir = checkout("X:\n  DefinitionUri: ../saga.json\n");
        let digest = |definition: &str| {
            fs::write(dir.path().join("saga.json"), definition).unwrap();
            plan(dir.path()).unwrap().remove(0).digest
        };
        assert_ne!(digest("{}"), digest("[]"));
    }

    #[test]
    fn a_stack_stands_on_those_that_export_what_it_imports_in_either_way_of_writing() {
        let topic = StackPlan::of("backbone", "  Topic:\n    Export: { Name: !Sub \"${Deployment}-Topic\" }\n");
        let long = StackPlan::of("a", "  T:\n    Fn::ImportValue: !Sub \"${Deployment}-Topic\"\n");
        let short = StackPlan::of("b", "  T: !ImportValue { \"Fn::Sub\": \"${Deployment}-Topic\" }\n");
        let other = StackPlan::of("c", "  T: !ImportValue { \"Fn::Sub\": \"${Deployment}-TopicName\" }\n");
        assert!(long.imports_from(&topic) && short.imports_from(&topic));
        assert!(!other.imports_from(&topic) && !topic.imports_from(&topic));
    }

    #[test]
    fn chosen_stacks_bring_what_they_stand_on_and_no_more() {
        let stack = |context: &str, exports: &str, imports: &str| {
            let own = |name: &str| format!("!Sub \"${{Deployment}}-{name}\"");
            StackPlan::of(context, &format!("Export: {}\nFn::ImportValue: {}", own(exports), own(imports)))
        };
        let plans = [
            stack("backbone", "Topic", "Nothing"),
            stack("payments", "Queue", "Topic"),
            stack("orders", "Table", "Queue"),
            stack("webhooks", "Hook", "Topic"),
        ];
        let named = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|it| (*it).to_owned()).collect();
            let mut found: Vec<_> = chosen(&plans, &names).iter().map(|it| it.context.as_str()).collect();
            found.sort_unstable();
            found
        };
        assert_eq!(named(&["webhooks"]), ["backbone", "webhooks"]);
        assert_eq!(named(&["orders"]), ["backbone", "orders", "payments"]);
        assert_eq!(named(&[]).len(), plans.len());
    }

    #[test]
    fn every_template_of_this_repository_is_a_context_and_comes_after_what_it_stands_on() {
        let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra");
        let read = |context: &str| fs::read_to_string(infra.join(format!("{context}.yaml"))).unwrap();
        assert_eq!(fs::read_dir(&infra).unwrap().count(), CONTEXTS.len());
        let plans = CONTEXTS.map(|context| StackPlan::of(context, &read(context)));
        for (at, plan) in plans.iter().enumerate() {
            let exported = |import: &&String| plans[..at].iter().any(|before| before.exports.contains(import));
            let missing: Vec<_> = plan.imports.iter().filter(|import| !exported(import)).collect();
            assert!(missing.is_empty(), "{} imports {missing:?}", plan.context);
        }
        let order = |name: &str| plans.iter().find(|plan| plan.context == name).unwrap();
        assert!(order("orders").imports_from(order("payments")), "imports are found at all");
    }
}
