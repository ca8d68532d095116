//! Every `tidegate …` that a document shows is a command of this program, with options that it takes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::path::Path;

use clap::{Command, CommandFactory};
use tidegate_cli::Cli;
use tidegate_webhooks::{Scheme, Source};

/// The documents that show commands.
const DOCUMENTS: [&str; 8] = [
    "README.md",
    "CONTRIBUTING.md",
    "ARCHITECTURE.md",
    "docs/operating.md",
    "docs/local.md",
    "docs/runbooks/order-does-not-end.md",
    "docs/decisions",
    "infra",
];

fn texts() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let below = |path: &Path| match path.is_dir() {
        true => std::fs::read_dir(path).unwrap().map(|it| it.unwrap().path()).collect(),
        false => vec![path.to_owned()],
    };
    let files = DOCUMENTS.iter().flat_map(|it| below(&root.join(it)));
    files.map(|it| std::fs::read_to_string(it).unwrap()).collect()
}

/// The command lines in a text: in code spans, and in blocks of code.
fn shown(text: &str) -> Vec<String> {
    let text = text.replace("\\|", "|");
    let mut parts = Vec::new();
    for (at, part) in text.split("```").enumerate() {
        match at % 2 {
            0 => parts.extend(part.replace('\n', " ").split('`').skip(1).step_by(2).map(str::to_owned)),
            _ => parts.extend(part.lines().map(|line| line.split(" #").next().unwrap().to_owned())),
        }
    }
    let commands = parts.iter().flat_map(|part| part.split("&&")).map(str::trim);
    commands.filter(|it| it.starts_with("tidegate ")).map(str::to_owned).collect()
}

/// What is wrong with a command line, if anything is.
fn mistake(cli: &Command, line: &str) -> Option<String> {
    let mut command = cli;
    let mut path = vec!["tidegate"];
    for word in line.split([' ', '[', ']', '|']).skip(1).filter(|it| !it.is_empty()) {
        if let Some(flag) = word.strip_prefix("--") {
            let known = command.get_arguments().any(|it| it.get_long() == Some(flag)) || flag == "help";
            if !known {
                return Some(format!("`{line}`: {} has no --{flag}", path.join(" ")));
            }
        } else if let Some(next) = command.find_subcommand(word) {
            command = next;
            path.push(word);
        } else if command.has_subcommands() && word.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Some(format!("`{line}`: {} has no command {word}", path.join(" ")));
        }
    }
    None
}

#[test]
fn every_command_that_a_document_shows_is_one() {
    let mut cli = Cli::command();
    cli.build();
    let lines: Vec<_> = texts().iter().flat_map(|it| shown(it)).collect();
    assert!(lines.len() > 50, "{}", lines.len());
    let mistakes: Vec<_> = lines.iter().filter_map(|it| mistake(&cli, it)).collect();
    assert!(mistakes.is_empty(), "\n{}\n", mistakes.join("\n"));
}

#[test]
fn every_scheme_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    for file in ["docs/operating.md", "toolkit/webhooks/README.md"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        for scheme in Scheme::ALL {
            let name = scheme.name();
            let named = text.contains(&format!("\"{name}\"")) || text.contains(&format!("`{name}`"));
            assert!(named, "{file} does not name the scheme {name}");
        }
    }
}

#[test]
fn every_source_document_that_is_shown_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let text = std::fs::read_to_string(root.join("docs/operating.md")).unwrap();
    let shown: Vec<_> = text.split('`').filter(|it| it.starts_with("{\"scheme\"")).collect();
    assert!(shown.len() >= Scheme::ALL.len(), "{shown:?}");
    for document in shown {
        let filled = document.replace('…', "bWFkZS11cC1zZWNyZXQtb2YtMjQtYnl0");
        Source::from_json(filled.as_bytes()).unwrap_or_else(|error| panic!("{document}: {error}"));
    }
}

#[test]
fn a_command_that_is_none_is_seen() {
    let mut cli = Cli::command();
    cli.build();
    let text = "`tidegate surf`, `tidegate dlq mend ID`, `tidegate sagas list --all`, `make up`\n\
        ```sh\ntidegate --aws status   # as `tidegate surf` would\ntidegate up && tidegate fly\n```\n";
    let mistakes: Vec<_> = shown(text).iter().filter_map(|it| mistake(&cli, it)).collect();
    let expected = ["has no command surf", "has no command mend", "has no --all", "has no command fly"];
    assert_eq!(mistakes.len(), expected.len(), "{mistakes:?}");
    assert!(mistakes.iter().zip(expected).all(|(mistake, end)| mistake.ends_with(end)), "{mistakes:?}");
}
