//! How the files of a crate know each other: never in a circle, and never by way of what `lib.rs` re-exports for users.
//!
//! Files are read as text: `use` declarations, and paths that begin with `crate`, `self`, `super` or a module of the file's own.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::Source;

/// A module's path within its crate; empty for `lib.rs` and `main.rs`.
type Module = Vec<String>;

/// The files of one crate, each with the modules that it names.
#[derive(Debug)]
pub struct Modules {
    crate_name: String,
    named: BTreeMap<Module, BTreeSet<Module>>,
    from_lib: Vec<String>,
}

impl Modules {
    /// Of the files below a crate's `src/`, tests left out. `crate_name` is for messages.
    #[must_use]
    pub fn of(crate_name: &str, files: &[&Source]) -> Self {
        let texts: BTreeMap<Module, String> =
            files.iter().filter_map(|file| Some((module_of(file)?, without_tests(&file.text)))).collect();
        let mut modules = Self { crate_name: crate_name.to_owned(), named: BTreeMap::new(), from_lib: Vec::new() };
        for (module, text) in &texts {
            for path in paths(module, text, &texts) {
                let known = (0..=path.len()).rev().map(|length| &path[..length]).find(|it| texts.contains_key(*it));
                match known {
                    Some([]) if !module.is_empty() && !path.is_empty() => {
                        modules.from_lib.push(format!(
                            "{crate_name}: {} imports {} from the crate's root, not from where it is defined",
                            module.join("::"),
                            path.join("::")
                        ));
                    }
                    Some(other) if other != module.as_slice() && !other.is_empty() => {
                        modules.named.entry(module.clone()).or_default().insert(other.to_vec());
                    }
                    Some(_) | None => {}
                }
            }
        }
        modules
    }

    /// Imports from the crate's root.
    #[must_use]
    pub fn imports_from_lib(&self) -> &[String] {
        &self.from_lib
    }

    /// Modules that know each other in a circle: one sentence for each circle.
    #[must_use]
    pub fn circles(&self) -> Vec<String> {
        let reached: BTreeMap<_, _> = self.named.keys().map(|module| (module, self.reachable(module))).collect();
        let mut found = BTreeSet::new();
        for (module, others) in &reached {
            let mutual = others.iter().filter(|other| reached.get(other).is_some_and(|back| back.contains(*module)));
            let circle: BTreeSet<_> = mutual.map(|it| it.join("::")).collect();
            if !circle.is_empty() {
                found.insert(circle);
            }
        }
        let name = |circle: BTreeSet<String>| {
            format!("{}: {} know each other", self.crate_name, circle.into_iter().collect::<Vec<_>>().join(", "))
        };
        found.into_iter().map(name).collect()
    }

    fn reachable(&self, from: &Module) -> BTreeSet<Module> {
        let mut reached = BTreeSet::new();
        let mut waiting = vec![from];
        while let Some(module) = waiting.pop() {
            waiting.extend(self.named.get(module).into_iter().flatten().filter(|it| reached.insert((*it).clone())));
        }
        reached
    }
}

fn module_of(file: &Source) -> Option<Module> {
    let parts: Vec<_> = file.path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let below = parts.iter().position(|part| part == "src")? + 1;
    let mut module = parts[below..].to_vec();
    let name = module.pop()?.strip_suffix(".rs")?.to_owned();
    if name == "tests" || name.ends_with("_tests") || module.first().is_some_and(|it| it == "bin") {
        return None;
    }
    if !matches!(name.as_str(), "lib" | "main" | "mod") {
        module.push(name);
    }
    Some(module)
}

