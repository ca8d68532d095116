//! Packages a template for our own emulator, as `sam package` does: the files that it names are uploaded, and it names the uploads.
//!
//! A function's archive holds a script that starts the binary, not the binary. The emulator would keep each in memory twice and unpack
//! it at its first call; twelve unstripped binaries are a third of a gigabyte. The binary itself is copied to where no later build
//! changes it, so that what runs is what was deployed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::archive;
use crate::plan::{Included, StackPlan};
use crate::state::StateDir;

/// Where uploads go.
pub(crate) const BUCKET: &str = "tidegate-local-code";
/// The folder with the binaries, below the emulator's `TMPDIR`, which its functions have too.
const CODE: &str = "code";

#[derive(Debug)]
pub(crate) struct Package {
    /// The template with the addresses of the uploads.
    pub(crate) template: String,
    /// What to upload, by its key.
    pub(crate) uploads: Vec<(String, Vec<u8>)>,
}

/// Copies the binaries of a template's functions, and gives what is to be uploaded.
pub(crate) fn package(plan: &StackPlan, dir: &StateDir) -> Result<Package> {
    let mut template =
        fs::read_to_string(&plan.template).with_context(|| format!("{} cannot be read", plan.template.display()))?;
    let mut uploads = Vec::new();
    for function in &plan.functions {
        let name = keep(function, dir)?;
        let script = format!("#!/bin/sh\nexec \"$TMPDIR/{CODE}/{name}/bootstrap\" \"$@\"\n");
        let archive = archive::of_executable("bootstrap", script.as_bytes()).context("a script of 4 GiB")?;
        let key = format!("{name}.zip");
        template = naming(&template, "CodeUri:", &function.uri, &key);
        uploads.push((key, archive));
    }
    for definition in &plan.definitions {
        let key = name_of(definition);
        template = naming(&template, "DefinitionUri:", &definition.uri, &key);
        let bytes =
            fs::read(&definition.path).with_context(|| format!("{} cannot be read", definition.path.display()))?;
        uploads.push((key, bytes));
    }
    Ok(Package { template, uploads })
}

/// Removes the binaries that no function of these templates has any more.
pub(crate) fn prune(plans: &[StackPlan], dir: &StateDir) -> Result<()> {
    let kept: Vec<String> = plans.iter().flat_map(|plan| &plan.functions).map(name_of).collect();
    for entry in fs::read_dir(dir.scratch().join(CODE)).into_iter().flatten().flatten() {
        if !kept.iter().any(|name| entry.file_name() == name.as_str()) {
            let path = entry.path();
            fs::remove_dir_all(&path).with_context(|| format!("{} cannot be removed", path.display()))?;
        }
    }
    Ok(())
}

/// Copies a function's binary, unless that was done before, and gives the name under which.
fn keep(function: &Included, dir: &StateDir) -> Result<String> {
    let name = name_of(function);
    let folder = dir.scratch().join(CODE).join(&name);
    let binary = folder.join("bootstrap");
    if !binary.is_file() {
        let copy = || -> std::io::Result<()> {
            fs::create_dir_all(&folder)?;
            // In two steps, so that a copy that was cut short does not pass for a whole one.
            let unfinished = folder.join("unfinished");
            fs::copy(&function.path, &unfinished)?;
            fs::rename(unfinished, &binary)
        };
        copy().with_context(|| format!("{} cannot be copied to {}", function.path.display(), folder.display()))?;
    }
    Ok(name)
}

/// The name in the template and as much of the digest as tells versions apart.
fn name_of(included: &Included) -> String {
    let name = Path::new(&included.uri).file_name().unwrap_or_default().to_string_lossy();
    format!("{name}-{}", &included.digest[..16])
}

/// The template with `member: uri` naming the upload.
fn naming(template: &str, member: &str, uri: &str, key: &str) -> String {
    let lines = template.lines().map(|line| match line.split_once(member) {
        Some((indent, value)) if indent.trim().is_empty() && value.trim() == uri => {
            format!("{indent}{member} s3://{BUCKET}/{key}\n")
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    const TEMPLATE: &str =
        "Resources:\n  F:\n      CodeUri: ../build/lambda/health\n  S:\n      DefinitionUri: ../saga.json\n";

    fn packaged(checkout: &Path, code: &str) -> Package {
        let folder = checkout.join("build/lambda/health");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(checkout.join("infra")).unwrap();
        fs::write(folder.join("bootstrap"), code).unwrap();
        fs::write(checkout.join("saga.json"), "{}").unwrap();
        fs::write(checkout.join("infra/a.yaml"), TEMPLATE).unwrap();
        let plans = plan::read(checkout).unwrap();
        let dir = StateDir::new(checkout.join("state"));
        let package = package(&plans[0], &dir).unwrap();
        prune(&plans, &dir).unwrap();
        package
    }

    fn kept(checkout: &Path) -> Vec<String> {
        let folders = fs::read_dir(checkout.join("state/tmp/code")).unwrap();
        folders.map(|folder| fs::read_to_string(folder.unwrap().path().join("bootstrap")).unwrap()).collect()
    }

    #[test]
    fn what_a_template_names_is_uploaded_and_named_by_its_digest() {
        let dir = tempfile::tempdir().unwrap();
        let package = packaged(dir.path(), "one");
        let keys: Vec<_> = package.uploads.iter().map(|(key, _)| key.as_str()).collect();
        assert!(keys[0].starts_with("health-") && keys[1].starts_with("saga.json-"), "{keys:?}");
        for key in keys {
            assert!(package.template.contains(&format!("Uri: s3://{BUCKET}/{key}\n")), "{}", package.template);
        }
    }

    #[test]
    fn changed_code_changes_the_template_and_replaces_the_copy() {
        let dir = tempfile::tempdir().unwrap();
        let first = packaged(dir.path(), "one");
        assert_eq!(kept(dir.path()), ["one"]);
        assert_eq!(packaged(dir.path(), "one").template, first.template);
        assert_ne!(packaged(dir.path(), "two").template, first.template);
        assert_eq!(kept(dir.path()), ["two"], "the copy that nothing uses any more is gone");
    }
}
