//! What there is to deploy: the templates under `infra/`, the files they include, and which of them import from which.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::failure::Hint;

/// A stack that can be deployed: its template is there and so is the code of its functions.
#[derive(Clone, Debug)]
pub struct StackPlan {
    /// The name of the template without its ending: `backbone` and so on.
    pub context: String,
    /// Changes when the template, the code of a function in it, or the definition of a workflow changes.
    pub digest: String,
    pub(crate) template: PathBuf,
    pub(crate) parameters: Vec<String>,
    /// The binaries of its functions.
    pub(crate) functions: Vec<Included>,
    /// The definitions of its workflows.
    pub(crate) definitions: Vec<Included>,
    /// What it exports and imports, without the deployment's name.
    exports: Vec<String>,
    imports: Vec<String>,
}

/// A file that a template names.
#[derive(Clone, Debug)]
pub(crate) struct Included {
    /// As the template has it.
    pub(crate) uri: String,
    pub(crate) path: PathBuf,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub(crate) digest: String,
}

impl Included {
    fn read(uri: &str, path: PathBuf) -> std::io::Result<Self> {
        let digest = hex::encode(Sha256::digest(fs::read(&path)?));
        Ok(Self { uri: uri.to_owned(), path, digest })
    }
}

impl StackPlan {
    /// From a template's text alone.
    pub(crate) fn of(context: &str, template: &str) -> Self {
        Self {
            context: context.to_owned(),
            digest: String::new(),
            template: PathBuf::new(),
            parameters: parameters(template),
            functions: Vec::new(),
            definitions: Vec::new(),
            exports: shared_names(template, "Export:"),
            imports: shared_names(template, "ImportValue"),
        }
    }

    pub(crate) fn imports_from(&self, other: &Self) -> bool {
        self.imports.iter().any(|import| other.exports.contains(import))
    }
}

/// Reads the templates, each after those that it imports from, and checks that the functions in them are built.
pub fn read(checkout: &Path) -> Result<Vec<StackPlan>> {
    let infra = checkout.join("infra");
    let mut plans = Vec::new();
    for entry in fs::read_dir(&infra).with_context(|| format!("{} cannot be read", infra.display()))? {
        let template = entry?.path();
        if template.extension().is_some_and(|extension| extension == "yaml") {
            plans.push(read_one(&template, checkout)?);
        }
    }
    if plans.is_empty() {
        bail!("there is no template under {}", infra.display());
    }
    plans.sort_by(|one, other| one.context.cmp(&other.context));
    in_order(plans)
}

fn read_one(template: &Path, checkout: &Path) -> Result<StackPlan> {
    let text = fs::read_to_string(template).with_context(|| format!("{} cannot be read", template.display()))?;
    let functions = members(&text, "CodeUri:").map(|directory| {
        let bootstrap = template.with_file_name(directory).join("bootstrap");
        let shown = shown(&bootstrap, checkout);
        Included::read(directory, bootstrap)
            .map_err(|error| Hint::new(format!("{shown} cannot be read: {error}"), "run `make build`"))
    });
    let functions = functions.collect::<Result<Vec<_>, _>>()?;
    let definitions = members(&text, "DefinitionUri:").map(|uri| {
        let definition = template.with_file_name(uri);
        let shown = shown(&definition, checkout);
        Included::read(uri, definition).with_context(|| format!("{shown} cannot be read"))
    });
    let definitions = definitions.collect::<Result<Vec<_>>>()?;
    let mut digest = Sha256::new_with_prefix(&text);
    functions.iter().chain(&definitions).for_each(|included| digest.update(&included.digest));
    let digest = hex::encode(digest.finalize());
    let context = template.file_stem().unwrap_or_default().to_string_lossy();
    Ok(StackPlan { digest, template: template.to_owned(), functions, definitions, ..StackPlan::of(&context, &text) })
}

/// Each after those that it imports from; of those that could be next, the one that most others import from.
fn in_order(mut plans: Vec<StackPlan>) -> Result<Vec<StackPlan>> {
    let mut ordered: Vec<StackPlan> = Vec::with_capacity(plans.len());
    while !plans.is_empty() {
        let importers = |plan: &StackPlan| plans.iter().filter(|other| other.imports_from(plan)).count();
        let is_ready = |plan: &StackPlan| !plans.iter().any(|other| plan.imports_from(other));
        let ready = plans.iter().enumerate().filter(|(_, plan)| is_ready(plan));
        let next = ready.max_by_key(|(at, plan)| (importers(plan), std::cmp::Reverse(*at))).map(|(at, _)| at);
        ensure!(next.is_some(), "the templates of {} import from each other", names(&plans));
        ordered.extend(next.map(|at| plans.remove(at)));
    }
    Ok(ordered)
}