/// The code before a file's own tests, without comments and texts' lines that look like paths.
fn without_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Every path in a file's text that leads into its crate, from the crate's root. What is re-exported is not followed.
fn paths(module: &Module, text: &str, all: &BTreeMap<Module, String>) -> Vec<Module> {
    let mut found = Vec::new();
    let mut rest = String::new();
    let mut statements = text.split_inclusive(';');
    for statement in statements.by_ref() {
        let line = statement.rfind("\nuse ").map(|at| at + 1).or_else(|| statement.starts_with("use ").then_some(0));
        match line {
            Some(at) => {
                rest.push_str(&statement[..at]);
                expand(&[], statement[at + 4..].trim_end_matches(';'), &mut found);
            }
            None => rest.push_str(statement),
        }
    }
    let rest: String =
        rest.lines().filter(|line| !line.trim_start().starts_with("pub use ")).collect::<Vec<_>>().join("\n");
    for word in rest.split(|it: char| !(it.is_alphanumeric() || it == '_' || it == ':')) {
        if word.contains("::") {
            found.push(word.split("::").map(str::to_owned).collect());
        }
    }
    found.into_iter().filter_map(|path| absolute(module, path, all)).collect()
}

/// `a::{b, c::d}` to `a::b` and `a::c::d`.
fn expand(before: &[String], tree: &str, found: &mut Vec<Module>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        found.push(before.iter().cloned().chain(path.split("::").map(|it| it.trim().to_owned())).collect());
        return;
    };
    let prefix: Module =
        tree[..open].split("::").map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect();
    let before = [before, &prefix].concat();
    let inner = tree[open + 1..].trim_end().strip_suffix('}').unwrap_or_default();
    let (mut depth, mut start) = (0, 0);
    for (at, character) in inner.char_indices().chain([(inner.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[start..at].trim().is_empty() {
                    expand(&before, &inner[start..at], found);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

fn absolute(module: &Module, path: Module, all: &BTreeMap<Module, String>) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    let mut from = match first.as_str() {
        "crate" => Vec::new(),
        "self" => module.clone(),
        "super" => module.split_last()?.1.to_vec(),
        name => {
            let child = [module.as_slice(), &[name.to_owned()]].concat();
            return all.contains_key(&child).then(|| [child.as_slice(), rest].concat());
        }
    };
    for part in rest {
        match part.as_str() {
            "super" => drop(from.pop()),
            "self" | "" | "*" => {}
            name => from.push(name.to_owned()),
        }
    }
    Some(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(files: &[(&str, &str)]) -> Modules {
        let sources: Vec<_> =
            files.iter().map(|(path, text)| Source { path: path.into(), text: (*text).to_owned() }).collect();
        Modules::of("c", &sources.iter().collect::<Vec<_>>())
    }

    #[test]
    fn files_that_know_each_other_one_way_pass() {
        let good = modules(&[
            ("crates/c/src/lib.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;"),
            ("crates/c/src/a.rs", "use crate::b::{B, d::{D}};\n// not crate::x::y\nfn f() { b::g() }"),
            ("crates/c/src/b.rs", "mod d;\npub use d::D;\n\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}"),
            ("crates/c/src/b/d.rs", "use std::fmt;\npub struct D;"),
        ]);
        assert_eq!((good.circles(), good.imports_from_lib()), (Vec::new(), &[][..]));
    }

    #[test]
    fn circles_are_seen_in_every_form() {
        for (a, b) in [
            ("use crate::b::B;", "use crate::a::A;"),
            ("use crate::{b::{B}, x::Y};", "fn f() { crate::a::g(); }"),
            ("use super::b;", "use std::fmt;\nuse crate::{\n    a::A,\n};"),
        ] {
            let found = modules(&[("crates/c/src/a.rs", a), ("crates/c/src/b.rs", b)]).circles();
            assert_eq!(found, ["c: a, b know each other"], "{a} {b}");
        }
        let nested = modules(&[
            ("crates/c/src/a.rs", "mod d;\nfn f() { d::g() }"),
            ("crates/c/src/a/d.rs", "use super::A;\nuse crate::e::E;"),
            ("crates/c/src/e.rs", "use crate::a::A;"),
        ]);
        assert_eq!(nested.circles(), ["c: a, a::d, e know each other"]);
    }

    #[test]
    fn what_lib_re_exports_is_not_for_insiders() {
        let found = modules(&[
            ("crates/c/src/lib.rs", "pub use a::A;"),
            ("crates/c/src/a.rs", ""),
            ("crates/c/src/b.rs", "use crate::A;"),
        ]);
        assert_eq!(found.imports_from_lib(), ["c: b imports A from the crate's root, not from where it is defined"]);
    }
}
