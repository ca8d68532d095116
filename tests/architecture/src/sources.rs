//! Rules over files: how long they are, and which of them may name AWS.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Past this a file has more than one reason to change.
const MOST_LINES: usize = 600;
/// A template of more is more than one context.
const MOST_TEMPLATE_LINES: usize = 450;
/// What is written by people.
const EXTENSIONS: &[&str] = &["rs", "py", "cjs", "sh", "toml", "yaml", "yml", "md"];

/// The module that talks to a service, for each of its SDKs. A service that is new here gets its line.
const MODULES: &[(&str, &str)] = &[
    ("cloudformation", "cloudformation"),
    ("cloudwatchlogs", "logs"),
    ("cognitoidentityprovider", "cognito"),
    ("dynamodb", "dynamodb"),
    ("kinesis", "kinesis"),
    ("lambda", "lambda"),
    ("s3", "s3"),
    ("secretsmanager", "secrets"),
    ("sfn", "sfn"),
    ("sns", "sns"),
    ("sqs", "sqs"),
];

/// A file: where it is in the repository, and its text.
#[derive(Clone, Debug)]
pub struct Source {
    /// Relative to the repository's root.
    pub path: PathBuf,
    pub text: String,
}

/// What people wrote under the given folder, or the file itself.
///
/// # Errors
/// When something cannot be read.
pub fn read_all(root: &Path, below: &str) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    let mut waiting = vec![root.join(below)];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let generated = path.file_name().is_some_and(|name| name == "target" || name == "__pycache__");
            if !generated {
                for entry in fs::read_dir(&path).with_context(|| format!("{}", path.display()))? {
                    waiting.push(entry?.path());
                }
            }
        } else if path.extension().is_none_or(|extension| EXTENSIONS.iter().any(|it| extension == *it))
            && let Ok(text) = fs::read_to_string(&path)
        {
            let path = path.strip_prefix(root).unwrap_or(&path).to_owned();
            sources.push(Source { path, text });
        }
    }
    Ok(sources)
}

/// Every file of the repository, but what is built or fetched.
///
/// # Errors
/// When a folder cannot be read.
pub fn paths(root: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_made = ["target", "build", ".git", ".tools", ".tidegate", "__pycache__"].contains(&name.as_ref());
            if path.is_dir() && !is_made {
                waiting.push(path);
            } else if !is_made {
                paths.push(path.strip_prefix(root).unwrap_or(&path).to_owned());
            }
        }
    }
    Ok(paths)
}

/// A file that is too long.
#[must_use]
pub fn length_violation(source: &Source) -> Option<String> {
    let is_template = source.path.starts_with("infra");
    let most = if is_template { MOST_TEMPLATE_LINES } else { MOST_LINES };
    let lines = source.text.lines().count();
    (lines >= most).then(|| format!("{}: {lines} lines, {most} or more", source.path.display()))
}

/// Lines of a crate's or function's `src/` that name an SDK outside the module of its service.
#[must_use]
pub fn aws_violations(source: &Source) -> Vec<String> {
    let is_main = source.path.ends_with("src/main.rs");
    let mut found = Vec::new();
    for (number, line) in source.text.lines().enumerate() {
        for sdk in sdks(line) {
            // `main.rs` composes: it makes a client for an adapter, and does nothing with it.
            let makes_client = is_main && line.contains(&format!("aws_sdk_{sdk}::Client::new("));
            let is_its_module = MODULES.iter().any(|(name, module)| *name == sdk && is_module(&source.path, module));
            if !makes_client && !is_its_module {
                found.push(format!("{}:{}: names aws_sdk_{sdk}", source.path.display(), number + 1));
            }
        }
    }
    found
}

/// The SDKs that a line of code names.
fn sdks(line: &str) -> impl Iterator<Item = &str> {
    let code = if line.trim_start().starts_with("//") { "" } else { line };
    code.split("aws_sdk_").skip(1).map(|rest| rest.split(|it: char| !it.is_alphanumeric()).next().unwrap_or_default())
}

/// `sqs.rs`, `sqs_tests.rs`, or anything in a folder `sqs/`.
fn is_module(path: &Path, module: &str) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem == module
        || stem.strip_suffix("_tests").is_some_and(|it| it == module)
        || path.parent().is_some_and(|folders| folders.components().any(|it| it.as_os_str() == module))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.to_owned() }
    }

    #[test]
    fn a_service_is_named_in_its_module_only() {
        for (path, text) in [
            ("crates/a/src/dynamodb.rs", "use aws_sdk_dynamodb::Client;"),
            ("crates/a/src/sqs/send.rs", "use aws_sdk_sqs::Client;"),
            ("crates/a/src/secrets.rs", "pub struct S(aws_sdk_secretsmanager::Client);"),
            ("functions/f/src/main.rs", "let store = Store::new(aws_sdk_dynamodb::Client::new(&aws));"),
            ("crates/a/src/lib.rs", "//! Not over aws_sdk_sqs."),
        ] {
            assert_eq!(aws_violations(&source(path, text)), Vec::<String>::new());
        }
        for (path, text) in [
            ("crates/a/src/lib.rs", "use aws_sdk_dynamodb::Client;"),
            ("crates/a/src/sqs.rs", "use aws_sdk_dynamodb::Client;"),
            ("functions/f/src/main.rs", "use aws_sdk_dynamodb::types::AttributeValue;"),
            ("functions/f/src/lib.rs", "fn f(client: aws_sdk_sns::Client)"),
            ("crates/a/src/ses.rs", "use aws_sdk_ses::Client;"),
        ] {
            assert_eq!(aws_violations(&source(path, text)).len(), 1, "{path}");
        }
    }

    #[test]
    fn a_long_file_is_seen() {
        assert_eq!(length_violation(&source("crates/a/src/lib.rs", &"\n".repeat(599))), None);
        assert!(length_violation(&source("crates/a/src/lib.rs", &"\n".repeat(600))).is_some());
        assert!(length_violation(&source("infra/a.yaml", &"\n".repeat(450))).is_some());
    }
}