fn names(plans: &[StackPlan]) -> String {
    plans.iter().map(|plan| plan.context.as_str()).collect::<Vec<_>>().join(", ")
}

/// The stacks of these names and all that they import from; all stacks where no name is given.
pub fn chosen<'p>(plans: &'p [StackPlan], names: &[String]) -> Vec<&'p StackPlan> {
    let mut chosen: Vec<&StackPlan> =
        plans.iter().filter(|plan| names.is_empty() || names.contains(&plan.context)).collect();
    // A stack comes after those that it imports from, so one pass from the end to the start finds all.
    for plan in plans.iter().rev() {
        let is_chosen = chosen.iter().any(|other| other.context == plan.context);
        if !is_chosen && chosen.iter().any(|other| other.imports_from(plan)) {
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
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::Normal(_) => path.push(part),
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
        let error = read(dir.path()).unwrap_err();
        assert!(error.to_string().starts_with("build/lambda/health/bootstrap cannot be read"), "{error}");
        assert_eq!(error.downcast_ref::<Hint>().map(Hint::advice), Some("run `make build`"));
    }

    #[test]
    fn changed_code_changes_the_digest_and_unchanged_code_does_not() {
        let dir = checkout(TEMPLATE);
        let bootstrap = dir.path().join("build/lambda/health/bootstrap");
        let digest = |code: &str| {
            fs::write(&bootstrap, code).unwrap();
            read(dir.path()).unwrap().remove(0).digest
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
            read(dir.path()).unwrap().remove(0).digest
        };
        assert_ne!(digest("{}"), digest("[]"));
    }

    #[test]
    fn a_stack_imports_from_those_that_export_the_name_in_either_way_of_writing() {
        let topic = StackPlan::of("backbone", "  Topic:\n    Export: { Name: !Sub \"${Deployment}-Topic\" }\n");
        let long = StackPlan::of("a", "  T:\n    Fn::ImportValue: !Sub \"${Deployment}-Topic\"\n");
        let short = StackPlan::of("b", "  T: !ImportValue { \"Fn::Sub\": \"${Deployment}-Topic\" }\n");
        let other = StackPlan::of("c", "  T: !ImportValue { \"Fn::Sub\": \"${Deployment}-TopicName\" }\n");
        assert!(long.imports_from(&topic) && short.imports_from(&topic));
        assert!(!other.imports_from(&topic) && !topic.imports_from(&topic));
    }

    #[test]
    fn chosen_stacks_bring_what_they_import_from_and_no_more() {
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
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut found: Vec<_> = chosen(&plans, &names).iter().map(|plan| plan.context.as_str()).collect();
            found.sort_unstable();
            found
        };
        assert_eq!(named(&["webhooks"]), ["backbone", "webhooks"]);
        assert_eq!(named(&["orders"]), ["backbone", "orders", "payments"]);
        assert_eq!(named(&[]).len(), plans.len());
    }

    #[test]
    fn templates_that_import_from_each_other_are_refused() {
        let stack = |context: &str, exports: &str, imports: &str| {
            let own = |name: &str| format!("!Sub \"${{Deployment}}-{name}\"");
            StackPlan::of(context, &format!("Export: {}\nFn::ImportValue: {}", own(exports), own(imports)))
        };
        let error = in_order(vec![stack("a", "A", "B"), stack("b", "B", "A"), stack("c", "C", "D")]).unwrap_err();
        assert_eq!(error.to_string(), "the templates of a, b import from each other");
    }

    #[test]
    fn every_template_of_this_repository_comes_after_those_it_imports_from() {
        let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra");
        let mut plans = Vec::new();
        for template in fs::read_dir(&infra).unwrap() {
            let template = template.unwrap().path();
            let context = template.file_stem().unwrap().to_string_lossy().into_owned();
            plans.push(StackPlan::of(&context, &fs::read_to_string(template).unwrap()));
        }
        let plans = in_order(plans).unwrap();
        assert_eq!(plans[0].context, "backbone", "most others import from it");
        for (at, plan) in plans.iter().enumerate() {
            let exported = |import: &&String| plans[..at].iter().any(|before| before.exports.contains(import));
            let missing: Vec<_> = plan.imports.iter().filter(|import| !exported(import)).collect();
            assert!(missing.is_empty(), "{} imports {missing:?}", plan.context);
        }
        let named = |name: &str| plans.iter().find(|plan| plan.context == name).unwrap();
        assert!(named("orders").imports_from(named("payments")), "imports are found at all");
    }
}
