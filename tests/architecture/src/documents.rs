//! Rules over the documents: how long they may be, and that everything they point at exists.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::sources::Source;

/// A README that is longer is not read to its end.
const MOST_README_BYTES: usize = 8_000;
/// A decision is a choice with its alternatives and its price; mechanism stands in the module that it describes.
const MOST_DECISION_WORDS: usize = 400;
/// Where decisions are, and the list of them.
const DECISIONS: &str = "docs/decisions";
const INDEX: &str = "docs/decisions/README.md";
/// A name of a test is a sentence.
const FEWEST_UNDERSCORES: usize = 4;
/// Where a path in a document begins.
const PLACES: [&str; 9] =
    ["crates/", "docs/", "functions/", "infra/", "local/", "statemachines/", "tests/", "toolkit/", "tools/"];
/// Notes that the project was made from. They are not in the repository, so a reader cannot look into them.
const OUTSIDE: [&str; 4] = ["DESIGN", "FACTS", "FRAUD", "STYLE"];

/// Whether a file is a document.
#[must_use]
pub fn is_document(source: &Source) -> bool {
    source.path.extension().is_some_and(|it| it == "md")
}

/// A README or a decision that is too long.
#[must_use]
pub fn length_violation(document: &Source) -> Option<String> {
    let (bytes, words) = (document.text.len(), document.text.split_whitespace().count());
    let path = document.path.display();
    if document.path == Path::new("README.md") && bytes > MOST_README_BYTES {
        return Some(format!("{path}: {bytes} bytes, more than {MOST_README_BYTES}"));
    }
    (is_decision(&document.path) && words > MOST_DECISION_WORDS)
        .then(|| format!("{path}: {words} words, more than {MOST_DECISION_WORDS}"))
}

fn is_decision(path: &Path) -> bool {
    path.parent() == Some(Path::new(DECISIONS)) && path != Path::new(INDEX)
}

/// Decisions that their list has no link to.
#[must_use]
pub fn unlisted_decisions(documents: &[Source]) -> Vec<String> {
    let index = documents.iter().find(|it| it.path == Path::new(INDEX)).map_or("", |it| it.text.as_str());
    let names = documents.iter().filter(|it| is_decision(&it.path)).filter_map(|it| it.path.file_name()?.to_str());
    names.filter(|name| !index.contains(&format!("]({name})"))).map(|name| format!("{INDEX} has no {name}")).collect()
}

/// Links of a document to a file or a heading that is not there. `exists` says whether the repository has a path.
#[must_use]
pub fn broken_links(document: &Source, documents: &[Source], exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let folder = document.path.parent().unwrap_or(Path::new(""));
    let prose = without_code(&document.text);
    let mut found = Vec::new();
    for link in prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()) {
        if link.contains("://") || link.starts_with("mailto:") {
            continue;
        }
        let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
        let target = if file.is_empty() { document.path.clone() } else { normalized(&folder.join(file)) };
        let is_broken = match heading {
            None => !exists(&target),
            Some(heading) => !documents.iter().any(|it| it.path == target && headings(&it.text).contains(heading)),
        };
        if is_broken {
            found.push(format!("{}: links to {link}, which is not there", document.path.display()));
        }
    }
    found
}

/// What a text names by path and the repository does not have: documents, decisions, and the project's own notes.
#[must_use]
pub fn absent_citations(source: &Source, exists: impl Fn(&Path) -> bool, decisions: &[String]) -> Vec<String> {
    let folder = source.path.parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    let is_part = |c: char| c.is_alphanumeric() || "_-./:".contains(c);
    for (number, line) in source.text.lines().enumerate() {
        let mut complain = |what: &str| found.push(format!("{}:{}: cites {what}", source.path.display(), number + 1));
        for word in line.split(|c| !is_part(c)).map(|word| word.trim_matches(['.', ':'])) {
            let is_note = OUTSIDE.iter().any(|name| word == *name || word.strip_suffix(".md") == Some(name));
            let decision = word.strip_prefix("docs/decisions/").and_then(|rest| rest.get(..4));
            let is_number = |it: &str| it.chars().all(|c| c.is_ascii_digit());
            let is_no_decision =
                decision.is_some_and(|it| is_number(it) && !decisions.iter().any(|name| name.starts_with(it)));
            // What begins with a hyphen or a slash is the end of a path that is made.
            let is_document = word.ends_with(".md") && !word.contains("://") && !word.starts_with(['/', '-']);
            let is_here = || [Path::new(word), &folder.join(word)].iter().any(|it| exists(&normalized(it)));
            if is_note || is_no_decision || (is_document && !is_here()) {
                complain(word);
            }
        }
    }
    found
}

/// Log lines that a document tells its reader to look for (``log line `…` ``) and that no code writes.
#[must_use]
pub fn unwritten_log_lines(document: &Source, code: &[Source]) -> Vec<String> {
    let text = document.text.replace('\n', " ");
    let quoted = ["log line `", "log lines `"].map(|it| text.split(it).skip(1).collect::<Vec<_>>()).concat();
    let lines: BTreeSet<_> = quoted.into_iter().filter_map(|rest| rest.split('`').next()).collect();
    let is_written =
        |line: &str| code.iter().any(|it| log_calls(&it.text).any(|it| it.contains(&format!("\"{line}\""))));
    let unwritten = lines.into_iter().filter(|line| !is_written(line));
    unwritten.map(|line| format!("{}: no code logs {line:?}", document.path.display())).collect()
}

/// The arguments of every macro that logs.
fn log_calls(code: &str) -> impl Iterator<Item = &str> {
    let macros = ["info!(", "warn!(", "error!("];
    macros.into_iter().flat_map(|it| code.split(it).skip(1)).filter_map(|rest| rest.split(");").next())
}

/// Names of tests and functions in a document's code spans that are nowhere in the code. A name is told from other words by
/// its underscores.
#[must_use]
pub fn unknown_names(document: &Source, code: &[Source]) -> Vec<String> {
    let prose = without_fences(&document.text).replace('\n', " ");
    let is_name = |it: &str| {
        it.matches('_').count() >= FEWEST_UNDERSCORES
            && it.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let names: BTreeSet<_> = prose.split('`').skip(1).step_by(2).filter(|it| is_name(it)).collect();
    let unknown = names.into_iter().filter(|name| !code.iter().any(|it| it.text.contains(name)));
    unknown.map(|name| format!("{}: there is no {name}", document.path.display())).collect()
}

/// Paths in a document's code spans that lead nowhere. A file may be named by the end of its path.
#[must_use]
pub fn absent_paths(document: &Source, paths: &[PathBuf]) -> Vec<String> {
    let prose = without_fences(&document.text).replace('\n', " ");
    let is_placeholder = |it: &str| it.contains(['{', '*', '…', ' ', '$', '<', '~', ':', '#']);
    let is_file = |it: &str| [".rs", ".cjs", ".yaml", ".md", ".json"].iter().any(|end| it.ends_with(end));
    let in_place = |it: &str| PLACES.iter().any(|place| it.starts_with(place)) && !it.contains("target");
    let named = prose.split('`').skip(1).step_by(2).filter(|it| !is_placeholder(it));
    let judged: BTreeSet<_> = named.filter(|it| in_place(it) || (is_file(it) && it.len() > 3)).collect();
    let exists = |wanted: &str| {
        let wanted = wanted.trim_end_matches('/');
        paths.iter().any(|it| it.starts_with(wanted) || it.ancestors().any(|it| it.ends_with(wanted)))
    };
    let absent = judged.into_iter().filter(|it| !exists(it));
    absent.map(|it| format!("{}: there is no {it}", document.path.display())).collect()
}

/// The anchors of a document's headings, as GitHub makes them.
fn headings(text: &str) -> BTreeSet<String> {
    let mut anchors: BTreeSet<String> = BTreeSet::new();
    for heading in without_fences(text).lines().filter(|line| line.starts_with('#')) {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let numbered = (0..).map(|at| if at == 0 { anchor.clone() } else { format!("{anchor}-{at}") });
        anchors.extend(numbered.into_iter().find(|it| !anchors.contains(it)));
    }
    anchors
}

fn without_fences(text: &str) -> String {
    let parts = text.split("\n```");
    parts.step_by(2).collect::<Vec<_>>().join("\n")
}

/// Without code, in which brackets are no links.
fn without_code(text: &str) -> String {
    without_fences(text).split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// A path without `.` and `..`.
fn normalized(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => parts.push(part),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.to_owned() }
    }

    #[test]
    fn a_long_readme_and_a_long_decision_are_seen() {
        assert_eq!(length_violation(&source("README.md", &"a".repeat(8_000))), None);
        assert!(length_violation(&source("README.md", &"a".repeat(8_001))).is_some());
        assert_eq!(length_violation(&source("docs/decisions/0001-a.md", &"word ".repeat(400))), None);
        assert!(length_violation(&source("docs/decisions/0001-a.md", &"word ".repeat(401))).is_some());
        for other in ["docs/decisions/README.md", "docs/scale.md"] {
            assert_eq!(length_violation(&source(other, &"word ".repeat(5_000))), None);
        }
    }

    #[test]
    fn a_decision_that_is_not_in_the_list_is_seen() {
        let index = source("docs/decisions/README.md", "| [0001](0001-a.md) | why |");
        let documents = [index, source("docs/decisions/0001-a.md", ""), source("docs/decisions/0002-b.md", "")];
        assert_eq!(unlisted_decisions(&documents), ["docs/decisions/README.md has no 0002-b.md"]);
    }

    #[test]
    fn links_lead_to_files_and_headings_that_are_there() {
        let target = source("docs/b.md", "# Two words, `code`\n\n```sh\n# no heading\n```\n## Twice\n## Twice\n");
        let exists = |path: &Path| ["docs/b.md", "crates/a", "LICENSE"].iter().any(|it| path == Path::new(it));
        let broken = |text: &str| {
            let document = source("docs/a.md", text);
            broken_links(&document, &[document.clone(), target.clone()], exists)
        };
        for text in [
            "# Here\n[a](#here)",
            "[b](b.md) [c](../crates/a) [d](../LICENSE)",
            "[b](b.md#two-words-code) [c](b.md#twice-1)",
            "[w](https://example.com/none.md#x)",
            "`[a](none.md)`\n\n```md\n[a](none.md)\n```\n",
        ] {
            assert_eq!(broken(text), Vec::<String>::new(), "{text}");
        }
        for text in ["[a](none.md)", "[a](b.md#none)", "[a](#none)", "[a](docs/b.md)", "[a](b.md#no-heading)"] {
            assert_eq!(broken(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn what_is_cited_is_in_the_repository() {
        let exists = |path: &Path| ["README.md", "toolkit/a/README.md"].iter().any(|it| path == Path::new(it));
        let decisions = ["0003-lean.md".to_owned()];
        let cited = |text: &str| absent_citations(&source("toolkit/a/src.rs", text), exists, &decisions);
        for text in [
            "// docs/decisions/0003 says why",
            "see the README.md.",
            "https://example.com/spec.md",
            "redesign, facts, a style of",
        ] {
            assert_eq!(cited(text), Vec::<String>::new(), "{text}");
        }
        for text in ["DESIGN, section 7", "(FACTS.md)", "docs/decisions/0004-none.md", "docs/none.md"] {
            assert_eq!(cited(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_path_that_leads_nowhere_is_seen() {
        let paths = ["crates/a/src/lib.rs", "infra/a.yaml"].map(PathBuf::from);
        let absent = |text: &str| absent_paths(&source("docs/a.md", text), &paths);
        let there = "`crates/a`, `crates/a/src/`, `lib.rs`, `infra/a.yaml`, `crates/{name}`, a.rs";
        assert_eq!(absent(there), Vec::<String>::new());
        for text in ["`crates/b`", "`crates/a/src/b.rs`", "`b.rs`", "`infra/b.yaml`"] {
            assert_eq!(absent(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_test_that_is_not_there_is_seen() {
        let code = [source("a.rs", "async fn of_two_that_race_one_wins() {}")];
        let unknown = |text: &str| unknown_names(&source("docs/a.md", text), &code);
        assert_eq!(unknown("`of_two_that_race_one_wins`, `order_id`, a_b_c_d_e_f"), Vec::<String>::new());
        assert_eq!(unknown("`of_two_that_race_none_wins`"), ["docs/a.md: there is no of_two_that_race_none_wins"]);
    }

    #[test]
    fn a_log_line_that_nothing_writes_is_seen() {
        let code = [source("a.rs", "info!(count, \"relayed\"); let word = \"said\";")];
        let unwritten = |text: &str| unwritten_log_lines(&source("docs/a.md", text), &code);
        assert_eq!(unwritten("Expect the log\nline `relayed`."), Vec::<String>::new());
        assert_eq!(unwritten("Expect the log line `said`."), ["docs/a.md: no code logs \"said\""]);
    }
}
